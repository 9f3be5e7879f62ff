//! An unsigned 256-bit number: just enough to multiply scaled integers without loss and divide them back.

/// `hi * 2^128 + lo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide {
    hi: u128,
    lo: u128,
}

const HALF: u32 = 64;
const MASK: u128 = (1 << HALF) - 1;

impl Wide {
    /// The full product; it always fits.
    pub(super) fn product(a: u128, b: u128) -> Wide {
        let (a1, a0, b1, b0) = (a >> HALF, a & MASK, b >> HALF, b & MASK);
        if a1 == 0 && b1 == 0 {
            return Wide { hi: 0, lo: a0 * b0 };
        }
        let low = a0 * b0;
        let (middle, carry) = (a1 * b0).overflowing_add(a0 * b1);
        let (lo, overflow) = low.overflowing_add(middle << HALF);
        let hi = a1 * b1 + (middle >> HALF) + (u128::from(carry) << HALF) + u128::from(overflow);
        Wide { hi, lo }
    }

    /// The product with a third factor, `None` beyond 256 bits.
    pub(super) fn times(self, c: u128) -> Option<Wide> {
        let low = Wide::product(self.lo, c);
        let hi = self.hi.checked_mul(c)?.checked_add(low.hi)?;
        Some(Wide { hi, lo: low.lo })
    }

    /// Its two halves.
    pub(super) fn halves(self) -> (u128, u128) {
        (self.hi, self.lo)
    }

    /// Quotient and remainder, `None` if the quotient needs more than 128 bits or `d` is zero.
    pub(super) fn divide(self, d: u128) -> Option<(u128, u128)> {
        if self.hi == 0 {
            return self.lo.checked_div(d).map(|quotient| (quotient, self.lo - quotient * d));
        }
        (self.hi < d).then(|| divide_normalised(self.hi, self.lo, d))
    }

    /// The quotient rounded half to even, `None` if it needs more than 128 bits or `d` is zero.
    pub(super) fn divide_half_even(self, d: u128) -> Option<u128> {
        let (quotient, remainder) = self.divide(d)?;
        let above = d - remainder; // half is where remainder and what is missing are equal
        let up = remainder > above || (remainder == above && quotient & 1 == 1);
        quotient.checked_add(u128::from(up))
    }
}

/// Knuth's algorithm D with two 64-bit digits (Hacker's Delight, `divlu`), for `hi < d`.
fn divide_normalised(hi: u128, lo: u128, d: u128) -> (u128, u128) {
    let shift = d.leading_zeros();
    let d = d << shift;
    let top = if shift == 0 { hi } else { (hi << shift) | (lo >> (128 - shift)) };
    let low = lo << shift;
    let (q1, rest) = digit(top, low >> HALF, d);
    let (q0, rest) = digit(rest, low & MASK, d);
    ((q1 << HALF) | q0, rest >> shift)
}

/// One quotient digit of `top * 2^64 + next` by the normalised `d`, and the remainder.
fn digit(top: u128, next: u128, d: u128) -> (u128, u128) {
    let (d1, d0) = (d >> HALF, d & MASK);
    let mut quotient = top / d1;
    let mut rest = top - quotient * d1;
    while quotient > MASK || quotient * d0 > ((rest << HALF) | next) {
        quotient -= 1;
        rest += d1;
        if rest > MASK {
            break;
        }
    }
    let remainder = (top << HALF).wrapping_add(next).wrapping_sub(quotient.wrapping_mul(d));
    (quotient, remainder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Schoolbook binary long division: the slow oracle.
    fn oracle(mut hi: u128, lo: u128, d: u128) -> (u128, u128) {
        let mut quotient = 0_u128;
        for bit in (0..128).rev() {
            let carry = hi >> 127;
            hi = (hi << 1) | ((lo >> bit) & 1);
            quotient <<= 1;
            if carry == 1 || hi >= d {
                hi = hi.wrapping_sub(d);
                quotient |= 1;
            }
        }
        (quotient, hi)
    }

    #[test]
    fn product_of_the_largest_factors_is_exact() {
        assert_eq!(Wide::product(u128::MAX, u128::MAX), Wide { hi: u128::MAX - 1, lo: 1 });
        assert_eq!(Wide::product(1 << 127, 4), Wide { hi: 2, lo: 0 });
        assert_eq!(Wide::product(u128::MAX, u128::MAX).times(2), None);
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (value, expected) in [(0, 0), (1, 0), (2, 1), (3, 2), (5, 2), (7, 4), (25, 12), (26, 13), (27, 14)] {
            assert_eq!(Wide::product(value, 1).divide_half_even(2), Some(expected), "{value} / 2");
        }
        assert_eq!(Wide::product(7, 1).divide_half_even(0), None);
    }

    proptest! {
        #[test]
        fn division_agrees_with_long_division(a: u128, b: u128, d in 1_u128.., shift in 0_u32..127) {
            let (wide, d) = (Wide::product(a, b), (d >> shift).max(1));
            match wide.divide(d) {
                None => prop_assert!(wide.hi >= d),
                Some(found) => prop_assert_eq!(found, oracle(wide.hi, wide.lo, d)),
            }
        }

        #[test]
        fn dividing_a_product_by_one_factor_gives_the_other(a in 1_u128.., b: u128) {
            prop_assert_eq!(Wide::product(a, b).divide(a), Some((b, 0)));
        }
    }
}
