//! Fractals: a bar whose extreme stands out from those around it.

use crate::indicator::compose::feed_column;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, OutputKind, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lag, Lowest};

pub(super) const FRACTAL: Indicator = Indicator::new(
    "fractal",
    Group::Momentum,
    "100 where the bar rightbars before was a strict extreme, else 0",
    |p| rows(Fractal::new(p[0] as usize, p[1] as usize)),
)
.source("Williams, Trading Chaos (1995); TA-Lib 0.8: shown on the bar that confirms it")
.inputs(&["high", "low"])
.params(&[Param::period("leftbars", 2, 1), Param::period("rightbars", 2, 1)])
.outputs(&[real("high").or("swinghigh").of(OutputKind::Integer), real("low").or("swinglow").of(OutputKind::Integer)])
.class(Class::Exact)
.first(|p| p[0] as usize + p[1] as usize);

#[derive(Clone)]
struct Fractal {
    highs: Sides<Highest>,
    lows: Sides<Lowest>,
}

/// The bars on the right, the one in the middle, and those on the left.
#[derive(Clone)]
struct Sides<E> {
    middle: Lag,
    right: E,
    left: E,
    /// The middle of the row before: the newest on the left.
    last: f64,
}

impl Fractal {
    fn new(left: usize, right: usize) -> Self {
        Self {
            highs: Sides {
                middle: Lag::new(right),
                right: Highest::new(right),
                left: Highest::new(left),
                last: f64::NAN,
            },
            lows: Sides { middle: Lag::new(right), right: Lowest::new(right), left: Lowest::new(left), last: f64::NAN },
        }
    }
}

impl<E: Step<1, 1>> Sides<E> {
    /// Left extreme, middle value, right extreme.
    #[inline(always)]
    fn push(&mut self, x: f64) -> [f64; 3] {
        let middle = self.middle.push(x);
        let [right] = self.right.step([x]);
        let left = if self.last.is_nan() { f64::NAN } else { self.left.step([self.last])[0] };
        self.last = middle;
        [left, middle, right]
    }

    /// `push` for each row.
    #[inline(always)]
    fn column(&mut self, x: &[f64], [left, middle, right]: [&mut [f64]; 3]) {
        self.middle.column(x, middle);
        self.right.column([x], [&mut *right]);
        let mut before = [0.0; BLOCK];
        let before = &mut before[..x.len()];
        before[0] = self.last;
        before[1..].copy_from_slice(&middle[..x.len() - 1]);
        feed_column(&mut self.left, before, left);
        self.last = middle[x.len() - 1];
    }
}

impl Step<2, 2> for Fractal {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 2] {
        let [left, middle, right] = self.highs.push(high);
        let [low_left, low_middle, low_right] = self.lows.push(low);
        if left.is_nan() {
            return [f64::NAN; 2];
        }
        let peak = middle > left && middle > right;
        let trough = low_middle < low_left && low_middle < low_right;
        [f64::from(u8::from(peak) * 100), f64::from(u8::from(trough) * 100)]
    }

    #[inline(always)]
    fn column(&mut self, [high, low]: [&[f64]; 2], [peaks, troughs]: [&mut [f64]; 2]) {
        let rows = peaks.len();
        let (mut left, mut middle, mut right) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (left, middle, right) = (&mut left[..rows], &mut middle[..rows], &mut right[..rows]);
        self.lows.column(low, [&mut *left, &mut *middle, &mut *right]);
        for row in 0..rows {
            let found = (middle[row] < left[row]) & (middle[row] < right[row]);
            troughs[row] = if found { 100.0 } else { 0.0 };
        }
        self.highs.column(high, [&mut *left, &mut *middle, &mut *right]);
        for row in 0..rows {
            let found = (middle[row] > left[row]) & (middle[row] > right[row]);
            let early = left[row].is_nan();
            peaks[row] = if early {
                f64::NAN
            } else if found {
                100.0
            } else {
                0.0
            };
            troughs[row] = if early { f64::NAN } else { troughs[row] };
        }
    }
}

impl<E: State> State for Sides<E> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.middle, &mut self.right, &mut self.left, &mut self.last])
    }
}

impl State for Fractal {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.highs, &mut self.lows])
    }
}
