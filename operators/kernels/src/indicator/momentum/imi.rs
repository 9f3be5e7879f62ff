//! Intraday momentum index.

use super::share;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Sum;

pub(super) const IMI: Indicator =
    Indicator::new("imi", Group::Momentum, "share of rising bodies in all candle bodies, 0 to 100", |p| {
        rows(Imi { up: Sum::new(p[0] as usize), down: Sum::new(p[0] as usize) })
    })
    .source("Chande; TA-Lib 0.8")
    .inputs(&["open", "close"])
    .params(&[Param::period("timeperiod", 14, 2)])
    .first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Imi {
    up: Sum,
    down: Sum,
}

#[inline]
fn sides(open: f64, close: f64) -> [f64; 2] {
    let body = close - open;
    let up = if body > 0.0 { body } else { 0.0 };
    [up, up - body]
}

impl Step<2, 1> for Imi {
    #[inline(always)]
    fn step(&mut self, [open, close]: [f64; 2]) -> [f64; 1] {
        let [up, down] = sides(open, close);
        [share(self.up.push(up), self.down.push(down))]
    }

    #[inline(always)]
    fn column(&mut self, [open, close]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut ups, mut downs, mut sums) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (ups, downs, sums) = (&mut ups[..rows], &mut downs[..rows], &mut sums[..rows]);
        for row in 0..rows {
            [ups[row], downs[row]] = sides(open[row], close[row]);
        }
        self.up.column(ups, sums);
        self.down.column(downs, y);
        for row in 0..rows {
            y[row] = share(sums[row], y[row]);
        }
    }
}

impl State for Imi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.up, &mut self.down])
    }
}
