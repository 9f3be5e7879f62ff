//! Moving average whose period is a column.
//!
//! Of plain means only the one that a row asks for is made, of the values themselves. Other types remember, so that there
//! is one average for each period.

use super::{MA_TYPES, Ma};
use crate::indicator::compose::feed;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::{Param, ParamError};
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Window;

/// Longest period: where one average is kept for each period, the state grows with its square.
const LONGEST: usize = 1000;

/// Number of the type of plain means.
const SIMPLE: f64 = 0.0;

pub(super) const MAVP: Indicator =
    Indicator::new("mavp", Group::Overlap, "moving average of as many bars as the column periods says", |p| {
        if p[2] == SIMPLE { rows(Means::new(p)) } else { rows(Mavp::new(p)) }
    })
    .source("TA-Lib 0.8: a period is cut to minperiod and maxperiod; here maxperiod goes to 1000")
    .inputs(&["real", "periods"])
    .params(&[
        Param::int("minperiod", 2, 1, LONGEST),
        Param::int("maxperiod", 30, 1, LONGEST),
        Param::choice("matype", 0.0, MA_TYPES),
    ])
    .class(Class::Converging)
    .fits(|p| {
        if p[0] <= p[1] {
            return Ok(());
        }
        let (value, limit) = (p[0], p[1]);
        Err(ParamError::Order { indicator: "mavp", argument: "minperiod", other: "maxperiod", value, limit })
    })
    .first(|p| Ma::lookback(p[1], p[2]))
    .settle(|p| Ma::settle(p[1], p[2]));

/// One average per period, each begun so that its first value falls on the row of the longest one's.
#[derive(Clone)]
struct Mavp {
    shortest: usize,
    averages: Vec<Ma>,
    waits: Vec<u64>,
    row: u64,
    first: u64,
}

impl Mavp {
    fn new(p: &[f64]) -> Self {
        let (shortest, longest, kind) = (p[0] as usize, p[1] as usize, p[2]);
        let first = Ma::lookback(p[1], kind);
        let periods = shortest..=longest;
        Self {
            shortest,
            averages: periods.clone().map(|n| Ma::new(n as f64, kind)).collect(),
            waits: periods.map(|n| (first - Ma::lookback(n as f64, kind)) as u64).collect(),
            row: 0,
            first: first as u64,
        }
    }

    /// Which average a period asks for.
    #[inline]
    fn chosen(&self, period: f64) -> usize {
        (period.max(self.shortest as f64) as usize - self.shortest).min(self.averages.len() - 1)
    }
}

impl Step<2, 1> for Mavp {
    #[inline(always)]
    fn step(&mut self, [x, period]: [f64; 2]) -> [f64; 1] {
        let chosen = self.chosen(period);
        let mut y = f64::NAN;
        for (at, average) in self.averages.iter_mut().enumerate() {
            if self.row < self.waits[at] {
                continue;
            }
            let value = feed(average, x);
            if at == chosen && self.row >= self.first {
                y = value;
            }
        }
        self.row += 1;
        [y]
    }

    #[inline(always)]
    fn column(&mut self, [x, periods]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let mut from = 0;
        while from < x.len() && self.row < self.first {
            [y[from]] = self.step([x[from], periods[from]]);
            from += 1;
        }
        let (x, periods, y) = (&x[from..], &periods[from..], &mut y[from..]);
        let mut values = [0.0; BLOCK];
        let values = &mut values[..x.len()];
        let mut chosen = [0; BLOCK];
        for (chosen, &period) in chosen.iter_mut().zip(periods) {
            *chosen = self.chosen(period);
        }
        for (at, average) in self.averages.iter_mut().enumerate() {
            if !x.is_empty() {
                average.column([x], [values]);
            }
            for row in 0..x.len() {
                if chosen[row] == at {
                    y[row] = values[row];
                }
            }
        }
        self.row += x.len() as u64;
    }
}

impl State for Mavp {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.averages, &mut self.row])
    }
}

/// The last values, as many as the longest period.
#[derive(Clone)]
struct Means {
    shortest: f64,
    longest: f64,
    window: Window,
}

impl Means {
    fn new(p: &[f64]) -> Self {
        Self { shortest: p[0], longest: p[1], window: Window::new(p[1] as usize) }
    }
}

/// Mean of the last values, as many as the period says.
#[inline(always)]
fn mean(values: &[f64], period: f64) -> f64 {
    let last = &values[values.len() - period as usize..];
    let (groups, rest) = last.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for group in groups {
        for (sum, x) in sums.iter_mut().zip(group) {
            *sum += x;
        }
    }
    let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    rest.iter().fold(sum, |sum, x| sum + x) / period
}

/// Sums that are taken side by side.
const LANES: usize = 4;

impl Step<2, 1> for Means {
    #[inline(always)]
    fn step(&mut self, [x, period]: [f64; 2]) -> [f64; 1] {
        let period = period.clamp(self.shortest, self.longest).trunc();
        [self.window.push(x).map_or(f64::NAN, |values| mean(values, period))]
    }

    #[inline(always)]
    fn column(&mut self, [x, periods]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let mut line = [0.0; LONGEST + BLOCK];
        let early = self.window.line(x, 0.0, &mut line);
        y[..early].fill(f64::NAN);
        let before = self.window.len() - 1;
        for row in early..y.len() {
            let period = periods[row].clamp(self.shortest, self.longest).trunc();
            y[row] = mean(&line[..=before + row], period);
        }
    }
}

impl State for Means {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.window.state(io)
    }
}
