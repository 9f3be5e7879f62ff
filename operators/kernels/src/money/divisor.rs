//! Division by a 64-bit number that is known beforehand: a few multiplications with its reciprocal.
//!
//! Almost every posting ends with a division by a power of ten. (Moeller and Granlund, "Improved division by
//! invariant integers", 2011, algorithm 4.)

use super::wide::Wide;

/// A number and its reciprocal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Divisor {
    value: u64,
    /// With its highest bit set.
    normalised: u64,
    /// `floor((2^128 - 1) / normalised) - 2^64`.
    reciprocal: u64,
    shift: u32,
}

impl Divisor {
    /// Ten to the eighteenth.
    pub(super) const SCALE: Divisor = Divisor::new(super::SCALE as u64);
    /// Ten to the eighth: what prices are scaled by.
    pub(super) const PRICE: Divisor = Divisor::new(100_000_000);

    /// Ten to the sixteenth: price and rate.
    pub(super) const PRICE_SQUARED: Divisor = Divisor::new(10_000_000_000_000_000);

    /// For a value that is not zero.
    pub(crate) const fn new(value: u64) -> Divisor {
        let shift = value.leading_zeros();
        let normalised = value << shift;
        let reciprocal = ((u128::MAX / normalised as u128) - (1 << 64)) as u64;
        Divisor { value, normalised, reciprocal, shift }
    }

    /// One quotient digit of `rest * 2^64 + next`, for `rest` below the normalised divisor.
    #[inline]
    fn digit(&self, rest: u64, next: u64) -> (u64, u64) {
        let here = u128::from(rest) << 64 | u128::from(next);
        let estimate = (u128::from(self.reciprocal) * u128::from(rest)).wrapping_add(here);
        let mut quotient = ((estimate >> 64) as u64).wrapping_add(1);
        let mut remainder = next.wrapping_sub(quotient.wrapping_mul(self.normalised));
        if remainder > estimate as u64 {
            quotient = quotient.wrapping_sub(1);
            remainder = remainder.wrapping_add(self.normalised);
        }
        if remainder >= self.normalised {
            quotient = quotient.wrapping_add(1);
            remainder -= self.normalised;
        }
        (quotient, remainder)
    }

    /// Quotient and remainder of a 128-bit number.
    #[inline]
    pub(crate) fn divide(&self, number: u128) -> (u128, u64) {
        let top = if self.shift == 0 { 0 } else { (number >> (128 - self.shift)) as u64 };
        let shifted = number << self.shift;
        let (q1, rest) = self.digit(top, (shifted >> 64) as u64);
        let (q0, rest) = self.digit(rest, shifted as u64);
        (u128::from(q1) << 64 | u128::from(q0), rest >> self.shift)
    }

    /// The quotient of a 128-bit number rounded half to even.
    #[inline]
    pub(super) fn round(&self, number: u128) -> u128 {
        let (quotient, remainder) = self.divide(number);
        quotient + u128::from(self.rounds_up(quotient, remainder))
    }

    #[inline]
    fn rounds_up(&self, quotient: u128, remainder: u64) -> bool {
        let missing = self.value - remainder; // half is where what is there and what is missing are equal
        remainder > missing || (remainder == missing && quotient & 1 == 1)
    }

    /// Quotient and remainder of a 256-bit number, `None` if the quotient needs more than 128 bits.
    #[inline]
    pub(super) fn divide_wide(&self, number: Wide) -> Option<(u128, u64)> {
        let (hi, lo) = number.halves();
        if hi == 0 {
            return Some(self.divide(lo));
        }
        if hi >= u128::from(self.value) {
            return None;
        }
        // The high half is below the divisor, so it is a remainder already, of at most 64 bits.
        let hi = hi as u64;
        let top = if self.shift == 0 { hi } else { hi << self.shift | (lo >> (128 - self.shift)) as u64 };
        let shifted = lo << self.shift;
        let (q1, rest) = self.digit(top, (shifted >> 64) as u64);
        let (q0, rest) = self.digit(rest, shifted as u64);
        Some((u128::from(q1) << 64 | u128::from(q0), rest >> self.shift))
    }

    /// The quotient of a 256-bit number rounded half to even.
    #[inline]
    pub(super) fn round_wide(&self, number: Wide) -> Option<u128> {
        let (quotient, remainder) = self.divide_wide(number)?;
        quotient.checked_add(u128::from(self.rounds_up(quotient, remainder)))
    }

    /// The quotient by this and another divisor after it, rounded half to even once; `None` where the first quotient
    /// needs more than 128 bits.
    #[inline]
    pub(super) fn round_wide_by_both(&self, other: &Divisor, number: Wide) -> Option<u128> {
        let (once, low) = self.divide_wide(number)?;
        let (quotient, high) = other.divide(once);
        let remainder = u128::from(high) * u128::from(self.value) + u128::from(low);
        let missing = u128::from(self.value) * u128::from(other.value) - remainder;
        let up = remainder > missing || (remainder == missing && quotient & 1 == 1);
        quotient.checked_add(u128::from(up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_divides_like_any_other_number(
            a: u128, b: u128, c: u128, shifts in (0_u32..127, 0_u32..127, 0_u32..127), value in 1_u64.., by in 0_u32..64,
        ) {
            let value = (value >> by).max(1);
            let divisor = Divisor::new(value);
            let number = a >> shifts.0;
            prop_assert_eq!(divisor.divide(number), (number / u128::from(value), (number % u128::from(value)) as u64));
            let wide = Wide::product(number, b >> shifts.1);
            let found = divisor.divide_wide(wide).map(|(quotient, rest)| (quotient, u128::from(rest)));
            prop_assert_eq!(found, wide.divide(u128::from(value)));
            prop_assert_eq!(divisor.round_wide(wide), wide.divide_half_even(u128::from(value)));
            if let Some(wide) = wide.times(c >> shifts.2) {
                let both = u128::from(value) * u128::from(Divisor::SCALE.value);
                if let Some(found) = divisor.round_wide_by_both(&Divisor::SCALE, wide) {
                    prop_assert_eq!(Some(found), wide.divide_half_even(both));
                }
            }
        }
    }
}
