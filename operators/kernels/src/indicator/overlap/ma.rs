//! Moving average of a chosen type, and the types that other indicators offer.

use super::dema::{Dema, Tema};
use super::hma::{self, Hma};
use super::kama::{self, Kama};
use super::mama::{self, Mama};
use super::t3::T3Average;
use super::trima::triangle;
use super::zlema::{self, Zlema};
use super::{Sma, Wma, seeded};
use crate::indicator::compose::{Same, Then};
use crate::indicator::kernel::{Step, each_row, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget, forget_ema, forget_wilder};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

/// Names and numbers of the types, as TA-Lib's.
pub(crate) const MA_TYPES: &[(&str, f64)] = &[
    ("sma", 0.0),
    ("ema", 1.0),
    ("wma", 2.0),
    ("dema", 3.0),
    ("tema", 4.0),
    ("trima", 5.0),
    ("kama", 6.0),
    ("mama", 7.0),
    ("t3", 8.0),
    ("hma", 9.0),
    ("disabled", 10.0),
    ("zlema", 12.0),
    ("rma", 13.0),
];

pub(super) const MA: Indicator =
    Indicator::new("ma", Group::Overlap, "moving average of the type matype", |p| rows(Ma::new(p[0], p[1])))
        .source("TA-Lib 0.8; mama has limits 0.5 and 0.05 and ignores the period, t3 has vfactor 0.7")
        .params(&[Param::period("timeperiod", 30, 1), Param::choice("matype", 0.0, MA_TYPES)])
        .class(Class::Converging)
        .first(|p| Ma::lookback(p[0], p[1]))
        .settle(|p| Ma::settle(p[0], p[1]));

/// A moving average of a type chosen by number.
#[derive(Clone)]
pub(crate) enum Ma {
    Same(Same),
    Sma(Sma),
    Average(Box<Average>),
    Wma(Wma),
    Dema(Box<Dema>),
    Tema(Box<Tema>),
    Trima(Box<Then<Sma, Sma>>),
    Kama(Box<Kama>),
    Mama(Box<First>),
    T3(Box<T3Average>),
    Hma(Box<Hma>),
    Zlema(Box<Zlema>),
}

impl Ma {
    /// Of `n` bars and the type with number `kind` in [`MA_TYPES`]; one bar smooths nothing, whatever the type.
    pub(crate) fn new(n: f64, kind: f64) -> Self {
        let bars = n as usize;
        if bars <= 1 {
            return Self::Same(Same);
        }
        match kind as u8 {
            0 => Self::Sma(Sma::new(bars)),
            1 => Self::Average(Box::new(Average::ema(bars))),
            2 => Self::Wma(Wma::new(bars)),
            3 => Self::Dema(Box::new(Dema::new(n, 0.0))),
            4 => Self::Tema(Box::new(Tema::new(n, 0.0))),
            5 => Self::Trima(Box::new(triangle(bars))),
            6 => Self::Kama(Box::new(Kama::new(bars))),
            7 => Self::Mama(Box::new(First(Mama::new(0.5, 0.05)))),
            8 => Self::T3(Box::new(T3Average::new(bars, 0.7))),
            9 => Self::Hma(Box::new(Hma::new(bars))),
            12 => Self::Zlema(Box::new(Zlema::new(bars))),
            13 => Self::Average(Box::new(Average::wilder(bars))),
            _ => Self::Same(Same),
        }
    }

    /// The exponential average of `n` bars that begins with the first value.
    pub(crate) fn from_first(n: f64) -> Self {
        Self::Average(Box::new(seeded(n, 1.0)))
    }

    /// Rows before the first value.
    pub(crate) fn lookback(n: f64, kind: f64) -> usize {
        let bars = n as usize;
        if bars <= 1 {
            return 0;
        }
        match kind as u8 {
            3 => 2 * (bars - 1),
            4 => 3 * (bars - 1),
            6 => kama::lookback(bars),
            7 => mama::LOOKBACK,
            8 => 6 * (bars - 1),
            9 => hma::lookback(bars),
            10 => 0,
            12 => zlema::lookback(bars),
            _ => bars - 1,
        }
    }

    /// Rows after the first value until the seed no longer matters.
    pub(crate) fn settle(n: f64, kind: f64) -> usize {
        if n <= 1.0 {
            return 0;
        }
        match kind as u8 {
            1 | 12 => forget_ema(n),
            3 => 2 * forget_ema(n),
            4 => 3 * forget_ema(n),
            6 => forget((2.0f64 / 31.0).powi(2)),
            7 => forget(0.05),
            8 => 6 * forget_ema(n),
            13 => forget_wilder(n),
            _ => 0,
        }
    }
}

impl Step<1, 1> for Ma {
    #[inline(never)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        match self {
            Ma::Same(ma) => ma.step(x),
            Ma::Sma(ma) => ma.step(x),
            Ma::Average(ma) => ma.step(x),
            Ma::Wma(ma) => ma.step(x),
            Ma::Dema(ma) => ma.step(x),
            Ma::Tema(ma) => ma.step(x),
            Ma::Trima(ma) => ma.step(x),
            Ma::Kama(ma) => ma.step(x),
            Ma::Mama(ma) => ma.step(x),
            Ma::T3(ma) => ma.step(x),
            Ma::Hma(ma) => ma.step(x),
            Ma::Zlema(ma) => ma.step(x),
        }
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 1], y: [&mut [f64]; 1]) {
        match self {
            Ma::Sma(ma) => ma.column(x, y),
            Ma::Average(ma) => Step::column(ma.as_mut(), x, y),
            _ => self.rarer(x, y),
        }
    }
}

impl Ma {
    /// Types that are seldom chosen: apart, so that not every indicator with a choice of types contains all of them.
    #[inline(never)]
    fn rarer(&mut self, x: [&[f64]; 1], y: [&mut [f64]; 1]) {
        match self {
            Ma::Same(ma) => ma.column(x, y),
            Ma::Sma(ma) => ma.column(x, y),
            Ma::Average(ma) => Step::column(ma.as_mut(), x, y),
            Ma::Wma(ma) => ma.column(x, y),
            Ma::Dema(ma) => ma.column(x, y),
            Ma::Tema(ma) => ma.column(x, y),
            Ma::Trima(ma) => ma.column(x, y),
            Ma::Kama(ma) => ma.column(x, y),
            Ma::Mama(ma) => each_row(ma.as_mut(), x, y),
            Ma::T3(ma) => ma.column(x, y),
            Ma::Hma(ma) => ma.column(x, y),
            Ma::Zlema(ma) => ma.column(x, y),
        }
    }
}

impl State for Ma {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match self {
            Ma::Same(ma) => ma.state(io),
            Ma::Sma(ma) => ma.state(io),
            Ma::Average(ma) => ma.state(io),
            Ma::Wma(ma) => ma.state(io),
            Ma::Dema(ma) => ma.state(io),
            Ma::Tema(ma) => ma.state(io),
            Ma::Trima(ma) => ma.state(io),
            Ma::Kama(ma) => ma.state(io),
            Ma::Mama(ma) => ma.state(io),
            Ma::T3(ma) => ma.state(io),
            Ma::Hma(ma) => ma.state(io),
            Ma::Zlema(ma) => ma.state(io),
        }
    }
}

/// The first of the two averages of [`Mama`].
#[derive(Clone)]
pub(crate) struct First(Mama);

impl Step<1, 1> for First {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        [self.0.step(x)[0]]
    }
}

impl State for First {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.0.state(io)
    }
}
