//! Sizes that look at the account or at the market's past: target and volatility.

use super::*;

#[test]
fn a_target_brings_the_position_to_a_signed_share_of_equity() {
    let mut spec = sides(|side| side.size = Some(Size::Target(A)));
    spec.short = None;
    let bars = [
        "100 100 100 100 L a=0.5",
        "100 100 100 100 L a=0.25",
        "100 100 100 100 L a=-0.5",
        "100 100 100 100 L a=0",
        "100 100 100 100 a=1",
        "100 100 100 100",
    ];
    let ran = check(
        &spec,
        &bars,
        &["long 25@100#2 -> 100#3 target", "long 25@100#2 -> 100#4 target", "short 50@100#4 -> 100#5 target"],
    );
    assert_eq!(ran.equity[1].qty, money("50"));
    assert_eq!(ran.equity[3].qty, money("-50"));
    assert_eq!(ran.equity[5].qty, Money::ZERO, "the rule was not true any more");
}

#[test]
fn a_target_that_changes_sides_is_sized_after_the_close_is_paid() {
    let mut spec = sides(|side| side.size = Some(Size::Target(A)));
    (spec.short, spec.account.fees) = (None, Fees { taker: pct("1"), maker: pct("1"), fixed: Money::ZERO });
    let bars = ["100 100 100 100 L a=0.5", "100 100 100 100 L a=-0.5", "100 100 100 100"];
    // 10,000 less 50 for the entry and 50 for the exit.
    check(&spec, &bars, &["long 50@100#2 -> 100#3 target", "short 49.5@100#3 -> 100#3 open"]);
}

#[test]
fn on_opposite_ignore_lets_a_target_turn_its_own_position() {
    let mut spec = sides(|side| side.size = Some(Size::Target(A)));
    spec.on_opposite = OnOpposite::Ignore;
    let bars = ["100 100 100 100 L a=0.5", "100 100 100 100 L a=-0.5", "100 100 100 100 L a=0.25", "100 100 100 100"];
    let turned = ["long 50@100#2 -> 100#3 target", "short 50@100#3 -> 100#4 target", "long 25@100#4 -> 100#4 open"];
    check(&spec, &bars, &turned);
    // A rule of the other side is an opposite entry, and ignored.
    let bars = ["100 100 100 100 L a=0.5", "100 100 100 100 S a=-0.5", "100 100 100 100"];
    check(&spec, &bars, &["long 50@100#2 -> 100#3 open"]);
    let bars = ["100 100 100 100 L a=-0.5", "100 100 100 100 C X", "100 100 100 100"];
    // The short of a long rule hears the exit rules of shorts, which a long-only strategy does not have.
    check(&spec, &bars, &["short 50@100#2 -> 100#3 signal"]);
    spec.short = None;
    check(&spec, &bars, &["short 50@100#2 -> 100#3 open"]);
}

#[test]
fn a_target_follows_equity_up_and_down() {
    let mut spec = sides(|side| side.size = Some(Size::Target(Expr::Constant(0.5))));
    spec.short = None;
    let ran = run(&spec, &["100 100 100 100 L", "100 100 100 100 L", "200 200 200 200 L", "100 100 100 100"]);
    let held: Vec<String> = ran.equity.iter().map(|row| row.qty.to_string()).collect();
    // 50 at 100; equity 15,000 at 200: 37.5; equity 11,250 at 100: 56.25.
    assert_eq!(held, ["0", "50", "37.5", "56.25"]);
}

#[test]
fn entries_of_a_target_are_kept_apart_up_to_a_bound_and_sum_exactly() {
    let mut spec = sides(|side| side.size = Some(Size::Target(A)));
    spec.short = None;
    spec.fills.at_end = AtEnd::Close;
    let bars: Vec<String> = (0..MOST_LOTS + 44)
        .map(|i| {
            let price = 100 + i % 7;
            format!("{price} {price} {price} {price} L a={}", 0.1 + i as f64 / 400.0)
        })
        .collect();
    let text: Vec<&str> = bars.iter().map(String::as_str).collect();
    let ran = run(&spec, &text);
    let (_, _, absorbed) = ran.engine.notes();
    let entries = ran.out.orders.iter().filter(|row| row.entry && row.price.is_some()).count();
    let last: Vec<_> = ran.finish.rows.trades.iter().collect();
    assert!(entries > MOST_LOTS && absorbed > 0, "{entries} entries, {absorbed} absorbed");
    assert!(last.len() <= MOST_LOTS);
    let sum = |of: fn(&TradeRow) -> Money| last.iter().map(|row| of(row)).try_fold(Money::ZERO, Money::plus).unwrap();
    assert_eq!(sum(|row| row.qty), ran.equity.last().unwrap().qty);
    let newest = last.last().unwrap();
    assert!(newest.entry_price > money("100") && newest.entry_price < money("106"), "{newest:?}");
    assert!((newest.cost.to_f64() / newest.qty.to_f64() / newest.entry_price.to_f64() - 1.0).abs() < 1e-12);
}

/// Daily bars whose closes return +10 % and -10 % in turn.
fn days(count: usize) -> Vec<String> {
    let mut close = 100.0;
    let mut bars = Vec::new();
    for day in 0..count {
        let flag = if day + 2 == count { " L" } else { "" };
        bars.push(format!("{close} {close} {close} {close}{flag}"));
        close = f64::round(close * if day % 2 == 0 { 1.1 } else { 0.9 } * 1e8) / 1e8;
    }
    bars
}

#[test]
fn volatility_divides_by_the_deviation_of_completed_days() {
    let mut spec = sides(|side| side.size = Some(Size::Volatility { of: pct("50"), days: 4 }));
    spec.account.leverage = Ratio::parse("5").unwrap();
    let run_days = |count: usize| {
        let bars = days(count);
        let text: Vec<&str> = bars.iter().map(String::as_str).collect();
        run_bars(&spec, SymbolSpec::default(), &read(&text, 1_440), 1_440)
    };
    assert_eq!(run_days(5).refusals(), ["rejected null_size #4"], "three returns of four");
    let ran = run_days(6);
    let row = ran.out.orders.iter().find(|row| row.qty.is_some()).unwrap();
    // Returns +10, -10, +10, -10 %: deviation 0.1 * sqrt(4/3) a day.
    let deviation = 0.1 * (4.0_f64 / 3.0).sqrt() * 365_f64.sqrt();
    let notional = row.qty.unwrap().to_f64() * row.price.unwrap().to_f64();
    assert!((notional / (10_000.0 * 0.5 / deviation) - 1.0).abs() < 1e-7, "{notional}");
}
