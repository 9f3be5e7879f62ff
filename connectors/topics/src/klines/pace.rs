//! Which partitions are read on, where rows of all symbols wait for the symbol that is furthest behind.
//!
//! ```text
//!  partition 0   ━━━━━━━━━━━━━━━━━━━━━━━━━┃   more than the lead ahead: read on when it is half as much
//!  partition 1   ━━━━━━━━━━━━━┃               within the lead: read on
//!  partition 2   ━━━━━┃                       furthest behind: always read on
//!                     └──────── lead ─────┤
//! ```
//! A topic that is caught up with comes partition by partition as it likes. Held to a lead, each symbol is no more than that
//! ahead, and each partition no more than one delivery beyond it; together they are less than the rows that may wait. What
//! a partition holds of its own symbols comes in its order, whatever that is. Once the partition that is furthest behind has
//! given all that it held, nobody waits for it here: what is missing is not on its way. State: how far each symbol is.

use candleflow_schema::{Micros, Symbol};
use std::collections::{BTreeMap, BTreeSet};

/// How far symbols are, and which partitions wait for others.
#[derive(Debug)]
pub struct Pace {
    lead: Micros,
    delivery: usize,
    /// The partition of each symbol, and up to where it is known.
    symbols: BTreeMap<Symbol, (i32, Micros)>,
    paused: BTreeSet<i32>,
}

impl Pace {
    /// For symbols in these partitions that are known up to these event times, with bars of this length, of which at most
    /// `most` may wait: half of them because symbols are ahead, a quarter because they came in one delivery.
    pub fn new(symbols: impl IntoIterator<Item = (Symbol, i32, Micros)>, length: Micros, most: usize) -> Self {
        let symbols = symbols.into_iter().map(|(symbol, partition, known)| (symbol, (partition, known)));
        let symbols: BTreeMap<_, _> = symbols.collect();
        let partitions: BTreeSet<i32> = symbols.values().map(|(partition, _)| *partition).collect();
        let bars = (most / 2 / symbols.len().max(1)).max(1);
        let lead = length.saturating_mul(Micros::try_from(bars).unwrap_or(Micros::MAX));
        let delivery = (most / 4 / partitions.len().max(1)).max(1);
        Self { lead, delivery, symbols, paused: BTreeSet::new() }
    }

    /// Records that come at a time, at most.
    pub(super) fn delivery(&self) -> usize {
        self.delivery
    }

    /// A record told of this symbol up to `time`.
    pub(super) fn heard(&mut self, symbol: &Symbol, time: Micros) {
        if let Some((_, known)) = self.symbols.get_mut(symbol) {
            *known = (*known).max(time);
        }
    }

    /// The partitions that are not to be read for now, if they are others than before. `at_end`: whether a partition has
    /// given all that it held when reading began.
    pub(super) fn turn(&mut self, at_end: impl Fn(i32) -> bool) -> Option<&BTreeSet<i32>> {
        let (first, behind) = self.symbols.values().min_by_key(|(_, known)| *known).copied()?;
        let mut reached: BTreeMap<i32, Micros> = BTreeMap::new();
        for (partition, known) in self.symbols.values() {
            let most = reached.entry(*partition).or_insert(*known);
            *most = (*most).max(*known);
        }
        let waits = |partition: i32, reached: Micros| {
            let lead = if self.paused.contains(&partition) { self.lead / 2 } else { self.lead };
            partition != first && !at_end(first) && reached > behind.saturating_add(lead)
        };
        let paused: BTreeSet<i32> = reached.into_iter().filter(|(p, r)| waits(*p, *r)).map(|(p, _)| p).collect();
        let news = paused != self.paused;
        self.paused = paused;
        news.then_some(&self.paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        // 100 bars of length 1 for each of four symbols.
        Pace::new([("A", 0), ("B", 1), ("C", 1), ("D", 2)].map(|(s, p)| (Symbol::from(s), p, 0)), 1, 800)
    }

    fn paused(pace: &mut Pace, at_end: bool) -> Option<Vec<i32>> {
        pace.turn(|_| at_end).map(|paused| paused.iter().copied().collect())
    }

    #[test]
    fn a_partition_that_is_ahead_waits_until_the_others_have_half_caught_up() {
        let mut pace = pace();
        let hear = |pace: &mut Pace, symbol: &str, time| pace.heard(&symbol.into(), time);
        hear(&mut pace, "A", 100);
        hear(&mut pace, "B", 101);
        assert_eq!(paused(&mut pace, false), None, "C keeps its own partition going");
        hear(&mut pace, "C", 1);
        hear(&mut pace, "A", 101);
        assert_eq!(paused(&mut pace, false), Some(vec![0, 1]), "D is furthest behind");
        assert_eq!(paused(&mut pace, false), None, "no news");
        hear(&mut pace, "D", 40);
        assert_eq!(paused(&mut pace, false), Some(vec![0]), "now C is");
        hear(&mut pace, "C", 51);
        assert_eq!(paused(&mut pace, false), None, "D is behind by more than half the lead");
        hear(&mut pace, "D", 51);
        assert_eq!(paused(&mut pace, false), Some(vec![]));
    }

    #[test]
    fn nobody_waits_for_a_partition_that_has_given_all_it_held() {
        let mut pace = pace();
        pace.heard(&"A".into(), 1_000);
        assert_eq!(paused(&mut pace, false), Some(vec![0]));
        assert_eq!(paused(&mut pace, true), Some(vec![]));
    }
}
