//! Opus (RFC 6716) by libopus, for speech: 48 kHz, mono, 20 ms.

use bytes::Bytes;
use opusic_c::{Application, Bitrate as OpusBitrate, Channels, Decoder, Encoder, ErrorCode, InbandFec};
use opusic_c::{SampleRate, Signal};
use tincan_media::Bitrate;
use tincan_media::audio::{AudioFrame, EncodedAudio, SAMPLES_PER_FRAME, VoiceDetector, rfc6464_level};
use tincan_media::ports::{AudioDecoder, AudioEncoder, CodecError};

/// Fullband speech with room for FEC; RFC 7587, section 3.1.1 puts the sweet spot at 28 to 40 kbit/s.
pub const DEFAULT_OPUS_BITRATE: Bitrate = Bitrate::kbps(32);
/// Below this Opus falls back to narrowband; above, mono speech gains nothing (RFC 7587, section 3.1.1).
const MIN_BITRATE: u64 = 8_000;
const MAX_BITRATE: u64 = 64_000;
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
        self.samples[..SAMPLES_PER_FRAME].copy_from_slice(&first.samples);
        self.samples[SAMPLES_PER_FRAME..].copy_from_slice(&second.samples);
        for sample in &mut self.samples {
            // libopus is undefined on what is not a number, and one would poison its state.
            if !sample.is_finite() {
                *sample = 0.0;
            }
        }
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

/// Decodes one participant's sound.
pub struct OpusDecoder {
    decoder: Decoder,
}

impl OpusDecoder {
    /// A decoder at [`DECODER_COMPLEXITY`].
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
        let mut decoder = Decoder::new(Channels::Mono, SampleRate::Hz48000).map_err(error("start"))?;
        decoder.set_complexity(complexity).map_err(error("set the decoder's complexity"))?;
        Ok(Self { decoder })
    }

    /// Decodes into `length` new samples at the end of `out`, which is left as it was when that fails.
    fn append(
        &mut self,
        payload: &[u8],
        length: usize,
        fec: bool,
        action: &'static str,
        out: &mut Vec<f32>,
    ) -> Result<usize, CodecError> {
        let before = out.len();
        out.resize(before + length, 0.0);
        let decoded = self.decoder.decode_float_to_slice(payload, &mut out[before..], fec);
        out.truncate(before + decoded.as_ref().map_or(0, |&samples| samples));
        decoded.map_err(error(action))
    }
}

impl AudioDecoder for OpusDecoder {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        // To libopus an empty packet is a lost one; off the wire it is nonsense.
        if payload.is_empty() {
            return Err(error("decode")(ErrorCode::InvalidPacket));
        }
        self.append(payload, MAX_DECODED, false, "decode", out)
    }

    fn decode_fec(
        &mut self,
        payload: &[u8],
        samples: usize,
        out: &mut Vec<f32>,
    ) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(error("recover")(ErrorCode::InvalidPacket));
        }
        self.append(payload, samples.min(MAX_DECODED), true, "recover", out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) -> Result<usize, CodecError> {
        self.append(&[], samples.min(MAX_DECODED), false, "conceal", out)
    }
}

#[cfg(test)]
#[path = "opus_tests.rs"]
mod tests;
