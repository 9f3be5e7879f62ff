//! Sizes, fees, slippage, filters and what is affordable.

use super::*;

fn sized(size: Size) -> Spec {
    sides(|side| side.size = Some(size))
}

fn first_qty(spec: &Spec, text: &[&str]) -> String {
    run(spec, text).out.orders.iter().find_map(|row| row.qty).unwrap_or_default().to_string()
}

const ENTRY: [&str; 2] = ["100 100 100 100 L", "100 100 100 100"];

#[test]
fn equity_and_cash_sizes_include_the_fee_of_the_fill() {
    let mut spec = sized(Size::Equity(pct("50")));
    assert_eq!(first_qty(&spec, &ENTRY), "50");
    spec.account.fees = Fees { maker: pct("0"), taker: pct("25"), fixed: money("100") };
    assert_eq!(first_qty(&spec, &ENTRY), "39.2", "(5000 - 100) / 1.25 / 100");
    spec.account.leverage = Ratio::parse("4").unwrap();
    assert_eq!(first_qty(&spec, &ENTRY), "98", "(5000 - 100) / (1 / 4 + 0.25) / 100");
    spec.account.leverage = Ratio::ONE;
    spec.account.slippage.pct = pct("25");
    assert_eq!(first_qty(&spec, &ENTRY), "31.36", "at the slipped price of 125");
    assert_eq!(first_qty(&sized(Size::Cash(pct("25"))), &ENTRY), "25");
}

#[test]
fn quote_and_base_sizes_exclude_fees() {
    let mut spec = sized(Size::Quote(Expr::Constant(1_000.0)));
    spec.account.fees.taker = pct("10");
    let ran = run(&spec, &ENTRY);
    let row = ran.out.orders.iter().find(|row| row.qty.is_some()).unwrap();
    assert_eq!((row.qty, row.fee), (Some(money("10")), Some(money("100"))));
    assert_eq!(ran.engine.ledger().cash, money("8900"));
    assert_eq!(first_qty(&sized(Size::Base(A)), &["100 100 100 100 L a=2.5", "100 100 100 100 a=7"]), "2.5", "frozen");
    for bad in ["100 100 100 100 L", "100 100 100 100 L a=0", "100 100 100 100 L a=-1"] {
        assert_eq!(run(&sized(Size::Base(A)), &[bad]).refusals(), ["rejected null_size #1"]);
    }
}

#[test]
fn what_is_short_is_cut_or_rejected() {
    let mut spec = sized(Size::Base(Expr::Constant(150.0)));
    check(&spec, &ENTRY, &["long 100@100#2 -> 100#2 open partial"]);
    spec.account.on_insufficient = Insufficient::Reject;
    assert_eq!(check(&spec, &ENTRY, &[]).refusals(), ["rejected insufficient #2"]);
}

#[test]
fn an_order_short_by_less_than_a_step_is_short() {
    let mut spec = sized(Size::Base(Expr::Constant(4.0)));
    let filters = Filters { step: money("1"), ..Filters::default() };
    let symbol = SymbolSpec { filters: vec![DatedFilters { valid_from: 0, filters }] };
    let bars = read(&["3000 3000 3000 3000 L", "3000 3000 3000 3000"], 1);
    // 10,000 buys 3.33 of the 4.
    let ran = run_bars(&spec, symbol.clone(), &bars, 1);
    assert_eq!(ran.trades(), ["long 3@3000#2 -> 3000#2 open partial"]);
    spec.account.on_insufficient = Insufficient::Reject;
    let ran = run_bars(&spec, symbol.clone(), &bars, 1);
    assert_eq!((ran.trades().len(), ran.refusals()), (0, vec!["rejected insufficient #2".to_owned()]));
    // What the grid takes off is not short: 3.4 is 3, and 3.33 is affordable.
    spec.long.as_mut().unwrap().size = Some(Size::Base(Expr::Constant(3.4)));
    let ran = run_bars(&spec, symbol, &bars, 1);
    assert_eq!(ran.trades(), ["long 3@3000#2 -> 3000#2 open"]);
}

#[test]
fn all_of_the_equity_is_affordable_to_the_last_unit() {
    let mut spec = sized(Size::Equity(Ratio::ONE));
    spec.account.fees.taker = pct("0.1");
    let ran = run(&spec, &["7 7 7 7 L", "7 7 7 7"]);
    assert_eq!(ran.trades(), ["long 1427.144284287141429998@7#2 -> 7#2 open"]);
    assert!(ran.engine.ledger().free().unwrap() >= Money::ZERO);
    assert!(ran.engine.ledger().free().unwrap() < money("0.00000000000000005"));
}

#[test]
fn risk_is_equity_over_the_distance_to_the_stop() {
    let mut spec = sized(Size::Risk(pct("1")));
    spec.long.as_mut().unwrap().stop_loss = Some(Level::Percent(pct("4")));
    spec.short.as_mut().unwrap().stop_loss = Some(Level::Distance(Expr::Constant(8.0)));
    assert_eq!(first_qty(&spec, &ENTRY), "25", "100 / 4");
    assert_eq!(first_qty(&spec, &["100 100 100 100 S", "100 100 100 100"]), "12.5");
    let spec = sized(Size::Risk(pct("1")));
    assert_eq!(Engine::new(spec, vec![SymbolSpec::default()]).unwrap_err(), SpecError::RiskWithoutStop);
}

#[test]
fn quantities_go_down_to_the_step_and_minimums_reject() {
    let filters = |change: fn(&mut Filters)| {
        let mut filters = Filters { step: money("0.3"), ..Filters::default() };
        change(&mut filters);
        SymbolSpec { filters: vec![DatedFilters { valid_from: 0, filters }] }
    };
    let spec = sized(Size::Base(Expr::Constant(1.0)));
    let ran = |symbol| run_bars(&spec, symbol, &read(&ENTRY, 1), 1);
    assert_eq!(ran(filters(|_| ())).trades(), ["long 0.9@100#2 -> 100#2 open"]);
    assert_eq!(ran(filters(|f| f.min_qty = money("0.91"))).refusals(), ["rejected min_qty #2"]);
    assert_eq!(ran(filters(|f| f.min_notional = money("90.01"))).refusals(), ["rejected min_notional #2"]);
    assert_eq!(ran(filters(|f| f.min_notional = money("90"))).trades().len(), 1);
    assert_eq!(ran(filters(|f| f.step = money("2"))).refusals(), ["rejected too_small #2"]);
}

#[test]
fn filters_hold_as_of_the_bars_date() {
    let row = |valid_from, step: &str| DatedFilters {
        valid_from,
        filters: Filters { step: money(step), ..Filters::default() },
    };
    let symbol = SymbolSpec { filters: vec![row(2 * MINUTE, "0.4"), row(4 * MINUTE, "0.7")] };
    let spec = sized(Size::Base(Expr::Constant(1.0)));
    let bars = ["9 9 9 9 L", "9 9 9 9 X", "9 9 9 9 L", "9 9 9 9 X", "9 9 9 9 L", "9 9 9 9 X", "9 9 9 9"];
    let ran = run_bars(&spec, symbol, &read(&bars, 1), 1);
    let qty: Vec<String> = ran.out.trades.iter().map(|row| row.qty.to_string()).collect();
    assert_eq!(qty, ["0.8", "0.8", "0.7"]);
    assert_eq!(ran.engine.notes(), (0, 2, 0), "two bars before the first row");
}

#[test]
fn fees_are_paid_on_both_legs_and_split_by_portion() {
    let mut spec = both();
    spec.account.fees = Fees { maker: pct("0.02"), taker: pct("0.1"), fixed: money("0.5") };
    let ran =
        check(&spec, &["100 100 100 100 L", "100 100 100 100 X", "110 110 110 110"], &["long 1@100#2 -> 110#3 signal"]);
    let trade = &ran.out.trades[0];
    assert_eq!((trade.gross, trade.fees, trade.net), (money("10"), money("1.21"), money("8.79")));
    assert_eq!(ran.engine.ledger().cash, money("10008.79"));
    assert_eq!(trade.return_pct, 8.79 / 100.0);
}

#[test]
fn a_target_is_a_maker_and_a_stop_a_taker() {
    let mut spec = sides(|side| {
        side.stop_loss = Some(Level::Percent(pct("10")));
        side.take_profit = vec![Target { at: Level::Percent(pct("10")), portion: None }];
    });
    spec.account.fees = Fees { maker: pct("1"), taker: pct("2"), fixed: Money::ZERO };
    spec.account.slippage.pct = pct("1");
    spec.fills.levels_from = LevelsFrom::Quote;
    let ran = run(&spec, &["100 100 100 100 L", "100 110 100 105"]);
    assert_eq!((ran.out.trades[0].exit_price, ran.out.trades[0].fees), (money("110"), money("3.12")), "2.02 and 1.1");
    let ran = run(&spec, &["100 100 100 100 L", "100 100 90 95"]);
    assert_eq!(
        (ran.out.trades[0].exit_price, ran.out.trades[0].fees),
        (money("89.1"), money("3.802")),
        "2.02 and 1.782"
    );
}

#[test]
fn slippage_worsens_and_may_be_clamped_to_the_bar_or_to_entries() {
    let mut spec = both();
    spec.account.slippage.pct = pct("10");
    let bars = ["100 100 100 100 L", "100 104 100 102 X", "100 100 97 97"];
    check(&spec, &bars, &["long 1@110#2 -> 90#3 signal"]);
    spec.account.slippage.legs = Legs::Entry;
    check(&spec, &bars, &["long 1@110#2 -> 100#3 signal"]);
    spec.account.slippage = Slippage { pct: pct("10"), clamp: Clamp::Bar, legs: Legs::Both };
    check(&spec, &bars, &["long 1@104#2 -> 97#3 signal"]);
}

#[test]
fn sized_at_signal_values_at_the_close_and_assumes_the_exits_ordered_there() {
    let mut spec = sized(Size::Equity(pct("50")));
    spec.account.sized_at = SizedAt::Signal;
    check(&spec, &["100 100 100 100 L", "125 125 125 125"], &["long 50@125#2 -> 125#2 open"]);
    check(
        &spec,
        &["100 100 100 100 L", "100 100 100 100", "100 120 100 120 S", "110 110 110 110"],
        &["long 50@100#2 -> 110#4 reverse", "short 45.833333333333333333@110#4 -> 110#4 open"],
    );
}

#[test]
fn sized_at_signal_a_reversal_has_one_fixed_fee() {
    let mut spec = sized(Size::Equity(pct("50")));
    (spec.account.sized_at, spec.account.fees.fixed) = (SizedAt::Signal, money("3"));
    let bars = |second| ["100 100 100 100 L", second, "100 100 100 100"];
    // (5,000 - 3) / 100; then half of 9,994, what the close has paid for both legs.
    let reversed = ["long 49.97@100#2 -> 100#3 reverse", "short 49.97@100#3 -> 100#3 open"];
    check(&spec, &bars("100 100 100 100 S"), &reversed);
    // An exit of its own is an order of its own: (4,997 - 3) / 100.
    let twice = ["long 49.97@100#2 -> 100#3 signal", "short 49.94@100#3 -> 100#3 open"];
    check(&spec, &bars("100 100 100 100 S X"), &twice);
}

#[test]
fn bad_accounts_and_rules_are_refused_before_any_work() {
    let error = |change: fn(&mut Spec)| Engine::new(with(change), vec![SymbolSpec::default()]).unwrap_err();
    assert!(matches!(error(|spec| spec.account.balance = money("-1")), SpecError::Balance(_)));
    assert!(matches!(
        error(|spec| spec.account.fees.taker = pct("200")),
        SpecError::Share { key: "account.fees.taker", .. }
    ));
    assert!(matches!(error(|spec| spec.account.leverage = Ratio::ZERO), SpecError::Leverage(_)));
    assert!(matches!(error(|spec| spec.account.slippage.pct = pct("-1")), SpecError::Share { .. }));
    assert_eq!(error(|spec| spec.pyramiding.max = 0), SpecError::NotPositive("pyramiding.max"));
    assert_eq!(error(|spec| (spec.long, spec.short) = (None, None)), SpecError::NoEntry);
    assert_eq!(error(|spec| spec.long.as_mut().unwrap().size = None), SpecError::NoSize(Side::Long));
    let zero = |spec: &mut Spec| spec.long.as_mut().unwrap().size = Some(Size::Base(Expr::Constant(0.0)));
    assert_eq!(error(zero), SpecError::NotPositive("size.base"));
    let both = |spec: &mut Spec| {
        let side = spec.long.as_mut().unwrap();
        side.take_profit = vec![Target { at: Level::Percent(pct("1")), portion: None }];
        side.table = vec![TableStep { after: 0, at: pct("1") }];
    };
    assert_eq!(error(both), SpecError::TargetsAndTable);
    let levered = |spec: &mut Spec| {
        (spec.account.leverage, spec.account.maintenance) = (Ratio::parse("20").unwrap(), pct("5"));
    };
    assert!(matches!(error(levered), SpecError::Maintenance { .. }));
    let side = |change: fn(&mut SideSpec)| Engine::new(sides(change), vec![SymbolSpec::default()]).unwrap_err();
    for (change, text) in [
        (
            (|side| side.take_profit = vec![Target { at: Level::Percent(pct("100")), portion: None }])
                as fn(&mut SideSpec),
            "a price cannot fall by all of it",
        ),
        (|side| side.stop_loss = Some(Level::Percent(Ratio::ZERO)), "stop_loss must be at least"),
        (|side| side.stop_loss = Some(Level::Distance(Expr::Constant(-1.0))), "stop_loss must be positive"),
        (|side| side.stop_loss = Some(Level::Price(Expr::Constant(f64::NAN))), "stop_loss must be positive"),
        (
            |side| side.trailing_stop = Some(Trailing { by: Level::Percent(pct("1")), after: Some(pct("-1")) }),
            "trailing_stop.after must be at least",
        ),
        (|side| side.break_even = Some(BreakEven { after: pct("1"), at: pct("2") }), "`at` must not be above `after`"),
        (|side| side.break_even = Some(BreakEven { after: pct("1"), at: pct("-100") }), "break_even.at must be"),
        (|side| side.size = Some(Size::Equity(Ratio::ZERO)), "size.equity must be at least"),
        (|side| side.size = Some(Size::Cash(Ratio::ZERO)), "size.cash must be at least"),
        (|side| side.size = Some(Size::Quote(Expr::Constant(0.0))), "size.quote must be positive"),
        (|side| side.size = Some(Size::Risk(pct("1"))), "needs a `stop_loss`"),
        (|side| side.size = Some(Size::Volatility { of: pct("20"), days: 1 }), "at least 2 days"),
        (|side| side.max_bars = Some(0), "max_bars must be positive"),
        (|side| side.exit[0].portion = Some(Ratio::ZERO), "exit.portion must be at least"),
    ] {
        let found = side(change).to_string();
        assert!(found.contains(text), "{found}");
    }
}
