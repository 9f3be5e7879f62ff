//! Between exact numbers and floats: in, rounded once half to even; out, correctly rounded.

use super::{Divisor, Money, Ratio, SCALE};

/// `5^18`; with `2^18` it makes the scale.
const FIVES: Divisor = Divisor::new(3_814_697_265_625);
/// `2^105 / 5^18`, rounded down: 64 bits.
const FIFTH: u64 = ((1_u128 << 105) / 3_814_697_265_625) as u64;
const MANTISSA_BITS: u32 = 52;

impl Money {
    /// The nearest multiple of 1e-18, halves to even; `None` for NaN, infinities and what does not fit.
    pub fn from_f64(value: f64) -> Option<Money> {
        scaled_from_f64(value).map(Money)
    }

    /// The float nearest to this amount, halves to even.
    pub fn to_f64(self) -> f64 {
        scaled_to_f64(self.0)
    }
}

impl Ratio {
    /// The nearest multiple of 1e-18, halves to even; `None` for NaN, infinities and what does not fit.
    pub fn from_f64(value: f64) -> Option<Ratio> {
        scaled_from_f64(value).map(Ratio)
    }

    /// The float nearest to this ratio, halves to even.
    pub fn to_f64(self) -> f64 {
        scaled_to_f64(self.0)
    }
}

/// The float nearest to a price scaled by 1e8.
pub fn price_to_f64(scaled: i64) -> f64 {
    if scaled.unsigned_abs() < 1 << 53 { scaled as f64 / 1e8 } else { Money::from_price(scaled).to_f64() }
}

fn scaled_from_f64(value: f64) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    let bits = value.to_bits();
    let fraction = u128::from(bits & ((1 << MANTISSA_BITS) - 1));
    let exponent = ((bits >> MANTISSA_BITS) & 0x7ff) as i32;
    let (mantissa, power) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << MANTISSA_BITS, exponent - 1075) };
    let exact = mantissa * SCALE as u128; // at most 113 bits, times 2^power
    let magnitude =
        if power >= 0 { shifted_up(exact, power as u32)? } else { shifted_down(exact, power.unsigned_abs()) };
    let magnitude = i128::try_from(magnitude).ok()?;
    Some(if value < 0.0 { -magnitude } else { magnitude })
}

fn shifted_up(value: u128, by: u32) -> Option<u128> {
    if value == 0 {
        return Some(0);
    }
    (by <= value.leading_zeros()).then(|| value << by)
}

fn shifted_down(value: u128, by: u32) -> u128 {
    if by > 127 {
        return 0; // the value is below 2^113: less than half a unit
    }
    let (quotient, rest, half) = (value >> by, value & ((1 << by) - 1), 1_u128 << (by - 1));
    quotient + u128::from(rest > half || (rest == half && quotient & 1 == 1))
}

fn scaled_to_f64(units: i128) -> f64 {
    let magnitude = units.unsigned_abs();
    let value = if magnitude < 1 << 53 {
        magnitude as u64 as f64 / SCALE as f64 // both exact: one rounding
    } else {
        let shift = magnitude.leading_zeros();
        let shifted = magnitude << shift;
        let estimate = ((u128::from((shifted >> 64) as u64) * u128::from(FIFTH)) >> 64) as u64 >> 1;
        // 62 or 63 bits, and what they stand for is less than two more: where the 9 or 10 that a float has not are not
        // near a half, it rounds as they do.
        let beyond = (estimate >> 62) + 9;
        let near = (estimate & ((1 << beyond) - 1)).abs_diff(1 << (beyond - 1)) < 4;
        if near { divided(shifted, shift) } else { estimate as i64 as f64 * power_of_two(6 - shift as i32) }
    };
    if units < 0 { -value } else { value }
}

/// The float nearest to `shifted * 2^-shift / SCALE`, of a number whose highest bit is set.
#[cold]
fn divided(shifted: u128, shift: u32) -> f64 {
    let (quotient, rest) = FIVES.divide(shifted);
    // At least 86 bits: the first 62 or 63, the last of them standing for all that follow, so that the cast rounds once.
    let (high, low) = ((quotient >> 24) as i64, quotient as u32 & 0xff_ffff);
    let sticky = high | i64::from(rest != 0 || low != 0);
    sticky as f64 * power_of_two(6 - shift as i32)
}

/// `2^exponent` for exponents of normal floats.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << MANTISSA_BITS)
}
