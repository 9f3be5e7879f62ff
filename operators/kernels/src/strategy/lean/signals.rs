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
        let mut signals = Signals::default();
        signals.fill(column.len(), |place| word_of(column, place, |value| value != 0.0 && !value.is_nan()));
        signals
    }

    /// So many bars after those that are there: true where any of the columns is neither zero nor NaN.
    pub fn extend(&mut self, count: usize, columns: &[&[f64]]) {
        for place in 0..count {
            let bit = (self.bars + place) % 64;
            if bit == 0 {
                self.words.push(0);
            }
            let is_true = columns.iter().any(|column| column[place] != 0.0 && !column[place].is_nan());
            if let Some(word) = self.words.last_mut() {
                *word |= u64::from(is_true) << bit;
            }
        }
        self.bars += count;
    }

    /// `crossover(a, b)`: above now, and not above on the bar before; NaN is neither.
    pub fn crossover(a: &Line, b: &Line) -> Signals {
        let (mut up, mut down) = (Signals::default(), Signals::default());
        Signals::set_crossings(&mut up, &mut down, a, b);
        up
    }

    /// Where `a` crosses above `b`, and where it crosses below, in place: for one pair after another.
    pub fn set_crossings(up: &mut Signals, down: &mut Signals, a: &Line, b: &Line) {
        let bars = a.values.len().min(b.values.len());
        for signals in [&mut *up, &mut *down] {
            signals.bars = bars;
            signals.words.clear();
            signals.words.resize(bars.div_ceil(64), 0);
        }
        if a.holes || b.holes {
            return slow_crossings(up, down, a, b);
        }
        let mut crossings = Crossings::new(a, b);
        for start in (crossings.first / 64 * 64..bars).step_by(BLOCK) {
            let (end, words) = (bars.min(start + BLOCK), start / 64..bars.min(start + BLOCK).div_ceil(64));
            crossings.block(start, end, &mut up.words[words.clone()], &mut down.words[words]);
        }
    }

    fn fill(&mut self, bars: usize, mut word: impl FnMut(usize) -> u64) {
        self.bars = bars;
        self.words.clear();
        self.words.extend((0..bars.div_ceil(64)).map(|place| word(place * 64)));
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

/// Crossings of two columns without holes, block after block.
#[derive(Debug, Clone)]
pub(super) struct Crossings<'a> {
    a: &'a Line,
    b: &'a Line,
    /// The first bar on which both have a value.
    pub(super) first: usize,
    before: Before,
}

/// Of the last word: not above, not below.
pub(super) type Before = (u64, u64);

impl<'a> Crossings<'a> {
    pub(super) fn new(a: &'a Line, b: &'a Line) -> Crossings<'a> {
        Crossings::after((0, 0), a, b)
    }

    /// To go on after a block that ended so.
    pub(super) fn after(before: Before, a: &'a Line, b: &'a Line) -> Crossings<'a> {
        Crossings { a, b, first: a.first.max(b.first), before }
    }

    /// Writes the words of bars `start..end`, at most a block from a word's first bar on; gives how it ended.
    #[inline]
    pub(super) fn block(&mut self, start: usize, end: usize, up: &mut [u64], down: &mut [u64]) -> Before {
        let (a, b) = (&self.a.values[start..end], &self.b.values[start..end]);
        for (place, (rises, falls)) in up.iter_mut().zip(down).take((end - start).div_ceil(64)).enumerate() {
            // Without NaN, what is not above is "not above"; before the first value there is nothing to compare.
            let live = live_bits(start + place * 64, self.first, end);
            let (above, least) = compare(&a[place * 64..], &b[place * 64..]);
            let (above, below) = (above & live, !least & live);
            let (not_above, not_below) = (!above & live, !below & live);
            *rises = above & (not_above << 1 | self.before.0 >> 63);
            *falls = below & (not_below << 1 | self.before.1 >> 63);
            self.before = (not_above, not_below);
        }
        self.before
    }
}

/// Bits `start..start + 64` of a condition.
fn word_of<T: Copy>(values: &[T], start: usize, is_true: impl Fn(T) -> bool) -> u64 {
    let end = values.len().min(start + 64);
    values[start..end].iter().enumerate().fold(0, |word, (bit, value)| word | u64::from(is_true(*value)) << bit)
}

/// A column as crossings need it: where it begins, and whether it has holes.
#[derive(Debug, Clone, Default)]
pub struct Line {
    values: Vec<f64>,
    /// Of the first value that is not NaN.
    first: usize,
    /// Whether there is NaN after it.
    holes: bool,
}

impl Line {
    /// A column; NaN is NULL.
    pub fn new(values: Vec<f64>) -> Line {
        let first = values.iter().position(|value| !value.is_nan()).unwrap_or(values.len());
        let holes = values[first..].iter().any(|value| value.is_nan());
        Line { values, first, holes }
    }

    pub(super) fn has_holes(&self) -> bool {
        self.holes
    }

    /// The column.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Comparisons that a processor does side by side.
const LANES: usize = 4;

/// Bars compared at a time.
pub(super) const BLOCK: usize = 1_024;

/// Of the first 64 bars, or fewer: where `a` is above `b`, and where it is not below.
#[inline]
fn compare(a: &[f64], b: &[f64]) -> (u64, u64) {
    let (mut above, mut least) = ([0; LANES], [0; LANES]);
    if let (Some(a), Some(b)) = (a.first_chunk::<64>(), b.first_chunk::<64>()) {
        let mut bits: [u64; LANES] = std::array::from_fn(|lane| 1 << lane);
        for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                above[lane] |= if a[lane] > b[lane] { bits[lane] } else { 0 };
                least[lane] |= if a[lane] >= b[lane] { bits[lane] } else { 0 };
                bits[lane] <<= LANES;
            }
        }
    } else {
        for (bit, (a, b)) in a.iter().zip(b).enumerate() {
            above[0] |= u64::from(a > b) << bit;
            least[0] |= u64::from(a >= b) << bit;
        }
    }
    let or = |words: [u64; LANES]| words.iter().fold(0, |sum, word| sum | word);
    (or(above), or(least))
}

/// The bits of a word that stand for bars from `first` to before `bars`.
#[inline]
fn live_bits(start: usize, first: usize, bars: usize) -> u64 {
    let from = match first.saturating_sub(start) {
        0 => !0,
        skipped @ 1..64 => !0 << skipped,
        _ => 0,
    };
    let to = if bars - start < 64 { !(!0 << (bars - start)) } else { !0 };
    from & to
}

/// Bar by bar, for columns with holes.
fn slow_crossings(up: &mut Signals, down: &mut Signals, a: &Line, b: &Line) {
    for bar in 1..up.bars {
        let (now, before) = ((a.values[bar], b.values[bar]), (a.values[bar - 1], b.values[bar - 1]));
        up.words[bar / 64] |= u64::from(now.0 > now.1 && before.0 <= before.1) << (bar % 64);
        down.words[bar / 64] |= u64::from(now.0 < now.1 && before.0 >= before.1) << (bar % 64);
    }
}
