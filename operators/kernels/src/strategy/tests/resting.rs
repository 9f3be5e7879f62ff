//! Limit, stop and stop-limit orders: where they fill, how long they wait, who cancels them.

use super::*;

fn limit() -> Spec {
    entries(|rule| rule.limit = Some(A))
}

fn stop() -> Spec {
    entries(|rule| rule.stop = Some(A))
}

fn stop_limit() -> Spec {
    entries(|rule| (rule.stop, rule.limit, rule.expire) = (Some(A), Some(B), Expire::Bars(3)))
}

#[test]
fn a_limit_fills_by_touch_at_the_better_of_limit_and_open() {
    check(&limit(), &["100 100 100 100 L a=95", "100 101 95 99"], &["long 1@95#2 -> 99#2 open"]);
    check(&limit(), &["100 100 100 100 L a=95", "93 101 92 99"], &["long 1@93#2 -> 99#2 open"]);
    check(&limit(), &["100 100 100 100 L a=95", "100 101 95.01 99"], &[]);
    check(&limit(), &["100 100 100 100 S a=105", "100 105 99 99"], &["short 1@105#2 -> 99#2 open"]);
    check(&limit(), &["100 100 100 100 S a=105", "107 108 99 99"], &["short 1@107#2 -> 99#2 open"]);
}

#[test]
fn through_wants_a_trade_beyond_the_limit() {
    let mut spec = limit();
    spec.fills.limit_fill = LimitFill::Through;
    check(&spec, &["100 100 100 100 L a=95", "100 101 95 99"], &[]);
    check(&spec, &["100 100 100 100 L a=95", "100 101 94.99 99"], &["long 1@95#2 -> 99#2 open"]);
    check(&spec, &["100 100 100 100 L a=95", "95 101 95 99"], &[]);
    check(&spec, &["100 100 100 100 L a=95", "94 101 94 99"], &["long 1@94#2 -> 99#2 open"]);
}

#[test]
fn a_stop_fills_at_the_worse_of_stop_and_open_with_slippage() {
    check(&stop(), &["100 100 100 100 L a=105", "100 105 99 104"], &["long 1@105#2 -> 104#2 open"]);
    check(&stop(), &["100 100 100 100 L a=105", "107 108 99 104"], &["long 1@107#2 -> 104#2 open"]);
    check(&stop(), &["100 100 100 100 S a=95", "100 101 95 96"], &["short 1@95#2 -> 96#2 open"]);
    check(&stop(), &["100 100 100 100 S a=95", "90 101 90 96"], &["short 1@90#2 -> 96#2 open"]);
    let mut spec = stop();
    spec.account.slippage.pct = pct("1");
    check(&spec, &["100 100 100 100 L a=105", "100 105 99 104"], &["long 1@106.05#2 -> 104#2 open"]);
}

#[test]
fn a_stop_limit_fills_in_the_bar_of_its_stop_or_rests_from_the_next() {
    // Fills at the stop, at an open between stop and limit, and not above the limit.
    check(&stop_limit(), &["100 100 100 100 L a=105 b=106", "100 108 99 104"], &["long 1@105#2 -> 104#2 open"]);
    check(&stop_limit(), &["100 100 100 100 L a=105 b=106", "105.5 108 99 104"], &["long 1@105.5#2 -> 104#2 open"]);
    let bars = ["100 100 100 100 L a=105 b=106", "107 108 99 104", "107 107 105 107"];
    let ran = check(&stop_limit(), &bars, &["long 1@106#3 -> 107#3 open"]);
    assert_eq!(ran.out.orders.last().unwrap().kind, OrderKind::StopLimit);
    // A limit below the stop: activated inside the bar, filled from the next.
    let bars = ["100 100 100 100 L a=105 b=103", "100 108 99 104", "104 104 102 104"];
    check(&stop_limit(), &bars, &["long 1@103#3 -> 104#3 open"]);
    // Slippage never passes the limit.
    let mut spec = stop_limit();
    spec.account.slippage.pct = pct("5");
    check(&spec, &["100 100 100 100 L a=105 b=106", "100 108 99 104"], &["long 1@106#2 -> 104#2 open"]);
    check(&stop_limit(), &["100 100 100 100 S a=95 b=94", "100 101 92 96"], &["short 1@95#2 -> 96#2 open"]);
    let bars = ["100 100 100 100 S a=95 b=94", "93 101 92 92", "93 94 92 92"];
    check(&stop_limit(), &bars, &["short 1@94#3 -> 92#3 open"]);
}

#[test]
fn a_limit_that_was_not_marketable_is_a_maker() {
    let mut spec = entries(|rule| rule.limit = Some(A));
    spec.account.fees = Fees { maker: pct("1"), taker: pct("2"), fixed: Money::ZERO };
    let fee = |bars: &[&str]| run(&spec, bars).out.orders.iter().find_map(|row| row.fee).unwrap();
    assert_eq!(fee(&["100 100 100 100 L a=95", "100 101 95 99"]), money("0.95"));
    assert_eq!(fee(&["100 100 100 100 L a=95", "90 101 90 99"]), money("0.9"), "the open improves it, a maker still");
    assert_eq!(fee(&["100 100 100 100 L a=101", "98 101 95 99"]), money("1.96"), "marketable when placed");
    let mut spec = stop_limit();
    spec.account.fees = Fees { maker: pct("1"), taker: pct("2"), fixed: Money::ZERO };
    let fee = |bars: &[&str]| run(&spec, bars).out.orders.iter().find_map(|row| row.fee).unwrap();
    assert_eq!(fee(&["100 100 100 100 L a=105 b=106", "100 108 99 104"]), money("2.1"), "taken at its stop");
    assert_eq!(fee(&["100 100 100 100 L a=105 b=106", "107 108 107 107", "107 107 106 107"]), money("1.06"));
}

#[test]
fn expire_counts_bars_and_defaults_to_one() {
    let bars = ["100 100 100 100 L a=95", "100 100 99 100", "100 100 94 100"];
    let ran = check(&limit(), &bars, &[]);
    assert_eq!(ran.refusals(), ["expired expired #2"]);
    let two = entries(|rule| (rule.limit, rule.expire) = (Some(A), Expire::Bars(2)));
    check(&two, &bars, &["long 1@95#3 -> 100#3 open"]);
    let never = entries(|rule| (rule.limit, rule.expire) = (Some(A), Expire::Never));
    let long = ["100 100 100 100 L a=95", "100 100 99 100", "100 100 99 100", "100 100 99 100 v0", "100 100 94 100"];
    check(&never, &long, &["long 1@95#5 -> 100#5 open"]);
    check(&two, &long, &[]);
}

#[test]
fn a_rule_true_again_replaces_its_order_or_keeps_it() {
    let bars = ["100 100 100 100 L a=95", "100 100 99 100 L a=90", "100 100 94 100", "100 100 89 100"];
    let mut spec = entries(|rule| (rule.limit, rule.expire) = (Some(A), Expire::Bars(2)));
    let ran = check(&spec, &bars, &["long 1@90#4 -> 100#4 open"]);
    assert_eq!(ran.refusals(), ["cancelled replaced #2"]);
    spec.resting = Resting::Keep;
    check(&spec, &bars, &["long 1@95#3 -> 100#4 open"]);
    // Kept, it places anew at the close at which it expires.
    let bars = ["100 100 100 100 L a=95", "100 100 99 100 L a=90", "100 100 99 100 L a=80", "100 100 80 100"];
    let ran = check(&spec, &bars, &["long 1@80#4 -> 100#4 open"]);
    assert_eq!(ran.refusals(), ["expired expired #3"]);
}

#[test]
fn cancel_if_withdraws_the_order_and_silences_the_rule() {
    let spec = entries(|rule| {
        (rule.limit, rule.expire, rule.cancel_if) = (Some(A), Expire::Never, Some(B));
    });
    let bars = ["100 100 100 100 L a=95 b=0", "100 100 99 100 b=1", "100 100 94 100"];
    assert_eq!(check(&spec, &bars, &[]).refusals(), ["cancelled cancel_if #2"]);
    assert!(check(&spec, &["100 100 100 100 L a=95 b=1", "100 100 94 100"], &[]).out.orders.is_empty());
    check(&spec, &["100 100 100 100 L a=95", "100 100 94 100"], &["long 1@95#2 -> 100#2 open"]);
}

#[test]
fn a_null_price_is_refused() {
    for bar in ["100 100 100 100 L", "100 100 100 100 L a=0", "100 100 100 100 L a=-5"] {
        assert_eq!(check(&limit(), &[bar], &[]).refusals(), ["rejected null_price #1"]);
    }
}

#[test]
fn prices_of_orders_lie_on_the_tick() {
    let filters = Filters { tick: money("0.5"), ..Filters::default() };
    let symbol = SymbolSpec { filters: vec![DatedFilters { valid_from: 0, filters }] };
    let price = |spec: &Spec, bars: &[&str]| {
        let ran = run_bars(spec, symbol.clone(), &read(bars, 1), 1);
        ran.out.orders[0].limit.or(ran.out.orders[0].stop).unwrap().to_string()
    };
    assert_eq!(price(&limit(), &["100 100 100 100 L a=95.4"]), "95");
    assert_eq!(price(&limit(), &["100 100 100 100 S a=105.1"]), "105.5");
    assert_eq!(price(&stop(), &["100 100 100 100 L a=105.1"]), "105.5");
    assert_eq!(price(&stop(), &["100 100 100 100 S a=95.4"]), "95");
}

#[test]
fn a_fill_cancels_the_other_sides_resting_entries_and_leaves_its_own() {
    let spec = entries(|rule| {
        (rule.stop, rule.expire) = (Some(if rule.when == Expr::Column(LONG) { A } else { B }), Expire::Never)
    });
    let bars = ["100 100 100 100 L S a=105 b=95", "100 106 99 104", "104 104 90 92"];
    let ran = check(&spec, &bars, &["long 1@105#2 -> 92#3 open"]);
    assert_eq!(ran.refusals(), ["cancelled opposite_filled #2"]);
}

#[test]
fn pessimistic_takes_one_entry_the_worst_at_the_close() {
    let spec = entries(|rule| {
        (rule.stop, rule.expire) = (Some(if rule.when == Expr::Column(LONG) { A } else { B }), Expire::Never)
    });
    let bars = |bar| ["100 100 100 100 L S a=105 b=95", bar];
    check(&spec, &bars("100 106 94 98"), &["long 1@105#2 -> 98#2 open ambiguous"]);
    check(&spec, &bars("100 106 94 103"), &["short 1@95#2 -> 103#2 open ambiguous"]);
    // On a tie, as listed: long first.
    check(&spec, &bars("100 106 94 100"), &["long 1@105#2 -> 100#2 open ambiguous"]);
    let mut ohlc = spec.clone();
    ohlc.fills.path = Path::Ohlc;
    check(&ohlc, &bars("100 106 94 98"), &["long 1@105#2 -> 98#2 open ambiguous"]);
    ohlc.fills.path = Path::Nearest;
    check(&ohlc, &bars("100 107 94 98"), &["short 1@95#2 -> 98#2 open ambiguous"]);
}

#[test]
fn after_an_exit_inside_the_bar_pessimistic_entries_wait() {
    let mut spec = both();
    let long = spec.long.as_mut().unwrap();
    long.stop_loss = Some(Level::Percent(pct("5")));
    long.entry.push(EntryRule { limit: Some(A), expire: Expire::Never, ..EntryRule::market(B) });
    spec.on_opposite = OnOpposite::Ignore;
    let bars = ["100 100 100 100 L", "100 100 98 98", "98 98 90 96 b=1 a=91", "96 96 94 94 b=1 a=91", "92 92 90 92"];
    check(&spec, &bars, &["long 1@100#2 -> 95#3 stop_loss", "long 1@91#5 -> 92#5 open"]);
}

#[test]
fn a_trade_entered_inside_the_bar_has_its_stop_hit_by_the_adverse_extreme() {
    let mut spec = limit();
    for side in spec.long.iter_mut().chain(&mut spec.short) {
        side.stop_loss = Some(Level::Percent(pct("5")));
        side.take_profit = vec![Target { at: Level::Percent(pct("5")), portion: None }];
    }
    // After a limit entry the close must reach the target: the high may have come before.
    check(&spec, &["100 100 100 100 L a=100", "102 106 99 104"], &["long 1@100#2 -> 104#2 open"]);
    check(&spec, &["100 100 100 100 L a=100", "102 106 99 105"], &["long 1@100#2 -> 105#2 take_profit"]);
    check(&spec, &["100 100 100 100 L a=100", "102 106 95 105"], &["long 1@100#2 -> 95#2 stop_loss"]);
    // After a stop entry the favourable extreme does.
    let mut spec = stop();
    for side in spec.long.iter_mut().chain(&mut spec.short) {
        side.stop_loss = Some(Level::Percent(pct("5")));
        side.take_profit = vec![Target { at: Level::Percent(pct("5")), portion: None }];
    }
    check(&spec, &["100 100 100 100 L a=100", "98 106 97 99"], &["long 1@100#2 -> 105#2 take_profit"]);
    check(&spec, &["100 100 100 100 L a=100", "98 106 95 99"], &["long 1@100#2 -> 95#2 stop_loss ambiguous"]);
    check(&spec, &["100 100 100 100 S a=100", "102 105 94 99"], &["short 1@100#2 -> 105#2 stop_loss ambiguous"]);
}

#[test]
fn entry_bar_stops_open_lets_targets_of_inside_entries_act_and_stops_wait() {
    let mut spec = stop();
    spec.fills.entry_bar_stops = EntryBarStops::Open;
    for side in spec.long.iter_mut().chain(&mut spec.short) {
        side.stop_loss = Some(Level::Percent(pct("5")));
        side.take_profit = vec![Target { at: Level::Percent(pct("5")), portion: None }];
    }
    check(&spec, &["100 100 100 100 L a=100", "98 106 90 99"], &["long 1@100#2 -> 105#2 take_profit"]);
    check(&spec, &["100 100 100 100 L a=100", "98 104 90 99", "96 96 94 96"], &["long 1@100#2 -> 95#3 stop_loss"]);
}

#[test]
fn resting_exits_belong_to_their_position() {
    let spec = sides(|side| {
        side.exit[0].limit = Some(A);
        side.exit[0].expire = Expire::Never;
        side.exit.push(ExitRule::market(B));
    });
    let bars = ["100 100 100 100 L", "100 100 100 100 X a=105", "100 104 100 100", "100 106 100 100"];
    check(&spec, &bars, &["long 1@100#2 -> 105#4 signal"]);
    let bars =
        ["100 100 100 100 L", "100 100 100 100 X a=105", "100 104 100 100 b=1", "100 106 100 100", "100 106 100 100"];
    let ran = check(&spec, &bars, &["long 1@100#2 -> 100#4 signal"]);
    assert_eq!(ran.refusals(), ["cancelled position_closed #4"]);
    let stop = sides(|side| side.exit[0].stop = Some(A));
    check(&stop, &["100 100 100 100 L", "100 100 100 100 X a=95", "100 104 94 100"], &["long 1@100#2 -> 95#3 signal"]);
    check(
        &stop,
        &["100 100 100 100 S", "100 100 100 100 C a=105", "107 108 94 100"],
        &["short 1@100#2 -> 107#3 signal"],
    );
}

#[test]
fn a_limit_exit_fills_at_the_better_of_limit_and_open_on_both_sides() {
    let spec = sides(|side| side.exit[0].limit = Some(A));
    let long = |last| ["100 100 100 100 L", "100 100 100 100 X a=105", last];
    check(&spec, &long("100 105 99 104"), &["long 1@100#2 -> 105#3 signal"]);
    check(&spec, &long("107 108 99 104"), &["long 1@100#2 -> 107#3 signal"]);
    let short = |last| ["100 100 100 100 S", "100 100 100 100 C a=95", last];
    check(&spec, &short("100 100 95 96"), &["short 1@100#2 -> 95#3 signal"]);
    check(&spec, &short("93 94 92 93"), &["short 1@100#2 -> 93#3 signal"]);
    check(&spec, &short("100 100 95.01 96"), &["short 1@100#2 -> 96#3 open"]);
}

#[test]
fn a_stop_limit_exit_fills_in_the_bar_of_its_stop_or_rests_from_the_next() {
    let spec = sides(|side| {
        let rule = &mut side.exit[0];
        (rule.stop, rule.limit, rule.expire) = (Some(A), Some(B), Expire::Bars(3));
    });
    let long = |rest: &[&'static str]| [&["100 100 100 100 L", "100 100 100 100 X a=95 b=94"], rest].concat();
    check(&spec, &long(&["96 96 93 95"]), &["long 1@100#2 -> 95#3 signal"]);
    // An open below the limit activates it, and the high of that bar does not fill it: the next bar's does.
    check(&spec, &long(&["93 94 92 93"]), &["long 1@100#2 -> 93#3 open"]);
    check(&spec, &long(&["93 94 92 93", "93 94 92 93"]), &["long 1@100#2 -> 94#4 signal"]);
    let short = |rest: &[&'static str]| [&["100 100 100 100 S", "100 100 100 100 C a=105 b=106"], rest].concat();
    check(&spec, &short(&["104 107 104 106"]), &["short 1@100#2 -> 105#3 signal"]);
    check(&spec, &short(&["107 108 106 107", "107 108 106 107"]), &["short 1@100#2 -> 106#4 signal"]);
}

#[test]
fn a_resting_entry_may_reverse_at_its_price() {
    let mut spec = both();
    let short = spec.short.as_mut().unwrap();
    short.entry[0] = EntryRule { stop: Some(A), ..EntryRule::market(Expr::Column(SHORT)) };
    let bars = ["100 100 100 100 L", "100 100 100 100 S a=95", "99 99 94 96"];
    check(&spec, &bars, &["long 1@100#2 -> 95#3 reverse", "short 1@95#3 -> 96#3 open"]);
}

#[test]
fn an_entry_inside_the_bar_beyond_its_liquidation_is_liquidated_at_its_own_price() {
    let mut spec = entries(|rule| rule.limit = Some(A));
    spec.long.as_mut().unwrap().size = Some(Size::Equity(Ratio::ONE));
    (spec.account.leverage, spec.account.margin) = (Ratio::parse("10").unwrap(), MarginMode::Cross);
    (spec.account.maintenance, spec.account.balance) = (pct("11"), money("1000"));
    (spec.account.fees.maker, spec.account.fees.taker) = (pct("5"), pct("5"));
    // 66.66 units at 100: 666.66 is left after the fee, 733.33 are to be kept; the level of 101.12 was never traded since.
    let ran = run(&spec, &["110 110 110 110 L a=100", "110 110 98 105"]);
    let [trade] = ran.out.trades.as_slice() else { panic!("{:?}", ran.trades()) };
    assert_eq!((trade.exit_price, trade.exit_reason), (money("100"), Reason::Liquidation));
}

/// Two long stop entries, at 105 with a limit of 103 for five bars, and at 106.
fn two_stops() -> Spec {
    let mut spec = both();
    let long = spec.long.as_mut().unwrap();
    let limited = EntryRule { stop: Some(A), limit: Some(B), expire: Expire::Bars(5), ..EntryRule::market(A) };
    long.entry = vec![limited, EntryRule { stop: Some(C), ..EntryRule::market(C) }];
    spec
}

#[test]
fn a_touched_stop_activates_its_limit_though_another_entry_filled_first() {
    // The second one fills at 106 in bar 2 and leaves at the open of bar 3; the limit of 103 rests from there on.
    let bars = ["100 100 100 100 a=105 b=103 c=106", "100 108 99 106.5 X", "104 104 103.5 104", "104 104 102 103"];
    let expected = ["long 1@106#2 -> 104#3 signal", "long 1@103#4 -> 103#4 open"];
    for path in [Path::Pessimistic, Path::Ohlc] {
        let mut spec = two_stops();
        spec.fills.path = path;
        let trades: Vec<String> = run(&spec, &bars).trades().iter().map(|row| row.replace(" ambiguous", "")).collect();
        assert_eq!(trades, expected, "{path:?}");
    }
    // Without a touch of 105 it is a stop yet: bar 4 does not reach it.
    let bars = ["100 100 100 100 a=109 b=103 c=106", "100 108 99 106.5 X", "104 104 103.5 104", "104 104 102 103"];
    assert_eq!(run(&two_stops(), &bars).trades().len(), 1);
}

#[test]
fn a_touched_stop_activates_its_limit_after_an_exit_inside_the_bar() {
    let mut spec = two_stops();
    spec.pyramiding.max = 2;
    let long = spec.long.as_mut().unwrap();
    long.entry[1] = EntryRule::market(C);
    long.stop_loss = Some(Level::Percent(pct("5")));
    // Held from bar 2, stopped at 95 in bar 3, which touches 105 too; the limit fills in bar 4.
    let bars = ["100 100 100 100 c=1", "100 100 100 100 a=105 b=103", "100 106 94 104", "104 104 102 103"];
    let ran = run(&spec, &bars);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 95#3 stop_loss", "long 1@103#4 -> 103#4 open"]);
}
