//! Mass index.

use crate::indicator::compose::{Over, Then, feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Sum};

pub(super) const MASSI: Indicator =
    Indicator::new("massi", Group::Volatility, "sum of ema over ema of ema, of high - low", |p| {
        let ratio = Ratio { one: Average::ema(p[0] as usize), two: Average::ema(p[0] as usize) };
        rows(Over::new(|[high, low]: [f64; 2]| high - low, Then(ratio, Sum::new(p[1] as usize))))
    })
    .source("Dorsey (1992); TA-Lib 0.8: the ratio is 1 where there is no range")
    .inputs(&["high", "low"])
    .params(&[Param::period("fastperiod", 9, 2), Param::period("slowperiod", 25, 2)])
    .class(Class::Converging)
    .first(|p| 2 * (p[0] as usize - 1) + p[1] as usize - 1)
    .settle(|p| 2 * forget_ema(p[0]));

/// An average over the average of itself.
#[derive(Clone)]
struct Ratio {
    one: Average,
    two: Average,
}

#[inline]
fn ratio(one: f64, two: f64) -> f64 {
    if two == 0.0 { 1.0 } else { one / two }
}

impl Step<1, 1> for Ratio {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let one = self.one.push(x);
        [ratio(one, feed(&mut self.two, one))]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut ones = [0.0; BLOCK];
        let ones = &mut ones[..y.len()];
        self.one.column(x, ones);
        feed_column(&mut self.two, ones, y);
        for (y, one) in y.iter_mut().zip(ones) {
            *y = ratio(*one, *y);
        }
    }
}

impl State for Ratio {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.one, &mut self.two])
    }
}
