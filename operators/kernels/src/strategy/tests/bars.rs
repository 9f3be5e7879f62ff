//! Order of events: next open, same close, gaps, zero volume, the end.

use super::*;

#[test]
fn a_market_order_fills_at_the_next_open() {
    let ran =
        check(&both(), &["100 100 100 100 L", "101 110 95 105 X", "107 107 90 95"], &["long 1@101#2 -> 107#3 signal"]);
    let trade = &ran.out.trades[0];
    assert_eq!((trade.net, trade.bars), (money("6"), 1));
    assert_eq!((trade.entry_fill_time, trade.fill_time), (Some(MINUTE), Some(2 * MINUTE)));
    assert_eq!((trade.mae, trade.mfe), (money("-6"), money("9")), "the exit bar adds its open only");
    let equity: Vec<f64> = ran.equity.iter().map(|row| row.equity).collect();
    assert_eq!(equity, [10_000.0, 10_004.0, 10_006.0]);
    assert_eq!(ran.equity.iter().map(|row| row.exposed).collect::<Vec<bool>>(), [false, true, true]);
    assert_eq!(ran.equity[1].cash, money("9899"));
}

#[test]
fn a_short_earns_when_the_price_falls() {
    let ran =
        check(&both(), &["100 100 100 100 S", "100 103 90 92 C", "91 91 91 91"], &["short 1@100#2 -> 91#3 signal"]);
    assert_eq!(
        (ran.out.trades[0].net, ran.out.trades[0].mae, ran.out.trades[0].mfe),
        (money("9"), money("-3"), money("10"))
    );
    assert_eq!(ran.equity[1].equity, 10_008.0);
    assert_eq!(ran.engine.ledger().free().unwrap(), money("10009"));
}

#[test]
fn an_order_of_the_last_bar_never_fills() {
    let ran = check(&both(), &["100 100 100 100", "100 100 100 100 L"], &[]);
    assert_eq!(ran.engine.waiting(), 1);
    assert_eq!(ran.finish.rows.orders[0].reason, Reason::End);
    assert!(ran.finish.rows.orders[0].is_final);
}

#[test]
fn at_close_fills_at_the_close_that_placed_it_and_begins_with_the_next_bar() {
    let mut spec = sides(|side| side.stop_loss = Some(Level::Percent(pct("2"))));
    spec.fills.at = FillAt::Close;
    let ran = check(
        &spec,
        &["100 105 90 100 L", "100 103 99 102", "102 110 101 108 X", "1 1 1 1"],
        &["long 1@100#1 -> 108#3 signal"],
    );
    assert_eq!((ran.out.trades[0].bars, ran.out.trades[0].mae), (2, money("-1")));
    assert!(!ran.equity[0].exposed && ran.equity[2].exposed);
    check(&spec, &["100 105 90 100 L", "99 103 97 102"], &["long 1@100#1 -> 98#2 stop_loss"]);
    check(&spec, &["100 105 90 100 L", "97 103 96 102"], &["long 1@100#1 -> 97#2 stop_loss"]);
}

#[test]
fn max_bars_counts_the_entry_bar() {
    let mut spec = sides(|side| side.max_bars = Some(2));
    let bars = ["100 100 100 100 L", "101 101 101 101", "102 102 102 102", "103 103 103 103", "104 104 104 104"];
    let ran = check(&spec, &bars, &["long 1@101#2 -> 103#4 max_bars"]);
    assert_eq!(ran.out.trades[0].bars, 2);
    spec.fills.at = FillAt::Close;
    let ran = check(&spec, &bars, &["long 1@100#1 -> 102#3 max_bars"]);
    assert_eq!(ran.out.trades[0].bars, 2);
}

#[test]
fn a_bar_without_volume_waits() {
    let bars = ["100 100 100 100 L", "101 101 101 101 v0", "102 103 102 103 X", "90 90 90 90 v0", "104 104 104 104"];
    let ran = check(&both(), &bars, &["long 1@102#3 -> 104#5 signal"]);
    assert_eq!(ran.equity[3].equity, 9_988.0, "it still marks the position");
    assert_eq!(ran.out.trades[0].bars, 2, "and counts as a bar");
    let spec = with(|spec| spec.fills.zero_volume = ZeroVolume::Fill);
    check(&spec, &bars, &["long 1@101#2 -> 90#4 signal"]);
}

#[test]
fn a_bar_without_volume_triggers_no_stop() {
    let spec = sides(|side| side.stop_loss = Some(Level::Percent(pct("5"))));
    check(
        &spec,
        &["100 100 100 100 L", "100 100 100 100", "90 90 90 90 v0", "97 97 96 96"],
        &["long 1@100#2 -> 96#4 open"],
    );
}

#[test]
fn at_close_an_order_of_a_bar_without_volume_fills_at_the_next_close_with_volume() {
    let spec = with(|spec| spec.fills.at = FillAt::Close);
    check(
        &spec,
        &["100 100 100 100 L v0", "101 101 101 101 v0", "102 103 102 103", "104 104 104 104"],
        &["long 1@103#3 -> 104#4 open"],
    );
}

#[test]
fn a_missing_bar_is_missing_and_the_row_says_so() {
    check(
        &both(),
        &["100 100 100 100 L", "120 120 120 120 gap X", "121 121 121 121"],
        &["long 1@120#3 -> 121#4 signal gap"],
    );
}

#[test]
fn at_end_marks_or_closes_or_leaves_at_the_last_open() {
    let bars = ["100 100 100 100 L", "100 106 98 105"];
    let mut spec = with(|spec| {
        spec.account.fees.taker = pct("1");
        spec.account.slippage.pct = pct("1");
    });
    let ran = run(&spec, &bars);
    assert_eq!(ran.trades(), ["long 1@101#2 -> 105#2 open"]);
    let open = &ran.finish.rows.trades[0];
    assert_eq!((open.net, open.gross, open.is_final), (money("2.99"), money("4"), true));
    let closed = &ran.finish.closed.trades[0];
    assert_eq!((closed.exit_price, closed.open), (money("103.95"), false));
    assert_eq!(closed.net, money("0.9005"), "2.95 less 1.01 and 1.0395");
    assert_eq!(ran.finish.equity.unwrap().equity, 10000.9005);
    assert_eq!(ran.equity[1].equity, 10_002.99, "the bar's own row is before the end");
    spec.fills.at_end = AtEnd::Close;
    let ran = run(&spec, &bars);
    assert_eq!(ran.finish.rows, ran.finish.closed);
    spec.fills.at_end = AtEnd::LastOpen;
    let ran = run(&spec, &bars);
    assert_eq!(ran.finish.rows.trades[0].exit_price, money("99"));
    assert_eq!(ran.finish.rows.trades[0].fill_time, Some(MINUTE));
}

#[test]
fn impossible_and_unordered_bars_are_refused() {
    let mut engine = Engine::new(both(), vec![SymbolSpec::default()]).unwrap();
    let mut out = Events::default();
    let columns = [0.0; 7];
    let mut take = |open_time: i64, ohlc: [i64; 4]| {
        let bar = BarInput::new(open_time, open_time + 1, ohlc, None);
        engine.bar(&Row::new(bar, &columns), &mut NoPrograms, &mut out)
    };
    assert!(take(0, [100, 100, 100, 100]).is_ok());
    assert_eq!(take(0, [100, 100, 100, 100]), Err(EngineError::NotLater { open_time: 0, before: 0 }));
    for ohlc in [[0, 1, 0, 1], [5, 4, 1, 4], [5, 9, 6, 7], [-1, 2, -1, 2], [5, 5, 5, 6]] {
        assert_eq!(take(10, ohlc), Err(EngineError::Prices { open_time: 10, ohlc }), "{ohlc:?}");
    }
    assert!(matches!(
        engine.step(&[None], &mut NoPrograms, &mut out),
        Err(EngineError::Rows { expected: 1, found: 1 })
    ));
}
