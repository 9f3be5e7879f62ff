//! The protective levels of an entry: stop loss, targets, trailing stop, break-even.
//!
//! Expressions are frozen when the order is placed; prices are set at the fill and lie on the tick. Only the
//! trailing stop and break-even move afterwards, and only to tighten.

use super::{Reason, Side};
use crate::money::{Money, Overflow, Ratio};
use crate::strategy::spec::{BreakEven, TableStep};

/// A level whose expression was evaluated on the placing bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Frozen {
    Percent(Ratio),
    Distance(Money),
    Price(Money),
}

impl Frozen {
    /// The price of a stop that counts from `base`.
    pub(super) fn stop(self, side: Side, base: Money, tick: Money) -> Result<Money, Overflow> {
        let level = match self {
            Frozen::Percent(by) => side.hurt(base, by)?,
            Frozen::Distance(by) => base.minus(side.signed(by))?,
            Frozen::Price(price) => price,
        };
        Ok(side.stop_on_grid(level, tick))
    }

    /// The price of a target that counts from `base`.
    pub(super) fn target(self, side: Side, base: Money, tick: Money) -> Result<Money, Overflow> {
        let level = match self {
            Frozen::Percent(by) => side.favoured(base, by)?,
            Frozen::Distance(by) => base.plus(side.signed(by))?,
            Frozen::Price(price) => price,
        };
        Ok(side.target_on_grid(level, tick))
    }
}

/// One take-profit target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TargetState {
    pub(super) at: Frozen,
    pub(super) portion: Option<Ratio>,
    pub(super) price: Money,
    pub(super) taken: bool,
    /// A limit that was marketable when it began to rest: only a step of a table can be.
    pub(super) taker: bool,
}

/// A stop that follows the best price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TrailState {
    /// How far behind; `None` is a `price` that no close has given yet.
    pub(super) by: Option<Frozen>,
    /// The price that wakes it.
    pub(super) wakes_at: Option<Money>,
    /// Best price since the entry.
    pub(super) best: Money,
    /// Where it lies, once awake.
    pub(super) level: Option<Money>,
}

impl TrailState {
    fn is_awake(&self, side: Side) -> bool {
        self.level.is_some() || self.wakes_at.is_none_or(|at| side.target_reached(at, self.best, false))
    }

    fn tighten(&mut self, side: Side, level: Money) {
        self.level = Some(self.level.map_or(level, |old| side.better(old, level)));
    }
}

/// A stop that jumps to the entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EvenState {
    pub(super) trigger: Money,
    pub(super) level: Money,
    pub(super) armed: bool,
}

/// All levels of one entry, or of a position whose entries share them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Levels {
    pub(super) stop: Option<Money>,
    pub(super) targets: Vec<TargetState>,
    /// Steps of a target table that are in force or past.
    pub(super) table_steps: usize,
    pub(super) trail: Option<TrailState>,
    pub(super) even: Option<EvenState>,
}

/// What levels count from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Basis {
    /// For percent and distance of stop and targets.
    pub(super) level: Money,
    /// For `after` and break-even.
    pub(super) fill: Money,
    /// Where the market stood: the first best price.
    pub(super) quote: Money,
    pub(super) tick: Money,
}

/// The frozen inputs of an entry's levels.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct LevelPlan {
    pub(super) stop: Option<Frozen>,
    pub(super) targets: Vec<(Frozen, Option<Ratio>)>,
    pub(super) trail: Option<(Option<Frozen>, Option<Ratio>)>,
    pub(super) even: Option<BreakEven>,
}

impl Levels {
    /// The levels of a new entry.
    pub(super) fn new(side: Side, plan: &LevelPlan, basis: Basis) -> Result<Levels, Overflow> {
        let mut levels = Levels::default();
        if let Some((by, _)) = plan.trail {
            levels.trail = Some(TrailState { by, wakes_at: None, best: basis.quote, level: None });
        }
        levels.set(side, plan, basis)?;
        levels.advance(side, basis.quote, basis.tick)?;
        Ok(levels)
    }

    /// Sets everything that counts from an entry price again, after an add; what was taken or trailed goes on.
    pub(super) fn set(&mut self, side: Side, plan: &LevelPlan, basis: Basis) -> Result<(), Overflow> {
        self.stop = plan.stop.map(|stop| stop.stop(side, basis.level, basis.tick)).transpose()?;
        let taken: Vec<bool> = self.targets.iter().map(|target| target.taken).collect();
        self.targets.clear();
        for (place, (at, portion)) in plan.targets.iter().enumerate() {
            let price = at.target(side, basis.level, basis.tick)?;
            let taken = taken.get(place).copied().unwrap_or(false);
            self.targets.push(TargetState { at: *at, portion: *portion, price, taken, taker: false });
        }
        if let (Some(trail), Some((by, after))) = (&mut self.trail, plan.trail) {
            trail.by = by.or(trail.by);
            trail.wakes_at = after.map(|after| side.favoured(basis.fill, after)).transpose()?;
        }
        if let Some(BreakEven { after, at }) = plan.even {
            let armed = self.even.is_some_and(|even| even.armed);
            let level = side.stop_on_grid(side.favoured(basis.fill, at)?, basis.tick);
            self.even = Some(EvenState { trigger: side.favoured(basis.fill, after)?, level, armed });
        }
        Ok(())
    }

    /// Moves what follows the best price; `price` was reached while held.
    pub(super) fn advance(&mut self, side: Side, price: Money, tick: Money) -> Result<(), Overflow> {
        if let Some(trail) = &mut self.trail {
            trail.best = side.better(trail.best, price);
            if let Some(by) = trail.by
                && trail.is_awake(side)
                && !(matches!(by, Frozen::Price(_)) && trail.level.is_some())
            {
                trail.tighten(side, by.stop(side, trail.best, tick)?);
            }
        }
        if let Some(even) = &mut self.even {
            even.armed |= side.target_reached(even.trigger, price, false);
        }
        Ok(())
    }

    /// A `price` form of a trailing stop, evaluated at a close: only tightens.
    pub(super) fn tighten_trail(&mut self, side: Side, price: Money, tick: Money) {
        let Some(trail) = &mut self.trail else { return };
        let price = side.stop_on_grid(price, tick);
        trail.by = match trail.by {
            Some(Frozen::Price(old)) => Some(Frozen::Price(side.better(old, price))),
            None => Some(Frozen::Price(price)),
            Some(Frozen::Percent(_) | Frozen::Distance(_)) => return,
        };
        if trail.is_awake(side) {
            trail.tighten(side, price);
        }
    }

    /// The tightest of stop loss, break-even and trailing stop; the first named on a tie.
    pub(super) fn tightest(&self, side: Side) -> Option<(Money, Reason)> {
        let mut found = self.stop.map(|stop| (stop, Reason::StopLoss));
        let even = self.even.filter(|even| even.armed).map(|even| (even.level, Reason::BreakEven));
        let trail = self.trail.and_then(|trail| trail.level).map(|level| (level, Reason::TrailingStop));
        for next in [even, trail].into_iter().flatten() {
            found = match found {
                Some(best) if side.better(best.0, next.0) == best.0 => Some(best),
                _ => Some(next),
            };
        }
        found
    }

    /// The nearest target not yet taken, by place.
    pub(super) fn nearest_target(&self, side: Side) -> Option<(usize, TargetState)> {
        let waiting = self.targets.iter().copied().enumerate().filter(|(_, target)| !target.taken);
        waiting.reduce(|a, b| if side.worse(a.1.price, b.1.price) == a.1.price { a } else { b })
    }

    /// Puts the table step that is in force at a bar's open in place, as a limit that begins to rest there.
    pub(super) fn step_table(
        &mut self,
        side: Side,
        table: &[TableStep],
        held: i64,
        basis: Basis,
        open: Money,
    ) -> Result<(), Overflow> {
        let due = table.iter().take_while(|step| step.after <= held).count();
        if due > self.table_steps {
            self.table_steps = due;
            let at = Frozen::Percent(table[due - 1].at);
            let price = at.target(side, basis.level, basis.tick)?;
            let taker = side.target_reached(price, open, false);
            self.targets = vec![TargetState { at, portion: None, price, taken: false, taker }];
        }
        Ok(())
    }
}
