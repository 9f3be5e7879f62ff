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

    /// 64 bars a word.
    pub(super) fn as_words(&self) -> &[u64] {
        &self.words
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
    pub fn next(&self, from: usize) -> Option<usize> {
        let mut place = from / 64;
        let mut word = self.words.get(place)? & (!0 << (from % 64));
        while word == 0 {
            place += 1;
            word = *self.words.get(place)?;
        }
        Some(place * 64 + word.trailing_zeros() as usize)
    }
}

/// `crossover(a, b)` and `crossover(b, a)` of two columns, batch after batch: above now, and not above on the bar
/// before; NaN is neither.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Crossings {
    up: Signals,
    down: Signals,
    before: Stood,
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
        let (ups, downs) = (&mut self.up.words, &mut self.down.words);
        self.before.cross(a, b, |_, up, down| {
            ups.push(up);
            downs.push(down);
        });
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

/// How two columns stood to each other on the last bar: what their crossings on the next bars depend on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stood {
    not_above: bool,
    not_below: bool,
}

impl Stood {
    /// Where the first crosses above the second, and where below, on at most 64 bars.
    #[inline]
    pub(super) fn crossings(&mut self, now: Compared, bars: usize) -> (u64, u64) {
        let (not_above, not_below) = (now.below | now.equal, now.above | now.equal);
        let up = now.above & (not_above << 1 | u64::from(self.not_above));
        let down = now.below & (not_below << 1 | u64::from(self.not_below));
        let last = |word: u64| word >> (bars - 1) & 1 == 1;
        *self = Stood { not_above: last(not_above), not_below: last(not_below) };
        (up, down)
    }

    /// Bars that only prepare the next.
    pub fn skip(&mut self, a: &[f64], b: &[f64]) {
        if let (Some(a), Some(b)) = (a.last(), b.last()) {
            *self = Stood { not_above: a <= b, not_below: a >= b };
        }
    }

    /// The crossings on the next bars, above and below, given 64 bars at a time.
    pub fn cross(&mut self, a: &[f64], b: &[f64], mut found: impl FnMut(usize, u64, u64)) {
        for (place, (a, b)) in a.chunks(64).zip(b.chunks(64)).enumerate() {
            let (up, down) = self.crossings(Compared::of(a, b), a.len());
            found(place, up, down);
        }
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
