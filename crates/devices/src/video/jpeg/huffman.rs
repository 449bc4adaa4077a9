//! Huffman tables and the bits that they read (ITU-T T.81, annexes C, F and K).

use super::JpegError;

/// Codes of up to so many bits are found by one look.
const LOOK: u32 = 9;

/// One table: from codes to symbols.
#[derive(Clone)]
pub(super) struct Table {
    /// For the next [`LOOK`] bits: the code's length (zero when it is longer), and its symbol.
    short: Box<[(u8, u8); 1 << LOOK]>,
    /// The first code that is longer than this many bits, moved up to sixteen.
    beyond: [u32; 18],
    /// What is added to a code of so many bits for its symbol's place.
    places: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From the number of codes of each length, one to sixteen bits, and the symbols in order.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, JpegError> {
        let mut short = Box::new([(0, 0); 1 << LOOK]);
        let (mut beyond, mut places) = ([0; 18], [0; 17]);
        let (mut code, mut place) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            places[length as usize] = place as i32 - code as i32;
            for _ in 0..count {
                let symbol = *symbols.get(place).ok_or(JpegError::Torn)?;
                if code >= 1 << length {
                    return Err(JpegError::Torn);
                }
                if length <= LOOK {
                    let first = (code << (LOOK - length)) as usize;
                    short[first..first + (1 << (LOOK - length))].fill((length as u8, symbol));
                }
                code += 1;
                place += 1;
            }
            beyond[length as usize] = code << (16 - length);
            code <<= 1;
        }
        beyond[17] = u32::MAX;
        Ok(Self { short, beyond, places, symbols: symbols[..place].to_vec() })
    }

    /// The length and the symbol of the code that these sixteen bits begin with.
    fn find(&self, bits: u32) -> Result<(u32, u8), JpegError> {
        let (length, symbol) = self.short[(bits >> (16 - LOOK)) as usize];
        if length > 0 {
            return Ok((u32::from(length), symbol));
        }
        let length =
            (LOOK + 1..=16).find(|&length| bits < self.beyond[length as usize]).ok_or(JpegError::Torn)?;
        let place = (bits >> (16 - length)) as i32 + self.places[length as usize];
        let symbol = usize::try_from(place).ok().and_then(|place| self.symbols.get(place));
        Ok((length, *symbol.ok_or(JpegError::Torn)?))
    }
}

/// Reads bits up to the next marker, and writes down the bytes that they come from.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte.
    at: usize,
    bits: u64,
    count: u32,
    /// At a marker, or at the end.
    ended: bool,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, bits: 0, count: 0, ended: false }
    }

    fn fill(&mut self, copy: &mut Vec<u8>) {
        while self.count <= 48 && !self.ended {
            match self.bytes[self.at..] {
                [0xff, 0, ..] => {
                    copy.extend([0xff, 0]);
                    self.push(0xff, 2);
                }
                [0xff, ..] | [] => self.ended = true,
                [byte, ..] => {
                    copy.push(byte);
                    self.push(byte, 1);
                }
            }
        }
    }

    fn push(&mut self, byte: u8, width: usize) {
        self.bits = self.bits << 8 | u64::from(byte);
        self.count += 8;
        self.at += width;
    }

    fn drop(&mut self, count: u32) -> Result<(), JpegError> {
        self.count = self.count.checked_sub(count).ok_or(JpegError::Torn)?;
        Ok(())
    }

    /// Reads a symbol, and skips the bits that it says follow it: the lower half of the symbol.
    fn symbol(&mut self, table: &Table, copy: &mut Vec<u8>) -> Result<u8, JpegError> {
        if self.count < 32 {
            self.fill(copy);
        }
        let bits = match self.count.checked_sub(16) {
            Some(more) => self.bits >> more,
            None => self.bits << (16 - self.count),
        };
        let (length, symbol) = table.find(bits as u32 & 0xffff)?;
        self.drop(length + u32::from(symbol & 15))?;
        Ok(symbol)
    }

    /// Reads one block of 64 coefficients.
    pub(super) fn block(&mut self, dc: &Table, ac: &Table, copy: &mut Vec<u8>) -> Result<(), JpegError> {
        self.symbol(dc, copy)?;
        let mut index = 1;
        while index < 64 {
            let symbol = self.symbol(ac, copy)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => index += 16,
                (_, 0) => break,
                (zeros, _) => index += usize::from(zeros) + 1,
            }
        }
        if index > 64 { Err(JpegError::Torn) } else { Ok(()) }
    }

    /// Ends before the next marker: where that is, and how many bytes nobody read, which are taken from `copy` again.
    pub(super) fn end(mut self, copy: &mut Vec<u8>) -> (Option<usize>, usize) {
        let unread = (self.count / 8) as usize;
        for _ in 0..unread {
            if copy.ends_with(&[0xff, 0]) {
                copy.pop();
            }
            copy.pop();
        }
        let from = self.at;
        loop {
            match self.bytes[self.at..] {
                // Any number of these may come before a marker.
                [0xff, 0xff, ..] => self.at += 1,
                [0xff, 0, ..] => self.at += 2,
                [0xff, _, ..] => return (Some(self.at), unread + self.at - from),
                [_, ..] => self.at += 1,
                [] => break,
            }
        }
        // Buffers are larger than pictures: zeros at their end are no part of one.
        let zeros = self.bytes[from..].iter().rev().take_while(|byte| **byte == 0).count();
        (None, unread + self.bytes.len() - from - zeros)
    }
}

/// The tables that motion JPEG may leave out, since they are always the same (annex K.3), as a segment of their own.
pub(super) const USUAL: [u8; 420] = usual();

/// The number of codes of each length, and the symbols, for luma and chroma.
const DC_COUNTS: [[u8; 16]; 2] =
    [[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]];
const AC_COUNTS: [[u8; 16]; 2] =
    [[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125], [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119]];
#[rustfmt::skip]
const AC_SYMBOLS: [[u8; 162]; 2] = [
    [
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
        0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
        0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
        0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
        0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
        0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
        0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
        0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
        0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ],
    [
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
        0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
        0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
        0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
        0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
        0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
        0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
        0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
        0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ],
];

const fn usual() -> [u8; 420] {
    let mut segment = [0; 420];
    let (mut at, mut table) = (4, 0);
    (segment[0], segment[1]) = (0xff, 0xc4);
    // The length: all but the marker.
    (segment[2], segment[3]) = ((418u16 >> 8) as u8, 418u16 as u8);
    while table < 4 {
        let (ac, number) = (table / 2, table % 2);
        segment[at] = ((ac << 4) | number) as u8;
        at += 1;
        let counts = if ac == 0 { DC_COUNTS[number] } else { AC_COUNTS[number] };
        let mut index = 0;
        while index < 16 {
            segment[at] = counts[index];
            (at, index) = (at + 1, index + 1);
        }
        let symbols = if ac == 0 { 12 } else { 162 };
        let mut index = 0;
        while index < symbols {
            segment[at] = if ac == 0 { index as u8 } else { AC_SYMBOLS[number][index] };
            (at, index) = (at + 1, index + 1);
        }
        table += 1;
    }
    segment
}
