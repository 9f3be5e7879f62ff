//! What symbols of the made-up market cost, in which steps, and how lively they are.

use super::noise::stream;
use crate::instrument::Instrument;
use std::cmp::Ordering;

/// How a symbol is made up. Prices and steps are scaled by 10^8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Profile {
    pub(super) price: i64,
    pub(super) tick: i64,
    pub(super) step: i64,
    /// Volatility beside the usual.
    pub(super) liveliness: f64,
    /// Quote asset traded in a usual minute.
    pub(super) turnover: f64,
}

const ONE: i64 = 100_000_000;

/// name, price, tick, step, liveliness, turnover a minute
const KNOWN: [(&str, i64, i64, i64, f64, f64); 14] = [
    ("BTCUSDT", 60_000 * ONE, ONE / 100, ONE / 100_000, 1.0, 900_000.0),
    ("ETHUSDT", 3_000 * ONE, ONE / 100, ONE / 10_000, 1.2, 600_000.0),
    ("BNBUSDT", 550 * ONE, ONE / 100, ONE / 1_000, 1.1, 120_000.0),
    ("SOLUSDT", 150 * ONE, ONE / 100, ONE / 1_000, 1.6, 300_000.0),
    ("XRPUSDT", ONE / 2, ONE / 10_000, ONE / 10, 1.5, 200_000.0),
    ("ADAUSDT", ONE * 45 / 100, ONE / 10_000, ONE / 10, 1.5, 80_000.0),
    ("DOGEUSDT", ONE * 12 / 100, ONE / 100_000, ONE, 1.8, 150_000.0),
    ("LTCUSDT", 80 * ONE, ONE / 100, ONE / 1_000, 1.3, 40_000.0),
    ("LINKUSDT", 14 * ONE, ONE / 100, ONE / 100, 1.5, 40_000.0),
    ("DOTUSDT", 6 * ONE, ONE / 1_000, ONE / 100, 1.5, 30_000.0),
    ("AVAXUSDT", 30 * ONE, ONE / 100, ONE / 100, 1.7, 40_000.0),
    ("TRXUSDT", ONE * 12 / 100, ONE / 10_000, ONE / 10, 0.9, 50_000.0),
    ("BCHUSDT", 380 * ONE, ONE / 10, ONE / 1_000, 1.5, 30_000.0),
    ("ETHBTC", ONE * 5 / 100, ONE / 100_000, ONE / 10_000, 0.7, 2.0),
];

impl Profile {
    /// The profile of a symbol; one that the real exchange's list here lacks gets one from its name.
    pub(super) fn of(symbol: &str) -> Self {
        if let Some(&(_, price, tick, step, liveliness, turnover)) = KNOWN.iter().find(|(name, ..)| *name == symbol) {
            return Self { price, tick, step, liveliness, turnover };
        }
        let dice = stream(symbol);
        // From 0.001 to 1000 of the quote asset, in five digits.
        let magnitude = 10i64.pow((dice % 6) as u32);
        let price = ONE / 1_000 * magnitude * (1 + (dice >> 8) as i64 % 9);
        let tick = (ONE / 1_000 * magnitude / 10_000).max(1);
        // A lot is worth between a hundredth and a tenth of the quote asset.
        let mut step = 1;
        while i128::from(step) * i128::from(price) < i128::from(ONE / 100) * i128::from(ONE)
            && step.cmp(&(ONE * 100)) == Ordering::Less
        {
            step *= 10;
        }
        let liveliness = 1.2 + ((dice >> 16) % 10) as f64 / 10.0;
        let turnover = 5_000.0 * (1 + (dice >> 24) % 12) as f64;
        Self { price, tick, step, liveliness, turnover }
    }

    pub(super) fn instrument(&self, symbol: &str) -> Instrument {
        Instrument::new(symbol, self.tick, self.step)
    }
}
