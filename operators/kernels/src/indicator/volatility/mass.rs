//! Mass index as Tulip defines it: averages of nine bars, seeded with the first value.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Sum};

pub(super) const MASS: Indicator =
    Indicator::new("mass", Group::Volatility, "sum of ema over ema of ema, of high - low, of nine bars", |p| {
        let nine = || Average::new(0.2, 1);
        rows(Mass { row: 0, one: nine(), two: nine(), sum: Sum::new(p[0] as usize) })
    })
    .source("Dorsey (1992); Tulip Indicators; massi is TA-Lib's, seeded with means")
    .inputs(&["high", "low"])
    .params(&[Param::period("timeperiod", 25, 1)])
    .class(Class::Converging)
    .first(|p| 15 + p[0] as usize)
    .settle(|_| 2 * forget_ema(9.0));

#[derive(Clone)]
struct Mass {
    row: u64,
    one: Average,
    two: Average,
    sum: Sum,
}

impl Step<2, 1> for Mass {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        let row = self.row;
        self.row += 1;
        let one = self.one.push(high - low);
        if row < 8 {
            return [f64::NAN];
        }
        let two = self.two.push(one);
        if row < 16 {
            return [f64::NAN];
        }
        [self.sum.push(if two == 0.0 { 1.0 } else { one / two })]
    }
}

impl State for Mass {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.row, &mut self.one, &mut self.two, &mut self.sum])
    }
}
