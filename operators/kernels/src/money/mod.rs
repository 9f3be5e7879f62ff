//! Exact money: a fixed-point number with 18 decimals, and the few operations a ledger needs.
//!
//! Every posting is rounded once, half to even; products are 256 bits wide, so no intermediate loses a digit;
//! what does not fit is an error, never a wrapped number. Floats come in once, rounded once, and go out correctly
//! rounded. Nothing here knows what an amount means.
//!
//! ```
//! use candleflow_kernels::money::{Money, Ratio};
//! let price = Money::from_price(9_500_000_000_000); // 95,000.00000000
//! let quantity = Money::parse("0.123").unwrap();
//! let cost = price.times(quantity).unwrap();
//! assert_eq!(cost.to_string(), "11685");
//! assert_eq!(cost.share(Ratio::parse("0.001").unwrap()).unwrap().to_string(), "11.685");
//! ```

mod decimal;
mod divisor;
mod float;
mod priced;
mod round;
mod wide;

pub use decimal::{DecimalError, parse_scaled};
pub use float::price_to_f64;

pub(crate) use divisor::Divisor;
use wide::Wide;

/// One unit: ten to the eighteenth.
pub const SCALE: i128 = 1_000_000_000_000_000_000;

/// What a posting may fail with: an amount beyond 1.7e20, or a division by zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount of money left the range of 38 digits with 18 decimals")]
pub struct Overflow;

/// An amount, a price or a quantity: a signed integer in units of 1e-18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i128);

/// A dimensionless factor (a percentage, a fee rate, a leverage): a signed integer in units of 1e-18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ratio(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// One whole unit.
    pub const ONE: Money = Money(SCALE);
    /// The smallest positive amount.
    pub const UNIT: Money = Money(1);

    /// From units of 1e-18, as `Decimal128(38,18)` stores them.
    pub const fn from_units(units: i128) -> Money {
        Money(units)
    }

    /// In units of 1e-18.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// From a price scaled by 1e8; always fits.
    pub const fn from_price(scaled: i64) -> Money {
        Money(scaled as i128 * 10_000_000_000)
    }

    /// From a quantity scaled by 1e8.
    pub fn from_quantity(scaled: i128) -> Result<Money, Overflow> {
        scaled.checked_mul(10_000_000_000).map(Money).ok_or(Overflow)
    }

    /// From decimal text with at most 18 decimals, exactly.
    pub fn parse(text: &str) -> Result<Money, DecimalError> {
        parse_scaled(text, 18).map(Money)
    }

    /// The sum.
    pub fn plus(self, other: Money) -> Result<Money, Overflow> {
        self.0.checked_add(other.0).map(Money).ok_or(Overflow)
    }

    /// The difference.
    pub fn minus(self, other: Money) -> Result<Money, Overflow> {
        self.0.checked_sub(other.0).map(Money).ok_or(Overflow)
    }

    /// The amount with the opposite sign.
    pub const fn negated(self) -> Money {
        Money(-self.0)
    }

    /// The amount without its sign.
    pub const fn abs(self) -> Money {
        Money(self.0.abs())
    }

    /// Whether it is exactly zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Price times quantity, rounded once.
    pub fn times(self, other: Money) -> Result<Money, Overflow> {
        scaled(self.0, other.0).map(Money)
    }

    /// The share `ratio` of this amount, rounded once.
    pub fn share(self, ratio: Ratio) -> Result<Money, Overflow> {
        scaled(self.0, ratio.0).map(Money)
    }

    /// The share `ratio` of `self * quantity`, rounded once: a fee, a funding payment.
    pub fn times_share(self, quantity: Money, ratio: Ratio) -> Result<Money, Overflow> {
        scaled_twice(self.0, quantity.0, ratio.0).map(Money)
    }

    /// `self * part / whole`, rounded once: the share of a cost that a part of a quantity carries.
    pub fn part(self, part: Money, whole: Money) -> Result<Money, Overflow> {
        mul_div(self.0, part.0, whole.0).map(Money)
    }

    /// This amount divided by a ratio, rounded once: a notional by a leverage.
    pub fn per(self, ratio: Ratio) -> Result<Money, Overflow> {
        if ratio.0 == SCALE { Ok(self) } else { mul_div(self.0, SCALE, ratio.0).map(Money) }
    }

    /// `self / other` as money, rounded once: cost by quantity is a price.
    pub fn over(self, other: Money) -> Result<Money, Overflow> {
        mul_div(self.0, SCALE, other.0).map(Money)
    }

    /// `self / other` as money, rounded down: what a notional buys at a price. Both must not be negative.
    pub fn over_down(self, other: Money) -> Result<Money, Overflow> {
        mul_div_down(self.0, SCALE, other.0).map(Money)
    }

    /// `self * a / b` rounded down; neither may be negative.
    pub fn scaled_down(self, a: i128, b: i128) -> Result<Money, Overflow> {
        mul_div_down(self.0, a, b).map(Money)
    }
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Ratio = Ratio(0);
    /// The whole.
    pub const ONE: Ratio = Ratio(SCALE);

    /// From units of 1e-18.
    pub const fn from_units(units: i128) -> Ratio {
        Ratio(units)
    }

    /// In units of 1e-18.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// From decimal text: `0.001` is a tenth of a percent.
    pub fn parse(text: &str) -> Result<Ratio, DecimalError> {
        parse_scaled(text, 18).map(Ratio)
    }

    /// From the number before a percent sign: `0.1` is a tenth of a percent. At most 16 decimals.
    pub fn percent(text: &str) -> Result<Ratio, DecimalError> {
        parse_scaled(text, 16).map(Ratio)
    }

    /// The sum.
    pub fn plus(self, other: Ratio) -> Result<Ratio, Overflow> {
        self.0.checked_add(other.0).map(Ratio).ok_or(Overflow)
    }

    /// The difference.
    pub fn minus(self, other: Ratio) -> Result<Ratio, Overflow> {
        self.0.checked_sub(other.0).map(Ratio).ok_or(Overflow)
    }

    /// The ratio with the opposite sign.
    pub const fn negated(self) -> Ratio {
        Ratio(-self.0)
    }

    /// Whether it is exactly zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// `a * b / SCALE`, rounded half to even.
fn scaled(a: i128, b: i128) -> Result<i128, Overflow> {
    signed(Divisor::SCALE.round_wide(Wide::product(a.unsigned_abs(), b.unsigned_abs())), (a < 0) ^ (b < 0))
}

/// `a * b * c / SCALE^2`, rounded half to even.
fn scaled_twice(a: i128, b: i128, c: i128) -> Result<i128, Overflow> {
    let product = Wide::product(a.unsigned_abs(), b.unsigned_abs()).times(c.unsigned_abs()).ok_or(Overflow)?;
    let quotient = Divisor::SCALE.round_wide_by_both(&Divisor::SCALE, product);
    let quotient = quotient.or_else(|| product.divide_half_even((SCALE * SCALE) as u128));
    signed(quotient, (a < 0) ^ (b < 0) ^ (c < 0))
}

/// `a * b / d` with a 256-bit product, rounded half to even.
pub fn mul_div(a: i128, b: i128, d: i128) -> Result<i128, Overflow> {
    let negative = (a < 0) ^ (b < 0) ^ (d < 0);
    let product = Wide::product(a.unsigned_abs(), b.unsigned_abs());
    signed(product.divide_half_even(d.unsigned_abs()), negative)
}

/// `a * b * c / d` with a 256-bit product, rounded half to even.
pub fn mul3_div(a: i128, b: i128, c: i128, d: i128) -> Result<i128, Overflow> {
    let negative = (a < 0) ^ (b < 0) ^ (c < 0) ^ (d < 0);
    let product = Wide::product(a.unsigned_abs(), b.unsigned_abs()).times(c.unsigned_abs()).ok_or(Overflow)?;
    signed(product.divide_half_even(d.unsigned_abs()), negative)
}

/// `a * b / d` rounded down, for operands that are not negative; a negative one is an error.
pub fn mul_div_down(a: i128, b: i128, d: i128) -> Result<i128, Overflow> {
    if a < 0 || b < 0 || d <= 0 {
        return Err(Overflow);
    }
    let product = Wide::product(a.unsigned_abs(), b.unsigned_abs());
    signed(product.divide(d.unsigned_abs()).map(|(quotient, _)| quotient), false)
}

/// `a * b * c / d` rounded down, for operands that are not negative; a negative one is an error.
pub fn mul3_div_down(a: i128, b: i128, c: i128, d: i128) -> Result<i128, Overflow> {
    if a < 0 || b < 0 || c < 0 || d <= 0 {
        return Err(Overflow);
    }
    let product = Wide::product(a.unsigned_abs(), b.unsigned_abs()).times(c.unsigned_abs()).ok_or(Overflow)?;
    signed(product.divide(d.unsigned_abs()).map(|(quotient, _)| quotient), false)
}

fn signed(magnitude: Option<u128>, negative: bool) -> Result<i128, Overflow> {
    let value = i128::try_from(magnitude.ok_or(Overflow)?).map_err(|_| Overflow)?;
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests;
