//! Numbers as people read them.

use candleflow_kernels::metrics::Unit;

/// A metric's value with its unit.
pub fn figure(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Money => money(value),
        Unit::Fraction | Unit::FractionPerYear | Unit::Probability => percent(value),
        Unit::Count => grouped(value, 0),
        Unit::Bars => format!("{} bars", grouped(value, if value.fract() == 0.0 { 0 } else { 1 })),
        Unit::Days => days(value),
        _ => grouped(value, 3),
    }
}

/// An amount: two digits, more where it is small.
pub(crate) fn money(value: f64) -> String {
    let digits = match value.abs() {
        v if v == 0.0 || v >= 1.0 => 2,
        v if v >= 0.01 => 4,
        _ => 8,
    };
    grouped(value, digits)
}

/// A fraction as a percentage.
pub(crate) fn percent(value: f64) -> String {
    let digits = if value.abs() >= 10.0 { 0 } else { 2 };
    format!("{} %", grouped(value * 100.0, digits))
}

/// Days, or hours where it is less than one.
pub(crate) fn days(value: f64) -> String {
    if value != 0.0 && value < 1.0 { format!("{:.1} h", value * 24.0) } else { format!("{} d", grouped(value, 1)) }
}

/// A price, with as many digits as it needs.
pub(crate) fn price(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 1000.0 => 2,
        v if v >= 1.0 => 4,
        v if v >= 0.01 => 6,
        _ => 8,
    };
    grouped(value, digits)
}

/// Digits in groups of three; a minus only where a digit other than 0 is shown.
pub(crate) fn grouped(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('-');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out += fraction;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        for (value, unit, text) in [
            (1234567.891, Unit::Money, "1,234,567.89"),
            (-0.001234, Unit::Money, "-0.00123400"),
            (0.0, Unit::Money, "0.00"),
            (-0.12345, Unit::Fraction, "-12.35 %"),
            (12345.0, Unit::FractionPerYear, "1,234,500 %"),
            (42.0, Unit::Count, "42"),
            (13.25, Unit::Bars, "13.2 bars"),
            (0.5, Unit::Days, "12.0 h"),
            (-0.0001, Unit::Ratio, "0.000"),
            (-1.5, Unit::Ratio, "-1.500"),
            (f64::NAN, Unit::Ratio, "-"),
        ] {
            assert_eq!(figure(value, unit), text, "{value} {unit:?}");
        }
        assert_eq!((price(49_990.0), price(0.0067)), ("49,990.00".to_owned(), "0.00670000".to_owned()));
    }
}
