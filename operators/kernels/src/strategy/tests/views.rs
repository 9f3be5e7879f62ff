//! What rules see of the position, the last trade and the account.

use super::*;

/// Runs bars and gives what program 0 saw at each close.
fn seen(spec: &mut Spec, text: &[&str]) -> Vec<PositionView> {
    spec.long.as_mut().unwrap().exit.push(ExitRule::market(Expr::Program(0)));
    spec.long.as_mut().unwrap().entry.push(EntryRule::market(Expr::Program(1)));
    let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
    let mut views = Vec::new();
    let mut rules = |program: u32, columns: &[f64], view: &PositionView| {
        assert_eq!(columns.len(), 7);
        if program == 1 {
            views.push(*view);
        }
        0.0
    };
    let mut out = Events::default();
    for bar in read(text, 1) {
        engine.bar(&Row::new(bar.bar, &bar.columns), &mut rules, &mut out).unwrap();
    }
    views
}

#[test]
fn the_view_is_valued_at_the_close() {
    let mut spec = with(|spec| spec.account.fees.taker = pct("1"));
    spec.long.as_mut().unwrap().entry[0].tag = Some(3);
    let bars = ["100 100 100 100 L", "100 120 90 110", "110 110 105 108 X", "105 105 105 105", "104 104 104 104"];
    let views = seen(&mut spec, &bars);
    let of = |bar: usize, slot: usize| views[bar - 1].0[slot];
    assert_eq!(of(1, slot::POSITION_SIDE), 0.0);
    assert!(of(1, slot::POSITION_BARS).is_nan() && of(1, slot::LAST_TRADE_PNL).is_nan());
    assert_eq!(of(2, slot::POSITION_SIDE), 1.0);
    assert_eq!(of(2, slot::POSITION_QTY), 1.0);
    assert_eq!(of(2, slot::POSITION_ENTRY_PRICE), 100.0);
    assert_eq!((of(2, slot::POSITION_BARS), of(3, slot::POSITION_BARS)), (1.0, 2.0));
    assert_eq!((of(2, slot::POSITION_PNL), of(2, slot::POSITION_PNL_PCT)), (9.0, 0.09), "net of the entry fee");
    assert_eq!((of(3, slot::POSITION_HIGH), of(3, slot::POSITION_LOW)), (120.0, 90.0));
    assert_eq!(of(2, slot::POSITION_TAG), 3.0);
    assert_eq!(of(2, slot::ACCOUNT_EQUITY), 10_009.0);
    assert_eq!(of(2, slot::ACCOUNT_CASH), 9_899.0);
    assert_eq!(of(3, slot::ACCOUNT_DRAWDOWN), 2.0 / 10_009.0);
    assert_eq!(of(4, slot::POSITION_SIDE), 0.0);
    assert!(of(4, slot::POSITION_PNL).is_nan());
    assert_eq!(of(4, slot::LAST_TRADE_PNL), 2.95, "5 less 1 and 1.05");
    assert_eq!(of(4, slot::LAST_TRADE_REASON), f64::from(Reason::Signal.code()));
    assert_eq!((of(4, slot::LAST_TRADE_BARS_AGO), of(5, slot::LAST_TRADE_BARS_AGO)), (0.0, 1.0));
}

#[test]
fn at_close_a_trade_has_no_bar_at_the_close_of_its_entry() {
    let mut spec = with(|spec| spec.fills.at = FillAt::Close);
    let views = seen(&mut spec, &["100 100 100 100 L", "100 100 100 100", "100 100 100 100"]);
    let bars: Vec<f64> = views.iter().map(|view| view.0[slot::POSITION_BARS]).collect();
    assert!(bars[0].is_nan(), "rules of that close were heard before the fill");
    assert_eq!(bars[1..], [1.0, 2.0]);
}

#[test]
fn a_rule_may_depend_on_the_position() {
    let mut spec = both();
    spec.long.as_mut().unwrap().exit = vec![ExitRule::market(Expr::Program(0))];
    let mut engine = Engine::new(spec, vec![SymbolSpec::default()]).unwrap();
    let mut rules = |_: u32, _: &[f64], view: &PositionView| f64::from(u8::from(view.0[slot::POSITION_PNL_PCT] > 0.02));
    let mut out = Events::default();
    for bar in read(&["100 100 100 100 L", "100 102 100 102", "102 103 102 103", "104 104 104 104"], 1) {
        engine.bar(&Row::new(bar.bar, &bar.columns), &mut rules, &mut out).unwrap();
    }
    assert_eq!((out.trades.len(), out.trades[0].exit_price), (1, money("104")));
}

#[test]
fn null_is_false_and_a_column_that_is_not_there_is_null() {
    let mut spec = both();
    spec.long.as_mut().unwrap().entry[0].when = A;
    check(&spec, &["9 9 9 9", "9 9 9 9 a=1", "9 9 9 9"], &["long 1@9#3 -> 9#3 open"]);
    spec.long.as_mut().unwrap().entry[0].when = Expr::Column(99);
    check(&spec, &["9 9 9 9 a=1", "9 9 9 9"], &[]);
}

#[test]
fn the_slots_have_names_in_their_order() {
    assert_eq!(SLOT_NAMES[slot::POSITION_TAG], "position.tag");
    assert_eq!(SLOT_NAMES[slot::LAST_TRADE_BARS_AGO], "last_trade.bars_ago");
    assert_eq!(SLOT_NAMES[slot::ACCOUNT_DRAWDOWN], "account.drawdown");
    assert!(Reason::ALL.iter().enumerate().all(|(code, reason)| usize::from(reason.code()) == code));
}
