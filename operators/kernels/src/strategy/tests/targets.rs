//! Portions, several targets, target tables.

use super::*;

#[test]
fn each_target_takes_its_portion_of_the_largest_quantity_once() {
    let spec = sides(|side| {
        side.size = Some(Size::Base(Expr::Constant(4.0)));
        side.take_profit = vec![
            Target { at: Level::Percent(pct("2")), portion: Some(pct("50")) },
            Target { at: Level::Percent(pct("4")), portion: None },
        ];
    });
    let bars = ["100 100 100 100 L", "100 103 100 103", "103 103 102 102", "102 104 102 104"];
    check(&spec, &bars, &["long 2@100#2 -> 102#2 take_profit", "long 2@100#2 -> 104#4 take_profit"]);
    let bars = ["100 100 100 100 L", "100 105 100 103"];
    check(&spec, &bars, &["long 2@100#2 -> 102#2 take_profit", "long 2@100#2 -> 104#2 take_profit"]);
}

#[test]
fn where_portions_sum_below_the_whole_the_rest_has_no_target() {
    let spec = sides(|side| {
        side.size = Some(Size::Base(Expr::Constant(10.0)));
        side.take_profit = vec![
            Target { at: Level::Percent(pct("2")), portion: Some(pct("30")) },
            Target { at: Level::Percent(pct("4")), portion: Some(pct("50")) },
        ];
    });
    let bars = ["100 100 100 100 L", "100 110 100 110"];
    let ran = check(
        &spec,
        &bars,
        &["long 3@100#2 -> 102#2 take_profit", "long 5@100#2 -> 104#2 take_profit", "long 2@100#2 -> 110#2 open"],
    );
    assert_eq!(ran.out.trades[0].cost, money("300"));
}

#[test]
fn portions_that_sum_to_the_whole_leave_no_dust_on_the_step() {
    let spec = sides(|side| {
        side.size = Some(Size::Base(Expr::Constant(3.0)));
        let half = |at| Target { at: Level::Percent(pct(at)), portion: Some(pct("50")) };
        side.take_profit = vec![half("2"), half("4")];
    });
    let filters = Filters { step: money("1"), ..Filters::default() };
    let symbol = SymbolSpec { filters: vec![DatedFilters { valid_from: 0, filters }] };
    let ran = run_bars(&spec, symbol, &read(&["100 100 100 100 L", "100 110 100 110"], 1), 1);
    assert_eq!(ran.trades(), ["long 1@100#2 -> 102#2 take_profit", "long 2@100#2 -> 104#2 take_profit"]);
}

#[test]
fn shares_of_cost_and_fee_sum_exactly() {
    let mut spec = sides(|side| {
        side.size = Some(Size::Base(Expr::Constant(1.0)));
        let third =
            |at| Target { at: Level::Percent(pct(at)), portion: Some(Ratio::parse("0.333333333333333333").unwrap()) };
        side.take_profit = vec![third("2"), third("4")];
    });
    spec.account.fees.taker = Ratio::parse("0.000777777777777777").unwrap();
    let ran = run(&spec, &["99 99 99 99 L", "97.13131313 110 97 110 X", "110 110 110 110"]);
    let sum = |field: fn(&TradeRow) -> Money| {
        ran.out.trades.iter().fold(Money::ZERO, |sum, row| sum.plus(field(row)).unwrap())
    };
    assert_eq!(ran.out.trades.len(), 3);
    assert_eq!((sum(|row| row.qty), sum(|row| row.cost)), (money("1"), money("97.13131313")));
    assert_eq!(ran.engine.ledger().cash, money("10000").plus(sum(|row| row.net)).unwrap());
    assert_eq!(ran.engine.ledger().cost, Money::ZERO);
    assert_eq!(ran.engine.ledger().fees, sum(|row| row.fees));
}

#[test]
fn a_portion_rule_acts_once_per_position_or_at_each_bar() {
    let mut spec = sides(|side| {
        side.size = Some(Size::Base(Expr::Constant(8.0)));
        side.exit[0].portion = Some(pct("25"));
    });
    let bars = ["9 9 9 9 L", "9 9 9 9 X", "9 9 9 9 X", "9 9 9 9 X", "9 9 9 9 X", "9 9 9 9 X", "9 9 9 9"];
    check(&spec, &bars, &["long 2@9#2 -> 9#3 signal", "long 6@9#2 -> 9#7 open"]);
    spec.long.as_mut().unwrap().exit[0].repeat = true;
    let quarter = |bar| format!("long 2@9#2 -> 9#{bar} signal");
    let expected = [quarter(3), quarter(4), quarter(5), quarter(6)];
    assert_eq!(run(&spec, &bars).trades(), expected);
}

#[test]
fn tags_and_reasons_are_on_the_rows() {
    let mut spec = sides(|side| {
        side.entry[0].tag = Some(7);
        side.exit[0].tag = Some(9);
    });
    spec.long.as_mut().unwrap().exit.push(ExitRule { tag: Some(11), ..ExitRule::market(A) });
    let ran = run(&spec, &["9 9 9 9 L", "9 9 9 9 a=1", "9 9 9 9"]);
    let trade = &ran.out.trades[0];
    assert_eq!((trade.entry_tag, trade.exit_tag, trade.entry_rule), (Some(7), Some(11), 0));
    assert_eq!((trade.entry_reason, trade.exit_reason), (Reason::Signal, Reason::Signal));
    assert_eq!(ran.out.orders.iter().map(|row| row.rule).collect::<Vec<_>>(), [Some(0), Some(0), Some(1), Some(1)]);
}

fn table() -> Spec {
    sides(|side| {
        side.table = vec![
            TableStep { after: 0, at: pct("10") },
            TableStep { after: 2 * MINUTE, at: pct("3") },
            TableStep { after: 4 * MINUTE, at: pct("0") },
        ];
    })
}

#[test]
fn a_table_step_is_in_force_from_the_first_bar_that_opens_at_or_after_it() {
    let bars = ["100 100 100 100 L", "100 109 100 100", "100 109 100 100", "100 102 100 100", "100 104 100 100"];
    check(&table(), &bars, &["long 1@100#2 -> 103#5 take_profit"]);
    check(&table(), &["100 100 100 100 L", "100 111 100 100"], &["long 1@100#2 -> 110#2 take_profit"]);
    let ran = check(
        &table(),
        &["100 100 100 100 S", "100 101 91 91", "91 91 91 91", "91 91 91 91"],
        &["short 1@100#2 -> 91#4 take_profit"],
    );
    assert_eq!(ran.out.trades[0].fill_time, Some(3 * MINUTE), "the open had passed the new step");
}

#[test]
fn a_table_step_is_a_limit_from_its_open_and_a_taker_where_that_had_passed_it() {
    let mut spec = table();
    spec.account.fees = Fees { maker: pct("1"), taker: pct("2"), fixed: Money::ZERO };
    let exit_fee = |bars: &[&str]| {
        let ran = run(&spec, bars);
        ran.out.orders.iter().rev().find_map(|row| row.fee).unwrap()
    };
    let taker = ["100 100 100 100 L", "100 105 100 105", "105 105 105 105", "105 105 105 105"];
    assert_eq!(exit_fee(&taker), money("2.1"));
    let maker = ["100 100 100 100 L", "100 101 100 101", "101 101 101 101", "101 105 101 105"];
    assert_eq!(exit_fee(&maker), money("1.03"));
}

#[test]
fn time_held_counts_from_the_fill_bars_open_or_from_the_close_that_filled() {
    let mut spec = table();
    spec.fills.at = FillAt::Close;
    let bars = ["100 100 100 100 L", "100 104 100 100", "100 104 100 100", "100 104 100 100"];
    check(&spec, &bars, &["long 1@100#1 -> 103#4 take_profit"]);
}
