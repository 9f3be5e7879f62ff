//! Mean absolute deviation from the mean.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Window;
use std::array;

pub(super) const AVGDEV: Indicator =
    Indicator::new("avgdev", Group::Price, "mean distance of the last timeperiod values from their mean", |p| {
        rows(Deviation::new(p[0] as usize))
    })
    .params(&[Param::period("timeperiod", 14, 2)])
    .first(|p| p[0] as usize - 1);

/// Mean and mean absolute deviation of a window, both computed afresh on each row.
#[derive(Clone)]
pub(crate) struct Deviation {
    window: Window,
}

/// Values that a block reaches, itself included, where windows are walked side by side.
const LINE: usize = 2 * BLOCK + LANES;
/// Windows that are walked side by side.
const LANES: usize = 16;

impl Deviation {
    pub(crate) fn new(n: usize) -> Self {
        Self { window: Window::new(n) }
    }

    /// Takes the next value; mean and mean deviation, NaN before there are enough values.
    #[inline(always)]
    pub(crate) fn push(&mut self, x: f64) -> (f64, f64) {
        let Some(values) = self.window.push(x) else { return (f64::NAN, f64::NAN) };
        let share = 1.0 / values.len() as f64;
        let mean = x + values.iter().fold(0.0, |sum, value| sum + (value - x)) * share;
        (mean, values.iter().fold(0.0, |sum, value| sum + (value - mean).abs()) * share)
    }

    /// `push` for each value of `x`, at most [`BLOCK`].
    #[inline(always)]
    pub(crate) fn column(&mut self, x: &[f64], means: &mut [f64], deviations: &mut [f64]) {
        let (n, rows) = (self.window.len(), x.len());
        if n > BLOCK {
            for row in 0..rows {
                (means[row], deviations[row]) = self.push(x[row]);
            }
            return;
        }
        let mut line = [0.0; LINE];
        let early = self.window.line(x, 0.0, &mut line);
        let share = 1.0 / n as f64;
        let mut row = 0;
        while row < rows {
            let newest = lanes(&line, row + n - 1);
            let (mut mean, mut deviation) = ([0.0; LANES], [0.0; LANES]);
            for at in row..row + n {
                let values = lanes(&line, at);
                for lane in 0..LANES {
                    mean[lane] += values[lane] - newest[lane];
                }
            }
            for lane in 0..LANES {
                mean[lane] = newest[lane] + mean[lane] * share;
            }
            for at in row..row + n {
                let values = lanes(&line, at);
                for lane in 0..LANES {
                    deviation[lane] += (values[lane] - mean[lane]).abs();
                }
            }
            let whole = LANES.min(rows - row);
            for lane in 0..whole {
                means[row + lane] = mean[lane];
                deviations[row + lane] = deviation[lane] * share;
            }
            row += LANES;
        }
        means[..early].fill(f64::NAN);
        deviations[..early].fill(f64::NAN);
    }
}

#[inline(always)]
fn lanes(line: &[f64; LINE], from: usize) -> [f64; LANES] {
    let part = &line[from..from + LANES];
    array::from_fn(|lane| part[lane])
}

impl Step<1, 1> for Deviation {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.push(x).1]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut means = [0.0; BLOCK];
        Deviation::column(self, x, &mut means[..x.len()], y);
    }
}

impl State for Deviation {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.window.state(io)
    }
}
