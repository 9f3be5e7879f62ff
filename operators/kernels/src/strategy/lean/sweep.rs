//! Many runs over one market: long while one column is above another.
//!
//! Sets go through time together, [`BLOCK`] bars at a time: the caller gives each column's values of those bars once,
//! and every set compares its two. Values are compared by 16-bit codes that keep their order, many at a time; where
//! two codes are equal, by the values themselves. Memory is a block of each column and a little per set that is on
//! its way, whatever the number of sets and bars.
//!
//! ```text
//! columns of a block ─► codes ─┬─► set 0: where above, where below ─► crossings ─► fills, equity
//!                              └─► set 1: ...
//! ```

use std::ops::Range;

use super::super::EngineError;
use super::signals::{Compared, Window};
use super::summary::Progress;
use super::{Lean, Market, Summary};

/// Sets that go through time together. More than these ask for each column's values once more.
pub const TOGETHER: usize = 4_096;

/// Bars compared at a time.
const BLOCK: usize = 1_024;
const WORDS: usize = BLOCK / 64;

/// A block of every column.
struct Block {
    values: Vec<f64>,
    codes: Vec<i16>,
    /// Whether a column has a finite value on each of the bars.
    whole: Vec<bool>,
}

impl Lean {
    /// For each pair of columns a run that enters when the first crosses above the second and leaves when it crosses
    /// below; `done` gets each set's place and metrics, in order.
    ///
    /// `fill` writes the values of a column for a range of bars, NaN for NULL. It is asked for every column, range
    /// after range from the first bar on, and from the first bar again for each [`TOGETHER`] sets.
    pub fn sweep_crossings(
        &self,
        market: &Market<'_>,
        columns: usize,
        mut fill: impl FnMut(usize, Range<usize>, &mut [f64]),
        sets: &[(usize, usize)],
        mut done: impl FnMut(usize, Summary),
    ) -> Result<(), EngineError> {
        let mut block = Block::new(columns);
        for (batch, sets) in sets.chunks(TOGETHER).enumerate() {
            let mut runs = vec![(Progress::new(self), Compared::default()); sets.len()];
            for start in (0..market.len()).step_by(BLOCK) {
                let bars = start..market.len().min(start + BLOCK);
                block.take(&mut fill, bars.clone());
                for ((run, before), pair) in runs.iter_mut().zip(sets) {
                    let (mut up, mut down) = ([0; WORDS], [0; WORDS]);
                    *before = block.crossings(*pair, bars.len(), *before, &mut up, &mut down);
                    run.advance(self, market, Window { words: &up, start }, Window { words: &down, start }, bars.end)?;
                }
            }
            for (place, (run, _)) in runs.iter().enumerate() {
                done(batch * TOGETHER + place, run.summary());
            }
        }
        Ok(())
    }
}

impl Block {
    fn new(columns: usize) -> Block {
        Block { values: vec![0.0; columns * BLOCK], codes: vec![0; columns * BLOCK], whole: vec![false; columns] }
    }

    /// The columns' values of these bars, and their codes on one common scale.
    fn take(&mut self, fill: &mut impl FnMut(usize, Range<usize>, &mut [f64]), bars: Range<usize>) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (column, values) in self.values.chunks_exact_mut(BLOCK).enumerate() {
            let values = &mut values[..bars.len()];
            fill(column, bars.clone(), values);
            let (least, most) = extremes(values);
            self.whole[column] = least.is_finite() && most.is_finite();
            if self.whole[column] {
                (low, high) = (low.min(least), high.max(most));
            }
        }
        let scale = CODES / (high - low);
        let scale = if scale.is_finite() { scale } else { 0.0 };
        for (values, codes) in self.values.chunks_exact(BLOCK).zip(self.codes.chunks_exact_mut(BLOCK)) {
            encode(&values[..bars.len()], codes, low, scale);
        }
    }

    /// Crossings of two columns, as bits of `bars` bars.
    #[inline]
    fn crossings(
        &self,
        (a, b): (usize, usize),
        bars: usize,
        mut before: Compared,
        up: &mut [u64; WORDS],
        down: &mut [u64; WORDS],
    ) -> Compared {
        let by_codes = self.whole[a] && self.whole[b];
        let (first, second) = (a * BLOCK..(a + 1) * BLOCK, b * BLOCK..(b + 1) * BLOCK);
        let (a, b) = (&self.values[first.clone()][..bars], &self.values[second.clone()][..bars]);
        let codes = self.codes[first].as_chunks::<64>().0.iter().zip(self.codes[second].as_chunks::<64>().0);
        for (place, (x, y)) in codes.enumerate().take(bars.div_ceil(64)) {
            let (above, equal) = compare(x, y);
            let now = if by_codes && !equal {
                Compared { above, below: !above, equal: 0 }
            } else {
                let bars = place * 64..bars.min(place * 64 + 64);
                Compared::of(&a[bars.clone()], &b[bars])
            };
            (up[place], down[place]) = now.crossings(before);
            before = now;
        }
        before
    }
}

/// The largest code, from 0.
const CODES: f64 = 65_534.0;

/// Adding this to a number below `2^51` leaves its nearest whole number in the lowest bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// Codes in the order of the values, from `low` on: equal values have equal codes, a larger code is a larger value.
fn encode(values: &[f64], codes: &mut [i16], low: f64, scale: f64) {
    for (value, code) in values.iter().zip(codes) {
        *code = (((value - low) * scale - 0.5 * CODES) + WHOLE).to_bits() as i16;
    }
}

/// Of 64 bars: where the first code is larger, and whether two are equal anywhere.
#[inline]
fn compare(a: &[i16; 64], b: &[i16; 64]) -> (u64, bool) {
    let (mut above, mut equal) = ([0_u8; 64], 0_i16);
    for bar in 0..64 {
        above[bar] = if a[bar] > b[bar] { 0xff } else { 0 };
        equal |= if a[bar] == b[bar] { -1 } else { 0 };
    }
    let mut word = 0;
    for (place, bytes) in above.as_chunks::<8>().0.iter().enumerate() {
        // Byte i is reduced to bit i; the product adds all bytes up in the highest one.
        let bits = (u64::from_le_bytes(*bytes) & 0x8040_2010_0804_0201).wrapping_mul(0x0101_0101_0101_0101) >> 56;
        word |= bits << (8 * place);
    }
    (word, equal != 0)
}

/// The least and the largest value; not finite where one of them is not.
fn extremes(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high, mut odd) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4], [0.0; 4]);
    let (chunks, rest) = values.as_chunks::<4>();
    let rest = rest.iter().map(|value| [*value; 4]);
    for chunk in chunks.iter().copied().chain(rest) {
        for lane in 0..4 {
            low[lane] = if chunk[lane] < low[lane] { chunk[lane] } else { low[lane] };
            high[lane] = if chunk[lane] > high[lane] { chunk[lane] } else { high[lane] };
            odd[lane] += chunk[lane] * 0.0; // NaN from the first value on that is not finite
        }
    }
    let odd = odd.iter().sum::<f64>();
    let (low, high) =
        (low.into_iter().fold(f64::INFINITY, f64::min), high.into_iter().fold(f64::NEG_INFINITY, f64::max));
    (low + odd, high + odd)
}
