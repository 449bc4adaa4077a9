//! From whatever a camera put into its buffer to one whole picture that any decoder takes.

use super::JpegError;
use super::huffman::{Bits, Table, USUAL};

/// Larger sides than this are damage: no camera has them, and they would take all memory.
const MAX_SIDE: usize = 8_192;
/// Cameras leave a few bytes before markers (libjpeg counts them as "extraneous"; up to some tens were seen). More than this, where
/// a picture should have ended, is the rest of another one.
const MAX_EXTRANEOUS: usize = 64;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;

/// A whole picture.
pub(super) struct Whole {
    /// Begins and ends with its markers; holds every table and nothing that is not needed.
    pub(super) bytes: Vec<u8>,
    /// One (grey) or three.
    pub(super) components: usize,
}

/// Finds the first whole picture.
pub(super) fn mend(bytes: &[u8]) -> Result<Whole, JpegError> {
    let mut error = JpegError::NoPicture;
    let mut from = 0;
    while let Some(start) = bytes[from..].windows(2).position(|two| two == [0xff, SOI]) {
        let mut picture = Picture::new(bytes, from + start + 2);
        match picture.read() {
            Ok(components) => return Ok(Whole { bytes: picture.out, components }),
            // Whatever begins behind the place of the damage may be whole. Nothing before it: a small picture in the
            // large one's notes would pass for it.
            Err(found) => (error, from) = (found, picture.at.min(bytes.len())),
        }
    }
    Err(error)
}

struct Component {
    id: u8,
    across: usize,
    down: usize,
}

struct Frame {
    width: usize,
    height: usize,
    components: Vec<Component>,
}

struct Picture<'a> {
    bytes: &'a [u8],
    at: usize,
    out: Vec<u8>,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    restart_interval: usize,
    frame: Option<Frame>,
}

impl<'a> Picture<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        let mut out = Vec::with_capacity(bytes.len() - at + USUAL.len() + 4);
        out.extend([0xff, SOI]);
        // First, so that the picture's own ones replace them.
        out.extend(USUAL);
        Self {
            bytes,
            at,
            out,
            dc: Default::default(),
            ac: Default::default(),
            restart_interval: 0,
            frame: None,
        }
    }

    /// Reads the picture to its end; returns how many components it has.
    fn read(&mut self) -> Result<usize, JpegError> {
        self.tables(&USUAL[4..])?;
        loop {
            let marker = self.marker()?;
            let start = self.at - 2;
            match marker {
                // It ends before it was complete, or another one begins.
                SOI | EOI => {
                    self.at = start;
                    // The end itself is behind us, or the search would find it again and again.
                    self.at += usize::from(marker == EOI) * 2;
                    return Err(JpegError::Torn);
                }
                // Restart markers outside of a scan, and what has no meaning: bytes that are no segment.
                0x01..=0xbf | 0xd0..=0xd7 => continue,
                _ => {}
            }
            let length = match self.bytes[self.at..] {
                [high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
                _ => return Err(JpegError::Torn),
            };
            let segment = self.bytes.get(self.at..self.at + length).ok_or(JpegError::Torn)?;
            let content = segment.get(2..).ok_or(JpegError::Torn)?;
            let keep = match marker {
                0xc0 | 0xc1 => {
                    self.frame = Some(frame(content)?);
                    true
                }
                0xc2 => return Err(JpegError::Unsupported("of several passes")),
                0xc4 => {
                    self.tables(content)?;
                    true
                }
                0xc3 | 0xc5..=0xcf => return Err(JpegError::Unsupported("of an unusual kind")),
                0xdd => {
                    let [high, low] = *content else { return Err(JpegError::Torn) };
                    self.restart_interval = usize::from(u16::from_be_bytes([high, low]));
                    true
                }
                // Start of scan, tables for coefficients, and Adobe's word on its colours.
                0xda | 0xdb | 0xee => true,
                // Notes: names, places, small pictures.
                _ => false,
            };
            if keep {
                self.out.extend([0xff, marker]);
                self.out.extend(segment);
            }
            self.at += length;
            if marker == 0xda {
                let components = self.scan(content)?;
                self.out.extend([0xff, EOI]);
                return Ok(components);
            }
        }
    }

    /// The next marker, whatever lies before it; `at` is behind it then.
    fn marker(&mut self) -> Result<u8, JpegError> {
        let mut rest = self.bytes[self.at..].windows(2);
        match rest.position(|two| two[0] == 0xff && !matches!(two[1], 0 | 0xff)) {
            Some(before) => {
                self.at += before + 2;
                Ok(self.bytes[self.at - 1])
            }
            None => {
                self.at = self.bytes.len();
                Err(JpegError::Torn)
            }
        }
    }

    fn tables(&mut self, mut content: &[u8]) -> Result<(), JpegError> {
        while let Some((&kind, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(JpegError::Torn)?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let table = Table::new(counts, rest.get(..symbols).ok_or(JpegError::Torn)?)?;
            let all = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *all.get_mut(usize::from(kind & 15)).ok_or(JpegError::Torn)? = Some(table);
            content = &rest[symbols..];
        }
        Ok(())
    }

    /// Walks through the scan; returns how many components it holds.
    fn scan(&mut self, header: &[u8]) -> Result<usize, JpegError> {
        let frame = self.frame.as_ref().ok_or(JpegError::Torn)?;
        let count = usize::from(*header.first().ok_or(JpegError::Torn)?);
        let named = header.get(1..1 + 2 * count).ok_or(JpegError::Torn)?;
        if count != frame.components.len() {
            // No camera writes them one after the other, and the decoder puts them together wrongly.
            return Err(JpegError::Unsupported("of several scans"));
        }
        let (most_across, most_down) = frame.most();
        let mut blocks = Vec::new();
        let mut units = frame.width.div_ceil(8 * most_across) * frame.height.div_ceil(8 * most_down);
        for pair in named.chunks_exact(2) {
            let component = frame.components.iter().find(|one| one.id == pair[0]).ok_or(JpegError::Torn)?;
            let table = |all: &'_ [Option<Table>; 4], number: u8| {
                all.get(usize::from(number)).cloned().flatten().ok_or(JpegError::Torn)
            };
            let (dc, ac) = (table(&self.dc, pair[1] >> 4)?, table(&self.ac, pair[1] & 15)?);
            blocks.push((dc, ac, component.across * component.down));
        }
        let mut restarts = 0;
        while units > 0 {
            let run = match self.restart_interval {
                0 => units,
                interval => interval.min(units),
            };
            let mut bits = Bits::new(self.bytes, self.at);
            for _ in 0..run {
                for (dc, ac, times) in &blocks {
                    for _ in 0..*times {
                        if let Err(error) = bits.block(dc, ac, &mut self.out) {
                            // Another picture may begin behind the place where this one broke off.
                            self.at = bits.end(&mut self.out).0.unwrap_or(self.bytes.len());
                            return Err(error);
                        }
                    }
                }
            }
            units -= run;
            let (marker, extraneous) = bits.end(&mut self.out);
            self.at = marker.unwrap_or(self.bytes.len());
            if extraneous > MAX_EXTRANEOUS {
                return Err(JpegError::Torn);
            }
            if units > 0 {
                let wanted = 0xd0 + restarts;
                if self.bytes.get(self.at + 1) != Some(&wanted) {
                    return Err(JpegError::Torn);
                }
                self.out.extend([0xff, wanted]);
                self.at += 2;
                restarts = (restarts + 1) % 8;
            }
        }
        Ok(count)
    }
}

impl Frame {
    /// The largest sampling factors.
    fn most(&self) -> (usize, usize) {
        let most = |side: fn(&Component) -> usize| self.components.iter().map(side).max().unwrap_or(1);
        (most(|one| one.across), most(|one| one.down))
    }
}

/// Reads a frame header (ITU-T T.81, B.2.2).
fn frame(content: &[u8]) -> Result<Frame, JpegError> {
    let (&[precision, high, low, left, right, count], rest) =
        content.split_first_chunk::<6>().ok_or(JpegError::Torn)?;
    let height = usize::from(u16::from_be_bytes([high, low]));
    let width = usize::from(u16::from_be_bytes([left, right]));
    if precision != 8 {
        return Err(JpegError::Unsupported("of more than eight bits"));
    }
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(JpegError::Unsupported("without a usable size"));
    }
    if !matches!(count, 1 | 3) {
        return Err(JpegError::Unsupported("of unusual colours"));
    }
    let named = rest.get(..3 * usize::from(count)).ok_or(JpegError::Torn)?;
    let components = named.chunks_exact(3).map(|one| Component {
        id: one[0],
        across: usize::from(one[1] >> 4),
        down: usize::from(one[1] & 15),
    });
    let mut components: Vec<Component> = components.collect();
    if components.iter().any(|one| !(1..=4).contains(&one.across) || !(1..=4).contains(&one.down)) {
        return Err(JpegError::Torn);
    }
    if let [grey] = &mut components[..] {
        // With nobody to share with, its factors mean nothing (A.2.2).
        (grey.across, grey.down) = (1, 1);
    }
    Ok(Frame { width, height, components })
}
