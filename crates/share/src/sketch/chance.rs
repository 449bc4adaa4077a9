//! Chance that nobody else can foretell: a secret goes in, and BLAKE3 makes numbers of it.

/// Numbers from a secret.
#[derive(derive_more::Debug, Clone)]
pub(super) struct Chance {
    #[debug(skip)]
    secret: [u8; 32],
    count: u64,
}

impl Chance {
    pub(super) const fn new(secret: [u8; 32]) -> Self {
        Self { secret, count: 0 }
    }

    pub(super) fn bytes(&mut self) -> [u8; 32] {
        self.count += 1;
        *blake3::keyed_hash(&self.secret, &self.count.to_be_bytes()).as_bytes()
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// At most 2^53 − 1.
    pub(super) fn id(&mut self) -> u64 {
        self.next() >> 11
    }

    /// A number below `most`; 0 when that is none. What the remainder favours is one in 2^64 / `most`.
    pub(super) fn below(&mut self, most: usize) -> usize {
        let most = u64::try_from(most).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % most).unwrap_or(0)
    }
}
