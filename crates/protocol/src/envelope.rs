//! The layout of a sealed message; [`PairKeys`](crate::PairKeys) seals and opens.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The layout's version: the envelope's first byte.
pub(crate) const VERSION: u8 = 2;
const SEQUENCE_LEN: usize = 8;
pub(crate) const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 1 + SEQUENCE_LEN + NONCE_LEN;
/// Largest plaintext. The largest real message, an offer with many codecs, is about 8 KiB; in base64 and JSON this
/// stays below the server's 64 KiB a message.
pub(crate) const MAX_PLAINTEXT: usize = 40 * 1024;
const MAX_LEN: usize = HEADER_LEN + MAX_PLAINTEXT + TAG_LEN;
const MIN_LEN: usize = HEADER_LEN + TAG_LEN;

/// A sealed message: version (1 byte), sequence (8, big endian), nonce (24), ciphertext and tag. In JSON it is
/// base64url without padding.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Envelope(Vec<u8>);

/// An envelope, taken apart.
pub(crate) struct Parts<'a> {
    pub(crate) version: u8,
    pub(crate) sequence: u64,
    pub(crate) nonce: &'a [u8],
    /// With its tag.
    pub(crate) ciphertext: &'a [u8],
}

impl Envelope {
    /// The envelope with these bytes.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is shorter or longer than any envelope. What is inside is not looked at.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        if (MIN_LEN..=MAX_LEN).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(EnvelopeError) }
    }

    pub(crate) fn of(sequence: u64, nonce: &[u8; NONCE_LEN], ciphertext: &[u8]) -> Self {
        Self([&[VERSION], sequence.to_be_bytes().as_slice(), nonce, ciphertext].concat())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn parts(&self) -> Parts<'_> {
        let (header, ciphertext) = self.0.split_at(HEADER_LEN);
        let (sequence, nonce) = header[1..].split_at(SEQUENCE_LEN);
        let sequence = u64::from_be_bytes(sequence.try_into().expect("split at eight bytes"));
        Parts { version: header[0], sequence, nonce, ciphertext }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} bytes)", self.0.len())
    }
}

/// The text is no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an envelope is {MIN_LEN} to {MAX_LEN} bytes in base64url without padding")]
pub struct EnvelopeError;

impl TryFrom<String> for Envelope {
    type Error = EnvelopeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_bytes(BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| EnvelopeError)?)
    }
}

impl From<Envelope> for String {
    fn from(envelope: Envelope) -> Self {
        BASE64URL_NOPAD.encode(&envelope.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}") {
            let _ = Envelope::try_from(text);
        }
    }
}
