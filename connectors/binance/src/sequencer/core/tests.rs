//! The core against a simulated exchange: whatever the stream does and however REST lags and fails, what comes out is
//! the truth, in order.

use super::*;
use crate::{backoff::Jitter, klines::MILLI};
use candleflow_schema::{Interval, Origin, time::SECOND};
use proptest::prelude::*;
use std::collections::VecDeque;

const L: Micros = 60 * SECOND;
const T0: Micros = 1_600_000_020 * SECOND;
const NAME: &str = "BTCUSDT";
const GRACE: Micros = 3 * SECOND;
/// Rows of a page.
const LIMIT: usize = 7;

fn bar(open_time: Micros, value: i64, origin: Origin) -> Bar {
    Bar {
        symbol: NAME.into(),
        interval: Interval::M1,
        open_time,
        open: value,
        high: value,
        low: value,
        close: value,
        volume: i128::from(value % 3),
        quote_volume: Some(1),
        trades: Some(1),
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin,
    }
}

/// How bad the world is.
#[derive(Debug, Clone)]
struct Faults {
    drop: f64,
    repeat: f64,
    late: f64,
    wrong: f64,
    offline: f64,
    rest_fails: f64,
    rest_lag: Micros,
    /// For so long after its close REST may leave a bar out although it shows the next one.
    rest_hides: Micros,
}

const CLEAN: Faults =
    Faults { drop: 0.0, repeat: 0.0, late: 0.0, wrong: 0.0, offline: 0.0, rest_fails: 0.0, rest_lag: 0, rest_hides: 0 };

fn faults() -> impl Strategy<Value = Faults> {
    (0.0..1.0, 0.0..0.5, 0.0..0.7, 0.0..0.3, 0.0..0.6, 0.0..0.4, 0..6 * SECOND, 0..7 * SECOND).prop_map(
        |(drop, repeat, late, wrong, offline, rest_fails, rest_lag, rest_hides)| Faults {
            drop,
            repeat,
            late,
            wrong,
            offline,
            rest_fails,
            rest_lag,
            rest_hides,
        },
    )
}

/// What really happened: bars by open time, and when the symbol did not trade.
#[derive(Debug, Clone)]
struct Truth {
    bars: BTreeMap<Micros, Bar>,
    halts: Vec<(Micros, Micros)>,
}

impl Truth {
    /// Minutes of trading (positive), without bars (0..=9) and without trading (10..): (kind, minutes, shift off the
    /// grid).
    fn of(parts: &[(u8, i64, i64)]) -> Self {
        let (mut bars, mut halts, mut t) = (BTreeMap::new(), Vec::new(), T0);
        for (kind, minutes, shift) in parts {
            match kind % 4 {
                0 => t += minutes * L,
                1 => {
                    halts.push((t, t + minutes * L));
                    t += minutes * L;
                }
                2 => {
                    for i in 0..*minutes {
                        let open = t + i * L + shift * 1789 * MILLI;
                        bars.insert(open, bar(open, 100 + bars.len() as i64, Origin::Rest));
                    }
                    // Back on the grid: the last bar off it overlaps its successor.
                    t += minutes * L;
                }
                _ => {
                    for i in 0..*minutes {
                        bars.insert(t + i * L, bar(t + i * L, 100 + bars.len() as i64, Origin::Rest));
                    }
                    t += minutes * L;
                }
            }
        }
        // What is still missing at the end would not be shown to be missing: the market goes on.
        for i in 0..3 {
            bars.insert(t + i * L, bar(t + i * L, 100 + bars.len() as i64, Origin::Rest));
        }
        // A halt ends where the next bar opens, off the grid or on it.
        for halt in &mut halts {
            if let Some((next, _)) = bars.range(halt.1..).next() {
                halt.1 = halt.1.max(*next);
            }
        }
        Self { bars, halts }
    }

    fn end(&self) -> Micros {
        self.bars.last_key_value().map_or(T0, |(open, _)| open + L)
    }

    fn trades(&self, at: Micros) -> bool {
        !self.halts.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    /// What REST answers at `asked_at` when it shows what the market was `lag` ago.
    fn rest(
        &self,
        from: Micros,
        to: Micros,
        all: bool,
        asked_at: Micros,
        (lag, hides): (Micros, Micros),
    ) -> Vec<KlinePage> {
        let mut pages = Vec::new();
        let (mut from, mut chunk_end) = (from, to);
        loop {
            let view = asked_at - lag;
            let end = to.min(chunk_end);
            let hidden = |b: &Bar| (b.time()..b.time() + hides).contains(&asked_at);
            let shown = self.bars.range(from..=end).take_while(|(open, _)| **open <= view);
            let rows: Vec<_> = shown.filter(|(_, b)| !hidden(b)).take(LIMIT).collect();
            let is_final = |b: &Bar| b.time() + GRACE <= asked_at && b.time() <= view;
            let later = rows.iter().find(|(_, b)| !is_final(b)).map(|(open, _)| **open);
            let cut = rows.len() == LIMIT;
            let reach = if cut { *rows[LIMIT - 1].0 } else { end };
            pages.push(KlinePage {
                from,
                to: later.map_or(reach, |l| reach.min(l - MILLI)),
                bars: rows.iter().map(|(_, b)| (*b).clone()).take_while(is_final).collect(),
                later,
                asked_at,
                quarantined: Vec::new(),
            });
            if later.is_some() || !all || (!cut && pages.len() == 1) || reach >= to {
                return pages;
            }
            from = reach + MILLI;
            chunk_end = if cut && reach < chunk_end && pages.len() > 1 { chunk_end } else { reach + LIMIT as i64 * L };
        }
    }
}

/// Runs a core in simulated time, and keeps what it wrote.
struct World {
    truth: Truth,
    faults: Faults,
    jitter: Jitter,
    core: Core,
    /// Events to come, by time and order of making.
    queue: BTreeMap<(Micros, u64), Event>,
    made: u64,
    written: Vec<KlineRecord>,
    revised: Vec<(Bar, Option<Bar>)>,
    late: Vec<Bar>,
    wrong: BTreeMap<Micros, Bar>,
    fetches: u64,
}

impl World {
    fn new(truth: Truth, faults: Faults, seed: u64, known: Micros, until: Option<Micros>) -> Self {
        let mut rules = Rules::new(Interval::M1, GRACE, until);
        rules.reconcile = 120 * SECOND;
        let core = Core::new(rules, &BTreeMap::from([(Symbol::from(NAME), known)]));
        Self {
            truth,
            faults,
            jitter: Jitter::new(seed),
            core,
            queue: BTreeMap::new(),
            made: 0,
            written: Vec::new(),
            revised: Vec::new(),
            late: Vec::new(),
            wrong: BTreeMap::new(),
            fetches: 0,
        }
    }

    fn chance(&mut self, p: f64) -> bool {
        self.jitter.unit() < p
    }

    fn span(&mut self, most: Micros) -> Micros {
        (self.jitter.unit() * most as f64) as Micros
    }

    fn push(&mut self, at: Micros, event: Event) {
        self.made += 1;
        self.queue.insert((at, self.made), event);
    }

    /// Everything that the stream will say from `from` on.
    fn stream(&mut self, from: Micros) {
        let mut offline = Vec::new();
        let mut t = from;
        while t < self.truth.end() {
            let (up, down) = (self.span(10 * L), self.span(5 * L));
            if self.faults.offline > 0.0 && self.jitter.unit() < self.faults.offline {
                offline.push((t + up, t + up + down));
            }
            t += up + down + SECOND;
        }
        for real in self.truth.bars.clone().into_values().filter(|b| b.time() > from) {
            for _ in 0..2 {
                let at = real.open_time + self.span(L);
                let partial =
                    Bar { origin: Origin::Stream, close: real.close + 1, high: real.high + 1, ..real.clone() };
                self.frame(at, partial, false, &offline);
            }
            let mut said = Bar { origin: Origin::Stream, ..real.clone() };
            if self.chance(self.faults.wrong) {
                (said.close, said.high) = (said.close + 7, said.high + 7);
                self.wrong.insert(said.open_time, said.clone());
            }
            let times = 1 + i32::from(self.chance(self.faults.repeat));
            for _ in 0..times {
                let at = real.time()
                    + 50 * MILLI
                    + if self.chance(self.faults.late) { self.span(3 * L) } else { self.span(200 * MILLI) };
                self.frame(at, said.clone(), true, &offline);
            }
        }
    }

    fn frame(&mut self, at: Micros, bar: Bar, closed: bool, offline: &[(Micros, Micros)]) {
        let lost = offline.iter().any(|(from, to)| (*from..*to).contains(&at));
        if !lost && !self.chance(self.faults.drop) {
            self.push(at, Event::Stream { bar, closed, now: at });
        }
    }

    /// Lets time pass from `from` to `to` in half seconds.
    fn run(&mut self, from: Micros, to: Micros) {
        let mut now = from;
        while now < to && !self.core.done() {
            while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= now) {
                let event = entry.remove();
                self.step(event, now);
            }
            self.step(Event::Tick { now }, now);
            now += SECOND / 2;
        }
    }

    fn step(&mut self, event: Event, now: Micros) {
        let mut actions = Vec::new();
        self.core.handle(event, &mut actions);
        for action in VecDeque::from(actions) {
            match action {
                Action::Emit(record) => self.written.push(record),
                Action::Revised(revision) => self.revised.push((revision.written, revision.rest)),
                Action::Late(bar) => self.late.push(bar),
                Action::AskStatus(_) => {
                    let trades = vec![(Symbol::from(NAME), self.truth.trades(now))];
                    let at = now + self.span(SECOND);
                    match self.chance(self.faults.rest_fails) {
                        true => self.push(at, Event::StatusFailed),
                        false => self.push(at, Event::Status { trades, at: now }),
                    }
                }
                Action::Fetch { symbol, from, to, all } => self.fetch(&symbol, from, to, all, now),
            }
        }
    }

    fn fetch(&mut self, symbol: &Symbol, from: Micros, to: Micros, all: bool, now: Micros) {
        self.fetches += 1;
        let view = (self.span(self.faults.rest_lag), self.span(self.faults.rest_hides));
        let pages = self.truth.rest(from, to, all, now, view);
        let fail_after = self.chance(self.faults.rest_fails).then(|| self.span(pages.len() as i64) as usize);
        let mut at = now;
        let count = pages.len();
        for (i, page) in pages.into_iter().enumerate() {
            at += 20 * MILLI + self.span(SECOND);
            if fail_after == Some(i) {
                self.push(at, Event::Failed { symbol: symbol.clone() });
                return;
            }
            self.push(at, Event::Page { symbol: symbol.clone(), page, last: i + 1 == count });
        }
    }

    /// Checks all that must hold of what was written after `known`, up to `until`.
    fn check(&self, known: Micros, until: Micros) -> Result<(), TestCaseError> {
        let mut reach = known;
        let mut bars = Vec::new();
        for record in &self.written {
            prop_assert!(record.time() > reach, "{record:?} after {reach}");
            if let KlineRecord::Bar(bar) = record {
                prop_assert!(bar.open_time <= reach, "a jump without a promise before {bar}");
                bars.push(bar.clone());
            } else {
                let promised = |b: &&Bar| b.time() > reach && b.time() <= record.time();
                prop_assert_eq!(self.truth.bars.values().find(promised), None, "{:?}", record);
            }
            reach = record.time();
        }
        let expected: Vec<_> = self.truth.bars.values().filter(|b| b.time() > known && b.time() <= until).collect();
        let opens = |b: &Bar| b.open_time;
        prop_assert_eq!(
            bars.iter().map(opens).collect::<Vec<_>>(),
            expected.iter().map(|b| opens(b)).collect::<Vec<_>>()
        );
        for (bar, real) in bars.iter().zip(expected) {
            let said_wrong = bar.origin == Origin::Stream && self.wrong.get(&bar.open_time) == Some(bar);
            prop_assert!(bar.same_value(real) || said_wrong, "{bar:?} is not {real:?}");
        }
        prop_assert!(self.late.is_empty(), "{:?}", self.late);
        Ok(())
    }

    /// The records, runs of promises collapsed into their last.
    fn collapsed(&self) -> Vec<(Micros, bool)> {
        let mut out: Vec<(Micros, bool)> = Vec::new();
        for record in &self.written {
            let is_bar = matches!(record, KlineRecord::Bar(_));
            if !is_bar && out.last().is_some_and(|(_, bar)| !bar) {
                out.pop();
            }
            out.push((record.time(), is_bar));
        }
        out
    }
}

fn parts() -> impl Strategy<Value = Vec<(u8, i64, i64)>> {
    proptest::collection::vec((0u8..8, 1i64..12, 0i64..30), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn following_writes_the_truth_whatever_fails(parts in parts(), faults in faults(), seed: u64, back in 0i64..40) {
        let truth = Truth::of(&parts);
        let (known, end) = (T0 - 3 * L, truth.end());
        // It begins `back` minutes into the story, so the first part comes over REST alone.
        let begin = (T0 + back * L).min(end);
        let mut world = World::new(truth.clone(), faults, seed, known, None);
        world.stream(begin);
        world.run(begin, end + 6 * L);
        world.check(known, end)?;

        let mut clean = World::new(truth, CLEAN, seed, known, None);
        clean.stream(begin);
        clean.run(begin, end + 6 * L);
        clean.check(known, end)?;
        let last = |w: &World| w.collapsed().into_iter().filter(|(t, _)| *t <= end).collect::<Vec<_>>();
        prop_assert_eq!(last(&world), last(&clean));
        for (written, rest) in &world.revised {
            prop_assert!(world.wrong.contains_key(&written.open_time));
            prop_assert!(rest.as_ref().is_some_and(|r| r.same_value(&world.truth.bars[&r.open_time])));
        }
    }

    #[test]
    fn what_rest_told_differently_is_reported_once(seed: u64, minutes in 10i64..40) {
        let mut world = World::new(Truth::of(&[(3, minutes, 0)]), Faults { wrong: 0.3, ..CLEAN }, seed, T0, None);
        world.stream(T0);
        world.run(T0, world.truth.end() + 6 * L);
        world.check(T0, world.truth.end())?;
        let written_wrong: Vec<_> = world.written.iter().filter_map(|r| match r {
            KlineRecord::Bar(b) if !b.same_value(&world.truth.bars[&b.open_time]) => Some(b.open_time),
            _ => None,
        }).collect();
        let mut reported: Vec<_> = world.revised.iter().map(|(w, _)| w.open_time).collect();
        reported.sort_unstable();
        prop_assert_eq!(reported, written_wrong);
    }

    #[test]
    fn a_run_to_an_end_stops_there(parts in parts(), faults in faults(), seed: u64, until in 0i64..60) {
        let truth = Truth::of(&parts);
        let (known, end) = (T0 - 2 * L, truth.end() - L);
        let until = (T0 + until * L).min(end);
        let mut world = World::new(truth, Faults { offline: 0.0, ..faults }, seed, known, Some(until));
        world.run(end + L, end + 400 * L);
        prop_assert!(world.core.done());
        world.check(known, until)?;
        prop_assert!(world.core.open_ended().is_empty());
        prop_assert!(world.core.known()[NAME] >= until);
    }

    #[test]
    fn stopping_anywhere_and_going_on_writes_the_same(parts in parts(), faults in faults(), seed: u64, stop in 1i64..50) {
        let truth = Truth::of(&parts);
        let (known, end) = (T0 - 2 * L, truth.end());
        let stop = (T0 + stop * L + 17 * SECOND).min(end);
        let mut first = World::new(truth.clone(), faults.clone(), seed, known, None);
        first.stream(T0);
        first.run(T0, stop);
        let middle = first.core.known()[NAME];
        let mut second = World::new(truth, faults, seed ^ 1, middle, None);
        second.stream(stop);
        second.run(stop, end + 6 * L);
        second.check(middle, end)?;
        first.written.append(&mut second.written);
        first.wrong.append(&mut second.wrong);
        first.check(known, end)?;
    }
}

#[test]
fn a_closed_bar_that_continues_is_written_at_once() {
    let mut world = World::new(Truth::of(&[(3, 1, 0)]), CLEAN, 1, T0, None);
    world.step(Event::Tick { now: T0 + L }, T0 + L);
    world.step(Event::Stream { bar: bar(T0, 100, Origin::Stream), closed: true, now: T0 + L }, T0 + L);
    assert_eq!(world.written, [KlineRecord::Bar(bar(T0, 100, Origin::Stream))]);
    assert_eq!(world.fetches, 0);
}

#[test]
fn a_quiet_hour_of_a_clean_stream_costs_only_the_comparison() {
    let mut world = World::new(Truth::of(&[(3, 60, 0)]), CLEAN, 1, T0, None);
    world.stream(T0);
    world.run(T0, world.truth.end());
    assert_eq!(world.written.len(), 62, "the last of three closes at the end itself");
    assert!(world.fetches <= 32, "{} fetches, one per two minutes to compare", world.fetches);
    assert!(world.revised.is_empty());
}

#[test]
fn while_a_symbol_does_not_trade_every_boundary_is_promised() {
    let truth = Truth::of(&[(3, 5, 0), (1, 10, 0), (3, 5, 0)]);
    let mut world = World::new(truth, CLEAN, 1, T0, None);
    world.stream(T0);
    world.run(T0, world.truth.end() + 2 * L);
    let promised: Vec<_> = world
        .written
        .iter()
        .filter(|r| matches!(r, KlineRecord::Complete { .. }))
        .map(|r| (r.time() - T0) / L)
        .collect();
    assert_eq!(promised, (6..=15).collect::<Vec<_>>());
}

#[test]
fn while_a_symbol_trades_silence_promises_nothing() {
    let truth = Truth::of(&[(3, 5, 0), (0, 10, 0), (3, 5, 0)]);
    let mut world = World::new(truth, CLEAN, 1, T0, None);
    world.stream(T0);
    world.run(T0, T0 + 15 * L);
    assert_eq!(world.core.known()[NAME], T0 + 5 * L);
    world.run(T0 + 15 * L, world.truth.end() + 2 * L);
    assert_eq!(world.collapsed()[5..7], [(T0 + 15 * L, false), (T0 + 16 * L, true)]);
}

#[test]
fn a_run_to_an_end_gives_up_where_nothing_newer_exists() {
    let mut truth = Truth::of(&[(3, 5, 0)]);
    let end = truth.end();
    let mut world = World::new(truth.clone(), CLEAN, 1, T0, Some(end + 10 * L));
    world.run(end + 20 * L, end + 30 * L);
    assert!(world.core.done());
    assert_eq!((world.core.open_ended().len(), world.core.known()[NAME]), (1, end));

    truth.halts.push((end, end + 1000 * L));
    let mut world = World::new(truth, CLEAN, 1, T0, Some(end + 10 * L));
    world.run(end + 20 * L, end + 30 * L);
    assert!(world.core.done() && world.core.open_ended().is_empty());
    assert_eq!(world.core.known()[NAME], end + 10 * L, "delisted: the exchange's word is enough");
}

#[test]
fn a_bar_that_was_promised_not_to_exist_is_reported() {
    let mut truth = Truth::of(&[(3, 5, 0), (0, 5, 0), (3, 15, 0)]);
    let hidden = bar(T0 + 7 * L, 55, Origin::Rest);
    let mut world = World::new(truth.clone(), CLEAN, 1, T0, None);
    world.stream(T0);
    world.run(T0, T0 + 11 * L + 30 * SECOND);
    assert!(world.late.is_empty());
    world.step(
        Event::Stream { bar: Bar { origin: Origin::Stream, ..hidden.clone() }, closed: true, now: T0 + 12 * L },
        T0 + 12 * L,
    );
    world.step(
        Event::Stream { bar: Bar { origin: Origin::Stream, ..hidden.clone() }, closed: true, now: T0 + 12 * L },
        T0 + 12 * L,
    );
    assert_eq!(world.late.len(), 1, "{:?}", world.late);
    truth.bars.insert(hidden.open_time, hidden);
}

/// A core that has asked REST for what follows `T0`, at `now`.
fn asking(now: Micros) -> (Core, Vec<Action>) {
    let mut core = Core::new(Rules::new(Interval::M1, GRACE, None), &BTreeMap::from([(Symbol::from(NAME), T0)]));
    let mut out = Vec::new();
    core.handle(Event::Tick { now }, &mut out);
    assert!(matches!(out[..], [Action::Fetch { from, to, all: true, .. }] if from == T0 - L && to == now), "{out:?}");
    out.clear();
    (core, out)
}

fn page(from: Micros, to: Micros, opens: &[Micros], asked_at: Micros) -> Event {
    let bars = opens.iter().map(|open| bar(*open, 100, Origin::Rest)).collect();
    let page = KlinePage { from, to, bars, later: None, asked_at, quarantined: Vec::new() };
    Event::Page { symbol: NAME.into(), page, last: true }
}

#[test]
fn a_page_that_does_not_reach_back_proves_nothing() {
    let now = T0 + 10 * L;
    let (mut core, mut out) = asking(now);
    core.handle(page(T0 + 5 * L, now, &[T0 + 5 * L, T0 + 6 * L], now), &mut out);
    assert!(!out.iter().any(|a| matches!(a, Action::Emit(_))), "{out:?}");
    assert_eq!(core.known()[NAME], T0);
}

#[test]
fn a_page_that_nobody_asked_for_proves_nothing() {
    let mut core = Core::new(Rules::new(Interval::M1, GRACE, None), &BTreeMap::from([(Symbol::from(NAME), T0)]));
    let mut out = Vec::new();
    core.handle(page(T0, T0 + 5 * L, &[T0, T0 + L], T0 + 9 * L), &mut out);
    assert_eq!((out.len(), core.known()[NAME]), (0, T0));
}

#[test]
fn only_a_word_that_is_newer_than_the_boundary_promises_it() {
    let (first, second) = (T0 + L + 10 * SECOND, T0 + L + 30 * SECOND);
    for (said_at, promised) in [(T0 + L - 1, false), (T0 + L, true)] {
        let (mut core, mut out) = asking(first);
        core.handle(page(T0 - L, first, &[], first), &mut out);
        assert!(out.contains(&Action::AskStatus(vec![NAME.into()])), "{out:?}");
        core.handle(Event::Status { trades: vec![(NAME.into(), false)], at: said_at }, &mut out);
        core.handle(Event::Tick { now: second }, &mut out);
        out.clear();
        core.handle(page(T0 - L, second, &[], second), &mut out);
        let expected = KlineRecord::Complete { symbol: NAME.into(), interval: Interval::M1, time: T0 + L };
        assert_eq!(out.contains(&Action::Emit(expected)), promised, "{out:?}");
    }
}

#[test]
fn one_empty_answer_promises_nothing() {
    let first = T0 + L + 10 * SECOND;
    let (mut core, mut out) = asking(first);
    core.handle(Event::Status { trades: vec![(NAME.into(), false)], at: first }, &mut out);
    core.handle(page(T0 - L, first, &[], first), &mut out);
    assert!(!out.iter().any(|a| matches!(a, Action::Emit(_))), "{out:?}");
}

#[test]
fn bars_of_the_stream_wait_in_a_bounded_queue() {
    let ahead = super::super::lane::AHEAD as i64;
    let now = T0 + 300 * L;
    let (mut core, mut out) = asking(now);
    for i in 1..300 {
        core.handle(Event::Stream { bar: bar(T0 + i * L, 100, Origin::Stream), closed: true, now }, &mut out);
    }
    assert!(out.is_empty(), "the first one is missing");
    core.handle(page(T0 - L, T0, &[T0], now), &mut out);
    let written = out.iter().filter(|a| matches!(a, Action::Emit(_))).count() as i64;
    assert_eq!(written, 1 + ahead);
    assert!(out.iter().any(|a| matches!(a, Action::Fetch { .. })), "REST is asked for what did not fit");
}
