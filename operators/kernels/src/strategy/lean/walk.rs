//! One run on its way through the bars, with every metric.
//!
//! ```text
//!          entry heard              fills at an open
//!  Flat ───────────────► Enters ───────────────────────► Held ◄──┐ refused: Flat
//!   ▲                                                      │     │
//!   └──────────── Leaves ◄─────────────────────────────────┘     │
//!                   └── the other side enters at the same open ──┘
//! ```
//! Bars without volume, where the strategy waits for some, fill nothing; their closes are heard. What the fast path
//! cannot say (a short that may be liquidated, an account that may be ruined, two entries that wait at once) ends the
//! walk: the set is for the engine.

use super::super::spec::OnOpposite;
use super::super::{EngineError, Side};
use super::hearing::{Hearing, Leaving};
use super::ledger::{Account, Left, When};
use super::{Lean, LeanRun, Market};
use crate::metrics::{Choice, Metrics, RoundTrip, Span};
use crate::money::Money;

/// How far a run is, what it holds, and what it came to.
#[derive(Debug, Clone)]
pub struct Walk {
    account: Account,
    phase: Phase,
    /// Closes before this bar were heard, or came while nothing was asked.
    heard: usize,
    /// Bars before this one are in the metrics. The last bar waits: a closed view gives it another equity.
    at: usize,
    /// Day ends before this place are not after `at`.
    day: usize,
    /// Bars from `at` on that held something though nothing is held at their close: none or one.
    left: u64,
    metrics: Metrics,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Flat,
    /// An entry waits for an open.
    Enters(Side),
    Held(Side),
    /// Something that ends the trade waits for an open.
    Leaves(Side, Leaving),
}

/// Whether the fast path can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Goes {
    /// It can.
    On,
    /// This run is for the engine, from its first bar on.
    ToEngine,
}

impl Lean {
    /// A run before its first bar, of which these metrics are read in the end.
    pub fn walk(&self, choice: Choice) -> Walk {
        Walk {
            account: Account { cash: self.balance, held: None },
            phase: Phase::Flat,
            heard: 0,
            at: 0,
            day: 0,
            left: 0,
            metrics: Metrics::choosing(self.balance, choice),
        }
    }
}

impl Walk {
    /// Goes on over the bars of `hearing`, which the market has: they begin where the last ones ended.
    pub fn advance(&mut self, lean: &Lean, market: &Market<'_>, hearing: &Hearing) -> Result<Goes, EngineError> {
        let to = hearing.end();
        let reverses = lean.on_opposite != OnOpposite::Ignore;
        loop {
            match self.phase {
                Phase::Flat => match hearing.entry(self.heard) {
                    Some((close, side)) => (self.heard, self.phase) = (close + 1, Phase::Enters(side)),
                    None => {
                        self.heard = to;
                        self.span(market, to.saturating_sub(1));
                        return Ok(Goes::On);
                    }
                },
                Phase::Held(side) => match hearing.leaving(self.heard, side, reverses) {
                    Some(close) => {
                        let heard = self.filtered(hearing.at(close, side), Leaving::default(), reverses);
                        (self.heard, self.phase) = (close + 1, Phase::Leaves(side, heard));
                    }
                    None => {
                        self.heard = to;
                        self.span(market, to.saturating_sub(1));
                        return Ok(Goes::On);
                    }
                },
                Phase::Enters(_) | Phase::Leaves(..) if self.heard >= to => {
                    self.span(market, to.saturating_sub(1));
                    return Ok(Goes::On);
                }
                Phase::Enters(side) => {
                    let bar = self.heard;
                    if lean.waits && market.is_still(bar) {
                        self.heard += 1;
                        match hearing.at(bar, side) {
                            Leaving { exit: false, opposite: false } => {}
                            Leaving { exit: true, opposite: false } => self.phase = Phase::Flat,
                            Leaving { exit: true, opposite: true } => self.phase = Phase::Enters(side.opposite()),
                            Leaving { exit: false, opposite: true } => return Ok(Goes::ToEngine),
                        }
                        continue;
                    }
                    self.span(market, bar);
                    self.enter(lean, market, bar, side, false)?;
                }
                Phase::Leaves(side, waiting) => {
                    let bar = self.heard;
                    if lean.waits && market.is_still(bar) {
                        let waiting = self.filtered(hearing.at(bar, side), waiting, reverses);
                        (self.heard, self.phase) = (bar + 1, Phase::Leaves(side, waiting));
                        continue;
                    }
                    if self.leave(lean, market, bar, side, waiting)? == Goes::ToEngine {
                        return Ok(Goes::ToEngine);
                    }
                }
            }
        }
    }

    /// What waits after a close at which `heard` was true. An entry that is to be ignored waits only beside an exit.
    fn filtered(&self, heard: Leaving, waiting: Leaving, reverses: bool) -> Leaving {
        let exit = heard.exit || waiting.exit;
        Leaving { exit, opposite: waiting.opposite || (heard.opposite && (reverses || exit)) }
    }

    /// An entry at a bar's open. `charged`: the order's fixed fee went with the trade that it closed.
    fn enter(
        &mut self,
        lean: &Lean,
        market: &Market<'_>,
        bar: usize,
        side: Side,
        charged: bool,
    ) -> Result<(), EngineError> {
        self.heard = bar;
        if self.account.enter(&lean.terms, side, market.open[bar], When { bar, charged })? {
            self.phase = Phase::Held(side);
            self.left = 0;
            if let Some(held) = self.account.held {
                self.metrics.entered(held.cost, held.fee)?;
            }
        } else {
            self.phase = Phase::Flat;
            self.metrics.refused();
        }
        Ok(())
    }

    /// An exit at a bar's open, and the entry of the other side where one waits.
    fn leave(
        &mut self,
        lean: &Lean,
        market: &Market<'_>,
        bar: usize,
        side: Side,
        waiting: Leaving,
    ) -> Result<Goes, EngineError> {
        if self.may_be_liquidated(lean, market, bar + 1) {
            return Ok(Goes::ToEngine);
        }
        self.span(market, bar);
        if let Some(left) = self.account.leave(&lean.terms, market.open[bar])? {
            let held = market.open_time[bar] - market.open_time[left.held.bar];
            self.metrics.round_trip(&trip(left, bar, held))?;
        }
        if self.account.cash <= Money::ZERO {
            return Ok(Goes::ToEngine);
        }
        (self.heard, self.phase, self.left) = (bar, Phase::Flat, 1);
        if waiting.opposite && (waiting.exit || lean.on_opposite == OnOpposite::Reverse) {
            self.enter(lean, market, bar, side.opposite(), !waiting.exit)?;
        }
        Ok(Goes::On)
    }

    /// Whether what is held is a short that came near its liquidation, in bars before `to`.
    fn may_be_liquidated(&self, lean: &Lean, market: &Market<'_>, to: usize) -> bool {
        let Some(held) = self.account.held.filter(|held| held.side == Side::Short) else { return false };
        let level = 2.0 * (held.cost.to_f64() / held.qty.to_f64()) / lean.kept;
        market.highest(held.bar, to) >= level * (1.0 - 1e-9)
    }

    /// Bars before `to` go into the metrics.
    fn span(&mut self, market: &Market<'_>, to: usize) {
        if self.at >= to {
            return;
        }
        while market.day_ends.get(self.day).is_some_and(|end| *end <= self.at) {
            self.day += 1;
        }
        let span = Span {
            first: self.at,
            open_time: &market.open_time[self.at..to],
            time: &market.time[self.at..to],
            offset: market.offset,
            close: &market.close[self.at..to],
            day_ends: &market.day_ends[self.day..],
        };
        let cash = self.account.cash.to_f64();
        let qty = self.account.held.map_or(0.0, |held| held.qty_f64);
        let exposed = if qty == 0.0 { self.left } else { (to - self.at) as u64 };
        self.metrics.span(&span, cash, qty, exposed);
        (self.at, self.left) = (to, 0);
    }

    /// What the run came to; `None` where it was for the engine after all.
    pub fn finish(mut self, lean: &Lean, market: &Market<'_>) -> Result<Option<LeanRun>, EngineError> {
        if self.may_be_liquidated(lean, market, market.len()) {
            return Ok(None);
        }
        let end = (self.account.cash, self.account.held.map_or(Money::ZERO, |held| held.side.signed(held.qty)));
        let mut after = self.account;
        let Some(left) = after.leave(&lean.terms, market.last_close)? else {
            self.span(market, market.len());
            return Ok(Some(LeanRun { metrics: self.metrics, closed: None, end }));
        };
        let mut closed = Walk { account: after, left: 1, ..self.clone() };
        self.span(market, market.len());
        closed.span(market, market.len());
        let known = market.time[market.len() - 1] + market.offset;
        closed.metrics.round_trip(&trip(left, market.len(), known - market.open_time[left.held.bar]))?;
        Ok(Some(LeanRun { metrics: self.metrics, closed: Some(closed.metrics), end }))
    }
}

fn trip(left: Left, at: usize, held: i64) -> RoundTrip {
    RoundTrip {
        side: left.held.side,
        net: left.net,
        cost: left.held.cost,
        bars: (at - left.held.bar) as u32,
        held,
        proceeds: left.proceeds,
        fee: left.fee,
    }
}
