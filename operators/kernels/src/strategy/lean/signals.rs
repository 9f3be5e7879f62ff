//! A rule over all bars: one bit each.

/// The bars on which a rule is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    words: Vec<u64>,
    bars: usize,
}

impl Signals {
    /// True where the column is neither zero nor NaN.
    pub fn of(column: &[f64]) -> Signals {
        Signals { words: Signals::words(column).collect(), bars: column.len() }
    }

    /// The words of a column: 64 bars each, the first in the lowest bit.
    pub fn words(column: &[f64]) -> impl Iterator<Item = u64> {
        let truth = |word: u64, (bit, value): (usize, &f64)| word | u64::from(*value != 0.0 && !value.is_nan()) << bit;
        column.chunks(64).map(move |values| values.iter().enumerate().fold(0, truth))
    }

    /// So many bars after those that are there, as words; bits beyond the last bar are zero.
    pub fn extend(&mut self, count: usize, words: &[u64]) {
        let shift = self.bars % 64;
        for word in &words[..count.div_ceil(64)] {
            if shift == 0 {
                self.words.push(*word);
                continue;
            }
            if let Some(last) = self.words.last_mut() {
                *last |= word << shift;
            }
            self.words.push(word >> (64 - shift));
        }
        self.bars += count;
        self.words.truncate(self.bars.div_ceil(64));
    }

    /// True where either is.
    pub fn or(&mut self, other: &Signals) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Without the bars on which `other` is true.
    pub fn without(&mut self, other: &Signals) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// How many bars it speaks of.
    pub fn len(&self) -> usize {
        self.bars
    }

    /// Whether it speaks of none.
    pub fn is_empty(&self) -> bool {
        self.bars == 0
    }

    /// The first true bar that is not before `from`.
    #[inline]
    pub fn next(&self, from: usize) -> Option<usize> {
        self.window().next(from)
    }

    pub(super) fn window(&self) -> Window<'_> {
        Window { words: &self.words, start: 0 }
    }
}

/// `crossover(a, b)` and `crossover(b, a)` of two columns, batch after batch: above now, and not above on the bar
/// before; NaN is neither.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Crossings {
    up: Signals,
    down: Signals,
    before: Compared,
}

impl Crossings {
    /// Of whole columns.
    pub fn of(a: &[f64], b: &[f64]) -> Crossings {
        let mut crossings = Crossings::default();
        crossings.push(a, b);
        crossings
    }

    /// The next bars. A batch after which others follow must be a multiple of 64 bars.
    ///
    /// # Panics
    /// Where an earlier batch was not, or the columns differ in length.
    pub fn push(&mut self, a: &[f64], b: &[f64]) {
        assert!(self.up.bars.is_multiple_of(64) && a.len() == b.len(), "batches of crossings are multiples of 64 bars");
        for (a, b) in a.chunks(64).zip(b.chunks(64)) {
            let now = Compared::of(a, b);
            let (up, down) = now.crossings(self.before);
            self.up.words.push(up);
            self.down.words.push(down);
            self.before = now;
        }
        self.up.bars += a.len();
        self.down.bars = self.up.bars;
    }

    /// Where the first crosses above the second.
    pub fn up(&self) -> &Signals {
        &self.up
    }

    /// Where it crosses below.
    pub fn down(&self) -> &Signals {
        &self.down
    }
}

/// Where one column crosses above another, in pieces of any length; NaN is neither above nor below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CrossUp {
    /// Whether on the last bar the first was not above, and neither was NaN.
    not_above: bool,
}

impl CrossUp {
    /// Bars that only prepare the next.
    pub fn skip(&mut self, a: &[f64], b: &[f64]) {
        if let (Some(a), Some(b)) = (a.last(), b.last()) {
            self.not_above = a <= b;
        }
    }

    /// Adds the crossings on the next bars to words of [`Signals::extend`].
    pub fn add(&mut self, a: &[f64], b: &[f64], words: &mut [u64]) {
        for ((a, b), word) in a.chunks(64).zip(b.chunks(64)).zip(words) {
            let Compared { above, below, equal } = Compared::of(a, b);
            *word |= above & ((below | equal) << 1 | u64::from(self.not_above));
            self.not_above = (below | equal) >> (a.len() - 1) & 1 == 1;
        }
    }
}

/// Some words of signals, beginning with the one of bar `start`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) words: &'a [u64],
    pub(super) start: usize,
}

impl Window<'_> {
    /// The first true bar that is not before `from`, which is not before the window.
    #[inline]
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        let from = from - self.start;
        let mut place = from / 64;
        let mut word = self.words.get(place)? & (!0 << (from % 64));
        while word == 0 {
            place += 1;
            word = *self.words.get(place)?;
        }
        Some(self.start + place * 64 + word.trailing_zeros() as usize)
    }
}

/// How two columns compare on up to 64 bars, a bit each; none of these where one is NaN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) above: u64,
    pub(super) below: u64,
    pub(super) equal: u64,
}

impl Compared {
    /// Of at most 64 values of each.
    #[inline]
    pub(super) fn of(a: &[f64], b: &[f64]) -> Compared {
        if let (Some(a), Some(b)) = (a.first_chunk::<64>(), b.first_chunk::<64>()) {
            let (above, below) = (bits(a, b, |a, b| a > b), bits(a, b, |a, b| a < b));
            if above | below == !0 {
                return Compared { above, below, equal: 0 };
            }
            return Compared { above, below, equal: bits(a, b, |a, b| a == b) };
        }
        let few = |is_true: fn(&f64, &f64) -> bool| {
            let truth = a.iter().zip(b).map(|(a, b)| u64::from(is_true(a, b)));
            truth.enumerate().fold(0, |word, (bit, truth)| word | truth << bit)
        };
        Compared { above: few(|a, b| a > b), below: few(|a, b| a < b), equal: few(|a, b| a == b) }
    }

    /// Crossings above and below, `before` being the 64 bars before these.
    #[inline]
    pub(super) fn crossings(self, before: Compared) -> (u64, u64) {
        let earlier = |now: u64, before: u64| now << 1 | before >> 63;
        let not_above = earlier(self.below | self.equal, before.below | before.equal);
        let not_below = earlier(self.above | self.equal, before.above | before.equal);
        (self.above & not_above, self.below & not_below)
    }
}

/// Comparisons that a processor does side by side.
const LANES: usize = 4;

/// A bit for each pair.
#[inline]
fn bits(a: &[f64; 64], b: &[f64; 64], is_true: impl Fn(f64, f64) -> bool) -> u64 {
    let mut words = [0_u64; LANES];
    let mut bits: [u64; LANES] = std::array::from_fn(|lane| 1 << lane);
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            words[lane] |= if is_true(a[lane], b[lane]) { bits[lane] } else { 0 };
            bits[lane] <<= LANES;
        }
    }
    words.iter().fold(0, |sum, word| sum | word)
}
