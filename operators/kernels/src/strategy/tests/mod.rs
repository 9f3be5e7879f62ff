//! Hand-checked cases, one per rule, and the identities over random markets and rules.
//!
//! A case is a strategy, a few bars as text and the trades that must come out. A bar is `open high low close` and
//! flags: `L` long entry, `X` long exit, `S` short entry, `C` short exit are true at its close; `v0` has no volume;
//! `gap` means that a bar is missing before it; `a=98` sets column `a` (b, c likewise). A trade reads
//! `side qty@entry#bar -> exit#bar reason`, bars counted from 1.

use super::*;
use crate::money::{Money, Ratio};

mod accounts;
mod bars;
mod detail;
mod laws;
mod laws_all;
mod limits;
mod margin;
mod orders;
mod paths;
mod portfolio;
mod protect;
mod pyramid;
mod resting;
mod sizing;
mod still;
mod targets;
mod trailing;
mod views;

pub(super) const MINUTE: i64 = 60_000_000;
/// Columns by letter.
pub(super) const LONG: u32 = 0;
pub(super) const LONG_EXIT: u32 = 1;
pub(super) const SHORT: u32 = 2;
pub(super) const SHORT_EXIT: u32 = 3;
pub(super) const A: Expr = Expr::Column(4);
pub(super) const B: Expr = Expr::Column(5);
pub(super) const C: Expr = Expr::Column(6);

pub(super) fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub(super) fn pct(text: &str) -> Ratio {
    Ratio::percent(text).unwrap()
}

/// Both sides with market entries and exits of one unit, no fees, 10,000 to begin with.
pub(super) fn both() -> Spec {
    let side = |entry, exit| SideSpec {
        entry: vec![EntryRule::market(Expr::Column(entry))],
        exit: vec![ExitRule::market(Expr::Column(exit))],
        size: Some(Size::Base(Expr::Constant(1.0))),
        ..SideSpec::default()
    };
    Spec {
        long: Some(side(LONG, LONG_EXIT)),
        short: Some(side(SHORT, SHORT_EXIT)),
        ..Spec::new(money("10000"), Fees::default())
    }
}

/// [`both`], changed.
pub(super) fn with(change: impl FnOnce(&mut Spec)) -> Spec {
    let mut spec = both();
    change(&mut spec);
    spec
}

/// [`both`], with both sides changed.
pub(super) fn sides(change: impl Fn(&mut SideSpec)) -> Spec {
    with(|spec| spec.long.iter_mut().chain(&mut spec.short).for_each(change))
}

/// Like [`both`], with resting entries: `change` is given the first entry rule of each side.
pub(super) fn entries(change: impl Fn(&mut EntryRule)) -> Spec {
    sides(|side| change(&mut side.entry[0]))
}

/// A bar with its columns.
#[derive(Debug, Clone)]
pub(super) struct TestBar {
    pub(super) bar: BarInput,
    pub(super) columns: Vec<f64>,
}

/// Reads bars; `minutes` is how long one lasts.
pub(super) fn read(text: &[&str], minutes: i64) -> Vec<TestBar> {
    let mut open_time = 0;
    let mut bars = Vec::new();
    for line in text {
        let mut words = line.split_whitespace();
        let mut price = || (words.next().unwrap().parse::<f64>().unwrap() * 1e8).round() as i64;
        let ohlc = [price(), price(), price(), price()];
        let (mut columns, mut volume) = (vec![0.0, 0.0, 0.0, 0.0, f64::NAN, f64::NAN, f64::NAN], Some(1.0));
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => {
                    let place = 4 + (name.as_bytes()[0] - b'a') as usize;
                    columns[place] = value.parse().unwrap();
                }
                None => match word {
                    "L" => columns[0] = 1.0,
                    "X" => columns[1] = 1.0,
                    "S" => columns[2] = 1.0,
                    "C" => columns[3] = 1.0,
                    "v0" => volume = Some(0.0),
                    "gap" => open_time += minutes * MINUTE,
                    other => panic!("no flag {other}"),
                },
            }
        }
        let time = open_time + minutes * MINUTE;
        bars.push(TestBar { bar: BarInput::new(open_time, time, ohlc, volume), columns });
        open_time = time;
    }
    bars
}

/// What came out of a run.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    pub(super) out: Events,
    pub(super) equity: Vec<EquityRow>,
    pub(super) finish: Finish,
    pub(super) engine: Engine,
    minutes: i64,
}

/// Runs bars through a fresh engine of one symbol; the identity is checked after each.
pub(super) fn run_bars(spec: &Spec, symbol: SymbolSpec, bars: &[TestBar], minutes: i64) -> Ran {
    let mut engine = Engine::new(spec.clone(), vec![symbol]).unwrap();
    let (mut out, mut equity) = (Events::default(), Vec::new());
    for bar in bars {
        let row = Row::new(bar.bar, &bar.columns);
        equity.push(engine.bar(&row, &mut NoPrograms, &mut out).unwrap());
        assert!(engine.ledger().identity_holds());
    }
    let finish = engine.finish().unwrap();
    Ran { out, equity, finish, engine, minutes }
}

pub(super) fn run(spec: &Spec, text: &[&str]) -> Ran {
    run_bars(spec, SymbolSpec::default(), &read(text, 1), 1)
}

impl Ran {
    fn number(&self, time: i64) -> i64 {
        time / (self.minutes * MINUTE)
    }

    pub(super) fn render(&self, row: &TradeRow) -> String {
        let side = if row.side == Side::Long { "long" } else { "short" };
        let (entry, exit) = (self.number(row.entry_time), self.number(row.time));
        let mut text = format!("{side} {}@{}#{entry} -> {}#{exit} ", row.qty, row.entry_price, row.exit_price);
        text += if row.open { "open" } else { row.exit_reason.name() };
        for (flag, name) in [(row.ambiguous, " ambiguous"), (row.partial, " partial"), (row.gap, " gap")] {
            text += if flag { name } else { "" };
        }
        text
    }

    /// Trades as text, open ones last.
    pub(super) fn trades(&self) -> Vec<String> {
        let open = self.finish.rows.trades.iter().filter(|row| row.open);
        self.out.trades.iter().chain(open).map(|row| self.render(row)).collect()
    }

    /// Orders without fills as text: `event reason #bar`.
    pub(super) fn refusals(&self) -> Vec<String> {
        let other =
            |row: &&OrderRow| !matches!(row.event, OrderEvent::Placed | OrderEvent::Filled | OrderEvent::PartlyFilled);
        let text = |row: &OrderRow| format!("{} {} #{}", row.event.name(), row.reason.name(), self.number(row.time));
        self.out.orders.iter().filter(other).map(text).collect()
    }
}

/// Asserts the trades of a case.
#[track_caller]
pub(super) fn check(spec: &Spec, text: &[&str], expected: &[&str]) -> Ran {
    let ran = run(spec, text);
    assert_eq!(ran.trades(), expected, "orders: {:#?}", ran.out.orders);
    ran
}
