//! `check` on the examples and real bars.

use crate::{pipeline::home_with_bars, support::Home};

const EMA: &str = include_str!("../../../../examples/ema-cross.yaml");
const ROTATION: &str = include_str!("../../../../examples/rotation.yaml");
const RULE: &str = r#"
name: rule
source: { exchange: binance, symbols: [BTCUSDT], interval: 1m }
strategy:
  long: { entry: "crossover(ema(close, 5), ema(close, 40))", exit: "crossunder(ema(close, 5), ema(close, 40))" }
  size: { equity: 50% }
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% } }
"#;
const DIP: &str = include_str!("../../../../examples/dip-buyer.yaml");

#[test]
fn the_examples_keep_every_law_on_real_bars() {
    let Some(home) = home_with_bars(&["BTCUSDT", "ETHUSDT"]) else { return };
    for (name, text) in [("ema.yaml", EMA), ("dip.yaml", DIP)] {
        home.write(name, text);
        let said = home.run(&["check", name, "--symbols", "BTCUSDT,ETHUSDT", "--bars", "6000"]).good();
        assert!(said.out.contains("good: every law holds"), "{said:?}");
        for law in ["look-ahead", "warm-up", "batches", "snapshots", "threads"] {
            assert_eq!(said.out.matches(&format!("  {law:<10}  holds")).count(), 2, "{law}: {said:?}");
        }
        assert!(said.out.contains("a run must skip"), "{said:?}");
    }
    // The same seed makes the same cuts, so a check can be repeated.
    let json = |seed: &str| {
        home.run(&["check", "ema.yaml", "--symbols", "BTCUSDT", "--bars", "3000", "--seed", seed, "--json"]).good().out
    };
    let one: serde_json::Value = serde_json::from_str(&json("1")).unwrap();
    assert_eq!(json("1"), json("1"));
    assert!(one["good"].as_bool().unwrap() && one["findings"].as_array().unwrap().is_empty());
    assert_eq!(one["symbols"][0]["symbol"], "BTCUSDT");
}

#[test]
fn an_account_over_all_symbols_is_checked_with_all_of_them_cut_at_once() {
    let Some(home) = home_with_bars(&["BTCUSDT", "ETHUSDT", "XRPUSDT", "BTTUSDT"]) else { return };
    home.write("rotation.yaml", ROTATION);
    let said = home.run(&["check", "rotation.yaml", "--bars", "3000"]).good();
    assert!(said.out.contains("good: every law holds"), "{said:?}");
    let account = said.out.split("\n*\n").nth(1).unwrap_or_else(|| panic!("no account: {said:?}"));
    for law in ["look-ahead", "batches", "snapshots"] {
        assert!(account.contains(&format!("  {law:<10}  holds")), "{law}: {said:?}");
    }
    assert!(!account.contains(" 0 trades"), "{said:?}");
}

#[test]
fn warm_up_is_measured_of_what_rules_have_within_and_too_little_is_said() {
    let Some(home) = home_with_bars(&["BTCUSDT"]) else { return };
    home.write("rule.yaml", RULE);
    let said = home.run(&["check", "rule.yaml", "--bars", "3000"]).good();
    for column in ["expression 'ema(close, 5, 0)'", "expression 'ema(close, 40, 0)'"] {
        assert!(said.out.contains(column), "{said:?}");
    }
    let skip = said.out.split("a run must skip ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    // An EMA of 40 forgets 1/20.5 each bar: 1e-8 of a start some percent off is gone after 250 to 410 bars.
    assert!(skip.is_some_and(|bars| (200..=450).contains(&bars)), "{said:?}");

    let said = home.run(&["check", "rule.yaml", "--bars", "80"]).good();
    assert!(said.out.contains("warm-up     unknown  80 bars are too few"), "{said:?}");
    assert!(said.out.contains("good: every law that could be tried holds"), "{said:?}");

    let said = home.run(&["run", "rule.yaml", "--dry"]).good();
    assert!(said.out.contains("BTCUSDT: 0 bars of warm-up"), "a run over all bars: {said:?}");
    let said = home.run(&["run", "rule.yaml", "--dry", "--from", "2021-05-01", "--warmup", "all"]).good();
    assert!(!said.out.contains("of warm-up"), "{said:?}");
}

#[test]
fn a_check_without_bars_says_where_to_look() {
    let home = Home::new();
    home.write("ema.yaml", EMA);
    let said = home.run(&["check", "ema.yaml"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("candleflow import"), "{said:?}");
}
