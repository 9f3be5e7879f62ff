//! Order statistics of a window.

use crate::indicator::kernel::{BLOCK, Step, each_row, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Order, Window};
use std::array;

pub(super) const PERCENTILE: Indicator =
    Indicator::new("percentile", Group::Statistic, "smallest value with percentile percent at or below it", |p| {
        rows(Percentile::new(p[0], p[1]))
    })
    .source("nearest rank; TA-Lib 0.8")
    .params(&[Param::period("timeperiod", 30, 2), Param::float("percentile", 50.0, 0.0, 100.0)])
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

pub(super) const PERCENTRANK: Indicator =
    Indicator::new("percentrank", Group::Statistic, "share of the timeperiod values before that are smaller", |p| {
        rows(Rank::new(p[0]))
    })
    .params(&[Param::period("timeperiod", 100, 2)])
    .class(Class::Exact)
    .first(|p| p[0] as usize);

#[derive(Clone)]
struct Percentile {
    rank: usize,
    order: Order,
}

impl Percentile {
    fn new(n: f64, percentile: f64) -> Self {
        let rank = (percentile * n / 100.0).ceil().clamp(1.0, n) as usize - 1;
        Self { rank, order: Order::new(n as usize) }
    }
}

impl Step<1, 1> for Percentile {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.order.push(x).map_or(f64::NAN, |sorted| sorted[self.rank])]
    }
}

impl State for Percentile {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.order.state(io)
    }
}

/// Longest window whose values are all looked at, which is faster than to keep them in order.
const COUNTED: usize = 512;
/// Windows that are looked at side by side.
const LANES: usize = 16;

#[derive(Clone)]
struct Rank {
    n: f64,
    past: Past,
}

#[derive(Clone)]
enum Past {
    Counted(Window),
    Ordered(Order),
}

impl Rank {
    fn new(n: f64) -> Self {
        let bars = n as usize;
        let past = if bars <= COUNTED { Past::Counted(Window::new(bars)) } else { Past::Ordered(Order::new(bars)) };
        Self { n, past }
    }
}

impl Step<1, 1> for Rank {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let below = match &mut self.past {
            Past::Counted(window) => {
                let mut below = 0_u64;
                for &value in window.last() {
                    below += u64::from(value < x);
                }
                let full = window.full();
                window.push(x);
                full.then_some(below as usize)
            }
            Past::Ordered(order) => {
                let below = order.sorted().is_some().then(|| order.below(x));
                order.push(x);
                below
            }
        };
        [below.map_or(f64::NAN, |below| below as f64 / self.n * 100.0)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let Past::Counted(window) = &mut self.past else { return each_row(self, [x], [y]) };
        let (n, rows) = (window.len(), x.len());
        // The window of a row ends before it: one more value in front than `head` lays out.
        let mut line = [0.0; COUNTED + BLOCK + LANES];
        let (oldest, full) = (window.oldest(), window.full());
        let early = window.line(x, 0.0, &mut line[1..]) + usize::from(!full);
        line[0] = oldest;
        let mut row = 0;
        while row < rows {
            let values: [f64; LANES] = lanes(&line, n + row);
            let mut below = [0.0; LANES];
            for at in row..row + n {
                let past: [f64; LANES] = lanes(&line, at);
                for lane in 0..LANES {
                    below[lane] += if past[lane] < values[lane] { 1.0 } else { 0.0 };
                }
            }
            for (y, below) in y[row..].iter_mut().zip(below) {
                *y = below / self.n * 100.0;
            }
            row += LANES;
        }
        y[..early.min(rows)].fill(f64::NAN);
    }
}

#[inline(always)]
fn lanes(line: &[f64], from: usize) -> [f64; LANES] {
    let part = &line[from..from + LANES];
    array::from_fn(|lane| part[lane])
}

impl State for Rank {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match &mut self.past {
            Past::Counted(window) => window.state(io),
            Past::Ordered(order) => order.state(io),
        }
    }
}
