//! Leverage, liquidation, what an isolated margin covers, ruin, funding.

use super::*;

fn levered(leverage: &str) -> Spec {
    let mut spec = sides(|side| side.size = Some(Size::Quote(Expr::Constant(10_000.0))));
    spec.account.leverage = Ratio::parse(leverage).unwrap();
    spec.account.maintenance = pct("1");
    spec
}

#[test]
fn margin_is_the_entry_notional_by_leverage_and_proceeds_of_shorts_are_not_spendable() {
    for side in ["L", "S"] {
        let bars = [format!("100 100 100 100 {side}"), "100 100 100 100".to_owned()];
        let ran = run(&levered("4"), &bars.each_ref().map(String::as_str));
        let ledger = ran.engine.ledger();
        assert_eq!((ledger.margin, ledger.free().unwrap()), (money("2500"), money("7500")));
        assert_eq!(ledger.cash, money(if side == "L" { "0" } else { "20000" }));
        assert_eq!(ran.equity[1].equity, 10_000.0);
    }
}

#[test]
fn a_levered_position_is_liquidated_where_its_margin_is_used_up() {
    // Long: 100 * (1 - 1/4) / (1 - 1 %) = 75.7575...; short: 100 * 1.25 / 1.01 = 123.7623...
    let ran = run(&levered("4"), &["100 100 100 100 L", "100 100 75 80"]);
    assert_eq!(ran.trades(), ["long 100@100#2 -> 75.757575757575757576#2 liquidation"]);
    let trade = &ran.out.trades[0];
    assert_eq!(trade.cover, Money::ZERO);
    assert!((trade.return_on_margin + 0.969_696_969_7).abs() < 1e-9);
    check(&levered("4"), &["100 100 100 100 L", "100 100 75.8 80"], &["long 100@100#2 -> 80#2 open"]);
    check(
        &levered("4"),
        &["100 100 100 100 S", "100 124 100 100"],
        &["short 100@100#2 -> 123.762376237623762376#2 liquidation"],
    );
}

#[test]
fn liquidation_acts_in_the_bar_of_entry_whatever_the_stops_do() {
    let mut spec = levered("4");
    spec.fills.entry_bar_stops = EntryBarStops::False;
    assert!(run(&spec, &["100 100 100 100 L", "100 100 75 80"]).trades()[0].ends_with("liquidation"));
}

#[test]
fn a_stop_nearer_the_open_comes_before_liquidation_and_after_it_if_the_open_passed_both() {
    let mut spec = levered("4");
    spec.long.as_mut().unwrap().stop_loss = Some(Level::Percent(pct("20")));
    check(&spec, &["100 100 100 100 L", "100 100 60 80"], &["long 100@100#2 -> 80#2 stop_loss"]);
    check(&spec, &["100 100 100 100 L", "100 100 100 100", "70 71 60 70"], &["long 100@100#2 -> 70#3 liquidation"]);
    spec.long.as_mut().unwrap().stop_loss = Some(Level::Percent(pct("30")));
    assert!(run(&spec, &["100 100 100 100 L", "100 100 60 80"]).trades()[0].ends_with("liquidation"));
}

#[test]
fn a_gap_through_liquidation_fills_at_the_worse_open_on_both_sides() {
    // Levels 75.75 and 123.76, as above; the next open lies beyond.
    for (side, open, expected) in [
        ("L", "70 70 70 70", "long 100@100#2 -> 70#4 liquidation gap"),
        ("S", "130 130 130 130", "short 100@100#2 -> 130#4 liquidation gap"),
    ] {
        let bars = [format!("100 100 100 100 {side}"), "100 100 100 100".to_owned(), format!("{open} gap")];
        let ran = check(&levered("4"), &bars.each_ref().map(String::as_str), &[expected]);
        // Lost 3,000 on a margin of 2,500.
        assert_eq!((ran.out.trades[0].cover, ran.engine.ledger().cash), (money("500"), money("7500")));
    }
}

#[test]
fn an_isolated_position_loses_no_more_than_its_margin() {
    let mut spec = levered("4");
    spec.account.fees.taker = pct("1");
    let ran = run(&spec, &["100 100 100 100 L", "100 100 100 100", "50 50 50 50"]);
    let trade = &ran.out.trades[0];
    // Lost 5000 and an exit fee of 50 on a margin of 2500; the entry fee of 100 was paid before.
    assert_eq!((trade.gross, trade.fees, trade.cover), (money("-5000"), money("150"), money("2550")));
    assert_eq!((trade.net, ran.engine.ledger().cash), (money("-2600"), money("7400")));
    assert_eq!(ran.engine.ledger().cover, money("2550"));
}

#[test]
fn cover_is_of_the_whole_position_not_of_each_entry() {
    let mut spec = both();
    (spec.account.leverage, spec.account.maintenance) = (Ratio::parse("10").unwrap(), pct("0.5"));
    spec.pyramiding.max = 2;
    // Average 110, liquidated at 110 * 0.9 / 0.995 = 99.4974874...; lost 0.50 and 20.50 on margins of 10 and 12.
    let bars = |last| ["100 100 100 100 L", "100 100 100 100 L", "120 120 120 120", last];
    let ran = run(&spec, &bars("120 120 99 110"));
    assert_eq!(ran.engine.ledger().cover, Money::ZERO);
    assert_eq!(ran.engine.ledger().cash, money("9978.994974874371859296"));
    // A gap to 90: lost 10 and 30 on margins of 22, so 18 is covered, half of it on each row.
    let ran = run(&spec, &bars("90 90 90 90"));
    let rows: Vec<_> = ran.out.trades.iter().map(|row| (row.gross, row.cover, row.net, row.return_pct)).collect();
    assert_eq!(
        rows,
        [
            (money("-10"), money("9"), money("-1"), -1.0 / 100.0),
            (money("-30"), money("9"), money("-21"), -21.0 / 120.0)
        ]
    );
    assert_eq!((ran.engine.ledger().cover, ran.engine.ledger().cash), (money("18"), money("9978")));
}

#[test]
fn shares_of_a_cover_sum_exactly() {
    let mut spec = sides(|side| side.size = Some(Size::Base(A)));
    (spec.account.leverage, spec.account.maintenance) = (Ratio::parse("10").unwrap(), pct("0.5"));
    spec.pyramiding.max = 3;
    let bars =
        ["100 100 100 100 L a=1", "100 100 100 100 L a=2", "101 101 101 101 L a=4", "100 100 100 100", "86 86 86 86"];
    let ran = run(&spec, &bars);
    let covers: Vec<String> = ran.out.trades.iter().map(|row| row.cover.to_string()).collect();
    // 7 units that cost 702 are worth 602, on margins of 70.2: 29.8 by quantity, the remainder on the last.
    assert_eq!(covers, ["4.257142857142857143", "8.514285714285714286", "17.028571428571428571"]);
    assert_eq!((ran.engine.ledger().cover, ran.engine.ledger().cash), (money("29.8"), money("9929.8")));
}

#[test]
fn a_cross_position_is_liquidated_when_the_account_cannot_keep_it() {
    let mut spec = levered("4");
    spec.account.margin = MarginMode::Cross;
    spec.long.as_mut().unwrap().size = Some(Size::Quote(Expr::Constant(20_000.0)));
    // 200 units at 100 on 10,000 of equity: cash -10,000; at p equity 200 p - 10,000 = 2 p, so p = 50.5050...
    check(&spec, &["100 100 100 100 L", "100 100 60 80"], &["long 200@100#2 -> 80#2 open"]);
    let ran = run(&spec, &["100 100 100 100 L", "100 100 50 80"]);
    assert_eq!(ran.trades(), ["long 200@100#2 -> 50.505050505050505051#2 liquidation"]);
    // A gap below: all of the loss is the account's.
    let ran = run(&spec, &["100 100 100 100 L", "100 100 100 100", "40 40 40 40"]);
    assert_eq!((ran.out.trades[0].cover, ran.engine.ledger().cash), (Money::ZERO, money("-2000")));
}

#[test]
fn ruin_closes_everything_at_that_close_and_ends_the_account() {
    let mut spec = levered("1");
    (spec.account.margin, spec.account.fees.taker) = (MarginMode::None, pct("1"));
    let ran = check(
        &spec,
        &["100 100 100 100 S", "100 100 100 100", "100 210 100 205 S", "205 205 205 205 L", "100 100 100 100"],
        &["short 99.0099009900990099@100#2 -> 205#3 ruin partial"],
    );
    assert!(ran.equity[2].equity < 0.0);
    assert_eq!(ran.equity[4].equity, ran.equity[2].equity);
    assert_eq!(ran.equity[2].qty, Money::ZERO);
    assert!(ran.engine.is_ended());
}

#[test]
fn funding_is_paid_on_what_is_held_after_the_bar() {
    let spec = levered("2");
    let mut engine = Engine::new(spec, vec![SymbolSpec::default()]).unwrap();
    let mut out = Events::default();
    let bars = read(&["100 100 100 100 L", "100 110 100 110 X", "110 110 110 110", "110 110 110 110"], 1);
    let mut cash = Vec::new();
    for (place, bar) in bars.iter().enumerate() {
        let rate = Ratio::parse("0.001").unwrap();
        let mark = (place == 1).then_some(12_000_000_000);
        let funding = [Funding { rate, mark }];
        let row = Row { funding: &funding, ..Row::new(bar.bar, &bar.columns) };
        let row = engine.bar(&row, &mut NoPrograms, &mut out).unwrap();
        cash.push((row.cash.to_string(), engine.ledger().funding.to_string()));
        assert!(engine.ledger().identity_holds());
    }
    // Bar 2: 100 units at the mark of 120. The row of that bar is before it; flat, nothing is due.
    let text = |cash: &str, funding: &str| (cash.to_owned(), funding.to_owned());
    assert_eq!(cash, [text("10000", "0"), text("0", "12"), text("10988", "12"), text("10988", "12")]);
    assert_eq!((out.trades[0].funding, out.trades[0].net), (money("12"), money("988")));
}
