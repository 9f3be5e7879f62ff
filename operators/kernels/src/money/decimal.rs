//! Decimal text to a scaled integer and back, exactly.

use std::fmt;

use super::{Money, Ratio, SCALE};

/// Why text is not a number that this precision holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `[+-]digits[.digits][e[+-]digits]`.
    #[error("`{0}` is not a decimal number")]
    Malformed(String),
    /// Digits that the scale would drop.
    #[error("`{text}` has more than {decimals} decimal places")]
    TooFine {
        /// The text.
        text: String,
        /// What was allowed.
        decimals: u32,
    },
    /// Beyond 38 digits.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

/// The number that `text` spells, times `10^decimals`; digits that do not fit are an error, never rounded away.
pub fn parse_scaled(text: &str, decimals: u32) -> Result<i128, DecimalError> {
    let malformed = || DecimalError::Malformed(text.to_owned());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| malformed())?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !all().all(|digit| digit.is_ascii_digit()) {
        return Err(malformed());
    }
    let significant: Vec<u8> = all().skip_while(|digit| *digit == b'0').collect();
    let trailing = significant.iter().rev().take_while(|digit| **digit == b'0').count();
    let kept = &significant[..significant.len() - trailing];
    if kept.is_empty() {
        return Ok(0);
    }
    let power = i64::from(decimals) + i64::from(exponent) - fraction.len() as i64 + trailing as i64;
    if power < 0 {
        return Err(DecimalError::TooFine { text: text.to_owned(), decimals });
    }
    let large = || DecimalError::TooLarge(text.to_owned());
    let power = u32::try_from(power).map_err(|_| large())?;
    let mut value = 0_i128;
    for digit in kept {
        let digit = i128::from(digit - b'0');
        value = value.checked_mul(10).and_then(|value| value.checked_add(digit)).ok_or_else(large)?;
    }
    let value = 10_i128.checked_pow(power).and_then(|ten| value.checked_mul(ten)).ok_or_else(large)?;
    Ok(if negative { -value } else { value })
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(self.units(), out)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(self.units(), out)
    }
}

/// The shortest exact decimal text.
fn write_scaled(units: i128, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (magnitude, scale) = (units.unsigned_abs(), SCALE.unsigned_abs());
    let (whole, fraction) = (magnitude / scale, magnitude % scale);
    let sign = if units < 0 { "-" } else { "" };
    if fraction == 0 {
        return write!(out, "{sign}{whole}");
    }
    let digits = format!("{fraction:018}");
    write!(out, "{sign}{whole}.{}", digits.trim_end_matches('0'))
}
