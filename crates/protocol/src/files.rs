//! The files channel: JSON for what is said, binary for what files are made of.
//!
//! The receiver pulls: whoever offers sends nothing that was not asked for. A file is cut into pieces of [`PIECE`] bytes, and the
//! pieces of all files of an offer are counted through, file after file; a file without content has none. Each piece has a
//! **value** of 32 bytes: BLAKE3's chaining value of that part of the file, or the file's hash where it is the only piece.
//! All values together make the file's ordinary BLAKE3 hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::identity::hex_of_32_bytes;

/// Longest message: what every implementation takes in one piece (RFC 8831, section 6.6).
const MAX_LEN: usize = 16 * 1024;
/// Bytes of a piece; the last one of a file may have fewer.
pub const PIECE: u64 = 1024 * 1024;
/// Of a file in one message: what is left of 16 KiB behind the header.
pub const MAX_FILE_DATA: usize = MAX_LEN - HEADER;
/// Kind, offer, piece, and where in the piece.
const HEADER: usize = 16;
/// What stands at the top of an offer, as far as it is named in it.
pub const MAX_FILE_ITEMS: usize = 32;
/// Files and empty folders of one offer.
pub const MAX_FILES: u32 = 100_000;
/// Bytes of one offer: 16 TiB, so that pieces can be counted in 32 bits.
pub const MAX_FILE_BYTES: u64 = 1 << 44;
/// Folders within each other.
pub const MAX_FILE_DEPTH: usize = 32;
/// Bytes of one name: 255 UTF-16 units, which is what file systems take, and some more.
pub const MAX_FILE_NAME: usize = 1024;
/// Claims in one message.
pub const MAX_FILE_CLAIMS: usize = 64;
/// Pieces that one message asks for.
pub const MAX_FILE_RANGE: u32 = 1024;
/// Values in one message.
pub const MAX_FILE_VALUES: usize = 256;
/// What a list of entries may take of a message, before the last entry.
const MAX_ENTRIES: usize = 12 * 1024;

const DATA: u8 = 1;
const VALUE: u8 = 2;
const VALUES: u8 = 3;

hex_of_32_bytes! {
    /// A secret of the sender's and one receiver's, by which they know an offer again in another call; 64 hex digits.
    FileToken
}
hex_of_32_bytes! {
    /// Shows one participant that another has the token of an offer, and tells nobody else; 64 hex digits.
    FileClaim
}

/// What a piece of a file comes to, see the module's description.
pub type PieceValue = [u8; 32];

/// What one participant tells another about files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FilesMessage {
    /// The first message, when there is something to go on with: the sender of this message has accepted offers that did not
    /// come to an end, perhaps from the receiver of it.
    Resume {
        /// One for each.
        claims: Vec<FileClaim>,
    },
    /// Files can be had.
    Offer(FilesOffer),
    /// They are wanted.
    Accept {
        /// Which: a number of the other side's.
        offer: u32,
    },
    /// They are not.
    Decline {
        /// Which.
        offer: u32,
    },
    /// Asks for the list of all files, from an entry on.
    List {
        /// Of which offer.
        offer: u32,
        /// From which entry on.
        first: u32,
    },
    /// A part of the list.
    Entries {
        /// Of which offer.
        offer: u32,
        /// Number of the first entry in it.
        first: u32,
        /// At least one.
        entries: Vec<FileEntry>,
    },
    /// Asks for pieces.
    Want {
        /// Of which offer.
        offer: u32,
        /// The first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// Asks for the values of pieces, without their content.
    Check {
        /// Of which offer.
        offer: u32,
        /// The first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// The receiver wants nothing more of what it asked for; it asks again when it goes on.
    Hold {
        /// Of which offer.
        offer: u32,
        /// Why, when it was nobody's wish.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<FileEnd>,
    },
    /// The sender does not send for a while, or does again.
    Paused {
        /// Of which offer.
        offer: u32,
        /// Whether it is paused.
        paused: bool,
    },
    /// How far the receiver is: at most twice a second.
    Have {
        /// Of which offer.
        offer: u32,
        /// Bytes that are verified.
        verified: u64,
        /// Bytes a second that come.
        speed: u64,
    },
    /// The receiver has everything, verified, under its name.
    Done {
        /// Of which offer.
        offer: u32,
    },
    /// The receiver does not go on.
    Stop {
        /// Of which offer.
        offer: u32,
        /// Why.
        #[serde(default)]
        reason: FileEnd,
    },
    /// The sender does not go on.
    Withdraw {
        /// Of which offer.
        offer: u32,
        /// Why.
        #[serde(default)]
        reason: FileEnd,
    },
    /// A piece is complete, and has this value. (Binary.)
    #[serde(skip)]
    Value {
        /// Of which offer.
        offer: u32,
        /// Which.
        piece: u32,
        /// What the sender made of it.
        value: PieceValue,
    },
    /// Pieces have these values. (Binary.)
    #[serde(skip)]
    Values {
        /// Of which offer.
        offer: u32,
        /// The first.
        first: u32,
        /// At least one.
        values: Vec<PieceValue>,
    },
}

/// Files and folders that are offered together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesOffer {
    /// Names it on this connection, among those of its sender.
    pub offer: u32,
    /// Names it beyond this connection.
    pub token: FileToken,
    /// What stands at the top of it, as far as it fits.
    pub items: Vec<OfferedItem>,
    /// How many files there are, those in folders among them.
    pub files: u32,
    /// Entries of the list: the files, and folders in which there is nothing.
    pub entries: u32,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl fmt::Debug for FilesOffer {
    // Names must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesOffer")
            .field("offer", &self.offer)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// A file or folder at the top of an offer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedItem {
    /// Its name.
    pub name: String,
    /// How many files are in it; absent for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u32>,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl fmt::Debug for OfferedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfferedItem").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// A file, or a folder in which there is nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Names of the folders that it is in, and its own.
    pub path: Vec<String>,
    /// Its size; absent for a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// When it was changed last: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<u64>,
}

impl fmt::Debug for FileEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileEntry").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Why a transfer does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileEnd {
    /// A person ended it.
    Cancelled,
    /// A file is not what it was when it was offered.
    Changed,
    /// A file is not there any more.
    Vanished,
    /// A file cannot be read.
    Unreadable,
    /// The receiver's disk is full.
    DiskFull,
    /// The receiver's disk does not take it.
    Disk,
    /// What came does not fit what was said before.
    Refused,
    /// Something that this version does not know.
    #[default]
    #[serde(other)]
    Other,
}

/// A part of a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileData<'a> {
    /// Of which offer.
    pub offer: u32,
    /// Of which piece.
    pub piece: u32,
    /// Where in the piece.
    pub offset: u32,
    /// At least one byte.
    pub data: &'a [u8],
}

impl fmt::Debug for FileData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offer, piece, offset, data } = self;
        write!(f, "FileData({offer}, {piece}, {offset}, {} bytes)", data.len())
    }
}

/// What comes on the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesFrame<'a> {
    /// Something that is said.
    Message(FilesMessage),
    /// A part of a file.
    Data(FileData<'a>),
}

/// The bytes are no message of the files channel.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilesMessageError {
    /// Longer than any real message.
    #[error("a files message of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON, no message that this version knows, or a field beyond its bounds.
    #[error("not a files message")]
    Malformed,
}

impl FileData<'_> {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.data.len());
        header(&mut bytes, DATA, self.offer, self.piece);
        bytes.extend(self.offset.to_be_bytes());
        bytes.extend(self.data);
        bytes
    }
}

fn header(bytes: &mut Vec<u8>, kind: u8, offer: u32, piece: u32) {
    bytes.extend([kind, 0, 0, 0]);
    bytes.extend(offer.to_be_bytes());
    bytes.extend(piece.to_be_bytes());
}

impl FilesMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Value { offer, piece, value } => {
                let mut bytes = Vec::with_capacity(HEADER + value.len());
                header(&mut bytes, VALUE, *offer, *piece);
                bytes.extend([0; 4]);
                bytes.extend(value);
                bytes
            }
            Self::Values { offer, first, values } => {
                let mut bytes = Vec::with_capacity(HEADER + 32 * values.len());
                header(&mut bytes, VALUES, *offer, *first);
                bytes.extend([0; 4]);
                values.iter().for_each(|value| bytes.extend(value));
                bytes
            }
            said => serde_json::to_vec(said).expect("these have no map keys or floats that JSON cannot hold"),
        }
    }

    /// As many entries from `first` on as fit into one message; at least one, if there is one.
    pub fn entries(offer: u32, first: u32, entries: &[FileEntry]) -> Self {
        let mut length = 0;
        let fits = |entry: &&FileEntry| {
            let before = length;
            // Nothing that JSON writes takes more than six bytes for one.
            length += 64 + entry.path.iter().map(|name| 3 + json_length(name)).sum::<usize>();
            before == 0 || length <= MAX_ENTRIES
        };
        Self::Entries { offer, first, entries: entries.iter().take_while(fits).cloned().collect() }
    }

    fn is_sound(&self) -> bool {
        let range = |first: &u32, count: &u32| {
            (1..=MAX_FILE_RANGE).contains(count) && first.checked_add(*count).is_some()
        };
        match self {
            Self::Resume { claims } => claims.len() <= MAX_FILE_CLAIMS,
            Self::Offer(offer) => offer.is_sound(),
            Self::Entries { first, entries, .. } => {
                !entries.is_empty() && *first < MAX_FILES && entries.iter().all(FileEntry::is_sound)
            }
            Self::Want { first, count, .. } | Self::Check { first, count, .. } => range(first, count),
            Self::Have { verified, speed, .. } => *verified <= MAX_FILE_BYTES && *speed <= MAX_FILE_BYTES,
            Self::Values { first, values, .. } => {
                (1..=MAX_FILE_VALUES).contains(&values.len())
                    && first.checked_add(values.len() as u32).is_some()
            }
            _ => true,
        }
    }
}

/// What JSON makes of a text, at most.
fn json_length(text: &str) -> usize {
    text.bytes().map(|byte| if byte < 0x20 || byte == b'"' || byte == b'\\' { 6 } else { 1 }).sum()
}

impl FilesOffer {
    fn is_sound(&self) -> bool {
        let name = |item: &OfferedItem| (1..=MAX_FILE_NAME).contains(&item.name.len());
        (1..=MAX_FILE_ITEMS).contains(&self.items.len())
            && self.items.iter().all(|item| name(item) && item.bytes <= self.bytes)
            && (1..=MAX_FILES).contains(&self.entries)
            && self.offer > 0
            && self.files <= self.entries
            && self.bytes <= MAX_FILE_BYTES
    }
}

impl FileEntry {
    fn is_sound(&self) -> bool {
        (1..=MAX_FILE_DEPTH).contains(&self.path.len())
            && self.path.iter().all(|name| (1..=MAX_FILE_NAME).contains(&name.len()))
            && self.bytes.is_none_or(|bytes| bytes <= MAX_FILE_BYTES)
    }
}

impl<'a> FilesFrame<'a> {
    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`FilesMessageError`] when it is too large or not a message of ours; the channel stays usable.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FilesMessageError> {
        if bytes.len() > MAX_LEN {
            return Err(FilesMessageError::TooLarge(bytes.len()));
        }
        let message = match bytes.first() {
            Some(b'{') => serde_json::from_slice(bytes).map_err(|_| FilesMessageError::Malformed)?,
            _ => return Self::binary(bytes).ok_or(FilesMessageError::Malformed),
        };
        Self::sound(message).ok_or(FilesMessageError::Malformed)
    }

    fn sound(message: FilesMessage) -> Option<Self> {
        message.is_sound().then_some(Self::Message(message))
    }

    fn binary(bytes: &'a [u8]) -> Option<Self> {
        let (header, data) = bytes.split_first_chunk::<HEADER>()?;
        let number =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (offer, piece, offset) = (number(4), number(8), number(12));
        match header[0] {
            DATA => {
                let fits = !data.is_empty() && u64::from(offset) + data.len() as u64 <= PIECE;
                fits.then_some(Self::Data(FileData { offer, piece, offset, data }))
            }
            VALUE => Self::sound(FilesMessage::Value { offer, piece, value: data.try_into().ok()? }),
            VALUES => {
                let (values, rest) = data.as_chunks::<32>();
                let message = FilesMessage::Values { offer, first: piece, values: values.to_vec() };
                if rest.is_empty() { Self::sound(message) } else { None }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offer() -> FilesOffer {
        FilesOffer {
            offer: 3,
            token: FileToken::from_bytes([1; 32]),
            items: vec![
                OfferedItem { name: "a.txt".into(), files: None, bytes: 7 },
                OfferedItem { name: "b".into(), files: Some(2), bytes: 0 },
            ],
            files: 3,
            entries: 3,
            bytes: 7,
        }
    }

    fn entry(path: &[&str], bytes: Option<u64>) -> FileEntry {
        FileEntry { path: path.iter().map(|name| (*name).to_owned()).collect(), bytes, modified: bytes }
    }

    #[test]
    fn messages_look_as_the_protocol_document_says() {
        let token = "01".repeat(32);
        let looks = [
            (FilesMessage::Resume { claims: vec![FileClaim::from_bytes([1; 32])] }, format!(r#"{{"type":"resume","claims":["{token}"]}}"#)),
            (
                FilesMessage::Offer(offer()),
                format!(
                    r#"{{"type":"offer","offer":3,"token":"{token}","items":[{{"name":"a.txt","bytes":7}},{{"name":"b","files":2,"bytes":0}}],"files":3,"entries":3,"bytes":7}}"#
                ),
            ),
            (FilesMessage::Accept { offer: 3 }, r#"{"type":"accept","offer":3}"#.into()),
            (FilesMessage::List { offer: 3, first: 0 }, r#"{"type":"list","offer":3,"first":0}"#.into()),
            (
                FilesMessage::Entries { offer: 3, first: 0, entries: vec![entry(&["a.txt"], Some(7)), entry(&["b", "c"], None)] },
                r#"{"type":"entries","offer":3,"first":0,"entries":[{"path":["a.txt"],"bytes":7,"modified":7},{"path":["b","c"]}]}"#.into(),
            ),
            (FilesMessage::Want { offer: 3, first: 0, count: 1 }, r#"{"type":"want","offer":3,"first":0,"count":1}"#.into()),
            (FilesMessage::Check { offer: 3, first: 0, count: 1 }, r#"{"type":"check","offer":3,"first":0,"count":1}"#.into()),
            (FilesMessage::Have { offer: 3, verified: 7, speed: 9 }, r#"{"type":"have","offer":3,"verified":7,"speed":9}"#.into()),
            (FilesMessage::Stop { offer: 3, reason: FileEnd::DiskFull }, r#"{"type":"stop","offer":3,"reason":"disk_full"}"#.into()),
        ];
        for (message, json) in looks {
            assert_eq!(String::from_utf8(message.encode()).unwrap(), json);
            assert_eq!(FilesFrame::decode(json.as_bytes()), Ok(FilesFrame::Message(message)));
        }
        let data = FileData { offer: 1, piece: 2, offset: 3, data: b"xyz" };
        assert_eq!(data.encode(), [b"\x01\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03".as_slice(), b"xyz"].concat());
        assert_eq!(FilesFrame::decode(&data.encode()), Ok(FilesFrame::Data(data)));
        for message in [
            FilesMessage::Value { offer: 1, piece: 2, value: [7; 32] },
            FilesMessage::Values { offer: 1, first: 2, values: vec![[7; 32], [8; 32]] },
        ] {
            assert_eq!(FilesFrame::decode(&message.encode()), Ok(FilesFrame::Message(message)));
        }
    }

    #[test]
    fn what_is_beyond_its_bounds_is_refused() {
        let long = "x".repeat(MAX_FILE_NAME + 1);
        let item = |name: &str, bytes| OfferedItem { name: name.into(), files: None, bytes };
        let refused = [
            FilesMessage::Want { offer: 1, first: 0, count: 0 },
            FilesMessage::Want { offer: 1, first: 0, count: MAX_FILE_RANGE + 1 },
            FilesMessage::Check { offer: 1, first: u32::MAX, count: 1 },
            FilesMessage::Offer(FilesOffer { items: Vec::new(), ..offer() }),
            FilesMessage::Offer(FilesOffer { items: vec![item(&long, 1)], ..offer() }),
            FilesMessage::Offer(FilesOffer { items: vec![item("", 1)], ..offer() }),
            FilesMessage::Offer(FilesOffer { items: vec![item("x", 8)], ..offer() }),
            FilesMessage::Offer(FilesOffer { entries: 2, ..offer() }),
            FilesMessage::Offer(FilesOffer { offer: 0, ..offer() }),
            FilesMessage::Offer(FilesOffer { entries: MAX_FILES + 1, ..offer() }),
            FilesMessage::Offer(FilesOffer { bytes: MAX_FILE_BYTES + 1, ..offer() }),
            FilesMessage::Entries { offer: 1, first: 0, entries: Vec::new() },
            FilesMessage::Entries { offer: 1, first: 0, entries: vec![entry(&[], Some(1))] },
            FilesMessage::Entries {
                offer: 1,
                first: 0,
                entries: vec![entry(&["x"; MAX_FILE_DEPTH + 1], Some(1))],
            },
            FilesMessage::Values { offer: 1, first: 0, values: Vec::new() },
        ];
        for message in refused {
            assert_eq!(
                FilesFrame::decode(&message.encode()),
                Err(FilesMessageError::Malformed),
                "{message:?}"
            );
        }
        let beyond = FileData { offer: 1, piece: 0, offset: PIECE as u32, data: b"x" };
        assert_eq!(FilesFrame::decode(&beyond.encode()), Err(FilesMessageError::Malformed));
    }

    #[test]
    fn a_reason_of_a_later_version_is_understood_as_some_reason() {
        let later = r#"{"type":"withdraw","offer":1,"reason":"moon"}"#;
        let expected = FilesMessage::Withdraw { offer: 1, reason: FileEnd::Other };
        assert_eq!(FilesFrame::decode(later.as_bytes()), Ok(FilesFrame::Message(expected)));
    }

    #[test]
    fn debug_shows_no_name_and_no_token() {
        let message = FilesMessage::Offer(FilesOffer {
            items: vec![OfferedItem { name: "SECRET".into(), files: None, bytes: 0 }],
            ..offer()
        });
        let shown = format!("{message:?} {:?} {:?}", entry(&["SECRET"], None), offer().token);
        assert!(!shown.contains("SECRET") && !shown.contains("0101"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = FilesFrame::decode(&bytes);
        }

        #[test]
        fn a_list_is_cut_into_messages_that_fit(names in prop::collection::vec("\\PC{1,300}|[\"\\\\\u{1}]{1,800}", 1..60)) {
            let entries: Vec<_> = names.iter().map(|name| entry(&["\u{1}".repeat(MAX_FILE_NAME).as_str(), name], Some(1))).collect();
            let mut first = 0;
            while first < entries.len() {
                let message = FilesMessage::entries(1, first as u32, &entries[first..]);
                let Ok(FilesFrame::Message(FilesMessage::Entries { entries: got, .. })) = FilesFrame::decode(&message.encode())
                else { panic!("{} bytes", message.encode().len()) };
                prop_assert_eq!(&entries[first..first + got.len()], &got[..]);
                first += got.len();
            }
        }
    }
}
