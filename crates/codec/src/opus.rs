//! Opus (RFC 6716) by libopus, 48 kHz, 20 ms: for speech on one channel, for what is shared on two.

use std::marker::PhantomData;

use bytes::Bytes;
use opusic_c::{Application, Bitrate as OpusBitrate, Channels, Decoder, Encoder, ErrorCode, InbandFec};
use opusic_c::{SampleRate, Signal};
use tincan_media::Bitrate;
use tincan_media::audio::{
    AudioFrame, EncodedAudio, Frame, SAMPLES_PER_FRAME, Sample, Stereo, StereoFrame, VoiceDetector,
    rfc6464_level,
};
use tincan_media::ports::{AudioDecoder, AudioEncoder, CodecError};

/// Fullband speech with room for FEC; RFC 7587, section 3.1.1 puts the sweet spot at 28 to 40 kbit/s.
pub const DEFAULT_OPUS_BITRATE: Bitrate = Bitrate::kbps(32);
/// Below this Opus falls back to narrowband; above, mono speech gains nothing (RFC 7587, section 3.1.1).
const MIN_BITRATE: u64 = 8_000;
const MAX_BITRATE: u64 = 64_000;
/// What fullband stereo music takes (RFC 7587, section 3.1.1: 64 to 128 kbit/s), and below which one channel of it sounds
/// better than two.
pub const MUSIC_BITRATE: Bitrate = Bitrate::kbps(112);
const MIN_MUSIC: u64 = 24_000;
const MAX_MUSIC: u64 = 128_000;
/// The first losses of a call come before the first report of them: a little FEC is there from the start.
const INITIAL_EXPECTED_LOSS: f32 = 0.05;
/// libopus spends ever more on FEC up to 25%; beyond, a second loss in a row defeats it anyway.
const MAX_EXPECTED_LOSS: f32 = 0.25;
/// The largest packet of one frame (RFC 6716, section 3.4).
const MAX_PACKET: usize = 1_275;
/// The longest packet that may come: 120 ms at 48 kHz (RFC 6716, section 3.2.5).
const MAX_DECODED: usize = 5_760;
/// Encoder effort, 0 to 10. Measured at 9: 0.22 ms for 20 ms of sound, so there is nothing to save.
const ENCODER_COMPLEXITY: u8 = 9;
/// Decoder effort. From 5 on libopus conceals losses by a neural network, which costs only while packets are lost
/// (measurements: `docs/benchmarks.md`); from 6 on LACE also improves wideband SILK packets, at a constant cost.
pub const DECODER_COMPLEXITY: u8 = 5;

fn error(action: &'static str) -> impl FnOnce(ErrorCode) -> CodecError {
    move |code| CodecError { codec: "Opus", action, detail: code.message().into() }
}

/// Encodes speech.
///
/// Discontinuous transmission is off: it saves little next to video, every receiver must then invent the room's noise,
/// and a pause cannot be told from a loss. Mute sends nothing at all instead.
pub struct OpusEncoder {
    encoder: Encoder,
    voice: VoiceDetector,
    samples: [f32; 2 * SAMPLES_PER_FRAME],
    packet: [u8; MAX_PACKET],
}

impl OpusEncoder {
    /// An encoder at [`DEFAULT_OPUS_BITRATE`].
    ///
    /// # Errors
    /// [`CodecError`] when libopus has no memory.
    pub fn new() -> Result<Self, CodecError> {
        let mut encoder = Self::open(InbandFec::Mode1)?;
        encoder.set_target(DEFAULT_OPUS_BITRATE, INITIAL_EXPECTED_LOSS)?;
        Ok(encoder)
    }

    /// An encoder for packets that are repeated whole ([`tincan_media::audio::red`]): none of its few bits goes into
    /// in-band FEC.
    ///
    /// # Errors
    /// [`CodecError`] when libopus has no memory.
    pub fn thin(bitrate: Bitrate) -> Result<Self, CodecError> {
        let mut encoder = Self::open(InbandFec::Off)?;
        encoder.set_target(bitrate, 0.0)?;
        Ok(encoder)
    }

    fn open(fec: InbandFec) -> Result<Self, CodecError> {
        let open = || {
            let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip)?;
            encoder.set_signal(Signal::Voice)?;
            encoder.set_complexity(ENCODER_COMPLEXITY)?;
            encoder.set_inband_fec(fec)?;
            encoder.set_dtx(false)?;
            // Constrained: no packet is much larger than the rate says, so sound never queues behind itself.
            encoder.set_vbr(true)?;
            encoder.set_vbr_constraint(true)?;
            Ok(encoder)
        };
        Ok(Self {
            encoder: open().map_err(error("start"))?,
            voice: VoiceDetector::new(),
            samples: [0.0; 2 * SAMPLES_PER_FRAME],
            packet: [0; MAX_PACKET],
        })
    }
}

impl AudioEncoder for OpusEncoder {
    fn encode(&mut self, first: &AudioFrame, second: &AudioFrame) -> Result<EncodedAudio, CodecError> {
        pair(first, second, &mut self.samples);
        let length =
            self.encoder.encode_float_to_slice(&self.samples, &mut self.packet).map_err(error("encode"))?;
        // Both must be asked, so that the detector hears every frame.
        let voice = self.voice.update(first) | self.voice.update(second);
        let (a, b) = (first.rms(), second.rms());
        Ok(EncodedAudio {
            time: first.time,
            captured: first.time,
            payload: Bytes::copy_from_slice(&self.packet[..length]),
            thin: None,
            level: rfc6464_level(((a * a + b * b) / 2.0).sqrt()),
            voice,
        })
    }

    fn set_target(&mut self, bitrate: Bitrate, expected_loss: f32) -> Result<(), CodecError> {
        let bits = bitrate.as_bps().clamp(MIN_BITRATE, MAX_BITRATE) as u32;
        let percent = (expected_loss.clamp(0.0, MAX_EXPECTED_LOSS) * 100.0).round() as u8;
        self.encoder.set_bitrate(OpusBitrate::Value(bits)).map_err(error("change the bitrate"))?;
        self.encoder.set_packet_loss(percent).map_err(error("change the expected loss"))
    }
}

/// Two frames one after the other, channels interleaved.
fn pair<S: Sample>(first: &Frame<S>, second: &Frame<S>, samples: &mut [f32]) {
    let both = S::interleaved(&first.samples).iter().chain(S::interleaved(&second.samples));
    for (slot, sample) in samples.iter_mut().zip(both) {
        // libopus is undefined on what is not a number, and one would poison its state.
        *slot = if sample.is_finite() { *sample } else { 0.0 };
    }
}

/// Encodes music, films and games: two channels, and nothing that is made for speech.
///
/// No in-band FEC: Opus has it for speech only. What is lost is concealed.
pub struct MusicEncoder {
    encoder: Encoder,
    samples: [f32; 4 * SAMPLES_PER_FRAME],
    packet: [u8; MAX_PACKET],
}

impl MusicEncoder {
    /// An encoder at [`MUSIC_BITRATE`].
    ///
    /// # Errors
    /// [`CodecError`] when libopus has no memory.
    pub fn new() -> Result<Self, CodecError> {
        let open = || {
            let mut encoder = Encoder::new(Channels::Stereo, SampleRate::Hz48000, Application::Audio)?;
            encoder.set_signal(Signal::Music)?;
            encoder.set_complexity(ENCODER_COMPLEXITY)?;
            encoder.set_inband_fec(InbandFec::Off)?;
            encoder.set_dtx(false)?;
            encoder.set_vbr(true)?;
            encoder.set_vbr_constraint(true)?;
            Ok(encoder)
        };
        let encoder = open().map_err(error("start"))?;
        let mut music = Self { encoder, samples: [0.0; 4 * SAMPLES_PER_FRAME], packet: [0; MAX_PACKET] };
        music.set_target(MUSIC_BITRATE, 0.0)?;
        Ok(music)
    }
}

impl AudioEncoder<Stereo> for MusicEncoder {
    fn encode(&mut self, first: &StereoFrame, second: &StereoFrame) -> Result<EncodedAudio, CodecError> {
        pair(first, second, &mut self.samples);
        let length =
            self.encoder.encode_float_to_slice(&self.samples, &mut self.packet).map_err(error("encode"))?;
        let (a, b) = (first.rms(), second.rms());
        Ok(EncodedAudio {
            time: first.time,
            captured: first.time,
            payload: Bytes::copy_from_slice(&self.packet[..length]),
            thin: None,
            level: rfc6464_level(((a * a + b * b) / 2.0).sqrt()),
            // Whoever sings in a film is not who speaks in the call.
            voice: false,
        })
    }

    fn set_target(&mut self, bitrate: Bitrate, _: f32) -> Result<(), CodecError> {
        let bits = bitrate.as_bps().clamp(MIN_MUSIC, MAX_MUSIC) as u32;
        self.encoder.set_bitrate(OpusBitrate::Value(bits)).map_err(error("change the bitrate"))
    }
}

/// Decodes one participant's sound, or what they share of their computer's. A stream of one channel is decoded to two as well,
/// and the other way round: libopus sees to that.
pub struct OpusDecoder<S = f32> {
    decoder: Decoder,
    channels: PhantomData<S>,
}

impl OpusDecoder {
    /// A decoder of speech at [`DECODER_COMPLEXITY`].
    ///
    /// # Errors
    /// [`CodecError`] when libopus has no memory.
    pub fn new() -> Result<Self, CodecError> {
        Self::with_complexity(DECODER_COMPLEXITY)
    }

    /// A decoder with this effort, 0 to 10: see [`DECODER_COMPLEXITY`].
    ///
    /// # Errors
    /// [`CodecError`] when libopus has no memory or `complexity` is above 10.
    pub fn with_complexity(complexity: u8) -> Result<Self, CodecError> {
        Self::open(Channels::Mono, complexity)
    }
}

impl OpusDecoder<Stereo> {
    /// A decoder of two channels.
    ///
    /// # Errors
    /// [`CodecError`] when libopus has no memory.
    pub fn stereo() -> Result<Self, CodecError> {
        Self::open(Channels::Stereo, DECODER_COMPLEXITY)
    }
}

impl<S: Sample> OpusDecoder<S> {
    fn open(channels: Channels, complexity: u8) -> Result<Self, CodecError> {
        let mut decoder = Decoder::new(channels, SampleRate::Hz48000).map_err(error("start"))?;
        decoder.set_complexity(complexity).map_err(error("set the decoder's complexity"))?;
        Ok(Self { decoder, channels: PhantomData })
    }

    /// Decodes into `length` new samples at the end of `out`, which is left as it was when that fails.
    fn append(
        &mut self,
        payload: &[u8],
        length: usize,
        fec: bool,
        action: &'static str,
        out: &mut Vec<S>,
    ) -> Result<usize, CodecError> {
        let before = out.len();
        out.resize(before + length, S::SILENCE);
        let samples = S::interleaved_mut(&mut out[before..]);
        let decoded = self.decoder.decode_float_to_slice(payload, samples, fec);
        out.truncate(before + decoded.as_ref().map_or(0, |&samples| samples));
        decoded.map_err(error(action))
    }
}

impl<S: Sample> AudioDecoder<S> for OpusDecoder<S> {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<S>) -> Result<usize, CodecError> {
        // To libopus an empty packet is a lost one; off the wire it is nonsense.
        if payload.is_empty() {
            return Err(error("decode")(ErrorCode::InvalidPacket));
        }
        self.append(payload, MAX_DECODED, false, "decode", out)
    }

    fn decode_fec(&mut self, payload: &[u8], samples: usize, out: &mut Vec<S>) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(error("recover")(ErrorCode::InvalidPacket));
        }
        self.append(payload, samples.min(MAX_DECODED), true, "recover", out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<S>) -> Result<usize, CodecError> {
        self.append(&[], samples.min(MAX_DECODED), false, "conceal", out)
    }
}

#[cfg(test)]
#[path = "opus_tests.rs"]
mod tests;
