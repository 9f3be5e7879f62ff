//! Mean absolute deviation from the mean.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Window;

pub(super) const AVGDEV: Indicator =
    Indicator::new("avgdev", Group::Price, "mean distance of the last timeperiod values from their mean", |p| {
        rows(Deviation::new(p[0] as usize))
    })
    .params(&[Param::period("timeperiod", 14, 2)])
    .first(|p| p[0] as usize - 1);

/// Sums run in this many lanes, whatever the processor.
const LANES: usize = 4;

/// Mean and mean absolute deviation of a window, both computed afresh on each row.
#[derive(Clone)]
pub(crate) struct Deviation {
    window: Window,
}

impl Deviation {
    pub(crate) fn new(n: usize) -> Self {
        Self { window: Window::new(n) }
    }

    /// Takes the next value; mean and mean deviation, NaN before there are enough values.
    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> (f64, f64) {
        let Some(values) = self.window.push(x) else { return (f64::NAN, f64::NAN) };
        let n = values.len() as f64;
        let mean = x + sum(values, |value| value - x) / n;
        (mean, sum(values, |value| (value - mean).abs()) / n)
    }

    /// `push` for each value of `x`.
    pub(crate) fn column(&mut self, x: &[f64], means: &mut [f64], deviations: &mut [f64]) {
        for row in 0..x.len() {
            (means[row], deviations[row]) = self.push(x[row]);
        }
    }
}

#[inline(always)]
fn sum(values: &[f64], made: impl Fn(f64) -> f64) -> f64 {
    let (groups, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for group in groups {
        for lane in 0..LANES {
            lanes[lane] += made(group[lane]);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += made(*value);
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

impl Step<1, 1> for Deviation {
    #[inline]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.push(x).1]
    }
}

impl State for Deviation {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.window.state(io)
    }
}
