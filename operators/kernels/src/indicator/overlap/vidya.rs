//! Variable index dynamic average.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::{Param, ParamError};
use crate::indicator::registry::{Class, Group, Indicator, forget};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Moments;

pub(super) const VIDYA: Indicator =
    Indicator::new("vidya", Group::Overlap, "exponential average, faster when short deviation exceeds long", |p| {
        rows(Vidya::new(p))
    })
    .source("Chande (1992); Tulip Indicators: begins with the value longperiod - 2")
    .params(&[
        Param::period("shortperiod", 2, 1),
        Param::period("longperiod", 5, 2),
        Param::float("alpha", 0.2, 0.0, 1.0),
    ])
    .class(Class::Converging)
    .fits(|p| {
        if p[0] <= p[1] {
            return Ok(());
        }
        let (value, limit) = (p[0], p[1]);
        Err(ParamError::Order { indicator: "vidya", argument: "shortperiod", other: "longperiod", value, limit })
    })
    .first(|p| p[1] as usize - 2)
    .settle(|p| if p[2] > 0.0 { forget((p[2] / 2.0).min(0.99)) } else { 0 });

#[derive(Clone)]
struct Vidya {
    alpha: f64,
    short: Moments,
    long: Moments,
    /// Rows until the first value.
    wait: u64,
    y: f64,
}

impl Vidya {
    fn new(p: &[f64]) -> Self {
        let (short, long) = (Moments::new(p[0] as usize), Moments::new(p[1] as usize));
        Self { alpha: p[2], short, long, wait: p[1] as u64 - 2, y: f64::NAN }
    }
}

impl Step<1, 1> for Vidya {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let (_, short) = self.short.push(x);
        let (_, long) = self.long.push(x);
        if self.wait > 0 {
            self.wait -= 1;
            return [f64::NAN];
        }
        if long.is_nan() {
            self.y = x;
            return [x];
        }
        let ratio = if long > 0.0 { (short / long).sqrt() } else { 0.0 };
        self.y += (x - self.y) * (ratio * self.alpha);
        [self.y]
    }
}

impl State for Vidya {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.short, &mut self.long, &mut self.wait, &mut self.y])
    }
}
