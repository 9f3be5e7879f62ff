//! Volume weighted moving average.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Sum;

pub(super) const VWMA: Indicator =
    Indicator::new("vwma", Group::Overlap, "mean of the last timeperiod values, weighted by volume", |p| {
        rows(Vwma { n: p[0] as usize, money: Sum::new(p[0] as usize), volume: Sum::new(p[0] as usize) })
    })
    .source("TA-Lib 0.8; NULL where nothing was traded in the whole window")
    .inputs(&["real", "volume"])
    .params(&[Param::period("timeperiod", 30, 1)])
    .first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Vwma {
    n: usize,
    money: Sum,
    volume: Sum,
}

impl Step<2, 1> for Vwma {
    #[inline(always)]
    fn step(&mut self, [x, volume]: [f64; 2]) -> [f64; 1] {
        if self.n == 1 {
            return [x];
        }
        [self.money.push(x * volume) / self.volume.push(volume)]
    }

    #[inline(always)]
    fn column(&mut self, [x, volume]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        if self.n == 1 {
            return y.copy_from_slice(x);
        }
        let rows = y.len();
        let (mut money, mut volumes) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (money, volumes) = (&mut money[..rows], &mut volumes[..rows]);
        for row in 0..rows {
            money[row] = x[row] * volume[row];
        }
        self.money.column(money, y);
        self.volume.column(volume, volumes);
        for (y, volume) in y.iter_mut().zip(volumes) {
            *y /= *volume;
        }
    }
}

impl State for Vwma {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.money, &mut self.volume])
    }
}
