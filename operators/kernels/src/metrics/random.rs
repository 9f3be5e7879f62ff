//! Numbers that look random and follow from a seed: the same on every machine, in every version, in any order.
//!
//! A number is a function of its place and of nothing before it (counter-based), so simulations may be computed in
//! any order or side by side. The function is SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators", 2014) over a key that is itself mixed from seed and stream. It is ours, not a
//! crate's, because results must not change when a crate does. It is no cryptography.

/// The odd number next to `2^64` over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads every bit over all others.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// One stream of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Random {
    key: u64,
    place: u64,
}

impl Random {
    /// Stream `stream` of `seed`, at its beginning.
    pub const fn new(seed: u64, stream: u64) -> Random {
        let key = mix(mix(seed.wrapping_add(GOLDEN)) ^ stream.wrapping_mul(GOLDEN).wrapping_add(GOLDEN));
        Random { key, place: 0 }
    }

    /// The next 64 bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        self.place = self.place.wrapping_add(1);
        mix(self.key.wrapping_add(self.place.wrapping_mul(GOLDEN)))
    }

    /// A number from 0 to `count - 1`, each as likely up to `count / 2^64`; 0 for no count.
    #[inline]
    pub const fn below(&mut self, count: usize) -> usize {
        ((self.bits() as u128 * count as u128) >> 64) as usize
    }

    /// A number from 0 (included) to 1 (not), on a grid of `2^-53`.
    #[inline]
    pub const fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finaliser_is_splitmix64s() {
        // SplitMix64 seeded with 1234567, as published with xoshiro's reference code.
        let expected = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for (place, value) in expected.into_iter().enumerate() {
            assert_eq!(mix(1_234_567_u64.wrapping_add((place as u64 + 1).wrapping_mul(GOLDEN))), value);
        }
    }

    #[test]
    fn a_number_is_a_function_of_seed_stream_and_place() {
        let mut random = Random::new(7, 3);
        let first: Vec<u64> = (0..4).map(|_| random.bits()).collect();
        // Worked out apart from this code, with unbounded integers: they must never change.
        assert_eq!(
            first,
            [431_888_183_886_164_993, 362_380_776_599_094_672, 14_396_631_032_177_314_126, 3_229_422_328_327_845_085]
        );
        assert_ne!(Random::new(7, 4).bits(), first[0]);
        assert_ne!(Random::new(8, 3).bits(), first[0]);
    }

    #[test]
    fn numbers_are_even_over_their_range() {
        let mut counts = [0_u32; 10];
        let mut random = Random::new(1, 0);
        (0..100_000).for_each(|_| counts[random.below(10)] += 1);
        // 10,000 each; a deviation is 95.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
        let mean = (0..100_000).fold(0.0, |sum, _| sum + random.unit()) / 1e5;
        assert!((mean - 0.5).abs() < 0.005);
        assert_eq!(random.below(1), 0);
        assert_eq!(random.below(0), 0);
    }
}
