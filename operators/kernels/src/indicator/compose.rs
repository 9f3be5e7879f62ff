//! Steps made of functions and of other steps, so that most indicators are one expression.
//!
//! A stage that has no value yet gives NaN, and the next stage is not fed until there is one: [`feed`] and
//! [`feed_column`] are the one place where that rule lives.

use super::kernel::{BLOCK, Step};
use super::state::{Io, State, StateError};
use std::array;

/// One series in, one out: an average, a sum, an extreme.
pub(crate) trait Line: Step<1, 1> {}

impl<S: Step<1, 1>> Line for S {}

/// The next value of a stage, or NaN while the stage before has none.
#[inline(always)]
pub(crate) fn feed<L: Line>(line: &mut L, x: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { line.step([x])[0] }
}

/// [`feed`] for each row; only leading values may be NaN.
#[inline(always)]
pub(crate) fn feed_column<L: Line>(line: &mut L, x: &[f64], y: &mut [f64]) {
    let from = x.iter().position(|x| !x.is_nan()).unwrap_or(x.len());
    y[..from].fill(f64::NAN);
    if from < x.len() {
        line.column([&x[from..]], [&mut y[from..]]);
    }
}

/// A function of each row alone.
#[derive(Clone)]
pub(crate) struct Map<F>(pub(crate) F);

impl<F> State for Map<F> {
    fn state(&mut self, _: &mut Io<'_, '_>) -> Result<(), StateError> {
        Ok(())
    }
}

impl<const I: usize, F: Fn([f64; I]) -> f64 + Clone + Send + 'static> Step<I, 1> for Map<F> {
    #[inline(always)]
    fn step(&mut self, x: [f64; I]) -> [f64; 1] {
        [(self.0)(x)]
    }
}

/// A line over a function of each row.
#[derive(Clone)]
pub(crate) struct Over<F, L> {
    make: F,
    line: L,
}

impl<F, L> Over<F, L> {
    pub(crate) fn new(make: F, line: L) -> Self {
        Self { make, line }
    }
}

impl<F, L: State> State for Over<F, L> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.line.state(io)
    }
}

impl<const I: usize, F: Fn([f64; I]) -> f64 + Clone + Send + 'static, L: Line> Step<I, 1> for Over<F, L> {
    #[inline(always)]
    fn step(&mut self, x: [f64; I]) -> [f64; 1] {
        self.line.step([(self.make)(x)])
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; I], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let x = x.map(|column| &column[..rows]);
        let mut made = [0.0; BLOCK];
        let made = &mut made[..rows];
        for (row, made) in made.iter_mut().enumerate() {
            *made = (self.make)(array::from_fn(|i| x[i][row]));
        }
        self.line.column([made], [y]);
    }
}

/// A line over a function of each row and the row before it: values from the second row on.
#[derive(Clone)]
pub(crate) struct Change<const I: usize, F, L> {
    last: [f64; I],
    make: F,
    line: L,
}

impl<const I: usize, F, L> Change<I, F, L> {
    /// `make` takes the row and the row before it.
    pub(crate) fn new(make: F, line: L) -> Self {
        Self { last: [f64::NAN; I], make, line }
    }
}

impl<const I: usize, F, L: State> State for Change<I, F, L> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.line])
    }
}

impl<const I: usize, F, L> Step<I, 1> for Change<I, F, L>
where
    F: Fn([f64; I], [f64; I]) -> f64 + Clone + Send + 'static,
    L: Line,
{
    #[inline(always)]
    fn step(&mut self, x: [f64; I]) -> [f64; 1] {
        let last = std::mem::replace(&mut self.last, x);
        if last[0].is_nan() {
            return [f64::NAN];
        }
        self.line.step([(self.make)(x, last)])
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; I], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let x = x.map(|column| &column[..rows]);
        let mut made = [0.0; BLOCK];
        let made = &mut made[..rows];
        let first = array::from_fn(|i| x[i][0]);
        made[0] = if self.last[0].is_nan() { f64::NAN } else { (self.make)(first, self.last) };
        for row in 1..rows {
            made[row] = (self.make)(array::from_fn(|i| x[i][row]), array::from_fn(|i| x[i][row - 1]));
        }
        self.last = array::from_fn(|i| x[i][rows - 1]);
        feed_column(&mut self.line, made, y);
    }
}

/// A line that changes nothing.
#[derive(Clone)]
pub(crate) struct Same;

impl State for Same {
    fn state(&mut self, _: &mut Io<'_, '_>) -> Result<(), StateError> {
        Ok(())
    }
}

impl Step<1, 1> for Same {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        x
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        y.copy_from_slice(x);
    }
}

/// One line after another.
#[derive(Clone)]
pub(crate) struct Then<A, B>(pub(crate) A, pub(crate) B);

impl<A: State, B: State> State for Then<A, B> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.0, &mut self.1])
    }
}

impl<A: Line, B: Line> Step<1, 1> for Then<A, B> {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        let [between] = self.0.step(x);
        [feed(&mut self.1, between)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut between = [0.0; BLOCK];
        let between = &mut between[..y.len()];
        self.0.column([x], [between]);
        feed_column(&mut self.1, between, y);
    }
}

/// A line whose first values are not shown.
#[derive(Clone)]
pub(crate) struct Late<L> {
    left: u64,
    line: L,
}

impl<L> Late<L> {
    /// Hides the first `rows` values.
    pub(crate) fn new(rows: usize, line: L) -> Self {
        Self { left: rows as u64, line }
    }
}

impl<L: State> State for Late<L> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.left, &mut self.line])
    }
}

impl<L: Line> Step<1, 1> for Late<L> {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        let y = self.line.step(x);
        if self.left == 0 {
            return y;
        }
        self.left -= 1;
        [f64::NAN]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        self.line.column(x, [&mut *y]);
        let hidden = (self.left as usize).min(y.len());
        y[..hidden].fill(f64::NAN);
        self.left -= hidden as u64;
    }
}
