//! Stops and targets: levels, paths, gaps, the bar of entry.

use super::*;

fn stop_and_target(stop: &str, target: &str) -> Spec {
    sides(|side| {
        side.stop_loss = Some(Level::Percent(pct(stop)));
        side.take_profit = vec![Target { at: Level::Percent(pct(target)), portion: None }];
    })
}

#[test]
fn a_stop_fills_at_its_level_and_a_target_at_its_own() {
    let spec = stop_and_target("5", "5");
    check(&spec, &["100 100 100 100 L", "100 104 95 99"], &["long 1@100#2 -> 95#2 stop_loss"]);
    check(&spec, &["100 100 100 100 L", "100 105 96 99"], &["long 1@100#2 -> 105#2 take_profit"]);
    check(&spec, &["100 100 100 100 S", "100 105 96 99"], &["short 1@100#2 -> 105#2 stop_loss"]);
    check(&spec, &["100 100 100 100 S", "100 104 95 99"], &["short 1@100#2 -> 95#2 take_profit"]);
}

#[test]
fn pessimistic_takes_the_stop_where_both_were_possible_and_says_so() {
    let spec = stop_and_target("5", "5");
    check(&spec, &["100 100 100 100 L", "100 106 94 99"], &["long 1@100#2 -> 95#2 stop_loss ambiguous"]);
    check(&spec, &["100 100 100 100 S", "100 106 94 99"], &["short 1@100#2 -> 105#2 stop_loss ambiguous"]);
}

#[test]
fn ohlc_goes_to_the_high_first() {
    let mut spec = stop_and_target("5", "5");
    spec.fills.path = Path::Ohlc;
    check(&spec, &["100 100 100 100 L", "100 106 94 99"], &["long 1@100#2 -> 105#2 take_profit ambiguous"]);
    check(&spec, &["100 100 100 100 S", "100 106 94 99"], &["short 1@100#2 -> 105#2 stop_loss ambiguous"]);
}

#[test]
fn nearest_goes_to_the_nearer_extreme_first_and_to_the_adverse_one_on_a_tie() {
    let mut spec = stop_and_target("5", "5");
    spec.fills.path = Path::Nearest;
    check(&spec, &["100 100 100 100 L", "100 106 93 99"], &["long 1@100#2 -> 105#2 take_profit ambiguous"]);
    check(&spec, &["100 100 100 100 L", "100 107 94 99"], &["long 1@100#2 -> 95#2 stop_loss ambiguous"]);
    check(&spec, &["100 100 100 100 L", "100 106 94 99"], &["long 1@100#2 -> 95#2 stop_loss ambiguous"]);
    check(&spec, &["100 100 100 100 S", "100 106 94 99"], &["short 1@100#2 -> 105#2 stop_loss ambiguous"]);
}

#[test]
fn a_gap_through_a_stop_fills_at_the_worse_open_and_through_a_target_at_the_better() {
    let spec = stop_and_target("5", "5");
    check(&spec, &["100 100 100 100 L", "100 100 100 100", "90 110 90 99"], &["long 1@100#2 -> 90#3 stop_loss"]);
    check(&spec, &["100 100 100 100 L", "100 100 100 100", "110 110 90 99"], &["long 1@100#2 -> 110#3 take_profit"]);
    check(&spec, &["100 100 100 100 S", "100 100 100 100", "110 110 90 99"], &["short 1@100#2 -> 110#3 stop_loss"]);
    check(&spec, &["100 100 100 100 S", "100 100 100 100", "90 91 89 90"], &["short 1@100#2 -> 90#3 take_profit"]);
}

#[test]
fn entry_bar_stops_decides_about_the_bar_of_entry() {
    let mut spec = stop_and_target("5", "5");
    let bars = ["100 100 100 100 L", "100 106 94 100", "100 101 94 99"];
    spec.fills.entry_bar_stops = EntryBarStops::False;
    check(&spec, &bars, &["long 1@100#2 -> 95#3 stop_loss"]);
    spec.fills.entry_bar_stops = EntryBarStops::Open;
    check(&spec, &bars, &["long 1@100#2 -> 95#2 stop_loss ambiguous"]);
}

#[test]
fn limit_fill_through_wants_a_price_beyond_the_target() {
    let mut spec = stop_and_target("5", "5");
    spec.fills.limit_fill = LimitFill::Through;
    check(&spec, &["100 100 100 100 L", "100 105 99 100", "100 105.01 99 100"], &["long 1@100#2 -> 105#3 take_profit"]);
    check(&spec, &["100 100 100 100 S", "100 101 95 100", "95 96 95 96"], &["short 1@100#2 -> 96#3 open"]);
}

#[test]
fn distance_and_price_levels_are_frozen_on_the_placing_bar() {
    let spec = sides(|side| {
        side.stop_loss = Some(Level::Distance(A));
        side.take_profit = vec![Target { at: Level::Price(B), portion: None }];
    });
    check(&spec, &["100 100 100 100 L a=3 b=110", "102 103 99 100 a=1 b=101"], &["long 1@102#2 -> 99#2 stop_loss"]);
    check(&spec, &["100 100 100 100 L a=3 b=110", "102 111 100 100 a=1 b=101"], &["long 1@102#2 -> 110#2 take_profit"]);
    let ran = check(&spec, &["100 100 100 100 L a=3", "102 111 100 100"], &[]);
    assert_eq!(ran.refusals(), ["rejected null_level #1"], "a trade without its protection is not entered");
}

#[test]
fn levels_count_from_the_fill_or_from_the_quote() {
    let mut spec = stop_and_target("5", "5");
    spec.account.slippage.pct = pct("10");
    check(&spec, &["100 100 100 100 L", "100 109 100 109"], &["long 1@110#2 -> 90#2 stop_on_entry"]);
    spec.fills.levels_from = LevelsFrom::Quote;
    check(&spec, &["100 100 100 100 L", "100 104 96 100", "100 105 96 100"], &["long 1@110#2 -> 105#3 take_profit"]);
    check(&spec, &["100 100 100 100 L", "100 104 95 100"], &["long 1@110#2 -> 85.5#2 stop_loss"]);
}

#[test]
fn a_level_that_the_entry_has_passed_closes_at_once_stop_first() {
    let spec = sides(|side| {
        side.stop_loss = Some(Level::Price(A));
        side.take_profit = vec![Target { at: Level::Price(B), portion: None }];
    });
    check(&spec, &["100 100 100 100 L a=101 b=120", "100 130 90 100"], &["long 1@100#2 -> 100#2 stop_on_entry"]);
    check(&spec, &["100 100 100 100 L a=90 b=99", "100 130 90 100"], &["long 1@100#2 -> 100#2 target_on_entry"]);
    check(&spec, &["100 100 100 100 L a=101 b=99", "100 130 90 100"], &["long 1@100#2 -> 100#2 stop_on_entry"]);
    check(&spec, &["100 100 100 100 S a=99 b=80", "100 130 90 100"], &["short 1@100#2 -> 100#2 stop_on_entry"]);
}

#[test]
fn stops_go_away_from_the_market_and_targets_to_the_passive_side_of_the_tick() {
    let spec = sides(|side| {
        side.stop_loss = Some(Level::Percent(pct("1")));
        side.take_profit = vec![Target { at: Level::Percent(pct("1")), portion: None }];
    });
    let filters = Filters { tick: money("0.5"), ..Filters::default() };
    let symbol = SymbolSpec { filters: vec![DatedFilters { valid_from: 0, filters }] };
    let ran = |text: &[&str]| run_bars(&spec, symbol.clone(), &read(text, 1), 1).trades();
    assert_eq!(ran(&["101 101 101 101 L", "101 101 90 100"]), ["long 1@101#2 -> 99.5#2 stop_loss"]);
    assert_eq!(ran(&["101 101 101 101 L", "101 110 101 101"]), ["long 1@101#2 -> 102.5#2 take_profit"]);
    assert_eq!(ran(&["101 101 101 101 S", "101 110 101 101"]), ["short 1@101#2 -> 102.5#2 stop_loss"]);
    assert_eq!(ran(&["101 101 101 101 S", "101 101 90 101"]), ["short 1@101#2 -> 99.5#2 take_profit"]);
}
