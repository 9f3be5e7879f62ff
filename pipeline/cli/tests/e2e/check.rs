//! `check` on the examples and real bars.

use crate::{pipeline::home_with_bars, support::Home};

const EMA: &str = include_str!("../../../../examples/ema-cross.yaml");
const ROTATION: &str = include_str!("../../../../examples/rotation.yaml");
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
fn a_check_without_bars_says_where_to_look() {
    let home = Home::new();
    home.write("ema.yaml", EMA);
    let said = home.run(&["check", "ema.yaml"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("candleflow import"), "{said:?}");
}
