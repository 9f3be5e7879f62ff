//! Random numbers of the made-up market: normal, fat-tailed, clustered. Only `+ - * /` and square roots.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// The stream of the part that all symbols share.
pub(super) const COMMON: u64 = 0x636f_6d6d_6f6e;
/// What sets a symbol's second stream apart from its first.
pub(super) const DETAILS: u64 = 0x6465_7461_696c;

/// The stream of a symbol: FNV-1a of its name.
pub(super) fn stream(symbol: &str) -> u64 {
    symbol.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

/// Normal and fat-tailed deviates.
#[derive(Debug)]
pub(super) struct Noise(ChaCha8Rng);

impl Noise {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&stream.to_le_bytes());
        key[16..].copy_from_slice(b"candleflowmarket");
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Nearly normal with variance 1: how many of 64 coins show heads, smeared over the gap to the next number.
    pub(super) fn normal(&mut self) -> f64 {
        const HEADS: f64 = 32.0;
        const SPREAD: f64 = 4.0;
        let heads = f64::from(self.0.next_u64().count_ones());
        let smear = f64::from(self.0.next_u32()) / 4_294_967_296.0 - 0.5;
        (heads - HEADS + smear) / SPREAD
    }

    /// Student's t with five degrees of freedom, scaled to variance 1.
    fn fat(&mut self) -> f64 {
        const FREEDOM: f64 = 5.0;
        let z = self.normal();
        let mut squares = 0.0;
        for _ in 0..5 {
            let x = self.normal();
            squares += x * x;
        }
        // The variance of t is n / (n - 2).
        z / (squares / FREEDOM).sqrt() * ((FREEDOM - 2.0) / FREEDOM).sqrt()
    }
}

/// Returns whose volatility clusters: GARCH(1,1) with a long-run variance of 1.
#[derive(Debug)]
pub(super) struct Clustered {
    noise: Noise,
    variance: f64,
    last: f64,
}

impl Clustered {
    const SHOCK: f64 = 0.10;
    const MEMORY: f64 = 0.88;
    /// A storm does not outgrow this many times the usual variance.
    const WORST: f64 = 60.0;

    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self { noise: Noise::new(seed, stream), variance: 1.0, last: 1.0 }
    }

    pub(super) fn next(&mut self) -> f64 {
        let calm = 1.0 - Self::SHOCK - Self::MEMORY;
        self.variance = (calm + Self::SHOCK * self.last * self.last + Self::MEMORY * self.variance).min(Self::WORST);
        self.last = self.variance.sqrt() * self.noise.fat();
        self.last
    }

    /// The variance that the last value was drawn with.
    pub(super) fn variance(&self) -> f64 {
        self.variance
    }
}
