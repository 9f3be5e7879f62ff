//! Finer bars inside a bar.

use super::*;

fn run_detail(spec: &Spec, bars: &[&str], detail: &[&[&str]]) -> Ran {
    let bars = read(bars, 3);
    let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
    let (mut out, mut equity) = (Events::default(), Vec::new());
    for (place, bar) in bars.iter().enumerate() {
        let finer: Vec<BarInput> = detail
            .get(place)
            .map(|text| read(text, 1))
            .unwrap_or_default()
            .iter()
            .map(|finer| {
                let shift = bar.bar.open_time;
                BarInput { open_time: finer.bar.open_time + shift, time: finer.bar.time + shift, ..finer.bar }
            })
            .collect();
        let detail = (!finer.is_empty()).then_some(finer.as_slice());
        let row = Row { detail, ..Row::new(bar.bar, &bar.columns) };
        equity.push(engine.bar(&row, &mut NoPrograms, &mut out).unwrap());
    }
    let finish = engine.finish().unwrap();
    Ran { out, equity, finish, engine, minutes: 3 }
}

fn detailed() -> Spec {
    let mut spec = sides(|side| {
        side.stop_loss = Some(Level::Percent(pct("5")));
        side.take_profit = vec![Target { at: Level::Percent(pct("5")), portion: None }];
    });
    spec.fills.path = Path::Detail;
    spec
}

const BARS: [&str; 2] = ["100 100 100 100 L", "100 106 94 99"];

#[test]
fn finer_bars_tell_which_came_first() {
    let ran = run_detail(&detailed(), &BARS, &[&[], &["100 106 99 105", "105 105 94 95", "95 99 95 99"]]);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 105#2 take_profit"]);
    let ran = run_detail(&detailed(), &BARS, &[&[], &["100 101 94 95", "95 106 95 100", "100 100 99 99"]]);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 95#2 stop_loss"]);
    let ran = run_detail(&detailed(), &BARS, &[&[], &["100 106 94 95", "95 100 95 100", "100 100 99 99"]]);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 95#2 stop_loss ambiguous"], "pessimistic inside a finer bar");
    assert_eq!(ran.engine.notes().0, 0);
}

#[test]
fn where_they_are_missing_it_is_pessimistic_and_counted() {
    let ran = run_detail(&detailed(), &BARS, &[]);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 95#2 stop_loss ambiguous"]);
    assert_eq!(ran.engine.notes().0, 1);
}

#[test]
fn a_gap_between_finer_bars_fills_at_the_finer_open() {
    let ran = run_detail(&detailed(), &BARS, &[&[], &["100 101 99 100", "94 94 94 94", "94 106 94 99"]]);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 94#2 stop_loss"]);
    assert_eq!(ran.out.trades[0].fill_time, Some(4 * MINUTE));
}

#[test]
fn trailing_stops_are_tested_against_finer_earlier_bars() {
    let mut spec = sides(|side| side.trailing_stop = Some(Trailing { by: Level::Percent(pct("10")), after: None }));
    spec.fills.path = Path::Detail;
    let bars = ["100 100 100 100 L", "100 120 100 115"];
    let ran = run_detail(&spec, &bars, &[&[], &["100 120 100 120", "119 119 107 110", "110 115 105 115"]]);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 108#2 trailing_stop"]);
    spec.fills.path = Path::Pessimistic;
    assert_eq!(run_detail(&spec, &bars, &[]).trades(), ["long 1@100#2 -> 115#2 open"]);
}

#[test]
fn resting_entries_fill_in_the_finer_bar_and_market_orders_wait_for_the_bar() {
    let mut spec = entries(|rule| rule.limit = Some(A));
    spec.fills.path = Path::Detail;
    spec.long.as_mut().unwrap().stop_loss = Some(Level::Percent(pct("5")));
    let bars = ["100 100 100 100 L a=98", "100 106 92 99"];
    // The low of the first finer bar is before the entry in the second.
    let ran = run_detail(&spec, &bars, &[&[], &["100 106 99 100", "99 99 97 98", "98 99 94 99"]]);
    assert_eq!(ran.trades(), ["long 1@98#2 -> 99#2 open"]);
    let ran = run_detail(&spec, &bars, &[&[], &["100 106 99 100", "99 99 97 98", "98 99 93 99"]]);
    assert_eq!(ran.trades(), ["long 1@98#2 -> 93.1#2 stop_loss"]);
    assert_eq!(ran.out.trades[0].bars, 1);
}

const SHORT_BARS: [&str; 2] = ["100 100 100 100 S", "100 106 94 99"];

#[test]
fn finer_bars_tell_which_came_first_for_shorts() {
    let trades = |finer: [&str; 3]| run_detail(&detailed(), &SHORT_BARS, &[&[], &finer]).trades();
    let first = trades(["100 101 94 95", "95 106 95 100", "100 100 99 99"]);
    assert_eq!(first, ["short 1@100#2 -> 95#2 take_profit"]);
    let first = trades(["100 106 99 105", "105 105 94 95", "95 99 95 99"]);
    assert_eq!(first, ["short 1@100#2 -> 105#2 stop_loss"]);
    let first = trades(["100 106 94 95", "95 100 95 100", "100 100 99 99"]);
    assert_eq!(first, ["short 1@100#2 -> 105#2 stop_loss ambiguous"], "pessimistic inside a finer bar");
    let gap = trades(["100 101 99 100", "106 106 106 106", "106 106 94 99"]);
    assert_eq!(gap, ["short 1@100#2 -> 106#2 stop_loss"]);
}

#[test]
fn trailing_stops_of_shorts_are_tested_against_finer_earlier_bars() {
    let mut spec = sides(|side| side.trailing_stop = Some(Trailing { by: Level::Percent(pct("10")), after: None }));
    spec.fills.path = Path::Detail;
    // The low of 80 makes it 88, which the second finer bar passes.
    let bars = ["100 100 100 100 S", "100 100 80 85"];
    let ran = run_detail(&spec, &bars, &[&[], &["100 100 80 80", "81 93 81 90", "90 95 85 85"]]);
    assert_eq!(ran.trades(), ["short 1@100#2 -> 88#2 trailing_stop"]);
}

#[test]
fn resting_entries_of_shorts_fill_in_the_finer_bar() {
    let mut spec = entries(|rule| rule.limit = Some(A));
    spec.fills.path = Path::Detail;
    spec.short.as_mut().unwrap().stop_loss = Some(Level::Percent(pct("5")));
    let bars = ["100 100 100 100 S a=102", "100 108 94 101"];
    // Short at 102 in the second finer bar, its stop at 107.1.
    let ran = run_detail(&spec, &bars, &[&[], &["100 101 94 100", "101 103 101 102", "102 106 101 101"]]);
    assert_eq!(ran.trades(), ["short 1@102#2 -> 101#2 open"]);
    let ran = run_detail(&spec, &bars, &[&[], &["100 101 94 100", "101 103 101 102", "102 108 101 101"]]);
    assert_eq!(ran.trades(), ["short 1@102#2 -> 107.1#2 stop_loss"]);
}
