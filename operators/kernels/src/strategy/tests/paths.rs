//! Other paths than `pessimistic`, where an entry rests and its protection acts in the same bar.

use super::*;

const LOW_FIRST: Path = Path::Nearest;

/// Entries of both sides that rest at column `a`: a stop where `stops`, else a limit.
fn resting(stops: bool, path: Path, change: impl Fn(&mut SideSpec)) -> Spec {
    let mut spec = sides(|side| {
        let rule = &mut side.entry[0];
        *(if stops { &mut rule.stop } else { &mut rule.limit }) = Some(A);
        change(side);
    });
    spec.fills.path = path;
    spec
}

fn target(side: &mut SideSpec) {
    side.take_profit = vec![Target { at: Level::Percent(pct("5")), portion: None }];
}

fn stop_loss(side: &mut SideSpec) {
    side.stop_loss = Some(Level::Percent(pct("5")));
}

fn even(after: &'static str, at: &'static str) -> impl Fn(&mut SideSpec) {
    move |side| side.break_even = Some(BreakEven { after: pct(after), at: pct(at) })
}

#[test]
fn nearest_goes_to_the_low_first_on_a_tie_while_flat() {
    let mut spec = entries(|rule| rule.stop = Some(if rule.when == Expr::Column(LONG) { A } else { B }));
    spec.fills.path = Path::Nearest;
    // 6 up and 6 down: 100, 94, 106, 98. The short fills and cancels the long.
    check(&spec, &["100 100 100 100 L S a=105 b=95", "100 106 94 98"], &["short 1@95#2 -> 98#2 open ambiguous"]);
}

#[test]
fn a_target_acts_where_the_path_comes_to_it_after_a_limit_entry() {
    // Long at 95, target 99.75. By way of the low: 100, 94, 107, 99. By way of the high: 100, 107, 94, 99.
    let bars = ["100 100 100 100 L a=95", "100 107 94 99"];
    check(&resting(false, LOW_FIRST, target), &bars, &["long 1@95#2 -> 99.75#2 take_profit ambiguous"]);
    check(&resting(false, Path::Ohlc, target), &bars, &["long 1@95#2 -> 99#2 open"]);
    // Short at 105, target 99.75. By way of the low: 100, 94, 107, 101. By way of the high: 100, 107, 94, 101.
    let bars = ["100 100 100 100 S a=105", "100 107 94 101"];
    check(&resting(false, LOW_FIRST, target), &bars, &["short 1@105#2 -> 101#2 open"]);
    check(&resting(false, Path::Ohlc, target), &bars, &["short 1@105#2 -> 99.75#2 take_profit ambiguous"]);
}

#[test]
fn a_stop_acts_where_the_path_comes_to_it_after_a_stop_entry() {
    // Long at 105, stop 99.75. By way of the high: 100, 106, 99, 104. By way of the low: 100, 99, 106, 104.
    let bars = ["100 100 100 100 L a=105", "100 106 99 104"];
    check(&resting(true, Path::Ohlc, stop_loss), &bars, &["long 1@105#2 -> 99.75#2 stop_loss ambiguous"]);
    check(&resting(true, LOW_FIRST, stop_loss), &bars, &["long 1@105#2 -> 104#2 open"]);
    // Short at 95, stop 99.75. By way of the high: 100, 106, 94.5, 98. By way of the low: 100, 94.5, 106, 98.
    let bars = ["100 100 100 100 S a=95", "100 106 94.5 98"];
    check(&resting(true, Path::Ohlc, stop_loss), &bars, &["short 1@95#2 -> 98#2 open"]);
    check(&resting(true, LOW_FIRST, stop_loss), &bars, &["short 1@95#2 -> 99.75#2 stop_loss ambiguous"]);
}

#[test]
fn break_even_arms_and_stops_along_the_path_after_a_limit_entry() {
    // Long at 95, armed at 96.9, out at 95.95: 100, 94, 107, 94.5, but 100, 107, 94, 94.5 never comes to 96.9.
    let bars = ["100 100 100 100 L a=95", "100 107 94 94.5"];
    check(&resting(false, LOW_FIRST, even("2", "1")), &bars, &["long 1@95#2 -> 95.95#2 break_even ambiguous"]);
    check(&resting(false, Path::Ohlc, even("2", "1")), &bars, &["long 1@95#2 -> 94.5#2 open"]);
    // Short at 105, armed at 102.9, out at 103.95: 100, 107, 94, 105.5, but 100, 94, 107, 105.5 never comes to 102.9.
    let bars = ["100 100 100 100 S a=105", "100 107 94 105.5"];
    check(&resting(false, Path::Ohlc, even("2", "1")), &bars, &["short 1@105#2 -> 103.95#2 break_even ambiguous"]);
    check(&resting(false, LOW_FIRST, even("2", "1")), &bars, &["short 1@105#2 -> 105.5#2 open"]);
}

#[test]
fn break_even_arms_and_stops_along_the_path_after_a_stop_entry() {
    // Long at 105, armed at 105.525, out at 105.105: 100, 106, 99, 106, but 100, 99, 106, 106 does not turn.
    let bars = ["100 100 100 100 L a=105", "100 106 99 106"];
    check(&resting(true, Path::Ohlc, even("0.5", "0.1")), &bars, &["long 1@105#2 -> 105.105#2 break_even ambiguous"]);
    check(&resting(true, LOW_FIRST, even("0.5", "0.1")), &bars, &["long 1@105#2 -> 106#2 open"]);
    // Short at 95, armed at 94.525, out at 94.905: 100, 94, 107, 94.4, but 100, 107, 94, 94.4 does not turn so far.
    let bars = ["100 100 100 100 S a=95", "100 107 94 94.4"];
    check(&resting(true, LOW_FIRST, even("0.5", "0.1")), &bars, &["short 1@95#2 -> 94.905#2 break_even ambiguous"]);
    check(&resting(true, Path::Ohlc, even("0.5", "0.1")), &bars, &["short 1@95#2 -> 94.4#2 open"]);
}
