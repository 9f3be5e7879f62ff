//! What the rules say at closes, a bit per bar, and what of it counts.

use super::super::Side;
use super::Signals;

/// A rule of a strategy of the fast path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The entry of a side.
    Entry(Side),
    /// Any exit of a side.
    Exit(Side),
}

/// Consecutive bars on which rules are true: 64 of them a word, the first in the lowest bit.
///
/// An entry is not heard where an exit of its side or an entry of the other side is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hearing {
    start: usize,
    bars: usize,
    /// Entry and exit of long trades, then of short ones.
    words: [Vec<u64>; 4],
}

/// What acts at a close on whoever holds something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Leaving {
    pub(super) exit: bool,
    /// An entry of the other side.
    pub(super) opposite: bool,
}

impl Hearing {
    /// Of whole columns; rules that are not given are never true.
    pub fn of(rules: &[(Rule, &Signals)]) -> Hearing {
        let mut hearing = Hearing::default();
        hearing.begin(0, rules.first().map_or(0, |(_, signals)| signals.len()));
        for (rule, signals) in rules {
            hearing.words(*rule).iter_mut().zip(signals.as_words()).for_each(|(word, more)| *word |= more);
        }
        hearing.settle();
        hearing
    }

    /// So many bars from bar `start` of the market on, no rule being true yet.
    pub fn begin(&mut self, start: usize, bars: usize) {
        (self.start, self.bars) = (start, bars);
        for words in &mut self.words {
            words.clear();
            words.resize(bars.div_ceil(64), 0);
        }
    }

    /// The words of a rule, to be added to; bits beyond the last bar stay zero.
    pub fn words(&mut self, rule: Rule) -> &mut [u64] {
        &mut self.words[place(rule)]
    }

    /// Takes out what conflicts, once all is said.
    pub fn settle(&mut self) {
        let [long, leave_long, short, leave_short] = &mut self.words;
        let exits = leave_long.iter().zip(leave_short.iter());
        for ((long, short), (leave_long, leave_short)) in long.iter_mut().zip(short.iter_mut()).zip(exits) {
            (*long, *short) = (*long & !leave_long & !*short, *short & !leave_short & !*long);
        }
    }

    /// The place after the last bar.
    pub(super) fn end(&self) -> usize {
        self.start + self.bars
    }

    /// The first bar from `from` on at whose close somebody without a position enters.
    #[inline]
    pub(super) fn entry(&self, from: usize) -> Option<(usize, Side)> {
        let [long, _, short, _] = &self.words;
        let bar = self.next(from, |at| long[at] | short[at])?;
        Some((bar, if self.is_set(Rule::Entry(Side::Long), bar) { Side::Long } else { Side::Short }))
    }

    /// The first bar from `from` on at whose close something acts on whoever holds this side.
    #[inline]
    pub(super) fn leaving(&self, from: usize, side: Side, reverses: bool) -> Option<usize> {
        let exit = &self.words[place(Rule::Exit(side))];
        if reverses {
            let entry = &self.words[place(Rule::Entry(side.opposite()))];
            self.next(from, |at| exit[at] | entry[at])
        } else {
            self.next(from, |at| exit[at])
        }
    }

    /// What acts at the close of a bar on whoever holds this side, or waits to.
    #[inline]
    pub(super) fn at(&self, bar: usize, side: Side) -> Leaving {
        let opposite = Rule::Entry(side.opposite());
        Leaving { exit: self.is_set(Rule::Exit(side), bar), opposite: self.is_set(opposite, bar) }
    }

    #[inline]
    fn is_set(&self, rule: Rule, bar: usize) -> bool {
        let at = bar - self.start;
        self.words[place(rule)][at / 64] >> (at % 64) & 1 == 1
    }

    /// The first bar from `from` on, which is not before the first, whose bit is set.
    #[inline]
    fn next(&self, from: usize, word: impl Fn(usize) -> u64) -> Option<usize> {
        let from = from - self.start;
        let (mut at, words) = (from / 64, self.words[0].len());
        if at >= words {
            return None;
        }
        let mut bits = word(at) & (!0 << (from % 64));
        while bits == 0 {
            at += 1;
            if at == words {
                return None;
            }
            bits = word(at);
        }
        Some(self.start + at * 64 + bits.trailing_zeros() as usize)
    }
}

const fn place(rule: Rule) -> usize {
    match rule {
        Rule::Entry(side) => 2 * side as usize,
        Rule::Exit(side) => 2 * side as usize + 1,
    }
}
