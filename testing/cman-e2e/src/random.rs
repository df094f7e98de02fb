//! Numbers that look random and are the same in each run with the same seed.

/// A generator (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Every seed gives another sequence.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // The state must not be 0, and small seeds must not begin alike.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed_0bad_cafe_f00d | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high bits are the good ones.
        (self.next() >> 16).checked_rem(bound).unwrap_or(0)
    }

    /// A place in something of this length; 0 if it is empty.
    pub fn place(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).unwrap_or(u64::MAX);
        // Smaller than `length`, so it fits.
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    /// One of these, if there is any.
    pub fn choose<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let place = self.place(from.len());
        from.get(place).copied()
    }

    /// As many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all() {
        let mut random = Random::new(1);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.place(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.choose::<u8>(&[]), None);
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(Random::new(1).bytes(8), Random::new(2).bytes(8));
        assert_eq!(Random::new(1).bytes(8), Random::new(1).bytes(8));
    }
}
