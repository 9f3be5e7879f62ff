//! What one symbol of an account carries from bar to bar, and the desk that works on it.

use super::account::{AccountState, day_of};
use super::bar::{BarInput, Prices};
use super::events::Events;
use super::orders::Order;
use super::position::{Fresh, Position};
use super::spec::{DatedFilters, EntryBarStops, Filters, LimitFill, Spec, ZeroVolume};
use super::{EngineError, Reason};
use crate::money::Money;

/// The bar that is being worked on, the last one between bars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Current {
    /// How many bars the symbol has had, this one included.
    pub(super) number: u64,
    pub(super) open_time: i64,
    pub(super) time: i64,
    pub(super) prices: Prices,
    /// The close as it came, scaled by 1e8.
    pub(super) price: i64,
    pub(super) close: f64,
    /// Nothing fills in it: no volume.
    pub(super) waits: bool,
    /// Bars are missing before it.
    pub(super) gap: bool,
}

/// The last position that was closed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LastTrade {
    pub(super) net: Money,
    pub(super) reason: Reason,
    /// The bar in which it was closed.
    pub(super) number: u64,
}

/// A fill inside the current bar, for the question whether another path gives the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FillRecord {
    /// Order or group, and which of its exits.
    pub(super) key: (u64, u32),
    pub(super) quote: Money,
    pub(super) qty: Money,
    pub(super) order_row: usize,
    pub(super) trade_rows: (usize, usize),
    pub(super) entry: bool,
}

/// One symbol's state.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Book {
    pub(super) symbol: u32,
    pub(super) filters: Filters,
    pub(super) position: Option<Position>,
    /// In listed order: entries of long, of short, then exits.
    pub(super) orders: Vec<Order>,
    pub(super) bar: Current,
    pub(super) last: Option<LastTrade>,
    /// Entry rules are not heard at closes of bars below this number.
    pub(super) cooldown_until: u64,
    pub(super) days: DayCloses,
    /// Something was held during the current bar.
    pub(super) exposed: bool,
    /// Only during a bar: fills since its inside began.
    pub(super) fills: Vec<FillRecord>,
    /// Only during a bar: something was closed inside it.
    pub(super) closed_inside: bool,
    /// Bars under `path: detail` whose finer bars were missing while something was held or rested.
    pub(super) without_detail: u64,
    /// Bars before the first row of filters.
    pub(super) before_filters: u64,
    /// Entries of a target that were added to the one before.
    pub(super) absorbed: u64,
}

impl Book {
    pub(super) fn new(symbol: u32, keep_days: usize) -> Book {
        Book {
            symbol,
            filters: Filters::default(),
            position: None,
            orders: Vec::new(),
            bar: Current::default(),
            last: None,
            cooldown_until: 0,
            days: DayCloses::new(keep_days),
            exposed: false,
            fills: Vec::new(),
            closed_inside: false,
            without_detail: 0,
            before_filters: 0,
            absorbed: 0,
        }
    }

    /// Takes the next bar: checked, counted, with its filters.
    pub(super) fn begin(&mut self, bar: &BarInput, spec: &Spec, filters: &[DatedFilters]) -> Result<(), EngineError> {
        if self.bar.number > 0 && (bar.open_time <= self.bar.open_time || bar.time <= self.bar.time) {
            return Err(EngineError::NotLater { open_time: bar.open_time, before: self.bar.open_time });
        }
        let prices = Prices::checked(bar)?;
        self.bar = Current {
            number: self.bar.number + 1,
            open_time: bar.open_time,
            time: bar.time,
            prices,
            price: bar.close,
            close: bar.close_f64,
            waits: bar.no_volume && spec.fills.zero_volume == ZeroVolume::Wait,
            gap: self.bar.number > 0 && bar.open_time > self.bar.time,
        };
        if let Some(first) = filters.first() {
            let due = filters.partition_point(|row| row.valid_from <= bar.open_time);
            self.before_filters += u64::from(due == 0);
            self.filters = filters[due.max(1) - 1].filters;
            debug_assert!(due > 0 || self.filters == first.filters);
        }
        self.days.bar(bar);
        self.exposed = self.position.is_some();
        self.settle();
        Ok(())
    }

    /// What was entered in the bar (or finer bar) before is no longer fresh.
    pub(super) fn settle(&mut self) {
        if let Some(position) = &mut self.position {
            for group in &mut position.groups {
                group.fresh = Fresh::No;
            }
        }
    }
}

/// Closes of completed days, as many as the longest volatility size looks at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DayCloses {
    pub(super) keep: usize,
    pub(super) day: i64,
    pub(super) last: f64,
    pub(super) complete: bool,
    pub(super) closes: Vec<f64>,
}

impl DayCloses {
    fn new(keep: usize) -> DayCloses {
        DayCloses { keep, day: i64::MIN, last: f64::NAN, complete: false, closes: Vec::new() }
    }

    fn bar(&mut self, bar: &BarInput) {
        if self.keep == 0 {
            return;
        }
        let day = day_of(bar.open_time);
        if day > self.day {
            if self.day != i64::MIN {
                self.closes.push(self.last);
                if self.closes.len() > self.keep {
                    self.closes.remove(0);
                }
            }
            self.day = day;
        }
        self.last = bar.close_f64;
        self.complete = day_of(bar.time) > day;
    }

    /// Annualised deviation (ddof 1, 365 days) of the last `days` returns of completed days.
    pub(super) fn deviation(&self, days: usize) -> Option<f64> {
        let last = self.complete.then_some(self.last);
        let count = self.closes.len() + usize::from(last.is_some());
        let skip = count.checked_sub(days + 1)?;
        let closes: Vec<f64> = self.closes.iter().copied().chain(last).skip(skip).collect();
        let returns: Vec<f64> = closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        let mean = returns.iter().sum::<f64>() / days as f64;
        let squares: f64 = returns.iter().map(|value| (value - mean) * (value - mean)).sum();
        let deviation = (squares / (days as f64 - 1.0)).sqrt() * 365_f64.sqrt();
        (deviation > 0.0).then_some(deviation)
    }
}

/// When in a bar something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// At the open of a bar or of a finer bar inside it, which has this open time.
    Open(i64),
    /// Somewhere inside.
    Inside,
    /// At the close.
    Close,
}

/// One symbol's book with the account, the rules and the rows: what every step works on.
pub(super) struct Desk<'a> {
    pub(super) spec: &'a Spec,
    pub(super) account: &'a mut AccountState,
    pub(super) book: &'a mut Book,
    pub(super) out: &'a mut Events,
}

impl Desk<'_> {
    pub(super) fn through(&self) -> bool {
        self.spec.fills.limit_fill == LimitFill::Through
    }

    /// Whether stops act on a group that was entered then.
    pub(super) fn stops_act(&self, fresh: Fresh) -> bool {
        match (fresh, self.spec.fills.entry_bar_stops) {
            (Fresh::No, _) | (_, EntryBarStops::True) => true,
            (Fresh::Open, EntryBarStops::Open) => true,
            (Fresh::Inside, EntryBarStops::Open) | (_, EntryBarStops::False) => false,
        }
    }

    /// Whether targets act on a group that was entered then.
    pub(super) fn targets_act(&self, fresh: Fresh) -> bool {
        fresh == Fresh::No || self.spec.fills.entry_bar_stops != EntryBarStops::False
    }

    pub(super) fn fill_time(&self, moment: Moment) -> Option<i64> {
        match moment {
            Moment::Open(time) => Some(time),
            Moment::Inside => None,
            Moment::Close => Some(self.book.bar.time),
        }
    }
}
