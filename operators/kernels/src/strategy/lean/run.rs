//! Which strategies the fast path takes, and one run with every metric.

use super::super::spec::{
    AtEnd, Clamp, FillAt, Insufficient, Legs, Limits, MarginMode, OnOpposite, SizedAt, Spec, SymbolSpec, ZeroVolume,
};
use super::super::{EngineError, EntryRule, Expr, Side, SideSpec};
use super::Market;
use super::hearing::{Hearing, Rule};
use super::ledger::{Terms, Wanted};
use super::walk::Goes;
use crate::metrics::{Choice, Metrics};
use crate::money::{Divisor, Money, Ratio, SCALE};

/// A strategy of the fast path.
#[derive(Debug, Clone)]
pub struct Lean {
    pub(super) balance: Money,
    pub(super) terms: Terms,
    /// Bars without volume fill nothing.
    pub(super) waits: bool,
    pub(super) on_opposite: OnOpposite,
    /// `1 + maintenance`.
    pub(super) kept: f64,
    columns: Vec<(Rule, u32)>,
}

/// A finished run.
#[derive(Debug, Clone)]
pub struct LeanRun {
    /// With open trades marked at the last close.
    pub metrics: Metrics,
    /// As if they had been closed there; `None` where none was open, and it is the same.
    pub closed: Option<Metrics>,
    /// Cash at the end, and the signed quantity still held.
    pub end: (Money, Money),
}

impl Lean {
    /// The strategy, if it asks for nothing more than the fast path does.
    pub fn of(spec: &Spec, symbol: &SymbolSpec) -> Option<Lean> {
        let (account, fills) = (&spec.account, &spec.fills);
        let plain = spec.cooldown.is_none()
            && spec.pyramiding.max == 1
            && spec.limits == Limits::default()
            && spec.on_opposite != OnOpposite::Net
            && (fills.at, fills.at_end) == (FillAt::NextOpen, AtEnd::Mark)
            && account.leverage == Ratio::ONE
            && account.sized_at == SizedAt::Fill
            && account.slippage.clamp == Clamp::None
            && account.fees.taker >= Ratio::ZERO
            && symbol.filters.len() <= 1
            && spec.validate().is_ok();
        let margin = match account.margin {
            MarginMode::Isolated => true,
            MarginMode::None => spec.short.is_none(),
            MarginMode::Cross => false,
        };
        if !plain || !margin {
            return None;
        }
        let mut columns = Vec::new();
        let mut size = None;
        for side in Side::BOTH {
            let Some(rules) = spec.side(side) else { continue };
            if size.is_some_and(|size| size != rules.size) {
                return None;
            }
            size = Some(rules.size);
            columns.extend(columns_of(side, rules)?);
        }
        let filters = symbol.filters.first().map(|row| row.filters).unwrap_or_default();
        let step = u64::try_from(filters.step.units()).ok().filter(|step| *step > 0).map(Divisor::new);
        let terms = Terms {
            wanted: Wanted::of(size??)?,
            rate: account.fees.taker,
            short_rate: short_rate(account.fees.taker),
            with_fee: Divisor::new(u64::try_from(SCALE + account.fees.taker.units()).ok()?),
            fixed: account.fees.fixed,
            slips: [true, account.slippage.legs == Legs::Both]
                .map(|slips| Some(account.slippage.pct).filter(|pct| slips && !pct.is_zero())),
            filters,
            step,
            reject: account.on_insufficient == Insufficient::Reject,
        };
        Some(Lean {
            balance: account.balance,
            terms,
            waits: fills.zero_volume == ZeroVolume::Wait,
            on_opposite: spec.on_opposite,
            kept: 1.0 + account.maintenance.to_f64(),
            columns,
        })
    }

    /// The columns whose truth is a rule's.
    pub fn columns(&self) -> &[(Rule, u32)] {
        &self.columns
    }

    /// All metrics of a run; `None` where it is for the engine.
    pub fn run(&self, market: &Market<'_>, hearing: &Hearing) -> Result<Option<LeanRun>, EngineError> {
        let mut walk = self.walk(Choice::ALL);
        match walk.advance(self, market, hearing)? {
            Goes::On => walk.finish(self, market),
            Goes::ToEngine => Ok(None),
        }
    }
}

/// A rate scaled by 1e8, if it has no more decimals.
fn short_rate(rate: Ratio) -> Option<u64> {
    let step = 10_000_000_000;
    (rate.units() % step == 0).then(|| u64::try_from(rate.units() / step).ok()).flatten()
}

/// The columns of a side that trades by signals and market orders alone. Of several entries each could be refused on
/// its own, so there is one.
fn columns_of(side: Side, rules: &SideSpec) -> Option<Vec<(Rule, u32)>> {
    let bare =
        SideSpec { entry: rules.entry.clone(), exit: rules.exit.clone(), size: rules.size, ..SideSpec::default() };
    let [entry] = rules.entry.as_slice() else { return None };
    if *rules != bare || *entry != (EntryRule { tag: entry.tag, ..EntryRule::market(entry.when) }) {
        return None;
    }
    let column = |rule: Rule, expr: Expr| match expr {
        Expr::Column(column) => Some((rule, column)),
        Expr::Program(_) | Expr::Constant(_) => None,
    };
    let mut columns = vec![column(Rule::Entry(side), entry.when)?];
    for rule in &rules.exit {
        let market = rule.limit.is_none() && rule.stop.is_none() && rule.cancel_if.is_none() && rule.portion.is_none();
        columns.push(column(Rule::Exit(side), rule.when).filter(|_| market)?);
    }
    Some(columns)
}
