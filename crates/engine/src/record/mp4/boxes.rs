//! The boxes of the file, which `mp4-atom` turns into bytes.

use std::io;

use mp4_atom::{
    Audio, Avc1, Avcc, Co64, Codec, Dinf, Dops, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia,
    Mfhd, Minf, Moof, Moov, Mvex, Mvhd, Opus, Smhd, Stbl, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples,
    Stts, SttsEntry, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, Url, Visual, Vmhd,
};
use tincan_media::audio::SAMPLE_RATE;
use tincan_media::video::Resolution;

use super::{SampleTime, Track};

const VIDEO_TRACK: u32 = 1;
const AUDIO_TRACK: u32 = 2;
/// Room for the head of a growing file: a sample entry has some 150 bytes.
const HEAD_ROOM: usize = 8 * 1024;
/// The least padding: a box's own header.
const FREE_HEADER: usize = 8;
/// A sample that depends on others and is no place to begin; and one that is (ISO/IEC 14496-12, section 8.8.3.1).
const DEPENDENT: u32 = 0x0101_0000;
const KEYFRAME: u32 = 0x0200_0000;

/// A kind of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sps: Vec<u8>,
    pub(super) pps: Vec<u8>,
    pub(super) size: Resolution,
}

/// What was written of a track, for the table of contents.
#[derive(Debug, Default)]
pub(super) struct Table {
    sizes: Vec<u32>,
    durations: Vec<SttsEntry>,
    keyframes: Vec<u32>,
    chunks: Vec<Chunk>,
}

/// Samples that lie one behind the other in the file.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    at: u64,
    samples: u32,
    entry: u32,
}

/// Where things lie at the beginning of a file that grows.
#[derive(Debug)]
pub(super) struct Head {
    data_at: u64,
    init_at: u64,
}

/// One fragment.
pub(super) struct Fragment {
    pub(super) number: u32,
    pub(super) entry: usize,
}

/// Only what does not fit into its field fails: a file that would be wrong.
fn encoded(atom: &impl Encode) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    atom.encode(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// The sample entry of a kind of pictures.
pub(super) fn describe(entry: &Entry) -> io::Result<Codec> {
    let side = |side: u32| u16::try_from(side).map_err(io::Error::other);
    let visual = Visual {
        data_reference_index: 1,
        width: side(entry.size.width)?,
        height: side(entry.size.height)?,
        ..Visual::default()
    };
    let avcc = Avcc::new(&entry.sps, &entry.pps).map_err(io::Error::other)?;
    Ok(Codec::Avc1(Avc1 { visual, avcc, ..Avc1::default() }))
}

fn sound() -> Codec {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: 1,
        sample_size: 16,
        sample_rate: (SAMPLE_RATE as u16).into(),
    };
    let dops = Dops {
        output_channel_count: 1,
        // The recording begins in mid-stream: nothing in it is the encoder's start.
        pre_skip: 0,
        input_sample_rate: SAMPLE_RATE,
        output_gain: 0,
        channel_mapping: None,
    };
    Codec::Opus(Opus { audio, dops, btrt: None })
}

impl Head {
    /// The beginning of a file: its type, sixteen bytes that will make data of the rest, and the head that describes the
    /// fragments.
    pub(super) fn begin(entries: &[Entry]) -> io::Result<(Self, Vec<u8>)> {
        let mut bytes = encoded(&Ftyp {
            major_brand: FourCC::new(b"isom"),
            minor_version: 0,
            compatible_brands: [b"isom", b"iso6", b"avc1", b"mp41"].map(FourCC::new).to_vec(),
        })?;
        let data_at = bytes.len() as u64;
        bytes.extend_from_slice(&[0, 0, 0, 16]);
        bytes.extend_from_slice(b"free");
        bytes.extend_from_slice(&[0; 8]);
        let head = Self { data_at, init_at: bytes.len() as u64 };
        bytes.extend(head.init(entries)?.ok_or_else(|| io::Error::other("the head is too long"))?);
        Ok((head, bytes))
    }

    pub(super) const fn data_at(&self) -> u64 {
        self.data_at
    }

    pub(super) const fn init_at(&self) -> u64 {
        self.init_at
    }

    /// The head of a growing file and the padding behind it; `None` when there is no room for so many entries.
    pub(super) fn init(&self, entries: &[Entry]) -> io::Result<Option<Vec<u8>>> {
        let empty = [Track::default(), Track::default()];
        let mut moov = movie(entries, &empty[0], &empty[1], SampleTime::ZERO)?;
        let extends = |track_id| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
        moov.mvex = Some(Mvex { mehd: None, trex: vec![extends(VIDEO_TRACK), extends(AUDIO_TRACK)] });
        let mut bytes = encoded(&moov)?;
        let Some(padding) = HEAD_ROOM.checked_sub(bytes.len()).filter(|padding| *padding >= FREE_HEADER)
        else {
            return Ok(None);
        };
        bytes.extend_from_slice(&(padding as u32).to_be_bytes());
        bytes.extend_from_slice(b"free");
        bytes.resize(HEAD_ROOM, 0);
        Ok(Some(bytes))
    }

    /// The table of contents of everything.
    pub(super) fn contents(&self, entries: &[Entry], video: &Track, audio: &Track) -> io::Result<Vec<u8>> {
        encoded(&movie(entries, video, audio, video.end.max(audio.end))?)
    }

    /// The header of a box of data that ends at `end` (ISO/IEC 14496-12, section 4.2: a length of 64 bits).
    pub(super) fn data_header(&self, end: u64) -> Vec<u8> {
        [&1u32.to_be_bytes()[..], b"mdat", &(end - self.data_at).to_be_bytes()].concat()
    }
}

fn movie(entries: &[Entry], video: &Track, audio: &Track, length: SampleTime) -> io::Result<Moov> {
    let pictures = entries.iter().map(describe).collect::<io::Result<Vec<_>>>()?;
    // Players scale the others to it.
    let largest = entries.iter().map(|entry| entry.size).max_by_key(|size| size.width * size.height);
    let (width, height) = largest.map_or((0, 0), |size| (size.width, size.height));
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX).into();
    let mut pictures = track(VIDEO_TRACK, b"vide", "Pictures", pictures, video);
    pictures.mdia.minf.vmhd = Some(Vmhd::default());
    (pictures.tkhd.width, pictures.tkhd.height) = (side(width), side(height));
    let mut sounds = track(AUDIO_TRACK, b"soun", "Sound", vec![sound()], audio);
    sounds.mdia.minf.smhd = Some(Smhd::default());
    sounds.mdia.minf.stbl.stss = None;
    sounds.tkhd.volume = 1.into();
    Ok(Moov {
        mvhd: Mvhd {
            creation_time: 0,
            modification_time: 0,
            timescale: SAMPLE_RATE,
            duration: length.0,
            rate: 1.into(),
            volume: 1.into(),
            matrix: Default::default(),
            next_track_id: AUDIO_TRACK + 1,
        },
        trak: vec![pictures, sounds],
        ..Moov::default()
    })
}

fn track(id: u32, handler: &[u8; 4], name: &str, codecs: Vec<Codec>, track: &Track) -> Trak {
    let table = &track.table;
    let mut chunks: Vec<StscEntry> = Vec::new();
    for (index, chunk) in table.chunks.iter().enumerate() {
        let same = |last: &StscEntry| {
            (last.samples_per_chunk, last.sample_description_index) == (chunk.samples, chunk.entry)
        };
        if !chunks.last().is_some_and(same) {
            chunks.push(StscEntry {
                first_chunk: index as u32 + 1,
                samples_per_chunk: chunk.samples,
                sample_description_index: chunk.entry,
            });
        }
    }
    let stbl = Stbl {
        stsd: Stsd { codecs },
        stts: Stts { entries: table.durations.clone() },
        stss: Some(Stss { entries: table.keyframes.clone() }),
        stsc: Stsc { entries: chunks },
        stsz: Stsz { samples: StszSamples::Different { sizes: table.sizes.clone() } },
        co64: Some(Co64 { entries: table.chunks.iter().map(|chunk| chunk.at).collect() }),
        ..Stbl::default()
    };
    Trak {
        tkhd: Tkhd { track_id: id, duration: track.end.0, enabled: true, in_movie: true, ..Tkhd::default() },
        mdia: Mdia {
            mdhd: Mdhd {
                timescale: SAMPLE_RATE,
                duration: track.end.0,
                language: "und".to_owned(),
                ..Mdhd::default()
            },
            hdlr: Hdlr { handler: FourCC::new(handler), name: name.to_owned() },
            minf: Minf {
                dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } },
                stbl,
                ..Minf::default()
            },
        },
        ..Trak::default()
    }
}

impl Fragment {
    /// Everything that the tracks hold, to be written at `at`; they are empty then, and their tables know of it.
    pub(super) fn encode(&self, at: u64, video: &mut Track, audio: &mut Track) -> io::Result<Vec<u8>> {
        let entry = self.entry as u32 + 1;
        let fragment = |offsets: [usize; 2]| {
            let tracks = [(VIDEO_TRACK, entry, &*video), (AUDIO_TRACK, 1, &*audio)];
            let some = tracks.into_iter().zip(offsets).filter(|((.., track), _)| !track.samples.is_empty());
            let traf = some.map(|((id, entry, track), offset)| run(id, entry, track, offset)).collect();
            encoded(&Moof { mfhd: Mfhd { sequence_number: self.number }, traf })
        };
        // The offsets count from the beginning of the box that they are in.
        let header = fragment([0, 0])?.len() + 8;
        let offsets = [header, header + video.data.len()];
        let mut bytes = fragment(offsets)?;
        let data = video.data.len() + audio.data.len();
        bytes.extend_from_slice(&(data as u32 + 8).to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        for (track, entry, offset) in [(video, entry, offsets[0]), (audio, 1, offsets[1])] {
            bytes.extend_from_slice(&track.data);
            track.written(at + offset as u64, entry);
        }
        Ok(bytes)
    }
}

/// A track's part of a fragment; its data lies at `offset`.
fn run(track_id: u32, entry: u32, track: &Track, offset: usize) -> Traf {
    let samples = track.samples.iter().map(|sample| TrunEntry {
        duration: Some(sample.duration),
        size: Some(sample.size),
        flags: Some(if sample.keyframe { KEYFRAME } else { DEPENDENT }),
        cts: None,
    });
    Traf {
        tfhd: Tfhd {
            track_id,
            sample_description_index: Some(entry),
            default_base_is_moof: true,
            ..Tfhd::default()
        },
        tfdt: Some(Tfdt { base_media_decode_time: track.begin.0 }),
        trun: vec![Trun {
            data_offset: i32::try_from(offset).ok(),
            samples: samples.collect::<Vec<_>>().into(),
        }],
        ..Traf::default()
    }
}

impl Track {
    /// The fragment's samples were written at `at`.
    fn written(&mut self, at: u64, entry: u32) {
        let table = &mut self.table;
        if !self.samples.is_empty() {
            table.chunks.push(Chunk { at, samples: self.samples.len() as u32, entry });
        }
        for sample in self.samples.drain(..) {
            table.sizes.push(sample.size);
            if sample.keyframe {
                table.keyframes.push(table.sizes.len() as u32);
            }
            match table.durations.last_mut() {
                Some(last) if last.sample_delta == sample.duration => last.sample_count += 1,
                _ => table.durations.push(SttsEntry { sample_count: 1, sample_delta: sample.duration }),
            }
        }
        self.data.clear();
        self.begin = self.end;
    }
}
