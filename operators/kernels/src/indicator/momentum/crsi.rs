//! Connors' relative strength index.

use super::Rsi;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Order;

pub(super) const CRSI: Indicator = Indicator::new(
    "crsi",
    Group::Momentum,
    "mean of the rsi of the price, the rsi of its streak, and the rank of its change",
    |p| rows(Crsi::new(p)),
)
.source("Connors and Alvarez (2012): a streak counts rows in one direction, 0 where nothing moved")
.params(&[Param::period("rsiperiod", 3, 2), Param::period("streakperiod", 2, 2), Param::period("rankperiod", 100, 2)])
.class(Class::Converging)
.first(|p| (p[0].max(p[1] + 1.0).max(p[2] + 1.0)) as usize)
.settle(|p| forget_wilder(p[0].max(p[1])));

#[derive(Clone)]
struct Crsi {
    n: f64,
    /// The value before; NaN before the first.
    last: f64,
    streak: f64,
    price: Rsi,
    streaks: Rsi,
    changes: Order,
}

impl Crsi {
    fn new(p: &[f64]) -> Self {
        Self {
            n: p[2],
            last: f64::NAN,
            streak: 0.0,
            price: Rsi::new(p[0] as usize),
            streaks: Rsi::new(p[1] as usize),
            changes: Order::new(p[2] as usize),
        }
    }
}

impl Step<1, 1> for Crsi {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let [price] = self.price.step([x]);
        let last = std::mem::replace(&mut self.last, x);
        if last.is_nan() {
            return [f64::NAN];
        }
        self.streak = if x > last {
            self.streak.max(0.0) + 1.0
        } else if x < last {
            self.streak.min(0.0) - 1.0
        } else {
            0.0
        };
        let [streak] = self.streaks.step([self.streak]);
        let change = if last == 0.0 { 0.0 } else { x / last - 1.0 };
        let full = self.changes.sorted().is_some();
        let rank = if full { self.changes.below(change) as f64 / self.n * 100.0 } else { f64::NAN };
        self.changes.push(change);
        [(price + streak + rank) / 3.0]
    }
}

impl State for Crsi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.streak, &mut self.price, &mut self.streaks, &mut self.changes])
    }
}
