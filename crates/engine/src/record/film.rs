//! What a player finds in a file: for tests.

use std::io::{self, Cursor, Write};

use mp4_atom::{Atom, Codec, DecodeAtom, Header, Moof, Moov, ReadFrom, Trak};

use super::mp4::{Output, SampleTime};

/// A sample as it lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: SampleTime,
    pub(super) length: u64,
    pub(super) entry: u32,
    pub(super) keyframe: bool,
    pub(super) data: Vec<u8>,
}

/// A kind of pictures: its size and parameter sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) size: (u16, u16),
    sps: Vec<u8>,
    pps: Vec<u8>,
}

/// A whole file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Film {
    /// The kinds of pictures.
    pub(super) entries: Vec<Entry>,
    pub(super) pictures: Vec<Sample>,
    pub(super) sounds: Vec<Sample>,
    /// Whether it was ended properly: with a table of contents.
    pub(super) ended: bool,
}

impl Film {
    pub(super) fn read(file: &[u8]) -> Self {
        let mut film = Self::default();
        let mut at = 0;
        while let Ok(header) = Header::read_from(&mut Cursor::new(&file[at..])) {
            // A length of 64 bits has a longer header.
            let long = file[at..at + 4] == [0, 0, 0, 1];
            let begin = at + if long { 16 } else { 8 };
            let end = begin + header.size.expect("no box is open-ended");
            if end > file.len() {
                break;
            }
            let mut body = &file[begin..end];
            if header.kind == Moov::KIND {
                let moov = Moov::decode_atom(&header, &mut body).unwrap();
                film.describe(&moov);
                if moov.mvex.is_none() {
                    film.ended = true;
                    film.pictures = listed(&moov.trak[0], file);
                    film.sounds = listed(&moov.trak[1], file);
                }
            } else if header.kind == Moof::KIND {
                film.add(&Moof::decode_atom(&header, &mut body).unwrap(), &file[at..]);
            }
            at = end;
        }
        film
    }

    fn describe(&mut self, moov: &Moov) {
        let entries = moov.trak[0].mdia.minf.stbl.stsd.codecs.iter().map(|codec| {
            let Codec::Avc1(avc1) = codec else { panic!("{codec:?}") };
            let (sps, pps) = (&avc1.avcc.sequence_parameter_sets, &avc1.avcc.picture_parameter_sets);
            Entry { size: (avc1.visual.width, avc1.visual.height), sps: sps[0].clone(), pps: pps[0].clone() }
        });
        self.entries = entries.collect();
    }

    fn add(&mut self, moof: &Moof, fragment: &[u8]) {
        for traf in &moof.traf {
            let track = if traf.tfhd.track_id == 1 { &mut self.pictures } else { &mut self.sounds };
            let mut at = traf.tfdt.as_ref().unwrap().base_media_decode_time;
            let mut offset = traf.trun[0].data_offset.unwrap() as usize;
            for sample in traf.trun[0].samples.iter() {
                let (length, size) = (sample.duration.unwrap(), sample.size.unwrap() as usize);
                // What a crash cut off is not there.
                let Some(data) = fragment.get(offset..offset + size) else { return };
                track.push(Sample {
                    at: SampleTime(at),
                    length: length.into(),
                    entry: traf.tfhd.sample_description_index.unwrap(),
                    keyframe: sample.flags == Some(0x0200_0000),
                    data: data.to_vec(),
                });
                at += u64::from(length);
                offset += size;
            }
        }
    }
}

/// A track's samples by its table of contents.
fn listed(trak: &Trak, file: &[u8]) -> Vec<Sample> {
    let table = &trak.mdia.minf.stbl;
    let mp4_atom::StszSamples::Different { sizes } = &table.stsz.samples else { return Vec::new() };
    let mut lengths =
        table.stts.entries.iter().flat_map(|e| std::iter::repeat_n(e.sample_delta, e.sample_count as usize));
    let mut sizes = sizes.iter().enumerate();
    let (mut samples, mut at) = (Vec::new(), 0);
    for (chunk, &offset) in table.co64.as_ref().unwrap().entries.iter().enumerate() {
        let of = table.stsc.entries.iter().rev().find(|e| e.first_chunk as usize <= chunk + 1).unwrap();
        let mut offset = offset as usize;
        for (index, &size) in sizes.by_ref().take(of.samples_per_chunk as usize) {
            let length = lengths.next().unwrap();
            samples.push(Sample {
                at: SampleTime(at),
                length: length.into(),
                entry: of.sample_description_index,
                keyframe: table.stss.as_ref().is_none_or(|stss| stss.entries.contains(&(index as u32 + 1))),
                data: file[offset..offset + size as usize].to_vec(),
            });
            at += u64::from(length);
            offset += size as usize;
        }
    }
    samples
}

/// A file in memory, on a disk of `room` bytes.
#[derive(Debug)]
pub(super) struct Disk<'a> {
    pub(super) file: Cursor<&'a mut Vec<u8>>,
    pub(super) room: u64,
}

impl<'a> Disk<'a> {
    pub(super) fn new(file: &'a mut Vec<u8>) -> Self {
        Self { file: Cursor::new(file), room: u64::MAX }
    }
}

impl Write for Disk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.room.saturating_sub(self.file.position());
        match usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()) {
            0 if !bytes.is_empty() => Err(io::ErrorKind::StorageFull.into()),
            some => self.file.write(&bytes[..some]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for Disk<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Output for Disk<'_> {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
