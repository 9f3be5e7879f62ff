//! What the patterns are told in: candles, their parts, and how large those parts usually are.
//!
//! "Long", "short", "near" are relative: a part of a candle is compared with the mean of some range over the candles
//! before it. These means come from totals that run as TA-Lib's do, add the new and subtract the old, begun on the
//! same row: prices come in ticks, so that a part often equals the mean exactly, and only the same rounding lets every
//! such tie fall the same way. A total spans at most ten candles, and only comparisons are made with it.
//!
//! What a pattern asks is written without branches, with [`all`] and [`any`], which look at every condition: so the
//! compiler asks it of several rows at a time.

use super::tape::{CHUNK, PAST, Pattern, Tape};
use crate::indicator::kernel::{Kernel, rows};
use crate::indicator::registry::{Class, Group, Indicator, Output, OutputKind, real};
pub(super) use crate::indicator::{Io, State, StateError};

const SIGNAL: &[Output] = &[real("value").or("integer").of(OutputKind::Integer)];

/// A pattern with values from row `FIRST` on.
pub(super) const fn cdl<const FIRST: usize>(
    name: &'static str,
    doc: &'static str,
    build: fn(&[f64]) -> Box<dyn Kernel>,
) -> Indicator {
    Indicator::new(name, Group::Pattern, doc, build)
        .inputs(&["open", "high", "low", "close"])
        .outputs(SIGNAL)
        .class(Class::Exact)
        .first(|_| FIRST)
}

/// What is measured of a candle.
#[derive(Clone, Copy)]
pub(super) enum Range {
    Body,
    HighLow,
    Shadows,
}

/// A size in words: a multiple of the mean range of some candles before, or of the candle itself.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) range: Range,
    pub(super) candles: usize,
    factor: f64,
    /// Shadows are two, their size is that of one.
    share: f64,
    /// 1 over the candles, and their parts.
    inverse: f64,
    four_fifths: f64,
    fifth: f64,
}

/// Of 5 or 10 candles, or of the candle itself.
const fn size(range: Range, candles: usize, factor: f64) -> Size {
    let (share, fifth) = (if matches!(range, Range::Shadows) { 0.5 } else { 1.0 }, (candles / 5) as f64);
    Size { range, candles, factor, share, inverse: 1.0 / candles as f64, four_fifths: 4.0 * fifth, fifth }
}

pub(super) const BODY_LONG: Size = size(Range::Body, 10, 1.0);
pub(super) const BODY_SHORT: Size = size(Range::Body, 10, 1.0);
pub(super) const BODY_DOJI: Size = size(Range::HighLow, 10, 0.1);
pub(super) const SHADOW_LONG: Size = size(Range::Body, 0, 1.0);
pub(super) const SHADOW_VERY_LONG: Size = size(Range::Body, 0, 2.0);
pub(super) const SHADOW_SHORT: Size = size(Range::Shadows, 10, 1.0);
pub(super) const SHADOW_VERY_SHORT: Size = size(Range::HighLow, 10, 0.1);
pub(super) const NEAR: Size = size(Range::HighLow, 5, 0.2);
pub(super) const FAR: Size = size(Range::HighLow, 5, 0.6);
pub(super) const EQUAL: Size = size(Range::HighLow, 5, 0.05);

impl Size {
    /// As seen from the candle `back` bars ago.
    pub(super) const fn at(self, back: usize) -> Seen {
        Seen { size: self, back }
    }

    /// In the price's unit, given the total over its candles.
    #[inline(always)]
    pub(super) fn of_total(&self, total: f64) -> f64 {
        self.factor * self.mean(total) * self.share
    }

    /// `total / candles` to the last bit, without a division, which takes longer than all this. What the product with the
    /// inverse leaves over is exact: four fifths of the total, then one fifth, are near what they are taken from. And no
    /// fifth or tenth of a number is so near to the middle of two others that it could be rounded the other way.
    #[inline(always)]
    fn mean(&self, total: f64) -> f64 {
        let near = total * self.inverse;
        let rest = (total - self.four_fifths * near) - self.fifth * near;
        near + rest * self.inverse
    }

    /// In the price's unit, given the range of the candle itself.
    #[inline(always)]
    pub(super) fn of_range(&self, range: f64) -> f64 {
        self.factor * range * self.share
    }
}

/// A size, and the candle that is compared with it.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) size: Size,
    pub(super) back: usize,
}

/// The candles around one row, counted back from it.
pub(super) struct At<'a, const N: usize> {
    pub(super) tape: &'a Tape,
    /// Sizes of the rows of the chunk.
    pub(super) usual: &'a [[f64; CHUNK]; N],
    /// Row of the chunk.
    pub(super) row: usize,
}

impl<const N: usize> At<'_, N> {
    #[inline(always)]
    pub(super) fn open(&self, back: usize) -> f64 {
        self.tape.open[PAST + self.row - back]
    }

    #[inline(always)]
    pub(super) fn high(&self, back: usize) -> f64 {
        self.tape.high[PAST + self.row - back]
    }

    #[inline(always)]
    pub(super) fn low(&self, back: usize) -> f64 {
        self.tape.low[PAST + self.row - back]
    }

    #[inline(always)]
    pub(super) fn close(&self, back: usize) -> f64 {
        self.tape.close[PAST + self.row - back]
    }

    /// Size of the body.
    #[inline(always)]
    pub(super) fn body(&self, back: usize) -> f64 {
        (self.close(back) - self.open(back)).abs()
    }

    /// Upper end of the body.
    #[inline(always)]
    pub(super) fn top(&self, back: usize) -> f64 {
        let (open, close) = (self.open(back), self.close(back));
        if open > close { open } else { close }
    }

    /// Lower end of the body.
    #[inline(always)]
    pub(super) fn bottom(&self, back: usize) -> f64 {
        let (open, close) = (self.open(back), self.close(back));
        if open < close { open } else { close }
    }

    /// Upper shadow.
    #[inline(always)]
    pub(super) fn upper(&self, back: usize) -> f64 {
        upper([self.open(back), self.high(back), self.low(back), self.close(back)])
    }

    /// Lower shadow.
    #[inline(always)]
    pub(super) fn lower(&self, back: usize) -> f64 {
        lower([self.open(back), self.high(back), self.low(back), self.close(back)])
    }

    /// Does not fall.
    #[inline(always)]
    pub(super) fn white(&self, back: usize) -> bool {
        self.close(back) >= self.open(back)
    }

    /// Falls.
    #[inline(always)]
    pub(super) fn black(&self, back: usize) -> bool {
        !self.white(back)
    }

    /// 1 for white, -1 for black.
    #[inline(always)]
    pub(super) fn color(&self, back: usize) -> f64 {
        if self.white(back) { 1.0 } else { -1.0 }
    }

    /// The body is above the body of the other.
    #[inline(always)]
    pub(super) fn gap_up(&self, back: usize, other: usize) -> bool {
        self.bottom(back) > self.top(other)
    }

    /// The body is below the body of the other.
    #[inline(always)]
    pub(super) fn gap_down(&self, back: usize, other: usize) -> bool {
        self.top(back) < self.bottom(other)
    }

    /// The whole candle is above the whole other.
    #[inline(always)]
    pub(super) fn jump_up(&self, back: usize, other: usize) -> bool {
        self.low(back) > self.high(other)
    }

    /// The whole candle is below the whole other.
    #[inline(always)]
    pub(super) fn jump_down(&self, back: usize, other: usize) -> bool {
        self.high(back) < self.low(other)
    }

    /// The `n`-th size that the pattern declared, in the price's unit.
    #[inline(always)]
    pub(super) fn usual(&self, n: usize) -> f64 {
        self.usual[n][self.row]
    }
}

/// Upper shadow of a candle of open, high, low and close.
#[inline(always)]
pub(super) fn upper([open, high, _, close]: [f64; 4]) -> f64 {
    high - if close >= open { close } else { open }
}

/// Its lower shadow.
#[inline(always)]
pub(super) fn lower([open, _, low, close]: [f64; 4]) -> f64 {
    (if close >= open { open } else { close }) - low
}

/// Whether all conditions hold; looks at each.
#[inline(always)]
pub(super) fn all<const N: usize>(conditions: [bool; N]) -> bool {
    let mut all = true;
    for condition in conditions {
        all &= condition;
    }
    all
}

/// Whether some condition holds; looks at each.
#[inline(always)]
pub(super) fn any<const N: usize>(conditions: [bool; N]) -> bool {
    let mut any = false;
    for condition in conditions {
        any |= condition;
    }
    any
}

/// The first condition if so, else the second; looks at both.
#[inline(always)]
pub(super) fn either(so: bool, first: bool, second: bool) -> bool {
    (so & first) | (!so & second)
}

/// `value` if so, else 0.
#[inline(always)]
pub(super) fn signal(so: bool, value: f64) -> f64 {
    if so { value } else { 0.0 }
}

/// What a pattern asks at a row.
pub(super) trait Look<const N: usize>: State + Clone + Send + 'static {
    /// Its value.
    fn look(&mut self, at: &At<'_, N>) -> f64;

    /// `look` at each row of a chunk. Of arguments the compiler knows that nothing that the loop writes is what it reads.
    #[inline(always)]
    fn column(&mut self, tape: &Tape, usual: &[[f64; CHUNK]; N], y: &mut [f64]) {
        for (row, y) in y.iter_mut().take(CHUNK).enumerate() {
            *y = self.look(&At { tape, usual, row });
        }
    }
}

/// A kernel that looks for a pattern from row `first` on; see [`asked`].
pub(super) fn candles<const N: usize>(first: usize, seen: [Seen; N], look: impl Look<N>) -> Box<dyn Kernel> {
    rows(Pattern::new(first, first, seen, look))
}

/// The [`Look`] of a function of the row, and of a number where one is given. A macro, since the call of a function
/// that is a value is a function of its own to the compiler: it is not inlined, and then asks one row at a time.
macro_rules! asked {
    ($look:ident $(, $number:expr)?) => {{
        #[derive(Clone)]
        struct Asked(f64);
        impl State for Asked {
            fn state(&mut self, _: &mut Io<'_, '_>) -> Result<(), StateError> {
                Ok(())
            }
        }
        impl<const N: usize> Look<N> for Asked {
            #[inline(always)]
            fn look(&mut self, at: &At<'_, N>) -> f64 {
                $look(at, self.0)
            }
        }
        Asked(0.0 $(+ $number)?)
    }};
}
pub(super) use asked;

/// As [`candles`], for a look with a memory, which it keeps from row `begin` on.
pub(super) fn remembering<const N: usize>(
    begin: usize,
    first: usize,
    seen: [Seen; N],
    look: impl Look<N>,
) -> Box<dyn Kernel> {
    rows(Pattern::new(begin, first, seen, look))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_mean_is_the_quotient_to_the_last_bit(large in 0.0..1e9, small in 0.0..1e-3, ticks in 0..u64::MAX >> 11) {
            for size in [BODY_LONG, NEAR] {
                for total in [large, small, ticks as f64, ticks as f64 / 100.0] {
                    let quotient = total / size.candles as f64;
                    prop_assert_eq!(size.mean(total).to_bits(), quotient.to_bits(), "{} of {}", total, size.candles);
                }
            }
        }
    }
}
