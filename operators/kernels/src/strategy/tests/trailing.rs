//! Trailing stops and break-even.

use super::*;

fn trail(by: Level, after: Option<Ratio>) -> Spec {
    sides(|side| side.trailing_stop = Some(Trailing { by, after }))
}

#[test]
fn a_trailing_stop_follows_the_best_price_of_earlier_bars() {
    let spec = trail(Level::Percent(pct("10")), None);
    // Best 120 after bar 2: level 108, hit in bar 3.
    let bars = ["100 100 100 100 L", "100 120 100 120", "119 121 107 115"];
    check(&spec, &bars, &["long 1@100#2 -> 108#3 trailing_stop ambiguous"]);
    let bars = ["100 100 100 100 L", "100 120 100 120", "119 119 107 115"];
    check(&spec, &bars, &["long 1@100#2 -> 108#3 trailing_stop"]);
    let bars = ["100 100 100 100 S", "100 100 80 80", "81 89 81 85"];
    check(&spec, &bars, &["short 1@100#2 -> 88#3 trailing_stop"]);
    // From the entry on it is a stop below the entry price.
    check(&spec, &["100 100 100 100 L", "100 100 90 95"], &["long 1@100#2 -> 90#2 trailing_stop"]);
}

#[test]
fn where_the_close_lies_beyond_the_level_that_this_bar_moved_the_trade_closes_there() {
    let spec = trail(Level::Percent(pct("10")), None);
    // High 120 moves the level to 108; the close of 105 has crossed it on every path.
    check(&spec, &["100 100 100 100 L", "100 120 100 105"], &["long 1@100#2 -> 108#2 trailing_stop"]);
    check(&spec, &["100 100 100 100 L", "100 120 100 108"], &["long 1@100#2 -> 108#2 trailing_stop"]);
    check(&spec, &["100 100 100 100 L", "100 120 100 109"], &["long 1@100#2 -> 109#2 open"]);
    check(&spec, &["100 100 100 100 S", "100 100 80 95"], &["short 1@100#2 -> 88#2 trailing_stop"]);
}

#[test]
fn other_paths_move_the_level_along_their_legs() {
    let mut spec = trail(Level::Percent(pct("10")), None);
    spec.fills.path = Path::Ohlc;
    check(&spec, &["100 100 100 100 L", "100 120 99 115"], &["long 1@100#2 -> 108#2 trailing_stop ambiguous"]);
    spec.fills.path = Path::Nearest;
    // Low first (99 is nearer), then 120, then down to 107.
    check(&spec, &["100 100 100 100 L", "100 120 99 107"], &["long 1@100#2 -> 108#2 trailing_stop"]);
    check(&spec, &["100 100 100 100 L", "100 120 99 109"], &["long 1@100#2 -> 109#2 open"]);
}

#[test]
fn after_wakes_it_at_a_gain_from_the_fill_price() {
    let spec = trail(Level::Percent(pct("3")), Some(pct("10")));
    let bars = ["100 100 100 100 L", "100 109 90 109", "109 109 105 109", "109 110 108 109", "108 108 106 106"];
    check(&spec, &bars, &["long 1@100#2 -> 106.7#5 trailing_stop"]);
    // Woken and crossed in one bar.
    check(&spec, &["100 100 100 100 L", "100 110 100 104"], &["long 1@100#2 -> 106.7#2 trailing_stop"]);
}

#[test]
fn a_distance_trails_and_a_price_is_evaluated_at_each_close_and_only_tightens() {
    let spec = trail(Level::Distance(A), None);
    let bars = ["100 100 100 100 L a=5", "100 110 100 110 a=1", "109 109 104 108"];
    check(&spec, &bars, &["long 1@100#2 -> 105#3 trailing_stop"]);
    let spec = trail(Level::Price(A), None);
    let bars = ["100 100 100 100 L a=90", "100 100 91 100 a=95", "100 100 96 100 a=80", "100 100 95 100"];
    check(&spec, &bars, &["long 1@100#2 -> 95#4 trailing_stop"]);
    let bars = ["100 100 100 100 L a=90", "100 100 91 100 a=101", "100 100 96 100"];
    check(&spec, &bars, &["long 1@100#2 -> 100#3 trailing_stop"]);
}

#[test]
fn in_the_bar_of_a_limit_entry_only_the_close_moves_it() {
    let mut spec = entries(|rule| rule.limit = Some(A));
    for side in spec.long.iter_mut().chain(&mut spec.short) {
        side.trailing_stop = Some(Trailing { by: Level::Percent(pct("10")), after: None });
    }
    let bars = ["100 100 100 100 L a=100", "101 130 100 110", "110 110 100 105"];
    check(&spec, &bars, &["long 1@100#2 -> 105#3 open"]);
    let bars = ["100 100 100 100 L a=100", "101 130 100 110", "110 110 99 105"];
    check(&spec, &bars, &["long 1@100#2 -> 99#3 trailing_stop"]);
}

#[test]
fn in_the_bar_of_a_stop_entry_the_favourable_extreme_moves_it() {
    let mut spec = entries(|rule| rule.stop = Some(A));
    for side in spec.long.iter_mut().chain(&mut spec.short) {
        side.trailing_stop = Some(Trailing { by: Level::Percent(pct("10")), after: None });
    }
    check(&spec, &["100 100 100 100 L a=101", "100 120 100 107"], &["long 1@101#2 -> 108#2 trailing_stop"]);
    check(&spec, &["100 100 100 100 L a=101", "100 120 100 109"], &["long 1@101#2 -> 109#2 open"]);
}

fn break_even() -> Spec {
    sides(|side| {
        side.stop_loss = Some(Level::Percent(pct("10")));
        side.break_even = Some(BreakEven { after: pct("5"), at: pct("1") });
    })
}

#[test]
fn break_even_arms_at_its_gain_and_stops_at_its_level() {
    let bars = ["100 100 100 100 L", "100 104 91 100", "100 105 100.5 104", "103 103 99 100"];
    let ran = check(&break_even(), &bars[..2], &["long 1@100#2 -> 100#2 open"]);
    assert!(ran.out.trades.is_empty());
    let bars = ["100 100 100 100 L", "100 105 100 104", "103 103 99 100"];
    check(&break_even(), &bars, &["long 1@100#2 -> 101#3 break_even"]);
    // Armed in this bar, it is crossed for sure only where the close lies beyond it.
    check(&break_even(), &["100 100 100 100 L", "100 105 100 100.5"], &["long 1@100#2 -> 101#2 break_even"]);
    check(&break_even(), &["100 100 100 100 S", "100 100 95 99.5"], &["short 1@100#2 -> 99#2 break_even"]);
}

#[test]
fn the_tightest_of_stop_loss_break_even_and_trailing_holds() {
    let mut spec = break_even();
    for side in spec.long.iter_mut().chain(&mut spec.short) {
        side.trailing_stop = Some(Trailing { by: Level::Percent(pct("8")), after: None });
    }
    // Entry: stop 90, trail 92.
    check(&spec, &["100 100 100 100 L", "100 100 89 95"], &["long 1@100#2 -> 92#2 trailing_stop"]);
    // Best 106: break-even 101, trail 97.52.
    check(&spec, &["100 100 100 100 L", "100 106 100 105", "105 105 90 95"], &["long 1@100#2 -> 101#3 break_even"]);
    // Best 120: trail 110.4.
    check(
        &spec,
        &["100 100 100 100 L", "100 120 100 119", "119 119 90 95"],
        &["long 1@100#2 -> 110.4#3 trailing_stop"],
    );
}

#[test]
fn extremes_while_held_are_what_the_path_passes_or_the_worst_of_all_paths() {
    let mut spec = entries(|rule| rule.limit = Some(A));
    let excursions = |spec: &Spec, bars: &[&str]| {
        let ran = run(spec, bars);
        let row = ran.out.trades.first().or(ran.finish.rows.trades.first()).copied().unwrap();
        (row.mae.to_string(), row.mfe.to_string())
    };
    let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let bars = ["100 100 100 100 L a=98", "100 130 95 110"];
    assert_eq!(excursions(&spec, &bars), text("-3", "12"), "a limit entry: the low surely, the high only by the close");
    spec.fills.path = Path::Ohlc;
    assert_eq!(excursions(&spec, &bars), text("-3", "12"));
    spec.fills.path = Path::Nearest;
    assert_eq!(excursions(&spec, &bars), text("-3", "32"));
    let stop = sides(|side| side.stop_loss = Some(Level::Percent(pct("10"))));
    let bars = ["100 100 100 100 L", "100 130 80 85"];
    assert_eq!(excursions(&stop, &bars), text("-10", "0"), "stopped at 90, before the high for all we know");
    let target = sides(|side| side.take_profit = vec![Target { at: Level::Percent(pct("10")), portion: None }]);
    assert_eq!(excursions(&target, &bars), text("-20", "10"), "the low may have come before the target");
}

#[test]
fn a_level_that_wakes_above_the_bar_closes_at_its_close() {
    let mut spec = both();
    spec.long.as_mut().unwrap().trailing_stop = Some(Trailing { by: Level::Price(A), after: Some(pct("1")) });
    // Asleep at 105 until 101 is reached; awake, it lies above all that the third bar traded.
    let ran = run(&spec, &["100 100 100 100 L a=105", "100 100.5 100 100 a=105", "100 102 100 101.5 a=105"]);
    assert!(ran.trades()[0].starts_with("long 1@100#2 -> 101.5#3 trailing_stop"), "{:?}", ran.trades());
}

/// Trades of a strategy whose one program is `position.high - 5`, `position.low + 5` of shorts.
fn behind_the_best(spec: &Spec, text: &[&str]) -> Vec<String> {
    let mut rules = |_: u32, _: &[f64], view: &PositionView| match view.0[slot::POSITION_SIDE] {
        side if side > 0.0 => view.0[slot::POSITION_HIGH] - 5.0,
        side if side < 0.0 => view.0[slot::POSITION_LOW] + 5.0,
        _ => f64::NAN,
    };
    let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
    let mut out = Events::default();
    for bar in read(text, 1) {
        // Saved and loaded at each bar: a level that is not there yet is state.
        let saved = engine.save();
        engine.load(&saved).unwrap();
        engine.bar(&Row::new(bar.bar, &bar.columns), &mut rules, &mut out).unwrap();
    }
    let text =
        |row: &TradeRow| format!("{:?} {} {} #{}", row.side, row.exit_price, row.exit_reason.name(), row.time / MINUTE);
    out.trades.iter().map(text).collect()
}

#[test]
fn a_price_over_the_position_has_no_level_before_the_first_close_of_the_trade() {
    let spec = trail(Level::Price(Expr::Program(0)), None);
    // No refusal for want of a level; none in the bar of entry, whose low is far below; from its close on 105.
    let bars = ["100 100 100 100 L", "100 110 80 109", "109 109 104 106"];
    assert_eq!(behind_the_best(&spec, &bars), ["Long 105 trailing_stop #3"]);
    // Asleep until 112: the closes before have given it a price, it wakes at the newest.
    let spec = trail(Level::Price(Expr::Program(0)), Some(pct("12")));
    let bars = ["100 100 100 100 L", "100 110 80 109", "109 111 104 111", "111 112 107 112", "112 112 106 110"];
    assert_eq!(behind_the_best(&spec, &bars), ["Long 107 trailing_stop #5"]);
}

#[test]
fn a_reversal_is_not_stopped_by_the_price_of_the_position_it_closed() {
    let spec = trail(Level::Price(Expr::Program(0)), None);
    // At the close that orders the reversal the long's level is 105: above it a short would have been closed at once.
    let bars = ["100 100 100 100 L", "100 110 100 109 S", "108 109 106 107", "107 108 103 104", "104 109 104 109"];
    assert_eq!(behind_the_best(&spec, &bars), ["Long 108 reverse #3", "Short 108 trailing_stop #5"]);
}

#[test]
fn a_null_price_of_a_trailing_stop_is_no_level_yet() {
    let spec = trail(Level::Price(A), None);
    let bars = ["100 100 100 100 L", "100 100 50 100 a=95", "100 100 94 100"];
    check(&spec, &bars, &["long 1@100#2 -> 95#3 trailing_stop"]);
}
