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
    squares: f64,
    pub(super) percent: f64,
    pub(super) bars: u64,
    streak: i64,
    pub(super) longest_win: u64,
    pub(super) longest_loss: u64,
    pub(super) fees: Money,
    pub(super) funding: Money,
    pub(super) notional: Money,
    pub(super) ambiguous: u64,
    pub(super) rejected: u64,
}

impl Trades {
    pub(super) fn trade(&mut self, row: &TradeRow) -> Result<(), Overflow> {
        if row.open {
            return Ok(());
        }
        self.funding = self.funding.plus(row.funding)?;
        self.closed(row.side, row.net, row.return_pct, row.bars)
    }

    /// A round trip without funding.
    pub(super) fn closed(&mut self, side: Side, net: Money, percent: f64, bars: u32) -> Result<(), Overflow> {
        self.count += 1;
        self.long += u64::from(side == Side::Long);
        self.net = self.net.plus(net)?;
        self.bars += u64::from(bars);
        self.percent += percent;
        let pnl = net.to_f64();
        self.squares += pnl * pnl;
        if net > Money::ZERO {
            self.winning += 1;
            self.won = self.won.plus(net)?;
            self.best = Some(self.best.map_or(net, |best| best.max(net)));
            self.streak = self.streak.max(0) + 1;
            self.longest_win = self.longest_win.max(self.streak.unsigned_abs());
        } else if net < Money::ZERO {
            self.losing += 1;
            self.lost = self.lost.plus(net)?;
            self.worst = Some(self.worst.map_or(net, |worst| worst.min(net)));
            self.streak = self.streak.min(0) - 1;
            self.longest_loss = self.longest_loss.max(self.streak.unsigned_abs());
        } else {
            self.streak = 0;
        }
        Ok(())
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
        let variance = (self.squares - count * mean * mean) / (count - 1.0);
        ratio(count.sqrt() * mean, variance.sqrt())
    }

    pub(super) fn fields(&mut self, codec: &mut Codec<'_>) -> Coded {
        let Trades { count, winning, losing, long, bars, longest_win, longest_loss, ambiguous, rejected, .. } = self;
        for value in [count, winning, losing, long, bars, longest_win, longest_loss, ambiguous, rejected] {
            codec.u64(value)?;
        }
        let Trades { net, won, lost, fees, funding, notional, .. } = self;
        for value in [net, won, lost, fees, funding, notional] {
            codec.money(value)?;
        }
        codec.option(&mut self.best, || Money::ZERO, |codec, value| codec.money(value))?;
        codec.option(&mut self.worst, || Money::ZERO, |codec, value| codec.money(value))?;
        codec.f64(&mut self.squares)?;
        codec.f64(&mut self.percent)?;
        codec.i64(&mut self.streak)
    }
}
