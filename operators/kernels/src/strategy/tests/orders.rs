//! Rules and the orders that they place.

use super::*;

#[test]
fn an_entry_with_its_own_exit_true_is_none() {
    check(&both(), &["100 100 100 100 L X", "100 100 100 100"], &[]);
}

#[test]
fn market_entries_of_both_sides_at_once_are_neither() {
    check(&both(), &["100 100 100 100 L S", "100 100 100 100"], &[]);
}

#[test]
fn a_second_entry_of_the_same_side_is_ignored() {
    let ran =
        check(&both(), &["100 100 100 100 L", "101 101 101 101 L", "102 102 102 102"], &["long 1@101#2 -> 102#3 open"]);
    assert_eq!(ran.out.orders.len(), 2, "not even placed");
}

#[test]
fn an_opposite_entry_reverses_at_one_price() {
    let bars = ["100 100 100 100 L", "100 100 100 100 S", "110 110 110 110", "105 105 105 105"];
    check(&both(), &bars, &["long 1@100#2 -> 110#3 reverse", "short 1@110#3 -> 105#4 open"]);
}

#[test]
fn an_opposite_entry_may_be_ignored_or_close_only() {
    let bars = ["100 100 100 100 L", "100 100 100 100 S", "110 110 110 110", "105 105 105 105"];
    check(&with(|spec| spec.on_opposite = OnOpposite::Ignore), &bars, &["long 1@100#2 -> 105#4 open"]);
    check(&with(|spec| spec.on_opposite = OnOpposite::Close), &bars, &["long 1@100#2 -> 110#3 opposite"]);
    let both_true = ["100 100 100 100 L", "100 100 100 100 S X", "110 110 110 110", "105 105 105 105"];
    check(
        &with(|spec| spec.on_opposite = OnOpposite::Ignore),
        &both_true,
        &["long 1@100#2 -> 110#3 signal", "short 1@110#3 -> 105#4 open"],
    );
}

#[test]
fn an_exit_true_while_flat_cancels_waiting_market_entries() {
    let ran = check(&both(), &["100 100 100 100 L", "100 100 100 100 v0 X", "100 100 100 100"], &[]);
    assert_eq!(ran.refusals(), ["cancelled exit_rule #2"]);
}

#[test]
fn each_rule_has_at_most_one_market_order_waiting() {
    let ran = check(
        &both(),
        &["100 100 100 100 L", "101 101 101 101 v0 L", "102 102 102 102"],
        &["long 1@102#3 -> 102#3 open"],
    );
    assert_eq!(ran.out.orders.len(), 2);
}

#[test]
fn a_reversal_pays_its_fixed_fee_once() {
    let mut spec = both();
    spec.account.fees.fixed = money("3");
    let bars = ["100 100 100 100 L", "100 100 100 100 S", "110 110 110 110", "105 105 105 105"];
    let ran = run(&spec, &bars);
    let fees: Vec<String> = ran.out.orders.iter().filter_map(|row| row.fee).map(|fee| fee.to_string()).collect();
    assert_eq!(fees, ["3", "3", "0"]);
}
