//! Volume oscillator.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const VOSC: Indicator =
    Indicator::new("vosc", Group::Volume, "short minus long mean of volume, in percent of the long", |p| {
        rows(Oscillator { short: Sma::new(p[0] as usize), long: Sma::new(p[1] as usize) })
    })
    .source("Tulip Indicators; 0 where nothing was traded")
    .inputs(&["volume"])
    .params(&[Param::period("shortperiod", 2, 1), Param::period("longperiod", 5, 1)])
    .first(|p| p[0].max(p[1]) as usize - 1);

#[derive(Clone)]
struct Oscillator {
    short: Sma,
    long: Sma,
}

impl Step<1, 1> for Oscillator {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        let ([short], [long]) = (self.short.step(x), self.long.step(x));
        [if long == 0.0 && !short.is_nan() { 0.0 } else { 100.0 * (short - long) / long }]
    }
}

impl State for Oscillator {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.short, &mut self.long])
    }
}
