//! Bars without volume, and bars that are missing: what waits, what counts, what carries `gap`.

use super::*;

#[test]
fn a_bar_without_volume_moves_no_trailing_stop() {
    let spec = sides(|side| side.trailing_stop = Some(Trailing { by: Level::Percent(pct("10")), after: None }));
    // With the high of 120 the level would be 108; without it 90, and 103.5 after bar 4, whose close is above.
    let bars = ["100 100 100 100 L", "100 100 100 100", "100 120 60 119 v0", "115 115 100 112"];
    check(&spec, &bars, &["long 1@100#2 -> 112#4 open"]);
}

#[test]
fn a_bar_without_volume_liquidates_nothing() {
    let mut spec = sides(|side| side.size = Some(Size::Quote(Expr::Constant(10_000.0))));
    (spec.account.leverage, spec.account.maintenance) = (Ratio::parse("4").unwrap(), pct("1"));
    // The level is 75.75...
    let bars = ["100 100 100 100 L", "100 100 100 100", "100 100 60 100 v0"];
    check(&spec, &bars, &["long 100@100#2 -> 100#3 open"]);
}

#[test]
fn a_bar_without_volume_fills_no_limit_and_counts_for_its_expiry() {
    let spec = entries(|rule| (rule.limit, rule.expire) = (Some(A), Expire::Bars(3)));
    let bars = ["100 100 100 100 L a=95", "100 100 94 100 v0", "100 100 96 100", "100 100 94 100"];
    check(&spec, &bars[..3], &[]);
    check(&spec, &bars, &["long 1@95#4 -> 100#4 open"]);
    let bars = ["100 100 100 100 L a=95", "100 100 94 100 v0", "100 100 94 100 v0", "100 100 96 100", "100 100 94 100"];
    assert_eq!(check(&spec, &bars, &[]).refusals(), ["expired expired #4"]);
}

#[test]
fn expiry_counts_the_bars_that_exist() {
    let spec = entries(|rule| (rule.limit, rule.expire) = (Some(A), Expire::Bars(2)));
    // The bar of time 2 is missing: those of 3 and 4 count.
    let bars = ["100 100 100 100 L a=95", "100 100 99 100 gap", "100 100 94 100"];
    check(&spec, &bars, &["long 1@95#4 -> 100#4 open"]);
}

#[test]
fn max_bars_counts_the_bars_that_exist_and_an_exit_after_a_gap_says_so() {
    let spec = sides(|side| side.max_bars = Some(2));
    let bars = ["100 100 100 100 L", "101 101 101 101", "102 102 102 102 gap", "103 103 103 103"];
    check(&spec, &bars, &["long 1@101#2 -> 103#5 max_bars"]);
    let bars = ["100 100 100 100 L", "101 101 101 101", "102 102 102 102", "103 103 103 103 gap"];
    check(&spec, &bars, &["long 1@101#2 -> 103#5 max_bars gap"]);
}

#[test]
fn a_cooldown_counts_the_bars_that_exist() {
    let spec = with(|spec| spec.cooldown = Some(Cooldown { bars: 2, after: CooldownAfter::Any }));
    // Flat at the open of bar 3: its close is not heard, nor that of 5, the next one that exists.
    let bars = [
        "100 100 100 100 L",
        "100 100 100 100 X",
        "100 100 100 100 L",
        "100 100 100 100 L gap",
        "100 100 100 100 L",
        "100 100 100 100",
    ];
    check(&spec, &bars, &["long 1@100#2 -> 100#3 signal", "long 1@100#7 -> 100#7 open"]);
}

#[test]
fn a_stop_that_the_open_after_a_gap_has_passed_says_so() {
    let spec = sides(|side| side.stop_loss = Some(Level::Percent(pct("5"))));
    let bars = |last| ["100 100 100 100 L", "100 100 100 100", last];
    check(&spec, &bars("90 91 89 90 gap"), &["long 1@100#2 -> 90#4 stop_loss gap"]);
    // Inside that bar it is the stop's own price, as in any other bar.
    check(&spec, &bars("99 100 94 96 gap"), &["long 1@100#2 -> 95#4 stop_loss"]);
}
