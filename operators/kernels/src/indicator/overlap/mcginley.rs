//! McGinley dynamic.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const MCGINLEY: Indicator = Indicator::new(
    "mcginley",
    Group::Overlap,
    "average that catches up faster when the price falls away from it",
    |p| rows(McGinley { n: p[0], k: p[1], y: f64::NAN }),
)
.source("McGinley (1997): y + (x - y) / (k n (x / y)^4), begun with the first value")
.params(&[Param::period("timeperiod", 14, 1), Param::float("k", 0.6, 0.01, 100.0)])
.class(Class::Converging)
.settle(|p| (18.5 * p[0] * p[1]).ceil() as usize);

#[derive(Clone)]
struct McGinley {
    n: f64,
    k: f64,
    /// The average; NaN before the first value.
    y: f64,
}

impl Step<1, 1> for McGinley {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        if self.y.is_nan() || self.y == 0.0 {
            self.y = x;
            return [x];
        }
        let square = (x / self.y) * (x / self.y);
        // The step is at most the whole distance, where the ratio is so small that the formula would overshoot.
        let pace = (self.k * self.n * (square * square)).max(1.0);
        self.y += (x - self.y) / pace;
        [self.y]
    }
}

impl State for McGinley {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.y.state(io)
    }
}
