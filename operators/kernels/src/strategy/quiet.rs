//! Bars on which nothing can happen: flat with nothing waiting, or held with nothing in reach.
//!
//! They are most of all bars. What the steps would do on them is done here directly; a law in `tests` runs every
//! strategy with and without.

use super::bar::Row;
use super::book::Book;
use super::engine::{Engine, EngineError};
use super::spec::{Expr, MarginMode, Path, PyramidExits};
use super::{Side, Spec};
use crate::money::{Money, Ratio};

impl Engine {
    /// Takes a quiet bar of an account of one symbol; `false` where the steps must decide.
    #[inline]
    pub(super) fn is_quiet(&mut self, row: &Row<'_>) -> Result<bool, EngineError> {
        let [book] = self.books.as_slice() else { return Ok(false) };
        let quiet = self.quiet.is_some() && book.orders.is_empty() && row.funding.is_empty();
        if !quiet || self.hears_something(row.columns) {
            return Ok(false);
        }
        if let Some(position) = &book.position {
            let (side, low, high) = (position.side, Money::from_price(row.bar.low), Money::from_price(row.bar.high));
            let (best, worst) = (side.better(high, low), side.worse(high, low));
            // Levels that move need the whole bar, like a liquidation price; the others must be out of reach.
            let out_of_reach = position.groups.iter().all(|group| {
                let levels = &group.levels;
                levels.trail.is_none()
                    && levels.even.is_none()
                    && levels.stop.is_none_or(|level| !side.stop_reached(level, worst))
                    && levels.targets.iter().all(|target| !side.target_reached(target.price, best, false))
            });
            if !out_of_reach || self.liquidates() {
                return Ok(false);
            }
        }
        // Ruin is for the steps to see.
        self.account.marks[0].close = row.bar.close_f64;
        if self.account.closing_equity() <= 0.0 {
            return Ok(false);
        }
        let book = &mut self.books[0];
        book.begin(&row.bar, &self.spec, &self.symbols[0].filters)?;
        self.account.begin_day(row.bar.open_time);
        let mark = &mut self.account.marks[0];
        mark.price = book.bar.prices.close;
        let without = self.spec.fills.path == Path::Detail && row.detail.is_none_or(<[_]>::is_empty);
        book.without_detail += u64::from(without && book.position.is_some() && !book.bar.waits);
        hold(book);
        Ok(true)
    }

    /// Whether a rule that could act is true.
    fn hears_something(&self, columns: &[f64]) -> bool {
        let Some(watched) = &self.quiet else { return true };
        watched.iter().any(|column| {
            let value = columns.get(*column as usize).copied().unwrap_or(f64::NAN);
            value != 0.0 && !value.is_nan()
        })
    }

    fn liquidates(&self) -> bool {
        let account = &self.spec.account;
        let long = self.books[0].position.as_ref().is_some_and(|position| position.side == Side::Long);
        !(account.margin == MarginMode::None
            || (long && account.margin == MarginMode::Isolated && account.leverage == Ratio::ONE))
    }
}

/// A bar passes while something is held, if it is.
fn hold(book: &mut Book) {
    let (prices, waits) = (book.bar.prices, book.bar.waits);
    let Some(position) = &mut book.position else { return };
    if !waits {
        position.reached(prices.high, prices.low);
    }
    position.bars += 1;
    for group in &mut position.groups {
        group.bars += 1;
        group.lots.iter_mut().for_each(|lot| lot.bars += 1);
    }
}

impl Spec {
    /// The columns of all rules, if nothing but they can act on a bar without orders and levels: no limits on the
    /// account, no time exits, no tables, no finer bars to count, no programs.
    pub(super) fn watched(&self) -> Option<Vec<u32>> {
        let limits = self.limits;
        if limits.day_loss.is_some()
            || limits.drawdown.is_some()
            || self.fills.path == super::Path::Detail
            || self.pyramiding.exits == PyramidExits::PerEntry
            || self.exprs().any(|expr| matches!(expr, Expr::Program(_)))
        {
            return None;
        }
        let mut watched = Vec::new();
        for rules in Side::BOTH.iter().filter_map(|side| self.side(*side)) {
            if rules.max_bars.is_some() || !rules.table.is_empty() {
                return None;
            }
            let conditions = rules.entry.iter().map(|rule| rule.when).chain(rules.exit.iter().map(|rule| rule.when));
            for when in conditions {
                match when {
                    Expr::Column(column) => watched.push(column),
                    Expr::Program(_) | Expr::Constant(_) => return None,
                }
            }
        }
        Some(watched)
    }
}
