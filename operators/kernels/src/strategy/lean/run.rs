//! One run with every metric.

use super::super::spec::{AtEnd, FillAt, Insufficient, Limits, MarginMode, SizedAt, Spec, SymbolSpec, ZeroVolume};
use super::super::{EngineError, EntryRule, Expr, Side, SideSpec};
use super::ledger::{Account, Left, Terms, Wanted};
use super::{Market, Signals};
use crate::metrics::{Metrics, RoundTrip, Span};
use crate::money::{Divisor, Money, Ratio, SCALE};

/// A strategy of the fast path.
#[derive(Debug, Clone)]
pub struct Lean {
    pub(super) balance: Money,
    pub(super) terms: Terms,
    waits_without_volume: bool,
    entry: Vec<u32>,
    exit: Vec<u32>,
}

/// A finished run.
#[derive(Debug, Clone)]
pub struct LeanRun {
    /// With open trades marked at the last close.
    pub metrics: Metrics,
    /// As if they had been closed there.
    pub closed: Metrics,
    /// Cash at the end, and the quantity still held.
    pub end: (Money, Money),
}

impl Lean {
    /// The strategy, if it asks for nothing more than the fast path does.
    pub fn of(spec: &Spec, symbol: &SymbolSpec) -> Option<Lean> {
        let (account, fills, rules) = (&spec.account, &spec.fills, spec.long.as_ref()?);
        let plain = spec.short.is_none()
            && spec.cooldown.is_none()
            && spec.pyramiding.max == 1
            && spec.limits == Limits::default()
            && (fills.at, fills.at_end) == (FillAt::NextOpen, AtEnd::Mark)
            && account.leverage == Ratio::ONE
            && account.margin != MarginMode::Cross
            && account.sized_at == SizedAt::Fill
            && account.slippage.pct.is_zero()
            && account.fees.taker >= Ratio::ZERO
            && symbol.filters.len() <= 1
            && spec.validate().is_ok();
        if !plain {
            return None;
        }
        let bare =
            SideSpec { entry: rules.entry.clone(), exit: rules.exit.clone(), size: rules.size, ..SideSpec::default() };
        let market = |rule: &EntryRule| *rule == EntryRule { tag: rule.tag, ..EntryRule::market(rule.when) };
        if *rules != bare || !rules.entry.iter().all(market) {
            return None;
        }
        let column = |expr: Expr| match expr {
            Expr::Column(column) => Some(column),
            Expr::Program(_) | Expr::Constant(_) => None,
        };
        let mut exit = Vec::new();
        for rule in &rules.exit {
            let market =
                rule.limit.is_none() && rule.stop.is_none() && rule.cancel_if.is_none() && rule.portion.is_none();
            exit.push(column(rule.when).filter(|_| market)?);
        }
        let filters = symbol.filters.first().map(|row| row.filters).unwrap_or_default();
        let step = u64::try_from(filters.step.units()).ok().filter(|step| *step > 0).map(Divisor::new);
        let terms = Terms {
            wanted: Wanted::of(rules.size?)?,
            rate: account.fees.taker,
            short_rate: short_rate(account.fees.taker),
            with_fee: Divisor::new(u64::try_from(SCALE + account.fees.taker.units()).ok()?),
            fixed: account.fees.fixed,
            filters,
            step,
            reject: account.on_insufficient == Insufficient::Reject,
        };
        Some(Lean {
            balance: account.balance,
            terms,
            waits_without_volume: fills.zero_volume == ZeroVolume::Wait,
            entry: rules.entry.iter().map(|rule| column(rule.when)).collect::<Option<Vec<u32>>>()?,
            exit,
        })
    }

    /// The columns whose truth is an entry, and those whose truth is an exit.
    pub fn columns(&self) -> (&[u32], &[u32]) {
        (&self.entry, &self.exit)
    }

    /// Whether these bars need nothing more either: under `zero_volume: wait`, bars without volume do.
    pub fn takes(&self, market: &Market<'_>) -> bool {
        !(self.waits_without_volume && market.no_volume)
    }

    /// All metrics of a run; `entry` and `exit` as the rules say, conflicts and all.
    pub fn run(&self, market: &Market<'_>, entry: &Signals, exit: &Signals) -> Result<LeanRun, EngineError> {
        let mut entry = entry.clone();
        entry.without(exit);
        let mut account = Account { cash: self.balance, held: None };
        let mut metrics = Metrics::new(&[self.balance], 1);
        let bars = market.len();
        let span = |from: usize, to: usize| Span {
            open_time: &market.open_time[from..to],
            time: &market.time[from..to],
            offset: market.offset,
            close: &market.close[from..to],
        };
        // Bars before `at` are in the metrics; closes before `heard` were heard while something was held.
        let (mut at, mut heard) = (0, 0);
        while at < bars {
            let enters = entry.next(heard).map_or(bars, |close| close + 1).min(bars);
            metrics.span(span(at, enters), account.cash.to_f64(), 0.0, false);
            (at, heard) = (enters, enters);
            if at == bars {
                break;
            }
            if !account.enter(&self.terms, market.open[at], at)? {
                metrics.refused();
                continue;
            }
            let Some(held) = account.held else { continue };
            metrics.entered(held.cost, held.fee)?;
            let leaves = exit.next(at).map_or(bars, |close| close + 1).min(bars);
            metrics.span(span(at, leaves), account.cash.to_f64(), held.qty.to_f64(), true);
            at = leaves;
            if at == bars {
                break;
            }
            if let Some(left) = account.leave(&self.terms, market.open[at])? {
                metrics.round_trip(&trip(left, at, market.open_time[at] - market.open_time[left.held.bar]))?;
            }
            // The bar of the exit held something until its open, and its close is heard again.
            metrics.span(span(at, at + 1), account.cash.to_f64(), 0.0, true);
            (heard, at) = (at, at + 1);
        }
        let end = (account.cash, account.held.map_or(Money::ZERO, |held| held.qty));
        let closed = self.closed_view(&metrics, account, market)?;
        Ok(LeanRun { metrics, closed, end })
    }

    /// What is held is sold at the last close.
    fn closed_view(&self, metrics: &Metrics, account: Account, market: &Market<'_>) -> Result<Metrics, EngineError> {
        let mut closed = metrics.clone();
        let mut account = account;
        if let Some(left) = account.leave(&self.terms, market.last_close)? {
            let known = market.time[market.len() - 1] + market.offset;
            closed.round_trip(&trip(left, market.len(), known - market.open_time[left.held.bar]))?;
            closed.end_with(account.cash.to_f64());
        }
        Ok(closed)
    }
}

/// A rate scaled by 1e8, if it has no more decimals.
fn short_rate(rate: Ratio) -> Option<u64> {
    let step = 10_000_000_000;
    (rate.units() % step == 0).then(|| u64::try_from(rate.units() / step).ok()).flatten()
}

fn trip(left: Left, at: usize, held: i64) -> RoundTrip {
    RoundTrip {
        side: Side::Long,
        net: left.net,
        percent: left.net.to_f64() / left.held.cost.to_f64(),
        bars: (at - left.held.bar) as u32,
        held,
        proceeds: left.proceeds,
        fee: left.fee,
    }
}
