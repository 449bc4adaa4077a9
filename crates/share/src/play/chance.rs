//! Chance that is the same for everybody.

/// Numbers from a seed: `SplitMix64` (Steele, Lea, Flood, *Fast splittable pseudorandom number generators*, 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from `from` to below `to`; `from` when that is no range.
    pub(super) const fn within(&mut self, from: i32, to: i32) -> i32 {
        let span = to.saturating_sub(from);
        if span <= 0 {
            return from;
        }
        // The upper half of the number: what the remainder favours is one in 2³² / span.
        from + ((self.next() >> 32) % span as u64) as i32
    }
}

/// Spreads every bit of a number over all of another.
pub(super) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
