//! Acceleration bands.

use super::Sma;
use super::donchian::BANDS;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const ACCBANDS: Indicator =
    Indicator::new("accbands", Group::Overlap, "means of close, and of high and low widened by the bar's range", |p| {
        rows(Bands { bands: std::array::from_fn(|_| Sma::new(p[0] as usize)) })
    })
    .source("Headley, Big Trends in Trading (2002); TA-Lib 0.8")
    .inputs(&["high", "low", "close"])
    .params(&[Param::period("timeperiod", 20, 2)])
    .outputs(BANDS)
    .first(|p| p[0] as usize - 1);

/// Means of the widened high, the close, and the widened low.
#[derive(Clone)]
struct Bands {
    bands: [Sma; 3],
}

/// High and low, each moved out by four times the range over the sum.
#[inline]
fn widened(high: f64, low: f64) -> [f64; 2] {
    let sum = high + low;
    let width = if sum != 0.0 { 4.0 * (high - low) / sum } else { 0.0 };
    [high * (1.0 + width), low * (1.0 - width)]
}

impl Step<3, 3> for Bands {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 3] {
        let [upper, lower] = widened(high, low);
        let [up, middle, down] = &mut self.bands;
        [up.step([upper])[0], middle.step([close])[0], down.step([lower])[0]]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [upper, middle, lower]: [&mut [f64]; 3]) {
        let rows = close.len();
        let (mut ups, mut downs) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (ups, downs) = (&mut ups[..rows], &mut downs[..rows]);
        for row in 0..rows {
            [ups[row], downs[row]] = widened(high[row], low[row]);
        }
        self.bands[0].column([ups], [upper]);
        self.bands[1].column([close], [middle]);
        self.bands[2].column([downs], [lower]);
    }
}

impl State for Bands {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.bands.state(io)
    }
}
