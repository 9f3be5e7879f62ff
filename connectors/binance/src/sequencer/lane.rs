//! One symbol: what is known, and how it becomes more.
//!
//! `known` is an event time: everything at or before it is written or does not exist. It grows in three ways only:
//!
//! ```text
//! 1. a bar that opens exactly at `known`, closed by the stream           ─► written at once
//! 2. final bars of a REST page that reaches back to `known`              ─► written in order
//!      a jump, shown settled or twice, a later bar existing              ─► Complete{the later bar's open time} first
//! 3. the exchange says that the symbol does not trade, and REST has
//!      twice shown nothing newer                                         ─► Complete{the boundary that both reads cover}
//! ```
//!
//! Nothing waits for the stream to call a bar closed: at every boundary, `grace` later, what is not known is asked of
//! REST. Connections that come and go therefore need no event of their own. Bars off the grid are bars: only `known`
//! and the order of open times matter.

use super::{
    core::{Action, Revision},
    rules::Rules,
};
use crate::klines::{KlinePage, MILLI};
use candleflow_schema::{Bar, KlineRecord, Micros, Symbol, time::SECOND};
use std::collections::BTreeMap;

/// Closed stream bars that wait for an earlier one; what does not fit is left to REST.
pub const AHEAD: usize = 64;
/// Written stream bars that wait to be compared with REST; above it the oldest is forgotten.
pub const UNCHECKED: usize = 1000;
/// Longest pause between two questions for the same thing.
const PATIENCE: Micros = 30 * SECOND;

/// A stretch without bars that one answer has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hole {
    after: Micros,
    before: Micros,
    seen: Micros,
}

/// A question under way.
#[derive(Debug)]
struct Fetch {
    /// Up to this open time its pages, and what was known before, leave nothing out.
    covered: Micros,
    /// A page left something out, or showed a jump that must be shown again: the rest only serves comparison.
    stalled: bool,
    /// `known` when it began; `None` when it only compares.
    began: Option<Micros>,
}

/// The state of one symbol.
#[derive(Debug)]
pub(super) struct Lane {
    symbol: Symbol,
    known: Micros,
    /// Closed stream bars by open time that do not continue `known`.
    ahead: BTreeMap<Micros, Bar>,
    /// Written stream bars by open time that REST has not confirmed.
    unchecked: BTreeMap<Micros, Bar>,
    fetch: Option<Fetch>,
    /// A jump that was shown once, a later bar existing.
    jump: Option<Hole>,
    /// A standstill that was shown once.
    pause: Option<Hole>,
    /// Newest open time that the stream has told of: older bars have ended.
    newest: Micros,
    /// Whether the symbol trades, and when the exchange said so.
    trades: (bool, Micros),
    /// The last stretch that was promised to be empty, and the newest open time that broke such a promise.
    promised: (Micros, Micros),
    late: Micros,
    not_before: Micros,
    fruitless: u32,
    /// This symbol's part of the spread.
    delay: Micros,
    done: bool,
    open_ended: bool,
}

impl Lane {
    pub(super) fn new(symbol: Symbol, known: Micros, delay: Micros, rules: &Rules) -> Self {
        Self {
            symbol,
            known,
            ahead: BTreeMap::new(),
            unchecked: BTreeMap::new(),
            fetch: None,
            jump: None,
            pause: None,
            newest: Micros::MIN,
            trades: (true, Micros::MIN),
            promised: (0, 0),
            late: Micros::MIN,
            not_before: 0,
            fruitless: 0,
            delay,
            done: rules.stop().is_some_and(|stop| known >= stop),
            open_ended: false,
        }
    }

    pub(super) fn known(&self) -> Micros {
        self.known
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn is_open_ended(&self) -> bool {
        self.open_ended
    }

    /// A standstill was seen, and the exchange has not been asked about it since its end.
    pub(super) fn wants_status(&self) -> bool {
        !self.done && self.pause.is_some_and(|pause| self.trades.1 < pause.before)
    }

    pub(super) fn status(&mut self, trades: bool, at: Micros) {
        if at > self.trades.1 {
            self.trades = (trades, at);
        }
    }

    /// Asks REST for what is due.
    pub(super) fn poll(&mut self, rules: &Rules, now: Micros, out: &mut Vec<Action>) {
        if self.done || self.fetch.is_some() || now < self.not_before {
            return;
        }
        let boundary = rules.boundary(now);
        if self.known < boundary {
            let urgent = !self.ahead.is_empty() || self.newest > self.known || self.known < rules.reach_back(boundary);
            if urgent || now >= boundary + rules.grace + self.delay {
                self.ask(rules, now, out);
            }
        } else if let (Some((first, bar)), Some((last, _))) =
            (self.unchecked.first_key_value(), self.unchecked.last_key_value())
            && (bar.time() + rules.reconcile <= now || self.unchecked.len() >= UNCHECKED)
        {
            let (from, to) = (*first, *last);
            self.begin(None, from, to, false, out);
        }
    }

    fn ask(&mut self, rules: &Rules, now: Micros, out: &mut Vec<Action>) {
        let from = rules.reach_back(self.known);
        match rules.stop() {
            // The bar that opens at the stop shows, when it exists, that everything before is there.
            Some(stop) if self.fruitless == 0 => self.begin(Some(self.known), from, stop, true, out),
            Some(_) => self.begin(Some(self.known), from, now, false, out),
            None => self.begin(Some(self.known), from, now, true, out),
        }
    }

    fn begin(&mut self, began: Option<Micros>, from: Micros, to: Micros, all: bool, out: &mut Vec<Action>) {
        let from = self.unchecked.first_key_value().map_or(from, |(first, _)| from.min(*first));
        self.fetch = Some(Fetch { covered: from - MILLI, stalled: false, began });
        out.push(Action::Fetch { symbol: self.symbol.clone(), from, to, all });
    }

    /// The fetch did not come back whole.
    pub(super) fn failed(&mut self, now: Micros) {
        if let Some(fetch) = self.fetch.take() {
            self.not_before = now + self.pace();
            if fetch.began.is_some_and(|began| self.known > began) {
                self.fruitless = 0;
            }
        }
    }

    /// When to ask again, after a fetch that began at `began` and was answered.
    fn rest(&mut self, rules: &Rules, began: Micros, now: Micros) {
        if self.known > began {
            self.fruitless = 0;
            self.not_before = 0;
        } else {
            self.not_before = now + self.pace();
        }
        // What was shown once is worth asking for only when asking counts.
        let once = self.jump.or(self.pause.filter(|_| !self.trades.0));
        if let Some(hole) = once {
            self.not_before = hole.seen + rules.recheck;
        }
    }

    /// A pause that grows while nothing comes of asking.
    fn pace(&mut self) -> Micros {
        let pause = ((3 * SECOND) << self.fruitless.min(5)).min(PATIENCE);
        self.fruitless = self.fruitless.saturating_add(1);
        pause
    }

    /// The stream tells of a bar.
    pub(super) fn stream(&mut self, rules: &Rules, bar: Bar, closed: bool, out: &mut Vec<Action>) {
        if self.done || bar.interval != rules.interval {
            return;
        }
        if bar.time() <= self.known {
            if closed {
                self.judge_late(bar, out);
            }
            return;
        }
        self.newest = self.newest.max(bar.open_time);
        if !closed {
            return;
        }
        if self.ahead.len() < AHEAD || bar.open_time == self.known {
            self.ahead.insert(bar.open_time, bar);
        }
        self.drain(out);
    }

    /// Writes the stream's bars that continue what is known.
    fn drain(&mut self, out: &mut Vec<Action>) {
        while let Some(bar) = self.ahead.remove(&self.known) {
            if self.unchecked.len() >= UNCHECKED {
                self.unchecked.pop_first();
            }
            self.unchecked.insert(bar.open_time, bar.clone());
            self.write(bar, out);
        }
        let known = self.known;
        self.ahead.retain(|_, bar| bar.time() > known);
    }

    /// REST tells of a stretch of time.
    pub(super) fn page(&mut self, rules: &Rules, page: KlinePage, last: bool, out: &mut Vec<Action>) {
        self.reconcile(rules, &page, out);
        let asked_at = page.asked_at;
        let Some(mut fetch) = self.fetch.take() else { return };
        fetch.stalled |= page.from > fetch.covered + MILLI;
        fetch.covered = fetch.covered.max(page.to);
        if !fetch.stalled && !self.done {
            let ended = last || page.later.is_some();
            fetch.stalled = !self.advance(rules, page, out);
            self.drain(out);
            if ended && !fetch.stalled && !self.done {
                self.standstill(rules, fetch.covered, asked_at, out);
            }
        }
        self.done |= rules.stop().is_some_and(|stop| self.known >= stop);
        match fetch.began {
            _ if !last => self.fetch = Some(fetch),
            Some(began) => self.rest(rules, began, asked_at),
            None => {}
        }
    }

    /// Writes what the page has beyond `known`; `false` when it must be asked again.
    fn advance(&mut self, rules: &Rules, page: KlinePage, out: &mut Vec<Action>) -> bool {
        let (later, asked_at) = (page.later, page.asked_at);
        for bar in page.bars {
            if bar.time() <= self.known {
                self.judge_late(bar, out);
                continue;
            }
            if rules.until.is_some_and(|until| bar.time() > until) {
                return self.end(rules, bar.open_time, asked_at, out);
            }
            if bar.open_time > self.known && !self.cross(rules, bar.open_time, bar.open_time, asked_at, out) {
                return false;
            }
            self.ahead.remove(&bar.open_time);
            self.write(bar, out);
        }
        match later {
            Some(later) if rules.until.is_some() => self.end(rules, later, asked_at, out),
            Some(later) if later > self.known => self.cross(rules, later, later, asked_at, out),
            _ => true,
        }
    }

    /// The next bar opens at `next`, after the end that was asked for.
    fn end(&mut self, rules: &Rules, next: Micros, asked_at: Micros, out: &mut Vec<Action>) -> bool {
        let Some(stop) = rules.stop().filter(|stop| *stop > self.known) else {
            self.done = true;
            return true;
        };
        if next > self.known && !self.cross(rules, next, stop.min(next), asked_at, out) {
            return false;
        }
        if self.known < stop {
            // A bar off the grid that straddles the end.
            self.complete(rules, stop, out);
        }
        self.done = true;
        true
    }

    /// There is no bar between `known` and the one that opens at `next`, as far as this answer shows: writes so, up to
    /// `promise`, when that is enough.
    fn cross(&mut self, rules: &Rules, next: Micros, promise: Micros, asked_at: Micros, out: &mut Vec<Action>) -> bool {
        let hole = Hole { after: self.known, before: next, seen: asked_at };
        let earlier = self.jump.filter(|j| (j.after, j.before) == (hole.after, hole.before));
        let twice = earlier.is_some_and(|j| asked_at >= j.seen + rules.recheck);
        // A closed bar of the stream in the hole contradicts this answer.
        let disputed = self.ahead.range(..next).next_back().is_some();
        if !(twice || (next + rules.settle <= asked_at && !disputed)) {
            self.jump = Some(earlier.unwrap_or(hole));
            return false;
        }
        self.complete(rules, promise, out);
        true
    }

    /// Nothing newer than `known` exists by this answer, though a boundary has passed.
    fn standstill(&mut self, rules: &Rules, covered: Micros, asked_at: Micros, out: &mut Vec<Action>) {
        let boundary = rules.boundary(asked_at);
        if self.known >= boundary || covered < boundary - MILLI || !self.ahead.is_empty() {
            self.pause = None;
            return;
        }
        let Some(pause) = self.pause.filter(|p| p.after == self.known) else {
            self.pause = Some(Hole { after: self.known, before: boundary, seen: asked_at });
            return;
        };
        let (trades, said_at) = self.trades;
        if asked_at < pause.seen + rules.recheck || said_at < pause.before {
            return;
        }
        if !trades {
            self.complete(rules, pause.before, out);
        } else if rules.until.is_some() && self.fruitless > 0 {
            (self.done, self.open_ended) = (true, true);
        }
        // This answer is the first for what has passed since; whether the symbol trades by now is asked again.
        self.pause = (self.known < boundary).then_some(Hole { after: self.known, before: boundary, seen: asked_at });
    }

    fn write(&mut self, bar: Bar, out: &mut Vec<Action>) {
        self.known = bar.time();
        (self.jump, self.pause) = (None, None);
        out.push(Action::Emit(KlineRecord::Bar(bar)));
    }

    fn complete(&mut self, rules: &Rules, time: Micros, out: &mut Vec<Action>) {
        self.promised = (if self.promised.1 == self.known { self.promised.0 } else { self.known }, time);
        self.known = time;
        (self.jump, self.pause) = (None, None);
        let record = KlineRecord::Complete { symbol: self.symbol.clone(), interval: rules.interval, time };
        out.push(Action::Emit(record));
    }

    /// A bar inside the last stretch that was promised to be empty is reported once.
    fn judge_late(&mut self, bar: Bar, out: &mut Vec<Action>) {
        let (after, before) = self.promised;
        if bar.open_time >= after && bar.time() <= before && bar.open_time > self.late {
            self.late = bar.open_time;
            out.push(Action::Late(bar));
        }
    }

    /// Compares what the stream said and was written with what REST says.
    fn reconcile(&mut self, rules: &Rules, page: &KlinePage, out: &mut Vec<Action>) {
        // What REST does not show yet may only be late: it is judged when it is old enough.
        let judged = |bar: &Bar| bar.time() + rules.settle <= page.asked_at;
        let told: Vec<Micros> =
            self.unchecked.range(page.from..=page.to.max(page.from)).map(|(open, _)| *open).collect();
        for open in told {
            let found = page.bars.binary_search_by_key(&open, |bar| bar.open_time).ok();
            let rest = found.map(|i| &page.bars[i]);
            let Some(written) = self.unchecked.get(&open) else { continue };
            match rest {
                None if !judged(written) => continue,
                Some(rest) if rest.same_value(written) => {}
                rest => {
                    let revision = Revision { written: written.clone(), rest: rest.cloned() };
                    out.push(Action::Revised(Box::new(revision)));
                }
            }
            self.unchecked.remove(&open);
        }
    }
}
