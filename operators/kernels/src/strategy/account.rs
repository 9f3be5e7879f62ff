//! One account: its ledger, what its symbols are worth now, and the limits that count over all of them.

use super::ledger::Ledger;
use crate::money::{Money, Overflow};

const DAY: i64 = 86_400_000_000;

/// The UTC day of a time in microseconds.
pub(super) fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// What one symbol's position is valued with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Mark {
    /// Signed quantity.
    pub(super) qty: Money,
    /// The open in steps 1 and 2 of a bar, the close from step 3 on, until the next bar.
    pub(super) price: Money,
    /// The last close as a float.
    pub(super) close: f64,
    /// The quantity as a float.
    pub(super) qty_f64: f64,
}

impl Mark {
    pub(super) fn set_qty(&mut self, qty: Money) {
        self.qty = qty;
        self.qty_f64 = qty.to_f64();
    }
}

/// What exits would do to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Effect {
    pub(super) free: Money,
    pub(super) equity: Money,
}

impl Effect {
    pub(super) fn plus(self, other: Effect) -> Result<Effect, Overflow> {
        Ok(Effect { free: self.free.plus(other.free)?, equity: self.equity.plus(other.equity)? })
    }

    pub(super) fn minus(self, other: Effect) -> Result<Effect, Overflow> {
        Ok(Effect { free: self.free.minus(other.free)?, equity: self.equity.minus(other.equity)? })
    }
}

/// State shared by all symbols of an account.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AccountState {
    pub(super) ledger: Ledger,
    /// Ledger cash as a float, of the cash it was made from.
    cash: (Money, f64),
    /// Per symbol in listed order.
    pub(super) marks: Vec<Mark>,
    /// Inside a bar: what was free before it, less what entries took since.
    pub(super) spendable: Option<Money>,
    /// While entry rules are heard, under `sized_at: signal`: what the exits ordered at this close will do.
    pub(super) assumed: Effect,
    pub(super) next_order: u64,
    /// Highest equity at a close.
    pub(super) peak: f64,
    /// Equity at the last close.
    pub(super) equity: f64,
    pub(super) day: i64,
    /// Last equity of the day before.
    pub(super) day_base: f64,
    /// Entry fills today.
    pub(super) entries_today: u32,
    /// No entries today any more.
    pub(super) day_blocked: bool,
    /// Ruined, or past its drawdown limit: no entries ever.
    pub(super) ended: bool,
}

impl AccountState {
    pub(super) fn new(balance: Money, symbols: usize) -> AccountState {
        AccountState {
            ledger: Ledger::new(balance),
            cash: (balance, balance.to_f64()),
            marks: vec![Mark::default(); symbols],
            spendable: None,
            assumed: Effect::default(),
            next_order: 0,
            peak: balance.to_f64(),
            equity: balance.to_f64(),
            day: i64::MIN,
            day_base: balance.to_f64(),
            entries_today: 0,
            day_blocked: false,
            ended: false,
        }
    }

    /// Begins the day of a bar's open, if it is a new one.
    pub(super) fn begin_day(&mut self, open_time: i64) {
        let day = day_of(open_time);
        if day > self.day {
            self.day = day;
            self.day_base = self.equity;
            self.entries_today = 0;
            self.day_blocked = false;
        }
    }

    /// The next order's number.
    pub(super) fn order_id(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }

    /// Exact equity at the current marks.
    pub(super) fn exact_equity(&self) -> Result<Money, Overflow> {
        self.marks.iter().try_fold(self.ledger.cash, |sum, mark| {
            if mark.qty.is_zero() { Ok(sum) } else { sum.plus(mark.price.times(mark.qty)?) }
        })
    }

    /// Equity at the last closes, in the one order of operations that statistics use.
    pub(super) fn closing_equity(&mut self) -> f64 {
        if self.cash.0 != self.ledger.cash {
            self.cash = (self.ledger.cash, self.ledger.cash.to_f64());
        }
        let mut equity = self.cash.1;
        for mark in &self.marks {
            if !mark.qty.is_zero() {
                equity += mark.qty_f64 * mark.close;
            }
        }
        equity
    }

    /// What an entry may take now.
    pub(super) fn spendable(&self) -> Result<Money, Overflow> {
        let free = self.ledger.free()?;
        Ok(self.spendable.map_or(free, |inside| inside.min(free)))
    }

    /// How many symbols are held.
    pub(super) fn held(&self) -> usize {
        self.marks.iter().filter(|mark| !mark.qty.is_zero()).count()
    }

    /// Distance of `equity` from its highest value so far, as a fraction.
    pub(super) fn drawdown_of(&self, equity: f64) -> f64 {
        let peak = if equity > self.peak { equity } else { self.peak };
        (peak - equity) / peak
    }
}
