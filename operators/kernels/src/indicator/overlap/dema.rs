//! Double and triple exponential moving average: less lag by subtracting averages of averages.

use super::ema::seeded;
use crate::indicator::compose::{Late, feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

const SOURCE: &str = "Mulloy (1994); TA-Lib 0.8; compat tulip: averages begin with one value, on the same rows";

pub(super) const DEMA: Indicator =
    Indicator::new("dema", Group::Overlap, "2 ema - ema of ema", |p| rows(Dema::new(p[0], p[1])))
        .source(SOURCE)
        .params(&[Param::period("timeperiod", 30, 1), COMPAT])
        .class(Class::Converging)
        .first(|p| 2 * (p[0] as usize - 1))
        .settle(|p| 2 * forget_ema(p[0]));

pub(super) const TEMA: Indicator =
    Indicator::new("tema", Group::Overlap, "3 ema - 3 ema of ema + ema of ema of ema", |p| rows(Tema::new(p[0], p[1])))
        .source(SOURCE)
        .params(&[Param::period("timeperiod", 30, 1), COMPAT])
        .class(Class::Converging)
        .first(|p| 3 * (p[0] as usize - 1))
        .settle(|p| 3 * forget_ema(p[0]));

/// An average with its first value on row `n - 1`, however it is seeded.
pub(crate) fn stage(n: f64, compat: f64) -> Late<Average> {
    Late::new(if compat == 0.0 { 0 } else { n as usize - 1 }, seeded(n, compat))
}

/// Double exponential average.
#[derive(Clone)]
pub(crate) struct Dema {
    one: Late<Average>,
    two: Late<Average>,
}

impl Dema {
    pub(crate) fn new(n: f64, compat: f64) -> Self {
        Self { one: stage(n, compat), two: stage(n, compat) }
    }
}

impl Step<1, 1> for Dema {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        let [one] = self.one.step(x);
        let two = feed(&mut self.two, one);
        [2.0 * one - two]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut one = [0.0; BLOCK];
        let one = &mut one[..y.len()];
        self.one.column([x], [&mut *one]);
        feed_column(&mut self.two, one, y);
        for (y, one) in y.iter_mut().zip(one) {
            *y = 2.0 * *one - *y;
        }
    }
}

impl State for Dema {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.one, &mut self.two])
    }
}

/// Triple exponential average.
#[derive(Clone)]
pub(crate) struct Tema {
    one: Late<Average>,
    two: Late<Average>,
    three: Late<Average>,
}

impl Tema {
    pub(crate) fn new(n: f64, compat: f64) -> Self {
        Self { one: stage(n, compat), two: stage(n, compat), three: stage(n, compat) }
    }
}

impl Step<1, 1> for Tema {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        let [one] = self.one.step(x);
        let two = feed(&mut self.two, one);
        let three = feed(&mut self.three, two);
        [three + (3.0 * one - 3.0 * two)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let (mut one, mut two) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (one, two) = (&mut one[..y.len()], &mut two[..y.len()]);
        self.one.column([x], [&mut *one]);
        feed_column(&mut self.two, one, two);
        feed_column(&mut self.three, two, y);
        for ((y, one), two) in y.iter_mut().zip(one).zip(two) {
            *y += 3.0 * *one - 3.0 * *two;
        }
    }
}

impl State for Tema {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.one, &mut self.two, &mut self.three])
    }
}
