//! Hand-checked amounts, and the exact laws against slow oracles.

use super::*;
use proptest::prelude::*;

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn ratio(text: &str) -> Ratio {
    Ratio::parse(text).unwrap()
}

#[test]
fn text_round_trips_and_bad_text_is_refused() {
    for text in ["0", "1", "-1", "0.000000000000000001", "170141183460469231731.687303715884105727", "-12.5"] {
        assert_eq!(money(text).to_string(), text);
    }
    assert_eq!(money("1.50e3").to_string(), "1500");
    assert_eq!(money("+1e-18"), Money::UNIT);
    assert_eq!(money("000.10"), money("0.1"));
    assert!(matches!(Money::parse("1e-19"), Err(DecimalError::TooFine { decimals: 18, .. })));
    assert!(matches!(Money::parse("0.0000000000000000001"), Err(DecimalError::TooFine { .. })));
    assert!(matches!(Money::parse("170141183460469231732"), Err(DecimalError::TooLarge(_))));
    assert!(matches!(Money::parse("1e999999999"), Err(DecimalError::TooLarge(_))));
    for text in ["", ".", "-", "1,5", "1.2.3", "0x1", "1e", "1e1.5", "nan", " 1"] {
        assert!(matches!(Money::parse(text), Err(DecimalError::Malformed(_))), "{text:?}");
    }
    assert_eq!(Ratio::percent("0.1").unwrap(), ratio("0.001"));
}

#[test]
fn postings_round_half_to_even_once() {
    let third = Money::from_units(3);
    assert_eq!(third.share(ratio("0.5")).unwrap().units(), 2);
    assert_eq!(Money::from_units(5).share(ratio("0.5")).unwrap().units(), 2);
    assert_eq!(Money::from_units(-5).share(ratio("0.5")).unwrap().units(), -2);
    assert_eq!(money("100").part(money("1"), money("3")).unwrap().to_string(), "33.333333333333333333");
    assert_eq!(money("200").part(money("1"), money("3")).unwrap().to_string(), "66.666666666666666667");
    assert_eq!(money("95000").times_share(money("0.5"), ratio("0.00075")).unwrap(), money("35.625"));
    assert_eq!(money("10").over_down(money("3")).unwrap().to_string(), "3.333333333333333333");
    assert_eq!(money("20").over(money("3")).unwrap().to_string(), "6.666666666666666667");
    assert_eq!(money("100").per(ratio("8")).unwrap(), money("12.5"));
}

#[test]
fn overflow_and_division_by_zero_are_errors() {
    let huge = Money::from_units(i128::MAX);
    assert_eq!(huge.plus(Money::UNIT), Err(Overflow));
    assert_eq!(huge.negated().minus(money("1")), Err(Overflow));
    assert_eq!(huge.times(money("2")), Err(Overflow));
    assert_eq!(huge.times_share(huge, Ratio::from_units(i128::MAX)), Err(Overflow));
    assert_eq!(money("1").over(Money::ZERO), Err(Overflow));
    assert_eq!(money("1").part(money("1"), Money::ZERO), Err(Overflow));
    assert_eq!(Money::from_quantity(i128::MAX), Err(Overflow));
    assert_eq!(money("-1").over_down(money("3")), Err(Overflow));
}

#[test]
fn grids_round_to_the_named_side() {
    let (tick, price) = (money("0.01"), money("100.017"));
    assert_eq!(price.floor_to(tick), money("100.01"));
    assert_eq!(price.ceil_to(tick), money("100.02"));
    assert_eq!(money("100.01").ceil_to(tick), money("100.01"));
    assert_eq!(money("-0.001").floor_to(tick), money("-0.01"));
    assert_eq!(price.floor_to(Money::ZERO), price);
}

#[test]
fn floats_come_in_rounded_once() {
    assert_eq!(Money::from_f64(0.1).unwrap().to_string(), "0.100000000000000006");
    assert_eq!(Money::from_f64(-0.5).unwrap(), money("-0.5"));
    assert_eq!(Money::from_f64(1e20).unwrap(), money("100000000000000000000"));
    assert_eq!(Money::from_f64(5e-19).unwrap(), Money::UNIT, "the double is a hair above the half");
    assert_eq!(Money::from_f64(1.5 / 1024.0 / 1e18), Some(Money::ZERO));
    assert_eq!(Money::from_f64(f64::MIN_POSITIVE), Some(Money::ZERO));
    assert_eq!(Money::from_f64(0.0), Some(Money::ZERO));
    for bad in [f64::NAN, f64::INFINITY, 1.8e20, -1e300] {
        assert_eq!(Money::from_f64(bad), None);
    }
}

proptest! {
    /// Decimal text is parsed by the standard library, correctly rounded: an independent oracle.
    #[test]
    fn to_f64_is_correctly_rounded(units: i128, shift in 0_u32..127) {
        let value = Money::from_units(units >> shift);
        let text: f64 = value.to_string().parse().unwrap();
        prop_assert_eq!(value.to_f64().to_bits(), if value.is_zero() { 0 } else { text.to_bits() });
    }

    #[test]
    fn prices_become_the_nearest_float(scaled: i64) {
        let text: f64 = Money::from_price(scaled).to_string().parse().unwrap();
        prop_assert_eq!(price_to_f64(scaled), text);
    }

    /// `{:.18}` prints a double's exact value rounded half to even at 18 decimals.
    #[test]
    fn from_f64_is_the_exact_value_rounded_once(value in -1e20_f64..1e20, scale in -25_i32..1) {
        let value = value * 10_f64.powi(scale);
        let oracle = Money::parse(&format!("{value:.18}")).unwrap();
        prop_assert_eq!(Money::from_f64(value).unwrap(), oracle);
    }

    #[test]
    fn parts_of_a_cost_sum_to_it_when_the_last_takes_the_rest(
        cost in 0_i128..1 << 90, cut in 1_i128..1 << 60, whole in 1_i128..1 << 60,
    ) {
        let (cost, cut, whole) = (Money::from_units(cost), Money::from_units(cut.min(whole)), Money::from_units(whole));
        let first = cost.part(cut, whole).unwrap();
        let rest = cost.minus(first).unwrap();
        prop_assert!(first >= Money::ZERO && rest >= Money::ZERO);
        prop_assert_eq!(first.plus(rest).unwrap(), cost);
    }

    #[test]
    fn floor_and_ceiling_enclose(units in -(1_i128 << 100)..1 << 100, step in 1_i128..1 << 70) {
        let (value, step) = (Money::from_units(units), Money::from_units(step));
        let (floor, ceil) = (value.floor_to(step), value.ceil_to(step));
        prop_assert!(floor <= value && value <= ceil);
        prop_assert!(ceil.units() - floor.units() <= step.units());
        prop_assert_eq!(floor.units() % step.units(), 0);
        prop_assert_eq!(ceil.units() % step.units(), 0);
    }
}
