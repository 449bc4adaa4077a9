//! What somebody has of an author's deeds, in a few bytes: two who say the same have the same.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The exclusive or of the first eight bytes of SHA-256("tincan deed" || number, eight bytes, big-endian) of every deed;
/// zeros of none. Written as 16 hex digits.
///
/// A number stands for one deed of its author. Whoever says two things under one number can make two members believe that
/// they have the same; they would have told them different things in any case.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DeedsDigest([u8; 8]);

impl DeedsDigest {
    /// Puts a deed in, or takes it out again.
    pub fn toggle(&mut self, number: u64) {
        let hash = Sha256::new().chain_update("tincan deed").chain_update(number.to_be_bytes()).finalize();
        self.0.iter_mut().zip(hash).for_each(|(byte, with)| *byte ^= with);
    }
}

impl fmt::Display for DeedsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for DeedsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a digest is 16 hex digits")]
pub struct ParseDigestError;

impl TryFrom<String> for DeedsDigest {
    type Error = ParseDigestError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| ParseDigestError)?;
        Ok(Self(bytes.try_into().map_err(|_| ParseDigestError)?))
    }
}

impl From<DeedsDigest> for String {
    fn from(digest: DeedsDigest) -> Self {
        digest.to_string()
    }
}
