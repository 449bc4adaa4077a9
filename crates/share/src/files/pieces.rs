//! How the files of an offer are cut into pieces, and how pieces make the hash of a file.

use blake3::hazmat::{HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use tincan_protocol::{FileEntry, PIECE, PieceValue};

/// Where the pieces of each entry are among all pieces of an offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Number of the first piece of each entry, and of one past the last.
    starts: Vec<u32>,
    sizes: Vec<u64>,
}

/// Where a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PiecePlace {
    /// In which entry.
    pub entry: usize,
    /// At which byte of the file.
    pub offset: u64,
    /// How many bytes.
    pub length: u32,
    /// Whether it is all of the file.
    pub only: bool,
}

impl Layout {
    /// Of entries within the bounds of the protocol.
    pub fn new(entries: &[FileEntry]) -> Self {
        let sizes: Vec<u64> = entries.iter().map(|entry| entry.bytes.unwrap_or(0)).collect();
        let mut next = 0_u32;
        let mut starts = vec![0];
        for size in &sizes {
            next = next.saturating_add(u32::try_from(size.div_ceil(PIECE)).unwrap_or(u32::MAX));
            starts.push(next);
        }
        Self { starts, sizes }
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> u32 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The pieces of an entry.
    pub fn pieces_of(&self, entry: usize) -> std::ops::Range<u32> {
        match (self.starts.get(entry), self.starts.get(entry + 1)) {
            (Some(from), Some(to)) => *from..*to,
            _ => 0..0,
        }
    }

    /// Where a piece is; `None` when there is no such piece.
    pub fn place(&self, piece: u32) -> Option<PiecePlace> {
        if piece >= self.pieces() {
            return None;
        }
        let entry = self.starts.partition_point(|start| *start <= piece) - 1;
        let (size, pieces) = (self.sizes[entry], self.pieces_of(entry));
        let offset = u64::from(piece - pieces.start) * PIECE;
        let length = (size - offset).min(PIECE) as u32;
        Some(PiecePlace { entry, offset, length, only: pieces.len() == 1 })
    }

    /// Bytes of a piece; 0 when there is none.
    pub fn length(&self, piece: u32) -> u64 {
        self.place(piece).map_or(0, |place| u64::from(place.length))
    }
}

/// What the content of a piece comes to.
pub fn piece_value(place: &PiecePlace, data: &[u8]) -> PieceValue {
    let mut hasher = blake3::Hasher::new();
    if place.only {
        return *hasher.update(data).finalize().as_bytes();
    }
    // The offset is a multiple of a piece, and a piece is a whole subtree.
    hasher.set_input_offset(place.offset);
    hasher.update(data).finalize_non_root()
}

/// The ordinary BLAKE3 hash of a file, from the values of its pieces.
pub fn file_hash(bytes: u64, values: &[PieceValue]) -> PieceValue {
    match values {
        [] => *blake3::hash(&[]).as_bytes(),
        [only] => *only,
        values => {
            let (left, right) = halves(bytes, values);
            *merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()
        }
    }
}

fn halves(bytes: u64, values: &[PieceValue]) -> (PieceValue, PieceValue) {
    let left = left_subtree_len(bytes);
    let (first, rest) = values.split_at((left / PIECE) as usize);
    (subtree(left, first), subtree(bytes - left, rest))
}

fn subtree(bytes: u64, values: &[PieceValue]) -> PieceValue {
    if let [only] = values {
        return *only;
    }
    let (left, right) = halves(bytes, values);
    merge_subtrees_non_root(&left, &right, Mode::Hash)
}

/// A set of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    bits: Vec<u64>,
    count: u32,
}

impl Pieces {
    pub(super) fn none_of(pieces: u32) -> Self {
        Self { bits: vec![0; pieces.div_ceil(64) as usize], count: 0 }
    }

    pub(super) fn has(&self, piece: u32) -> bool {
        self.bits.get(piece as usize / 64).is_some_and(|bits| bits >> (piece % 64) & 1 == 1)
    }

    /// False when it was there already, or there is no such piece.
    pub(super) fn insert(&mut self, piece: u32) -> bool {
        let new = !self.has(piece);
        match self.bits.get_mut(piece as usize / 64) {
            Some(bits) if new => *bits |= 1 << (piece % 64),
            _ => return false,
        }
        self.count += 1;
        true
    }

    pub(super) fn remove(&mut self, piece: u32) -> bool {
        let there = self.has(piece);
        if there {
            self.bits[piece as usize / 64] &= !(1 << (piece % 64));
            self.count -= 1;
        }
        there
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// The first piece from `from` on that is in it.
    pub(super) fn next(&self, from: u32) -> Option<u32> {
        let mut word = from as usize / 64;
        let mut bits = self.bits.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.bits.get(word)?;
        }
        Some(word as u32 * 64 + bits.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(bytes: Option<u64>) -> FileEntry {
        FileEntry { path: vec!["x".into()], bytes, modified: None }
    }

    fn content(bytes: u64) -> Vec<u8> {
        (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
    }

    #[test]
    fn the_values_of_all_pieces_make_the_ordinary_hash_of_the_file() {
        for bytes in
            [0, 1, 1024, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5, 7 * PIECE, 8 * PIECE + 1]
        {
            let (layout, data) = (Layout::new(&[entry(Some(bytes))]), content(bytes));
            let value = |piece| {
                let place = layout.place(piece).unwrap();
                let from = place.offset as usize;
                piece_value(&place, &data[from..from + place.length as usize])
            };
            let values: Vec<_> = (0..layout.pieces()).map(value).collect();
            assert_eq!(file_hash(bytes, &values), *blake3::hash(&data).as_bytes(), "{bytes} bytes");
        }
    }

    #[test]
    fn files_without_content_and_folders_have_no_pieces() {
        let layout = Layout::new(&[entry(Some(0)), entry(Some(5)), entry(None), entry(Some(PIECE + 1))]);
        assert_eq!(layout.pieces(), 3);
        let place = |entry, offset, length, only| Some(PiecePlace { entry, offset, length, only });
        assert_eq!(layout.place(0), place(1, 0, 5, true));
        assert_eq!(layout.place(1), place(3, 0, PIECE as u32, false));
        assert_eq!(layout.place(2), place(3, PIECE, 1, false));
        assert_eq!(layout.place(3), None);
        assert_eq!(Layout::new(&[]).place(0), None);
    }

    proptest! {
        #[test]
        fn a_set_of_pieces_is_a_set(pieces in 1_u32..300, deeds in prop::collection::vec((any::<bool>(), 0_u32..320), 0..200)) {
            let (mut set, mut model) = (Pieces::none_of(pieces.next_multiple_of(64)), std::collections::BTreeSet::new());
            let end = pieces.next_multiple_of(64);
            for (insert, piece) in deeds {
                if insert {
                    prop_assert_eq!(set.insert(piece), piece < end && model.insert(piece));
                } else {
                    prop_assert_eq!(set.remove(piece), model.remove(&piece));
                }
                prop_assert_eq!(set.count() as usize, model.len());
                prop_assert_eq!(set.next(piece), model.range(piece..).next().copied());
            }
        }
    }
}
