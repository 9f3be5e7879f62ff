//! What a specification asks of each bar: its expressions, and how many days it looks back.

use super::{Expr, Level, Size, Spec};
use crate::strategy::Side;

impl Spec {
    /// Every expression it holds.
    pub fn exprs(&self) -> impl Iterator<Item = Expr> {
        let mut all = Vec::new();
        all.extend(self.limits.rank.map(|rank| rank.by));
        let level = |level: Level| match level {
            Level::Percent(_) => None,
            Level::Distance(expr) | Level::Price(expr) => Some(expr),
        };
        let size = |size: Size| match size {
            Size::Quote(expr) | Size::Base(expr) | Size::Target(expr) => Some(expr),
            _ => None,
        };
        for rules in Side::BOTH.iter().filter_map(|side| self.side(*side)) {
            for rule in &rules.entry {
                all.extend(
                    [Some(rule.when), rule.limit, rule.stop, rule.cancel_if, rule.size.and_then(size)]
                        .into_iter()
                        .flatten(),
                );
            }
            for rule in &rules.exit {
                all.extend([Some(rule.when), rule.limit, rule.stop, rule.cancel_if].into_iter().flatten());
            }
            all.extend(rules.size.and_then(size));
            all.extend(rules.stop_loss.and_then(level));
            all.extend(rules.take_profit.iter().filter_map(|target| level(target.at)));
            all.extend(rules.trailing_stop.and_then(|trailing| level(trailing.by)));
        }
        all.into_iter()
    }

    /// Completed days that the longest volatility size looks at, and one more.
    pub(in crate::strategy) fn days_needed(&self) -> usize {
        let days = |size: Option<Size>| match size {
            Some(Size::Volatility { days, .. }) => usize::from(days) + 1,
            _ => 0,
        };
        let sides = Side::BOTH.iter().filter_map(|side| self.side(*side));
        sides
            .flat_map(|rules| rules.entry.iter().map(|rule| rule.size).chain([rules.size]))
            .map(days)
            .max()
            .unwrap_or(0)
    }
}
