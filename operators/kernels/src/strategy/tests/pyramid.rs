//! Adding to a position, reducing it by the other side, cooldown after it.

use super::*;

fn pyramid(exits: PyramidExits) -> Spec {
    let mut spec = sides(|side| {
        side.stop_loss = Some(Level::Percent(pct("10")));
        side.take_profit = vec![Target { at: Level::Percent(pct("20")), portion: None }];
    });
    spec.pyramiding = Pyramiding { max: 2, exits, matching: Matching::Fifo };
    spec
}

const ADDS: [&str; 4] = ["100 100 100 100 L", "100 100 100 100 L", "119 119 119 119 L", "115 115 98 100"];

#[test]
fn position_exits_count_from_the_average_price_and_are_set_again() {
    // Average 109.5: stop 98.55, target 131.4.
    check(
        &pyramid(PyramidExits::Position),
        &ADDS,
        &["long 1@100#2 -> 98.55#4 stop_loss", "long 1@119#3 -> 98.55#4 stop_loss"],
    );
    let bars = ["100 100 100 100 L", "100 100 100 100 L", "119 119 119 119", "119 132 119 132"];
    check(
        &pyramid(PyramidExits::Position),
        &bars,
        &["long 1@100#2 -> 131.4#4 take_profit", "long 1@119#3 -> 131.4#4 take_profit"],
    );
}

#[test]
fn per_entry_every_entry_keeps_its_own() {
    // The second entry's stop is 108, the first one's 90; the first one's target of 120 is met at the open.
    check(
        &pyramid(PyramidExits::PerEntry),
        &["100 100 100 100 L", "100 100 100 100 L", "119 119 119 119", "115 115 98 100"],
        &["long 1@119#3 -> 107.1#4 stop_loss", "long 1@100#2 -> 100#4 open"],
    );
    check(
        &pyramid(PyramidExits::PerEntry),
        &["100 100 100 100 L", "100 100 100 100 L", "110 110 110 110", "110 121 110 115"],
        &["long 1@100#2 -> 120#4 take_profit", "long 1@110#3 -> 115#4 open"],
    );
}

#[test]
fn max_bounds_the_entries_and_the_rule_is_ignored_beyond() {
    let ran = run(&pyramid(PyramidExits::Position), &["9 9 9 9 L", "9 9 9 9 L", "9 9 9 9 L", "9 9 9 9 L", "9 9 9 9"]);
    assert_eq!(ran.trades().len(), 2);
    assert_eq!(ran.out.orders.len(), 4);
}

#[test]
fn bars_and_trailing_extremes_go_on_from_the_first_entry() {
    let mut spec = pyramid(PyramidExits::Position);
    for side in spec.long.iter_mut() {
        (side.stop_loss, side.max_bars) = (None, Some(3));
        side.take_profit.clear();
    }
    let bars = [
        "100 100 100 100 L",
        "100 100 100 100",
        "100 100 100 100 L",
        "100 100 100 100",
        "101 101 101 101",
        "102 102 102 102",
        "103 103 103 103",
    ];
    check(&spec, &bars, &["long 1@100#2 -> 101#5 max_bars", "long 1@100#4 -> 101#5 max_bars"]);
    spec.pyramiding.exits = PyramidExits::PerEntry;
    check(&spec, &bars, &["long 1@100#2 -> 101#5 max_bars", "long 1@100#4 -> 103#7 max_bars"]);
    let mut spec = pyramid(PyramidExits::Position);
    for side in spec.long.iter_mut() {
        (side.stop_loss, side.trailing_stop) = (None, Some(Trailing { by: Level::Percent(pct("10")), after: None }));
        side.take_profit.clear();
    }
    let bars = ["100 100 100 100 L", "100 120 100 120 L", "110 110 110 110", "109 109 107 108"];
    check(&spec, &bars, &["long 1@100#2 -> 108#4 trailing_stop", "long 1@110#3 -> 108#4 trailing_stop"]);
}

#[test]
fn targets_already_taken_stay_taken_after_an_add() {
    let mut spec = pyramid(PyramidExits::Position);
    spec.long.as_mut().unwrap().take_profit = vec![
        Target { at: Level::Percent(pct("5")), portion: Some(pct("50")) },
        Target { at: Level::Percent(pct("50")), portion: None },
    ];
    let bars = ["100 100 100 100 L", "100 106 100 100 L", "100 106 100 100", "100 106 100 100"];
    check(
        &spec,
        &bars,
        &["long 0.5@100#2 -> 105#2 take_profit", "long 0.5@100#2 -> 100#4 open", "long 1@100#3 -> 100#4 open"],
    );
}

#[test]
fn portions_come_off_by_match() {
    let mut spec = sides(|side| side.exit[0].portion = Some(pct("75")));
    spec.pyramiding.max = 2;
    let bars = ["100 100 100 100 L", "100 100 100 100 L", "110 110 110 110 X", "120 120 120 120"];
    check(
        &spec,
        &bars,
        &["long 1@100#2 -> 120#4 signal", "long 0.5@110#3 -> 120#4 signal", "long 0.5@110#3 -> 120#4 open"],
    );
    spec.pyramiding.matching = Matching::Lifo;
    check(
        &spec,
        &bars,
        &["long 1@110#3 -> 120#4 signal", "long 0.5@100#2 -> 120#4 signal", "long 0.5@100#2 -> 120#4 open"],
    );
}

#[test]
fn resting_adds_fill_inside_the_bar() {
    let mut spec = entries(|rule| rule.limit = Some(A));
    spec.pyramiding.max = 3;
    let bars = ["100 100 100 100 L a=99", "100 100 98 100 L a=97", "100 100 96 98"];
    check(&spec, &bars, &["long 1@99#2 -> 98#3 open", "long 1@97#3 -> 98#3 open"]);
}

#[test]
fn net_reduces_first_and_what_is_left_opens_the_other_side() {
    let mut spec = both();
    spec.on_opposite = OnOpposite::Net;
    spec.long.as_mut().unwrap().size = Some(Size::Base(Expr::Constant(5.0)));
    spec.short.as_mut().unwrap().size = Some(Size::Base(A));
    let bars = |qty: &str| {
        [
            "100 100 100 100 L".to_owned(),
            format!("100 100 100 100 S a={qty}"),
            "110 110 110 110".to_owned(),
            "111 111 111 111".to_owned(),
        ]
    };
    let trades = |qty: &str| {
        let bars = bars(qty);
        run(&spec, &bars.each_ref().map(String::as_str)).trades()
    };
    assert_eq!(trades("2"), ["long 2@100#2 -> 110#3 net", "long 3@100#2 -> 111#4 open"]);
    assert_eq!(trades("5"), ["long 5@100#2 -> 110#3 net"]);
    assert_eq!(trades("7"), ["long 5@100#2 -> 110#3 net", "short 2@110#3 -> 111#4 open"]);
}

#[test]
fn an_add_that_wakes_a_trailing_stop_beyond_the_price_closes_at_once() {
    let mut spec = both();
    spec.pyramiding.max = 2;
    let short = spec.short.as_mut().unwrap();
    short.trailing_stop = Some(Trailing { by: Level::Percent(pct("1")), after: Some(pct("10")) });
    // Best 91 does not wake it at an average of 100; the add at 110 makes it 105, which 91 has passed: level 91.91.
    let bars = ["100 100 100 100 S", "100 100 91 95 S", "110 110 108 109"];
    check(&spec, &bars, &["short 1@100#2 -> 110#3 stop_on_entry", "short 1@110#3 -> 110#3 stop_on_entry"]);
}
