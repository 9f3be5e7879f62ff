//! Sums over round trips, in exact money.

use super::ratio;
use crate::money::{Money, Overflow};
use crate::strategy::codec::{Codec, Coded};
use crate::strategy::{OrderEvent, OrderRow, Side, TradeRow};

/// What closed trades and fills add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trades {
    pub(super) count: u64,
    pub(super) winning: u64,
    pub(super) losing: u64,
    pub(super) long: u64,
    pub(super) net: Money,
    pub(super) won: Money,
    pub(super) lost: Money,
    pub(super) best: Option<Money>,
    pub(super) worst: Option<Money>,
    spread: Spread,
    /// Of losing trades.
    lost_spread: Spread,
    pub(super) percent: f64,
    /// Of those above zero.
    percent_won: f64,
    pub(super) best_percent: Option<f64>,
    pub(super) worst_percent: Option<f64>,
    growth: Growth,
    pub(super) bars: u64,
    bars_won: u64,
    bars_lost: u64,
    /// Microseconds held: all, of winning trades, of losing ones, the longest.
    held: [i64; 4],
    /// Net PnL of closed trades so far, its highest value, the deepest distance and its share of the peak account.
    sum: f64,
    peak: f64,
    deepest: f64,
    deepest_place: (f64, f64),
    streak: i64,
    pub(super) longest_win: u64,
    pub(super) longest_loss: u64,
    pub(super) fees: Money,
    pub(super) funding: Money,
    pub(super) notional: Money,
    pub(super) ambiguous: u64,
    pub(super) rejected: u64,
}

/// Squares around the mean, kept as values come (Welford 1962): of equal values they are 0 exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Spread {
    mean: f64,
    squares: f64,
}

impl Spread {
    /// One more value, which makes `count`.
    fn add(&mut self, count: u64, value: f64) {
        let off = value - self.mean;
        self.mean += off / count as f64;
        self.squares += off * (value - self.mean);
    }
}

/// A product of very many factors, without overflow: a logarithm is taken only when it must be.
#[derive(Debug, Clone, PartialEq)]
struct Growth {
    product: f64,
    logarithm: f64,
}

impl Default for Growth {
    fn default() -> Growth {
        Growth { product: 1.0, logarithm: 0.0 }
    }
}

impl Growth {
    fn by(&mut self, factor: f64) {
        self.product *= factor.max(0.0);
        if !(1e-100..1e100).contains(&self.product) {
            self.logarithm += libm::log(self.product);
            self.product = 1.0;
        }
    }

    fn logarithm(&self) -> f64 {
        self.logarithm + libm::log(self.product)
    }
}

impl Trades {
    pub(super) fn trade(&mut self, row: &TradeRow) -> Result<(), Overflow> {
        if row.open {
            return Ok(());
        }
        self.funding = self.funding.plus(row.funding)?;
        let held = row.fill_time.unwrap_or(row.time) - row.entry_fill_time.unwrap_or(row.entry_time);
        self.count(row.side);
        self.came_to(row.net, row.return_pct, row.bars, held)
    }

    /// A round trip, before what it came to.
    pub(super) fn count(&mut self, side: Side) {
        self.count += 1;
        self.long += u64::from(side == Side::Long);
    }

    /// What the round trip that was counted last came to, without funding; it was `held` microseconds long.
    pub(super) fn came_to(&mut self, net: Money, percent: f64, bars: u32, held: i64) -> Result<(), Overflow> {
        self.net = self.net.plus(net)?;
        self.bars += u64::from(bars);
        self.held[0] = self.held[0].saturating_add(held);
        self.held[3] = self.held[3].max(held);
        self.share(percent);
        let pnl = net.to_f64();
        self.spread.add(self.count, pnl);
        self.follow(pnl);
        if net > Money::ZERO {
            self.winning += 1;
            self.bars_won += u64::from(bars);
            self.held[1] = self.held[1].saturating_add(held);
            self.won = self.won.plus(net)?;
            self.best = Some(self.best.map_or(net, |best| best.max(net)));
            self.streak = self.streak.max(0) + 1;
            self.longest_win = self.longest_win.max(self.streak.unsigned_abs());
        } else if net < Money::ZERO {
            self.losing += 1;
            self.bars_lost += u64::from(bars);
            self.held[2] = self.held[2].saturating_add(held);
            self.lost_spread.add(self.losing, pnl);
            self.lost = self.lost.plus(net)?;
            self.worst = Some(self.worst.map_or(net, |worst| worst.min(net)));
            self.streak = self.streak.min(0) - 1;
            self.longest_loss = self.longest_loss.max(self.streak.unsigned_abs());
        } else {
            self.streak = 0;
        }
        Ok(())
    }

    /// The trade's net PnL by entry notional.
    fn share(&mut self, percent: f64) {
        self.percent += percent;
        if percent > 0.0 {
            self.percent_won += percent;
        }
        self.best_percent = Some(self.best_percent.map_or(percent, |best| best.max(percent)));
        self.worst_percent = Some(self.worst_percent.map_or(percent, |worst| worst.min(percent)));
        self.growth.by(1.0 + percent);
    }

    /// The sum of closed trades, and how far it is from where it was highest.
    fn follow(&mut self, pnl: f64) {
        self.sum += pnl;
        self.peak = self.peak.max(self.sum);
        if self.peak - self.sum > self.deepest {
            self.deepest = self.peak - self.sum;
            self.deepest_place = (self.peak, self.sum);
        }
    }

    /// A fill whose notional is known.
    pub(super) fn filled(&mut self, notional: Money, fee: Money) -> Result<(), Overflow> {
        self.notional = self.notional.plus(notional)?;
        self.fees = self.fees.plus(fee)?;
        Ok(())
    }

    pub(super) fn order(&mut self, row: &OrderRow) -> Result<(), Overflow> {
        match row.event {
            OrderEvent::Filled | OrderEvent::PartlyFilled => {
                if let (Some(price), Some(qty), Some(fee)) = (row.price, row.qty, row.fee) {
                    self.filled(price.times(qty)?, fee)?;
                }
                self.ambiguous += u64::from(row.ambiguous);
            }
            OrderEvent::Rejected => self.rejected += 1,
            OrderEvent::Placed | OrderEvent::Expired | OrderEvent::Cancelled => {}
        }
        Ok(())
    }

    pub(super) fn win_rate(&self) -> Option<f64> {
        ratio(self.winning as f64, self.count as f64)
    }

    pub(super) fn average_win(&self) -> Option<f64> {
        ratio(self.won.to_f64(), self.winning as f64)
    }

    pub(super) fn average_loss(&self) -> Option<f64> {
        ratio(self.lost.to_f64(), self.losing as f64)
    }

    /// Average win by average loss.
    pub(super) fn payoff(&self) -> Option<f64> {
        ratio(self.average_win()?, -self.average_loss()?)
    }

    /// `W - (1 - W) / payoff`.
    pub(super) fn kelly(&self) -> Option<f64> {
        let wins = self.win_rate()?;
        ratio(1.0 - wins, self.payoff()?).map(|lost| wins - lost)
    }

    /// `sqrt(n) * mean / deviation` of net PnL, ddof 1.
    pub(super) fn sqn(&self) -> Option<f64> {
        let count = self.count as f64;
        let mean = self.net.to_f64() / count;
        ratio(count.sqrt() * mean, (self.spread.squares / (count - 1.0)).sqrt())
    }

    /// Deviation of net PnL, ddof 0.
    pub(super) fn deviation(&self) -> f64 {
        (self.spread.squares / self.count as f64).sqrt()
    }

    /// Deviation of the net PnL of losing trades, ddof 0.
    pub(super) fn losing_deviation(&self) -> f64 {
        (self.lost_spread.squares / self.losing as f64).sqrt()
    }

    /// Sum of what trades above zero returned by that of the others, without sign.
    pub(super) fn percent_factor(&self) -> Option<f64> {
        ratio(self.percent_won, self.percent_won - self.percent)
    }

    /// The constant return that compounds to what the trades did.
    pub(super) fn geometric(&self) -> Option<f64> {
        let logarithm = ratio(self.growth.logarithm(), self.count as f64)?;
        Some(libm::exp(logarithm) - 1.0)
    }

    /// The deepest distance of closed PnL from its highest value, by the account with that highest value.
    pub(super) fn closed_drawdown(&self, start: f64) -> Option<f64> {
        let (peak, sum) = self.deepest_place;
        ratio(peak - sum, start + peak)
    }

    /// The same in money.
    pub(super) fn closed_amount(&self) -> f64 {
        self.deepest
    }

    pub(super) fn average_bars(&self) -> [Option<f64>; 3] {
        let mean = |bars: u64, count: u64| ratio(bars as f64, count as f64);
        [mean(self.bars, self.count), mean(self.bars_won, self.winning), mean(self.bars_lost, self.losing)]
    }

    /// Days held, in the mean: all, winning, losing trades; and the longest.
    pub(super) fn days_held(&self) -> [Option<f64>; 4] {
        let counts = [self.count, self.winning, self.losing, self.count.min(1)];
        std::array::from_fn(|place| ratio(self.held[place] as f64 / 86_400e6, counts[place] as f64))
    }

    pub(super) fn fields(&mut self, codec: &mut Codec<'_>) -> Coded {
        let Trades { count, winning, losing, long, bars, longest_win, longest_loss, ambiguous, rejected, .. } = self;
        for value in [count, winning, losing, long, bars, longest_win, longest_loss, ambiguous, rejected] {
            codec.u64(value)?;
        }
        codec.u64(&mut self.bars_won)?;
        codec.u64(&mut self.bars_lost)?;
        self.held.iter_mut().try_for_each(|held| codec.i64(held))?;
        for value in [&mut self.lost_spread.mean, &mut self.lost_spread.squares, &mut self.spread.mean] {
            codec.f64(value)?;
        }
        for value in [&mut self.percent_won, &mut self.sum, &mut self.peak, &mut self.deepest] {
            codec.f64(value)?;
        }
        codec.f64(&mut self.deepest_place.0)?;
        codec.f64(&mut self.deepest_place.1)?;
        codec.option(&mut self.best_percent, || 0.0, |codec, value| codec.f64(value))?;
        codec.option(&mut self.worst_percent, || 0.0, |codec, value| codec.f64(value))?;
        codec.f64(&mut self.growth.product)?;
        codec.f64(&mut self.growth.logarithm)?;
        let Trades { net, won, lost, fees, funding, notional, .. } = self;
        for value in [net, won, lost, fees, funding, notional] {
            codec.money(value)?;
        }
        codec.option(&mut self.best, || Money::ZERO, |codec, value| codec.money(value))?;
        codec.option(&mut self.worst, || Money::ZERO, |codec, value| codec.money(value))?;
        codec.f64(&mut self.spread.squares)?;
        codec.f64(&mut self.percent)?;
        codec.i64(&mut self.streak)
    }
}
