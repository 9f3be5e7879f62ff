//! The trade lists of backtesting.py, vectorbt and backtrader, reproduced through the profiles to 1e-9.
//!
//! `peers.py` ran them and wrote `golden/`; the bars are real data that is not part of this repository. Where it is
//! absent the tests say `skipped: ...` and pass, except under CI.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of it is a test")]

mod cases;
mod data;
mod keys;

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

/// What a peer traded, case by case.
fn of_peer(peer: Peer) -> Vec<(String, Vec<Trade>)> {
    golden(match peer {
        Peer::BacktestingPy => include_str!("golden/backtesting_py.csv"),
        Peer::Vectorbt => include_str!("golden/vectorbt.csv"),
        Peer::Backtrader => include_str!("golden/backtrader.csv"),
    })
}

/// `counts` are cases and trades of the golden file: none of them may go missing unseen.
fn compare(peer: Peer, counts: (usize, usize)) {
    let cases = of_peer(peer);
    assert_eq!((cases.len(), cases.iter().map(|(_, trades)| trades.len()).sum()), counts, "cases, trades");
    let Some(bars) = data::hourly() else { return };
    let mut differences = Vec::new();
    for (name, theirs) in &cases {
        let ours = Case::of(peer, name).run(&bars);
        let differs = ours.iter().zip(theirs).position(|(ours, theirs)| !agrees(ours, theirs));
        let place = differs.or((ours.len() != theirs.len()).then_some(ours.len().min(theirs.len())));
        if let Some(place) = place {
            let (ours, theirs) = (ours.get(place), theirs.get(place));
            differences.push(format!("{name}, trade {place}:\n ours   {ours:?}\n theirs {theirs:?}"));
        }
    }
    assert!(differences.is_empty(), "{peer:?} differs in {} cases:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn backtesting_py() {
    compare(Peer::BacktestingPy, (428, 20_426));
}

#[test]
fn vectorbt() {
    compare(Peer::Vectorbt, (94, 4_670));
}

#[test]
fn backtrader() {
    compare(Peer::Backtrader, (224, 10_824));
}

/// Metrics of a run on hourly bars, over its days and its trades, against vectorbt's.
#[test]
fn statistics() {
    let Some(bars) = data::hourly() else { return };
    let (_, metrics) = Case::of(Peer::Vectorbt, "ema-long-close-fee-stop_target_cash").run_with(&bars, |_| {});
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
