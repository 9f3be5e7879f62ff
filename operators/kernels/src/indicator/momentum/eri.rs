//! Elder ray index.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const ERI: Indicator =
    Indicator::new("eri", Group::Momentum, "high and low minus the exponential average of close", |p| {
        rows(Eri { average: Average::ema(p[0] as usize) })
    })
    .source("Elder, Trading for a Living (1993); TA-Lib 0.8")
    .inputs(&["high", "low", "close"])
    .params(&[Param::period("timeperiod", 13, 1)])
    .outputs(&[real("bull").or("bullpower"), real("bear").or("bearpower")])
    .class(Class::Converging)
    .first(|p| p[0] as usize - 1)
    .settle(|p| forget_ema(p[0]));

#[derive(Clone)]
struct Eri {
    average: Average,
}

impl Step<3, 2> for Eri {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let average = self.average.push(close);
        [high - average, low - average]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [bull, bear]: [&mut [f64]; 2]) {
        let mut averages = [0.0; BLOCK];
        let averages = &mut averages[..close.len()];
        self.average.column(close, averages);
        for row in 0..close.len() {
            bull[row] = high[row] - averages[row];
            bear[row] = low[row] - averages[row];
        }
    }
}

impl State for Eri {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.average.state(io)
    }
}
