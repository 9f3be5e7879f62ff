//! A story with everything in it, and what the page of it must and must not have.

use super::*;
use crate::story::{Deflated, Recorder};
use candleflow_kernels::{
    metrics::CATALOGUE,
    money::Money,
    strategy::{EquityRow, Reason, Side, TradeRow},
};

const MINUTE: i64 = 60_000_000;

fn money(value: f64) -> Money {
    Money::parse(&format!("{value:.6}")).unwrap()
}

fn trade(at: i64, net: f64, long: bool) -> TradeRow {
    TradeRow {
        symbol: 0,
        time: at + 30 * MINUTE,
        fill_time: None,
        open: false,
        side: if long { Side::Long } else { Side::Short },
        entry_order: 1,
        exit_order: Some(2),
        entry_time: at,
        entry_fill_time: Some(at - MINUTE),
        entry_price: money(50_000.0),
        exit_price: money(50_100.0),
        qty: money(0.1),
        cost: money(5_000.0),
        margin: money(5_000.0),
        gross: money(net),
        fees: money(1.0),
        funding: Money::ZERO,
        cover: Money::ZERO,
        net: money(net),
        return_pct: net / 5_000.0,
        return_on_margin: net / 5_000.0,
        bars: 30,
        mae: Money::ZERO,
        mfe: Money::ZERO,
        entry_reason: Reason::Signal,
        exit_reason: if net > 0.0 { Reason::TakeProfit } else { Reason::StopLoss },
        entry_rule: 0,
        entry_tag: None,
        exit_tag: (net > 50.0).then_some(0),
        ambiguous: false,
        partial: false,
        gap: false,
        is_final: false,
    }
}

/// A run over two symbols and some months.
pub(crate) fn example() -> (Facts, Story) {
    let symbols = vec!["BTCUSDT".to_owned(), "ETH<&>USDT".to_owned()];
    let mut recorder = Recorder::new(&symbols, &[10_000.0, 10_000.0], vec!["<tag>".into()]);
    let start = candleflow_schema::time::parse("2020-11-03").unwrap();
    let (mut equity, mut state) = ([10_000.0, 10_000.0], 7u64);
    for i in 0..6_000i64 {
        let open_time = start + i * 60 * MINUTE;
        let time = open_time + 60 * MINUTE;
        for (symbol, equity) in equity.iter_mut().enumerate() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let step = ((state >> 33) % 201) as f64 - 99.0;
            *equity += step / 3.0;
            let price = 50_000.0 + *equity - 10_000.0;
            recorder.bar(symbol, time, [price, price + 40.0, price - 30.0, price + 10.0]);
            let row = EquityRow {
                open_time,
                time,
                cash: Money::ZERO,
                qty: Money::ZERO,
                price: 0,
                equity: *equity,
                drawdown: 0.0,
                exposed: true,
                is_final: false,
            };
            recorder.equity(symbol, &row);
            recorder.close(symbol, price);
            if i % 50 == 0 {
                recorder.trade(symbol, &trade(time, step, step > 0.0 || i % 100 == 0));
            }
        }
    }
    let facts = Facts {
        name: "ema-<cross>".into(),
        run_id: Some("ema-cross-20210501000000-ab12".into()),
        mode: "history".into(),
        interval: "1h".into(),
        symbols,
        range: Some((start, start + 6_000 * 60 * MINUTE)),
        bars: 12_000,
        warnings: vec![
            "fills at the close that decided: optimistic, because that price was gone when the rule was known".into(),
            "BTCUSDT: 3 bars of warm-up, 78 bars wanted: early values still depend on where the data begins".into(),
        ],
        views: vec![("mark".into(), (0..CATALOGUE.len()).map(|i| Some(i as f64 * 1234.5 - 9_000.0)).collect())],
        deflated: Some(Deflated { value: 0.25, trials: 9, variance: 1.5, sweep: "<sweep>".into() }),
        library: Some(("quantstats".into(), (0..CATALOGUE.len()).map(|i| (i % 3 > 0).then_some(0.25)).collect())),
        rows: vec![("equity".into(), 12_000), ("trades".into(), 240)],
        chains: vec![("equity".into(), "BTCUSDT".into(), 6_000, "ab".repeat(32))],
        digest: "cd".repeat(32),
        engine: "0.1.0 on linux-x86_64".into(),
        pipeline: "name: ema\ncolumns: { up: \"close > open\" }  # </pre><script>alert(1)</script>\n".into(),
        set: vec!["fast=10".into()],
    };
    (facts, recorder.finish())
}

#[test]
fn the_page_needs_nothing_else_and_takes_no_text_for_markup() {
    let (facts, story) = example();
    let page = page(&facts, Some(&story));
    for foreign in ["http:", "https:", "src=", "href=", "@import", "url(", "<script>alert", "ema-<cross>", "ETH<&>"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    for part in [
        "Read this first",
        "Deflated Sharpe ratio: 25.00 %, among the 9 sets of &lt;sweep&gt;",
        "Returns by month",
        "Price and trades",
        "Distribution of trades",
        "candleflow rerun",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "a number that is none");
}

#[test]
fn a_page_stays_small_however_long_the_run_was() {
    let (facts, story) = example();
    let size = page(&facts, Some(&story)).len();
    assert!(size < 700_000, "{size}");
    let json = page(&facts, Some(&story));
    let opened = ["<section", "<table", "<details", "<div", "<svg"];
    for tag in opened {
        let closed = tag.replace('<', "</");
        assert_eq!(json.matches(tag).count(), json.matches(&format!("{closed}>")).count(), "{tag}");
    }
}

#[test]
fn a_run_without_a_strategy_has_a_page_too() {
    let (facts, _) = example();
    let page = page(&Facts { views: Vec::new(), ..facts }, None);
    assert!(page.contains("<pre>") && !page.contains("class=\"tiles\""));
}
