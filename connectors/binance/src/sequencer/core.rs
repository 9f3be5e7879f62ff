//! Every decision of the sequencer, without I/O, clock or randomness: events in, actions out.
//!
//! Per symbol one [`Lane`] holds what is known; this file hands events to lanes and asks for what they share, the
//! exchange's word on which symbols trade.

use super::{lane::Lane, rules::Rules};
use crate::klines::KlinePage;
use candleflow_schema::{Bar, KlineRecord, Micros, Symbol};
use std::collections::BTreeMap;

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The stream told of a bar.
    Stream {
        /// As it stands.
        bar: Bar,
        /// Whether the exchange called it closed.
        closed: bool,
        /// The exchange's time when it was read.
        now: Micros,
    },
    /// REST answered a [`Action::Fetch`]; pages of one fetch come in order.
    Page {
        /// The instrument.
        symbol: Symbol,
        /// The answer.
        page: KlinePage,
        /// Whether it is the last page of the fetch.
        last: bool,
    },
    /// A fetch ended without (all of) its pages.
    Failed {
        /// The instrument.
        symbol: Symbol,
    },
    /// The exchange said whether symbols trade.
    Status {
        /// Those that it was asked for, and whether each trades.
        trades: Vec<(Symbol, bool)>,
        /// The exchange's time when it was asked.
        at: Micros,
    },
    /// The exchange could not be asked.
    StatusFailed,
    /// Time has passed, on the exchange's clock.
    Tick {
        /// The exchange's time.
        now: Micros,
    },
}

/// A bar that the stream told and that was written, and what REST says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// What was written.
    pub written: Bar,
    /// What REST says; `None`: that there is no such bar.
    pub rest: Option<Bar>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write a record.
    Emit(KlineRecord),
    /// Ask REST for the bars that opened in `from..=to`; answer with [`Event::Page`] or [`Event::Failed`].
    Fetch {
        /// The instrument.
        symbol: Symbol,
        /// First open time.
        from: Micros,
        /// Last open time.
        to: Micros,
        /// Every page, or only the first.
        all: bool,
    },
    /// Ask whether these symbols trade; answer with [`Event::Status`] or [`Event::StatusFailed`].
    AskStatus(Vec<Symbol>),
    /// REST differs from a bar that was written: what REST says is written as restated.
    Revised(Box<Revision>),
    /// A bar came after the promise that it would not: data is lost.
    Late(Bar),
}

/// The state of all symbols. Bound: per symbol [`AHEAD`](super::lane::AHEAD) + [`UNCHECKED`](super::lane::UNCHECKED)
/// bars.
#[derive(Debug)]
pub struct Core {
    rules: Rules,
    lanes: BTreeMap<Symbol, Lane>,
    now: Micros,
    asking: bool,
    ask_not_before: Micros,
}

impl Core {
    /// Symbols, each with the event time up to which it is known already.
    pub fn new(rules: Rules, known: &BTreeMap<Symbol, Micros>) -> Self {
        let count = known.len().max(1) as i64;
        let spread = rules.spread(count);
        let lane = |(i, (symbol, known)): (usize, (&Symbol, &Micros))| {
            (symbol.clone(), Lane::new(symbol.clone(), *known, spread * i as i64 / count, &rules))
        };
        let lanes = known.iter().enumerate().map(lane).collect();
        Self { rules, lanes, now: 0, asking: false, ask_not_before: 0 }
    }

    /// Takes an event; appends what is to be done.
    pub fn handle(&mut self, event: Event, out: &mut Vec<Action>) {
        if let Event::Tick { now } | Event::Stream { now, .. } = &event {
            self.now = self.now.max(*now);
        }
        let now = self.now;
        match event {
            Event::Tick { .. } => {
                for lane in self.lanes.values_mut() {
                    lane.poll(&self.rules, now, out);
                }
            }
            Event::Stream { bar, closed, .. } => self.with(&bar.symbol.clone(), |lane, rules| {
                lane.stream(rules, bar, closed, out);
                lane.poll(rules, now, out);
            }),
            Event::Page { symbol, page, last } => self.with(&symbol, |lane, rules| {
                lane.page(rules, page, last, out);
                lane.poll(rules, now, out);
            }),
            Event::Failed { symbol } => self.with(&symbol, |lane, _| lane.failed(now)),
            Event::Status { trades, at } => {
                self.asking = false;
                for (symbol, trades) in trades {
                    self.with(&symbol, |lane, _| lane.status(trades, at));
                }
            }
            Event::StatusFailed => {
                self.asking = false;
                self.ask_not_before = now + self.rules.recheck;
            }
        }
        self.ask(out);
    }

    /// Whether a run that is to end has ended.
    pub fn done(&self) -> bool {
        self.lanes.values().all(Lane::is_done)
    }

    /// Per symbol the event time up to which it is known.
    pub fn known(&self) -> BTreeMap<Symbol, Micros> {
        self.lanes.iter().map(|(symbol, lane)| (symbol.clone(), lane.known())).collect()
    }

    /// Symbols that ended before the time that was asked for: the exchange shows nothing newer and says they trade.
    pub fn open_ended(&self) -> Vec<Symbol> {
        self.lanes.iter().filter(|(_, lane)| lane.is_open_ended()).map(|(symbol, _)| symbol.clone()).collect()
    }

    fn with(&mut self, symbol: &Symbol, act: impl FnOnce(&mut Lane, &Rules)) {
        // What was never asked for (a stream of a symbol that is not ours) is nothing to decide about.
        if let Some(lane) = self.lanes.get_mut(symbol) {
            act(lane, &self.rules);
        }
    }

    /// One question serves all lanes that have none newer than their doubt.
    fn ask(&mut self, out: &mut Vec<Action>) {
        if self.asking || self.now < self.ask_not_before {
            return;
        }
        let doubtful = self.lanes.iter().filter(|(_, lane)| lane.wants_status());
        let symbols: Vec<_> = doubtful.map(|(symbol, _)| symbol.clone()).collect();
        if !symbols.is_empty() {
            self.asking = true;
            self.ask_not_before = self.now + self.rules.recheck;
            out.push(Action::AskStatus(symbols));
        }
    }
}

#[cfg(test)]
mod tests;
