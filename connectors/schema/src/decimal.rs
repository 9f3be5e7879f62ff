//! Text to scaled integer and scaled integer to `f64`: each in one function, both exact.
//!
//! Prices and quantities of the exchange have at most [`PLACES`] decimal places and are kept as integers scaled by
//! 10^8. Text with more places is refused, with one mercy: the shortest or the 17-digit print of a double that lies
//! within one unit in the last place of an 8-digit value is that value (files written by pandas look so).

use std::fmt::Write as _;

/// Decimal places of stored prices and quantities.
pub const PLACES: u32 = 8;
/// 10^8.
pub const SCALE: i128 = 100_000_000;
/// Largest magnitude of a stored quantity: 28 digits, as `Decimal128(28, 8)` holds.
pub const MAX_QUANTITY: i128 = 10i128.pow(28) - 1;
/// Largest magnitude of a stored price: 18 digits, as `Decimal128(18, 8)` holds.
pub const MAX_PRICE: i128 = 10i128.pow(18) - 1;

/// Why a text is not a number of at most eight decimal places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a decimal number at all.
    #[error("'{0}' is not a decimal number")]
    NotANumber(String),
    /// More than eight decimal places.
    #[error("'{0}' has more than 8 decimal places")]
    TooPrecise(String),
    /// Does not fit the column.
    #[error("'{0}' is too large")]
    TooLarge(String),
}

/// Reads a price: at most 10 digits before the point and 8 behind it.
///
/// # Errors
/// See [`DecimalError`].
pub fn parse_price(text: &str) -> Result<i64, DecimalError> {
    let value = parse(text)?;
    if value.abs() > MAX_PRICE {
        return Err(DecimalError::TooLarge(text.to_owned()));
    }
    Ok(value as i64)
}

/// Reads a quantity: at most 20 digits before the point and 8 behind it.
///
/// # Errors
/// See [`DecimalError`].
pub fn parse_quantity(text: &str) -> Result<i128, DecimalError> {
    let value = parse(text)?;
    if value.abs() > MAX_QUANTITY {
        return Err(DecimalError::TooLarge(text.to_owned()));
    }
    Ok(value)
}

/// Sign, significant digits (no leading or trailing zero) and the power of ten of the last digit.
struct Parts {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

fn parse(text: &str) -> Result<i128, DecimalError> {
    if let Some(value) = plain(text.as_bytes()) {
        return Ok(value);
    }
    let parts = split(text).ok_or_else(|| DecimalError::NotANumber(text.to_owned()))?;
    match scaled(&parts) {
        Some(value) => Ok(value),
        None if parts.exponent >= -i64::from(PLACES) => Err(DecimalError::TooLarge(text.to_owned())),
        None => printed_double(text, &parts).ok_or_else(|| DecimalError::TooPrecise(text.to_owned())),
    }
}

/// The common case without allocation: up to 18 digits, at most eight of them behind the point.
fn plain(bytes: &[u8]) -> Option<i128> {
    let mut value: i64 = 0;
    let mut places: Option<u32> = None;
    if bytes.is_empty() || bytes.len() > 19 {
        return None;
    }
    for &byte in bytes {
        match byte {
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                if let Some(p) = places.as_mut() {
                    *p += 1;
                }
            }
            b'.' if places.is_none() => places = Some(0),
            _ => return None,
        }
    }
    let behind = places.unwrap_or(0);
    if behind > PLACES || bytes[0] == b'.' || (places == Some(0)) {
        return None;
    }
    Some(i128::from(value) * 10i128.pow(PLACES - behind))
}

fn split(text: &str) -> Option<Parts> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().ok().filter(|e| e.abs() < 400)?),
        None => (rest, 0),
    };
    let (whole, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(behind.bytes()).collect();
    if digits.is_empty() || digits.len() > 400 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut parts = Parts { negative, digits, exponent: exponent - behind.len() as i64 };
    while parts.digits.last() == Some(&b'0') {
        parts.digits.pop();
        parts.exponent += 1;
    }
    let leading = parts.digits.iter().take_while(|d| **d == b'0').count();
    parts.digits.drain(..leading);
    if parts.digits.is_empty() {
        parts.exponent = 0;
    }
    Some(parts)
}

/// The value scaled by 10^8 when that is a whole number of at most 37 digits.
fn scaled(parts: &Parts) -> Option<i128> {
    let shift = parts.exponent + i64::from(PLACES);
    if shift < 0 || parts.digits.len() as i64 + shift > 37 {
        return parts.digits.is_empty().then_some(0);
    }
    let value = parts.digits.iter().fold(0i128, |v, d| v * 10 + i128::from(d - b'0')) * 10i128.pow(shift as u32);
    Some(if parts.negative { -value } else { value })
}

/// The mercy: text that is how a double prints, where the double is an 8-digit value give or take one unit in its last
/// place.
fn printed_double(text: &str, parts: &Parts) -> Option<i128> {
    let double: f64 = text.parse().ok()?;
    let same = |print: String| split(&print).is_some_and(|p| p.digits == parts.digits && p.exponent == parts.exponent);
    if !same(format!("{double:e}")) && !same(format!("{double:.16e}")) {
        return None;
    }
    let value = scaled(&split(&format!("{double:.8}"))?)?;
    let back = to_f64(value, PLACES);
    let near = back == double || back.next_up() == double || back.next_down() == double;
    near.then_some(value)
}

/// The double nearest to `value / 10^places` (ties to even): the only conversion from decimal to `f64` in the system.
///
/// Below 2^53 one division of two exact doubles is correctly rounded; above, Arrow's and DataFusion's casts would round
/// twice, so the decimal text is parsed.
pub fn to_f64(value: i128, places: u32) -> f64 {
    const EXACT: i128 = 1 << 53;
    if value.abs() < EXACT && places <= 22 {
        return value as f64 / 10f64.powi(places as i32);
    }
    let mut text = String::with_capacity(48);
    // Writing to a String cannot fail, and a printed integer with an exponent always parses.
    let _ = write!(text, "{value}e-{places}");
    text.parse().unwrap_or(f64::NAN)
}

/// The shortest exact text of `value / 10^places`, at least `keep` decimal places long.
pub fn to_text(value: i128, places: u32, keep: u32) -> String {
    let unit = 10u128.pow(places);
    let (whole, behind) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
    let mut text = format!("{}{whole}", if value < 0 { "-" } else { "" });
    if places > 0 {
        let digits = format!("{behind:0width$}", width = places as usize);
        let used = digits.trim_end_matches('0').len().max(keep.min(places) as usize);
        if used > 0 {
            text.push('.');
            text.push_str(&digits[..used]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_that_files_have() {
        for (text, value) in [
            ("0", 0),
            ("0.00000000", 0),
            ("1", 100_000_000),
            ("4.15070000", 415_070_000),
            ("-1.5", -150_000_000),
            ("+1.5", 150_000_000),
            ("1e-05", 1_000),
            ("1E-8", 1),
            ("2.1e3", 210_000_000_000),
            ("0.0067", 670_000),
            ("55000.000000000000", 5_500_000_000_000),
            ("0.30000000000000004", 30_000_000),
            ("54321.120000000003", 5_432_112_000_000),
            (".5", 50_000_000),
            ("5.", 500_000_000),
        ] {
            assert_eq!(parse_quantity(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn texts_that_are_refused() {
        for text in ["", "-", ".", "abc", "1,5", "1.5.2", "0x10", "NaN", "inf", "1e", " 1"] {
            assert_eq!(parse_quantity(text), Err(DecimalError::NotANumber(text.into())), "{text}");
        }
        for text in ["0.123456789", "0.000000001", "54321.123456789012"] {
            assert_eq!(parse_quantity(text), Err(DecimalError::TooPrecise(text.into())), "{text}");
        }
        assert_eq!(parse_price("10000000000"), Err(DecimalError::TooLarge("10000000000".into())));
        assert_eq!(parse_quantity("1e30"), Err(DecimalError::TooLarge("1e30".into())));
    }

    #[test]
    fn above_two_to_the_53_the_double_is_still_the_nearest() {
        // 90071992.54740993 is 2^53 + 1 scaled: the integer itself has no double, its quotient must be rounded once.
        for value in [9_007_199_254_740_993i128, 9_223_372_036_854_775_807, 123_456_789_012_345_678_901] {
            let text = to_text(value, 8, 0);
            assert_eq!(to_f64(value, 8), text.parse::<f64>().unwrap(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_of_a_value_is_read_back(value in -10i128.pow(27)..10i128.pow(27)) {
            prop_assert_eq!(parse_quantity(&to_text(value, 8, 8)), Ok(value));
            prop_assert_eq!(parse_quantity(&to_text(value, 8, 0)), Ok(value));
        }

        #[test]
        fn a_double_printed_by_pandas_is_the_value_it_came_from(value in 1i128..1_000_000_000_000_000) {
            let double = to_f64(value, 8);
            prop_assert_eq!(parse_quantity(&format!("{double}")), Ok(value));
            prop_assert_eq!(parse_quantity(&format!("{double:.16e}")), Ok(value));
        }

        #[test]
        fn to_f64_is_correctly_rounded(value in any::<i64>(), places in 0u32..19) {
            let expected: f64 = format!("{value}e-{places}").parse().unwrap();
            prop_assert_eq!(to_f64(i128::from(value), places).to_bits(), expected.to_bits());
        }

        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".{0,40}") {
            let _ = parse_quantity(&text);
        }
    }
}
