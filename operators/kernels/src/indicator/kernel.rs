//! The one face that every indicator shows, and the adapter that gives it to a plain step function.
//!
//! NULL is NaN, in and out, and always the same NaN. An input that is not finite counts as NULL. A row with a NULL
//! input gives NULL and leaves the state as it was; so leading NULLs are skipped. The result of a row depends on the
//! rows before it and on nothing else: not on where chunks begin, not on whether a state was saved in between.

use super::state::{Io, State, StateError};
#[cfg(target_arch = "x86_64")]
use crate::wide::{Vectors, vectors};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::array;

/// Layout of the bytes that [`Kernel::save`] writes.
const VERSION: u8 = 2;

/// Rows that a [`Step`] sees at a time; a scratch column of this length fits on the stack and in the first cache.
pub const BLOCK: usize = 256;

/// An indicator at work on one series.
pub trait Kernel: Send {
    /// Computes the next rows. One slice per input and per output, all of one length.
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]);

    /// Appends the state to `out`.
    fn save(&self, out: &mut Vec<u8>);

    /// Takes a state from the front of `bytes`, saved by a kernel made with the same parameters. After an error the
    /// state is undefined and the kernel must not be used.
    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), StateError>;
}

/// The mathematics of an indicator over rows that have all their values.
pub trait Step<const I: usize, const O: usize>: State + Clone + Send + 'static {
    /// The next row; NaN where there is no value yet.
    fn step(&mut self, x: [f64; I]) -> [f64; O];

    /// `step` for each of at most [`BLOCK`] rows, with the same bits.
    #[inline(always)]
    fn column(&mut self, x: [&[f64]; I], y: [&mut [f64]; O]) {
        each_row(self, x, y);
    }
}

/// The plain loop over `step`.
#[inline(always)]
pub fn each_row<const I: usize, const O: usize, S: Step<I, O>>(s: &mut S, x: [&[f64]; I], y: [&mut [f64]; O]) {
    let rows = y[0].len();
    let x = x.map(|column| &column[..rows]);
    let y = y.map(|column| &mut column[..rows]);
    for row in 0..rows {
        let out = s.step(array::from_fn(|i| x[i][row]));
        for o in 0..O {
            y[o][row] = out[o];
        }
    }
}

/// A kernel of a step.
pub fn rows<const I: usize, const O: usize, S: Step<I, O>>(step: S) -> Box<dyn Kernel> {
    Box::new(Rows::<I, O, S> { step })
}

struct Rows<const I: usize, const O: usize, S> {
    step: S,
}

impl<const I: usize, const O: usize, S: Step<I, O>> Kernel for Rows<I, O, S> {
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        assert!(inputs.len() == I && outputs.len() == O, "an indicator gets one slice per input and output");
        let rows = outputs[0].len();
        if rows == 1 {
            return self.one_by_one(inputs, outputs, 0, 1);
        }
        #[cfg(target_arch = "x86_64")]
        {
            if vectors() == Vectors::Plain {
                return self.one_by_one(inputs, outputs, 0, rows);
            }
            #[allow(unsafe_code, reason = "the processor was asked")]
            // SAFETY: every feature that the function is compiled for has been found.
            unsafe {
                self.run_wide(inputs, outputs);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.run_blocks(inputs, outputs);
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        // Writing never fails and never changes the copy.
        let _ = self.step.clone().state(&mut Io::Write(out));
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), StateError> {
        check_version(bytes)?;
        self.step.state(&mut Io::Read(bytes))
    }
}

impl<const I: usize, const O: usize, S: Step<I, O>> Rows<I, O, S> {
    /// [`Rows::run_blocks`] for processors with vectors of four numbers. The compiler never fuses or reorders
    /// arithmetic by itself, so the bits are the same. Older processors of the family go row by row.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
    fn run_wide(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        self.run_blocks(inputs, outputs);
    }

    /// Block by block; a block in which some row lacks a value goes row by row. Inlined, and so is all that it calls:
    /// what it is compiled for is its caller's choice.
    #[inline(always)]
    fn run_blocks(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        let rows = outputs[0].len();
        let mut at = 0;
        while at < rows {
            let end = rows.min(at + BLOCK);
            let x = array::from_fn(|i| &inputs[i][at..end]);
            let next = end..rows.min(end + BLOCK);
            inputs.iter().for_each(|input| fetch(&input[next.clone()]));
            if all_finite(x) {
                self.step.column(x, slices(outputs, at, end));
                for output in outputs.iter_mut() {
                    canonical(&mut output[at..end]);
                }
            } else {
                self.one_by_one(inputs, outputs, at, end);
            }
            at = end;
        }
    }

    /// Rows `at..end` by themselves, whether they have their values or not.
    #[inline(never)]
    fn one_by_one(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]], at: usize, end: usize) {
        for row in at..end {
            let x: [f64; I] = array::from_fn(|i| inputs[i][row]);
            let y = if x.iter().all(|x| x.is_finite()) { self.step.step(x) } else { [f64::NAN; O] };
            for o in 0..O {
                outputs[o][row] = if y[o].is_nan() { f64::NAN } else { y[o] };
            }
        }
    }
}

/// Asks the memory for a column that will be needed soon, while something else is computed.
#[inline(always)]
fn fetch(column: &[f64]) {
    #[cfg(target_arch = "x86_64")]
    for line in column.chunks(8) {
        #[allow(unsafe_code, reason = "a hint by address")]
        // SAFETY: it reads nothing, and the address is that of a number.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
}

/// Takes the version from the front.
pub fn check_version(bytes: &mut &[u8]) -> Result<(), StateError> {
    let Some((&found, rest)) = bytes.split_first() else {
        return Err(StateError::Truncated { have: 0, want: 1 });
    };
    if found != VERSION {
        return Err(StateError::Version { found, known: VERSION });
    }
    *bytes = rest;
    Ok(())
}

/// A kernel that sees every row, NULL or not.
pub fn raw<S: Raw>(step: S) -> Box<dyn Kernel> {
    Box::new(RawRows { step })
}

/// The mathematics of an indicator to which a NULL is a row like others.
pub trait Raw: State + Clone + Send + 'static {
    /// The next rows.
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]);
}

struct RawRows<S> {
    step: S,
}

impl<S: Raw> Kernel for RawRows<S> {
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        self.step.run(inputs, outputs);
        for output in outputs.iter_mut() {
            canonical(output);
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        // Writing never fails and never changes the copy.
        let _ = self.step.clone().state(&mut Io::Write(out));
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), StateError> {
        check_version(bytes)?;
        self.step.state(&mut Io::Read(bytes))
    }
}

/// Rows `at..end` of each column.
fn slices<'a, const O: usize>(columns: &'a mut [&mut [f64]], at: usize, end: usize) -> [&'a mut [f64]; O] {
    let mut columns = columns.iter_mut();
    array::from_fn(|_| &mut columns.next().expect("the number of outputs was checked")[at..end])
}

/// Whether every number is finite: only those less themselves are 0. Looks at all of them, several at a time, and at all
/// columns side by side: reading them one after the other would wait for the memory once per column.
#[inline(always)]
#[expect(clippy::eq_op, reason = "infinities and NaN are not equal to themselves in this")]
fn all_finite<const I: usize>(x: [&[f64]; I]) -> bool {
    let rows = x[0].len();
    let x = x.map(|column| &column[..rows]);
    let mut any = 0;
    for row in 0..rows {
        for column in x {
            any |= (column[row] - column[row]).to_bits();
        }
    }
    any == 0
}

/// Every NaN becomes the one that stands for NULL.
#[inline(always)]
fn canonical(column: &mut [f64]) {
    let mut any = 0;
    for y in &*column {
        any |= u64::from(y.is_nan());
    }
    if any == 0 {
        return;
    }
    for y in column {
        *y = if y.is_nan() { f64::NAN } else { *y };
    }
}
