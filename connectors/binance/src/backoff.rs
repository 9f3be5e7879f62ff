//! Pauses that grow, with jitter from an injected seed.

use std::time::Duration;

/// A small deterministic generator (SplitMix64, Steele et al. 2014): jitter only, never a result.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// A generator that repeats itself for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A span between `least` and `most`.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.unit())
    }
}

/// Pauses of `first`, twice that, and so on up to `longest`, each shortened at random.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    jitter: Jitter,
}

impl Backoff {
    /// Starts at `first`.
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, jitter: Jitter::new(seed) }
    }

    fn ceiling(&mut self) -> Duration {
        let ceiling = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        ceiling
    }

    /// Anything from nothing to the current ceiling: for many clients that lost the same server.
    pub fn full(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.jitter.between(Duration::ZERO, ceiling)
    }

    /// The current ceiling, up to half as much on top: for one request that is tried again.
    pub fn added(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.jitter.between(ceiling, ceiling + ceiling / 2)
    }

    /// The generator behind the pauses.
    pub fn jitter(&mut self) -> &mut Jitter {
        &mut self.jitter
    }

    /// Back to the first pause.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_again() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, longest, 7);
        for ceiling in [1, 2, 4, 5, 5].map(Duration::from_secs) {
            let pause = backoff.added();
            assert!(pause >= ceiling && pause <= ceiling * 3 / 2, "{pause:?} for {ceiling:?}");
        }
        backoff.reset();
        assert!(backoff.full() <= first);
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses() {
        let pauses = |seed| {
            let mut jitter = Jitter::new(seed);
            (0..100).map(|_| jitter.unit()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
        let mean = pauses(3).iter().sum::<f64>() / 100.0;
        assert!(pauses(3).iter().all(|u| (0.0..1.0).contains(u)) && (0.35..0.65).contains(&mean), "{mean}");
    }
}
