//! Joint moments of two columns over the last `n` rows, free of cancellation.
//!
//! Short windows are put together from groups of 1, 2, 4 rows, long ones are a suffix of one block of rows and a prefix of
//! the next. Over columns several rows are taken at once, some of them beyond the end of what is asked for.

mod blocks;
mod groups;

use blocks::Blocks;
use groups::{Groups, SHORT};

use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};

/// Five numbers about some rows: `x`, `y`, `x x`, `y y`, `x y`.
type Sums = [f64; 5];

/// Rows that are taken at once, some of them beyond the end of what is asked for.
const LANES: usize = 4;

/// Joint moments of a window; state is `7 n` numbers and a few, `2 n` for a short one.
#[derive(Clone, Debug)]
pub struct CoMoments(Form);

#[derive(Clone, Debug)]
enum Form {
    Short(Groups),
    Long(Blocks),
}

/// Central sums of a window, and the scale of the numbers that they come from.
#[derive(Clone, Copy, Debug)]
pub struct Joint {
    /// Sum of squared distances of `x` from its mean.
    pub xx: f64,
    /// The same for `y`.
    pub yy: f64,
    /// Sum of products of distances.
    pub xy: f64,
    /// What `xx` and `yy` are a difference of: far below it they are rounding. 0 where they are none.
    pub scales: [f64; 2],
}

impl CoMoments {
    /// A window of `n >= 1` rows.
    pub fn new(n: usize) -> Self {
        Self(if n <= SHORT { Form::Short(Groups::new(n)) } else { Form::Long(Blocks::new(n)) })
    }

    /// Takes the next row; the moments of the last `n`, or `None` before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64, y: f64) -> Option<Joint> {
        match &mut self.0 {
            Form::Short(groups) => groups.push(x, y),
            Form::Long(blocks) => blocks.push(x, y),
        }
    }

    /// What is made of `push` for each row, NaN before there are `n`.
    #[inline(always)]
    pub fn column(&mut self, x: &[f64], y: &[f64], out: &mut [f64], made: impl Fn(Joint) -> f64) {
        for (out, (x, y)) in out.chunks_mut(BLOCK).zip(x.chunks(BLOCK).zip(y.chunks(BLOCK))) {
            match &mut self.0 {
                Form::Short(groups) => groups.column(x, y, out, &made),
                Form::Long(blocks) => blocks.column(x, y, out, &made),
            }
        }
    }
}

impl State for CoMoments {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match &mut self.0 {
            Form::Short(groups) => groups.state(io),
            Form::Long(blocks) => blocks.state(io),
        }
    }
}

/// The numbers about a group that begins in each row of a line.
type Lines<const L: usize> = [[f64; L]; 5];

/// The numbers of one row of five lines.
#[inline(always)]
fn row_of<const L: usize>([x, y, xx, yy, xy]: &[[f64; L]; 5], row: usize) -> Sums {
    [x[row], y[row], xx[row], yy[row], xy[row]]
}

/// Some rows of each line.
#[inline(always)]
fn lanes<const L: usize, const N: usize>(lines: &[[f64; L]; N], from: usize) -> [[f64; LANES]; N] {
    let mut made = [[0.0; LANES]; N];
    for (made, line) in made.iter_mut().zip(lines) {
        made.copy_from_slice(&line[from..from + LANES]);
    }
    made
}

#[inline(always)]
fn put<const L: usize>(lines: &mut Lines<L>, from: usize, made: [[f64; LANES]; 5]) {
    for (line, made) in lines.iter_mut().zip(&made) {
        line[from..from + LANES].copy_from_slice(made);
    }
}
