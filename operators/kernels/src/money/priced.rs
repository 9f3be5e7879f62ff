//! Postings at a price of the exchange, which has 8 decimals: the same results as with prices as money, faster.

use super::divisor::Divisor;
use super::wide::Wide;
use super::{Money, Overflow, Ratio, signed};

impl Money {
    /// `price * self`, rounded once: what this quantity costs. The price is scaled by 1e8 and positive.
    #[inline]
    pub(crate) fn cost_at(self, price: i64) -> Result<Money, Overflow> {
        match self.priced(price) {
            Some(product) => signed(Some(Divisor::PRICE.round(product)), false).map(Money),
            None => Money::from_price(price).times(self),
        }
    }

    /// [`cost_at`](Self::cost_at) and [`short_fee_at`](Self::short_fee_at), of one product.
    #[inline]
    pub(crate) fn cost_and_short_fee_at(self, price: i64, rate: u64) -> Result<(Money, Money), Overflow> {
        // Most quantities and prices are numbers of 64 bits, whose product needs no check.
        if let (Ok(quantity), Ok(short)) = (u64::try_from(self.0), u64::try_from(price)) {
            let product = u128::from(quantity) * u128::from(short);
            if let Some(charged) = product.checked_mul(u128::from(rate)) {
                let cost = signed(Some(Divisor::PRICE.round(product)), false)?;
                return Ok((Money(cost), Money(signed(Some(Divisor::PRICE_SQUARED.round(charged)), false)?)));
            }
        }
        Ok((self.cost_at(price)?, self.short_fee_at(price, rate)?))
    }

    /// [`fee_at`](Self::fee_at) of a rate with at most 8 decimals, scaled by 1e8.
    #[inline]
    pub(crate) fn short_fee_at(self, price: i64, rate: u64) -> Result<Money, Overflow> {
        match self.priced(price).and_then(|product| product.checked_mul(u128::from(rate))) {
            Some(product) => signed(Some(Divisor::PRICE_SQUARED.round(product)), false).map(Money),
            None => self.fee_at(price, Ratio(i128::from(rate) * 10_000_000_000)),
        }
    }

    /// `money / divisor * SCALE`, rounded down: for a divisor that is a ratio known beforehand.
    #[inline]
    pub(crate) fn per_down(self, divisor: &Divisor) -> Result<Money, Overflow> {
        let amount = u128::try_from(self.0).map_err(|_| Overflow)?;
        let product = Wide::product(amount, super::SCALE as u128);
        signed(divisor.divide_wide(product).map(|(quotient, _)| quotient), false).map(Money)
    }

    /// `price * self * rate`, rounded once: the fee of this quantity.
    #[inline]
    pub(crate) fn fee_at(self, price: i64, rate: Ratio) -> Result<Money, Overflow> {
        if rate.is_zero() {
            return Ok(Money::ZERO);
        }
        let exact = self.priced(price).and_then(|product| {
            let product = Wide::product(product, rate.0.unsigned_abs());
            Divisor::SCALE.round_wide_by_both(&Divisor::PRICE, product)
        });
        match exact {
            Some(fee) => signed(Some(fee), rate.0 < 0).map(Money),
            None => Money::from_price(price).times_share(self, rate),
        }
    }

    /// What this notional buys at a price, rounded down; it must not be negative.
    #[inline]
    pub(crate) fn bought_at(self, price: i64) -> Result<Money, Overflow> {
        let scaled = u128::try_from(self.0).ok().and_then(|notional| notional.checked_mul(100_000_000));
        match (scaled, u64::try_from(price)) {
            (Some(scaled), Ok(price)) if price > 0 => signed(Some(scaled / u128::from(price)), false).map(Money),
            _ => self.over_down(Money::from_price(price)),
        }
    }

    /// The product with a price where neither is negative and it fits.
    #[inline]
    fn priced(self, price: i64) -> Option<u128> {
        let (quantity, price) = (u128::try_from(self.0).ok()?, u128::try_from(price).ok()?);
        quantity.checked_mul(price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn results_are_those_of_prices_as_money(units: i128, by in 0_u32..127, price in 1_i64.., less in 0_u32..62, rate in -10_i128.pow(17)..10_i128.pow(18)) {
            let (amount, price, rate) = (Money(units >> by), (price >> less).max(1), Ratio(rate));
            let money = Money::from_price(price);
            prop_assert_eq!(amount.cost_at(price), money.times(amount));
            prop_assert_eq!(amount.fee_at(price, rate), money.times_share(amount, rate));
            prop_assert_eq!(amount.bought_at(price), amount.over_down(money));
            let short = rate.0.unsigned_abs() as u64 / 10_000_000_000;
            let same = Ratio(i128::from(short) * 10_000_000_000);
            prop_assert_eq!(amount.short_fee_at(price, short), money.times_share(amount, same));
            let ratio = rate.0.unsigned_abs() as u64 + 1;
            prop_assert_eq!(amount.per_down(&Divisor::new(ratio)), amount.scaled_down(super::super::SCALE, i128::from(ratio)));
        }
    }
}
