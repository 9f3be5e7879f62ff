//! Rank of a value in its window, and interpolated quantiles.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Order;

pub(super) const RANK: Indicator = Indicator::new(
    "rank",
    Group::Statistic,
    "rank among the last timeperiod values, 1 to timeperiod, ties shared",
    |p| rows(Rank { order: Order::new(p[0] as usize) }),
)
.source("average rank: as pandas' rolling rank")
.params(&[Param::period("timeperiod", 20, 1)])
.class(Class::Exact)
.first(|p| p[0] as usize - 1);

pub(super) const QUANTILE: Indicator = Indicator::new(
    "quantile",
    Group::Statistic,
    "quantile of the last timeperiod values, between neighbours linear",
    |p| rows(Quantile { q: p[1], order: Order::new(p[0] as usize) }),
)
.source("linear interpolation: as pandas' and numpy's default")
.params(&[Param::period("timeperiod", 20, 1), Param::float("q", 0.5, 0.0, 1.0)])
.class(Class::Exact)
.first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Rank {
    order: Order,
}

impl Step<1, 1> for Rank {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let Some(sorted) = self.order.push(x) else { return [f64::NAN] };
        let below = sorted.partition_point(|&value| value < x);
        let upto = sorted.partition_point(|&value| value <= x);
        [(below + upto + 1) as f64 / 2.0]
    }
}

impl State for Rank {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.order.state(io)
    }
}

#[derive(Clone)]
struct Quantile {
    q: f64,
    order: Order,
}

impl Step<1, 1> for Quantile {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let q = self.q;
        let Some(sorted) = self.order.push(x) else { return [f64::NAN] };
        let place = q * (sorted.len() - 1) as f64;
        let below = place.floor() as usize;
        let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
        [low + (high - low) * (place - below as f64)]
    }
}

impl State for Quantile {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.order.state(io)
    }
}
