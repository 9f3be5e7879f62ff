//! Volume weighted average price since the first bar.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::price::typical;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Cumulative;

pub(super) const VWAP: Indicator =
    Indicator::new("vwap", Group::Volume, "mean typical price since the first bar, weighted by volume", |_| {
        rows(Vwap::default())
    })
    .source("TA-Lib 0.8: 0 before anything was traded; vwap_session and vwap_anchored begin anew")
    .inputs(&["high", "low", "close", "volume"])
    .class(Class::PathDependent);

#[derive(Clone, Default)]
struct Vwap {
    money: Cumulative,
    volume: Cumulative,
}

#[inline]
fn ratio(money: f64, volume: f64) -> f64 {
    if volume > 0.0 { money / volume } else { 0.0 }
}

impl Step<4, 1> for Vwap {
    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 1] {
        [ratio(self.money.push(typical([high, low, close]) * volume), self.volume.push(volume))]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close, volume]: [&[f64]; 4], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let mut volumes = [0.0; BLOCK];
        let volumes = &mut volumes[..rows];
        for row in 0..rows {
            y[row] = typical([high[row], low[row], close[row]]) * volume[row];
        }
        volumes.copy_from_slice(volume);
        self.money.column(y);
        self.volume.column(volumes);
        for row in 0..rows {
            y[row] = ratio(y[row], volumes[row]);
        }
    }
}

impl State for Vwap {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.money, &mut self.volume])
    }
}

pub(super) const VWAP_SESSION: Indicator =
    Indicator::new("vwap_session", Group::Volume, "mean typical price of the session, weighted by volume", |_| {
        rows(Session { session: f64::NAN, vwap: Vwap::default() })
    })
    .source("begins anew where the number in the column session changes; NULL before anything was traded in it")
    .inputs(&["high", "low", "close", "volume", "session"])
    .class(Class::PathDependent);

pub(super) const VWAP_ANCHORED: Indicator =
    Indicator::new("vwap_anchored", Group::Volume, "mean typical price since the anchor, weighted by volume", |_| {
        rows(Anchored { begun: false, vwap: Vwap::default() })
    })
    .source("begins anew where the column anchor is not 0; NULL before the first anchor")
    .inputs(&["high", "low", "close", "volume", "anchor"])
    .class(Class::PathDependent);

/// The price so far; NaN where nothing was traded.
fn traded(y: f64) -> f64 {
    if y == 0.0 { f64::NAN } else { y }
}

#[derive(Clone)]
struct Session {
    /// The session of the row before; NaN before the first.
    session: f64,
    vwap: Vwap,
}

impl Step<5, 1> for Session {
    #[inline(always)]
    fn step(&mut self, [high, low, close, volume, session]: [f64; 5]) -> [f64; 1] {
        if session != self.session {
            self.session = session;
            self.vwap = Vwap::default();
        }
        let [y] = self.vwap.step([high, low, close, volume]);
        [traded(y)]
    }
}

impl State for Session {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.session, &mut self.vwap])
    }
}

#[derive(Clone)]
struct Anchored {
    begun: bool,
    vwap: Vwap,
}

impl Step<5, 1> for Anchored {
    #[inline(always)]
    fn step(&mut self, [high, low, close, volume, anchor]: [f64; 5]) -> [f64; 1] {
        if anchor != 0.0 {
            self.begun = true;
            self.vwap = Vwap::default();
        }
        if !self.begun {
            return [f64::NAN];
        }
        let [y] = self.vwap.step([high, low, close, volume]);
        [traded(y)]
    }
}

impl State for Anchored {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.begun, &mut self.vwap])
    }
}
