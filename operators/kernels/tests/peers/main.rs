//! The trade lists of backtesting.py, vectorbt and backtrader, reproduced through the profiles to 1e-9.
//!
//! `peers.py` ran them and wrote `golden/`; the bars are real data that is not part of this repository. Where it is
//! absent the test says so and passes, except under CI.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of it is a test")]

mod cases;
mod data;

use candleflow_kernels::metrics::metric_index;
use candleflow_kernels::strategy::Side;
use cases::{Case, Peer};

/// One line of a golden file.
#[derive(Debug, Clone, PartialEq)]
struct Trade {
    side: Side,
    qty: f64,
    entry_bar: usize,
    entry_price: f64,
    exit_bar: usize,
    exit_price: f64,
    pnl: f64,
}

fn golden(text: &str) -> Vec<(String, Vec<Trade>)> {
    let mut cases: Vec<(String, Vec<Trade>)> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(',').collect();
        let number = |at: usize| words[at].parse::<f64>().unwrap();
        let trade = Trade {
            side: if words[1] == "long" { Side::Long } else { Side::Short },
            qty: number(2),
            entry_bar: words[3].parse().unwrap(),
            entry_price: number(4),
            exit_bar: words[5].parse().unwrap(),
            exit_price: number(6),
            pnl: number(7),
        };
        match cases.last_mut().filter(|(name, _)| name == words[0]) {
            Some((_, trades)) => trades.push(trade),
            None => cases.push((words[0].to_owned(), vec![trade])),
        }
    }
    cases
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// PnL is a small difference of large products in the peers' floats: the bound is that of the notional.
fn agrees(ours: &Trade, theirs: &Trade) -> bool {
    (ours.side, ours.entry_bar, ours.exit_bar) == (theirs.side, theirs.entry_bar, theirs.exit_bar)
        && near(ours.qty, theirs.qty)
        && near(ours.entry_price, theirs.entry_price)
        && near(ours.exit_price, theirs.exit_price)
        && (ours.pnl - theirs.pnl).abs() <= 1e-9 * (ours.qty * ours.entry_price)
}

fn compare(peer: Peer, text: &str) {
    let Some(bars) = data::hourly() else { return };
    let cases = golden(text);
    let (mut compared, mut differences) = (0, Vec::new());
    for (name, theirs) in &cases {
        let ours = Case::of(peer, name).run(&bars);
        let differs = ours.iter().zip(theirs).position(|(ours, theirs)| !agrees(ours, theirs));
        let place = differs.or((ours.len() != theirs.len()).then_some(ours.len().min(theirs.len())));
        if let Some(place) = place {
            let (ours, theirs) = (ours.get(place), theirs.get(place));
            differences.push(format!("{name}, trade {place}:\n ours   {ours:?}\n theirs {theirs:?}"));
        }
        compared += theirs.len();
    }
    assert!(differences.is_empty(), "{peer:?} differs in {} cases:\n{}", differences.len(), differences.join("\n"));
    assert!(cases.len() >= 52 && compared > 3_000, "{} cases, {compared} trades", cases.len());
}

#[test]
fn backtesting_py() {
    compare(Peer::BacktestingPy, include_str!("golden/backtesting_py.csv"));
}

#[test]
fn vectorbt() {
    compare(Peer::Vectorbt, include_str!("golden/vectorbt.csv"));
}

#[test]
fn backtrader() {
    compare(Peer::Backtrader, include_str!("golden/backtrader.csv"));
}

/// Metrics of a run on hourly bars, over its days and its trades, against vectorbt's.
#[test]
fn statistics() {
    let Some(bars) = data::hourly() else { return };
    let (_, metrics) = Case::of(Peer::Vectorbt, "ema-long-close-fee-stop_target_cash").run_with(&bars);
    let values = metrics.values();
    let mut compared = 0;
    for line in include_str!("golden/statistics.csv").lines() {
        let (name, theirs) = line.split_once(',').unwrap();
        let ours = values[metric_index(name).unwrap()].unwrap();
        assert!(near(ours, theirs.parse().unwrap()), "{name}: ours {ours}, theirs {theirs}");
        compared += 1;
    }
    assert_eq!(compared, 28);
}
