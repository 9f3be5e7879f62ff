//! Bollinger bands.

use super::donchian::BANDS;
use super::{MA_TYPES, Ma};
use crate::indicator::compose::feed;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Moments;

pub(super) const BBANDS: Indicator =
    Indicator::new("bbands", Group::Overlap, "average plus and minus standard deviations", |p| rows(Bands::new(p)))
        .source("Bollinger; TA-Lib 0.8: population standard deviation around the simple mean, 20 bars")
        .params(&[
            Param::period("timeperiod", 20, 2),
            Param::float("nbdevup", 2.0, -3e37, 3e37),
            Param::float("nbdevdn", 2.0, -3e37, 3e37),
            Param::choice("matype", 0.0, MA_TYPES),
        ])
        .outputs(BANDS)
        .class(Class::Converging)
        .first(|p| Ma::lookback(p[0], p[3]).max(p[0] as usize - 1))
        .settle(|p| Ma::settle(p[0], p[3]));

#[derive(Clone)]
struct Bands {
    up: f64,
    down: f64,
    moments: Moments,
    /// The middle, where it is not the mean that the deviation is taken around.
    middle: Option<Ma>,
}

impl Bands {
    fn new(p: &[f64]) -> Self {
        let middle = (p[3] != 0.0).then(|| Ma::new(p[0], p[3]));
        Self { up: p[1], down: p[2], moments: Moments::new(p[0] as usize), middle }
    }

    #[inline(always)]
    fn around(&self, middle: f64, variance: f64) -> [f64; 3] {
        let deviation = variance.sqrt();
        let upper = middle + deviation * self.up;
        [upper, if deviation.is_nan() { f64::NAN } else { middle }, middle - deviation * self.down]
    }
}

impl Step<1, 3> for Bands {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        let (mean, variance) = self.moments.push(x);
        let middle = self.middle.as_mut().map_or(mean, |average| feed(average, x));
        self.around(middle, if middle.is_nan() { f64::NAN } else { variance })
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [upper, middle, lower]: [&mut [f64]; 3]) {
        let mut variances = [0.0; BLOCK];
        let variances = &mut variances[..x.len()];
        self.moments.column(x, middle, variances);
        if let Some(average) = &mut self.middle {
            average.column([x], [middle]);
        }
        for row in 0..x.len() {
            let variance = if middle[row].is_nan() { f64::NAN } else { variances[row] };
            [upper[row], middle[row], lower[row]] = self.around(middle[row], variance);
        }
    }
}

impl State for Bands {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.moments, &mut self.middle])
    }
}
