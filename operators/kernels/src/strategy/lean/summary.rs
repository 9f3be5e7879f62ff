//! Four metrics of a run, for sweeps: between two fills only the extremes of the closes matter.

use super::super::EngineError;
use super::ledger::Account;
use super::signals::Window;
use super::{Lean, Market, Signals};
use crate::metrics::sharpe_of;

/// What a sweep asks of each set; the values are those of the full metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// `total_return`.
    pub total_return: f64,
    /// `sharpe`.
    pub sharpe: Option<f64>,
    /// `max_drawdown_pct`.
    pub max_drawdown: f64,
    /// `trades`.
    pub trades: u64,
}

/// A run on its way: how far it is, what it holds, and what the metrics need.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    account: Account,
    phase: Phase,
    /// Closes before this bar were heard, or came while the rule was not asked.
    heard: usize,
    /// Bars before this one are in the metrics.
    at: usize,
    start: f64,
    /// Cash, and the quantity held, as floats.
    cash: f64,
    qty: f64,
    last: f64,
    trades: u64,
    peak: f64,
    deepest: f64,
    day_equity: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Flat,
    /// An entry fills at this bar's open.
    Enters(usize),
    Held,
    /// An exit fills at this bar's open.
    Leaves(usize),
}

impl Lean {
    /// The four metrics; `entry` must not hold where `exit` does (see [`Signals::without`]).
    pub fn summary(&self, market: &Market<'_>, entry: &Signals, exit: &Signals) -> Result<Summary, EngineError> {
        let mut progress = Progress::new(self);
        progress.advance(self, market, entry.window(), exit.window(), market.len())?;
        Ok(progress.summary())
    }
}

impl Progress {
    pub(super) fn new(lean: &Lean) -> Progress {
        let start = lean.balance.to_f64();
        Progress {
            account: Account { cash: lean.balance, held: None },
            phase: Phase::Flat,
            heard: 0,
            at: 0,
            start,
            cash: start,
            qty: 0.0,
            last: start,
            trades: 0,
            peak: start,
            deepest: 0.0,
            day_equity: Vec::new(),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        Summary {
            total_return: self.last / self.start - 1.0,
            sharpe: sharpe_of(self.start, &self.day_equity),
            max_drawdown: self.deepest,
            trades: self.trades,
        }
    }

    /// Goes on to bar `to`, with the signals of the bars between.
    pub(super) fn advance(
        &mut self,
        lean: &Lean,
        market: &Market<'_>,
        entry: Window<'_>,
        exit: Window<'_>,
        to: usize,
    ) -> Result<(), EngineError> {
        loop {
            match self.phase {
                Phase::Flat => match entry.next(self.heard).filter(|close| *close < to) {
                    Some(close) => self.phase = Phase::Enters(close + 1),
                    None => {
                        self.heard = to;
                        self.flat(market, to);
                        return Ok(());
                    }
                },
                Phase::Enters(bar) => {
                    self.flat(market, bar.min(to));
                    if bar >= to {
                        return Ok(());
                    }
                    self.heard = bar;
                    let entered = self.account.enter(&lean.terms, market.open[bar], bar)?;
                    self.phase = Phase::Flat;
                    if let Some(held) = self.account.held.filter(|_| entered) {
                        self.phase = Phase::Held;
                        (self.cash, self.qty) = (self.account.cash.to_f64(), held.qty.to_f64());
                    }
                    self.at = bar;
                }
                Phase::Held => match exit.next(self.heard).filter(|close| *close < to) {
                    Some(close) => {
                        self.held(market, close + 1);
                        self.phase = Phase::Leaves(close + 1);
                    }
                    None => {
                        self.heard = to;
                        self.held(market, to);
                        return Ok(());
                    }
                },
                Phase::Leaves(bar) => {
                    if bar >= to {
                        return Ok(());
                    }
                    self.account.leave(&lean.terms, market.open[bar])?;
                    self.trades += 1;
                    self.cash = self.account.cash.to_f64();
                    self.last = self.cash;
                    self.mark(self.cash);
                    self.heard = bar;
                    self.phase = Phase::Flat;
                }
            }
        }
    }

    #[inline]
    fn mark(&mut self, equity: f64) {
        if equity >= self.peak {
            self.peak = equity;
        } else {
            self.deepest = self.deepest.max((self.peak - equity) / self.peak);
        }
    }

    /// Days that end before `to`, without a position.
    #[inline]
    fn flat(&mut self, market: &Market<'_>, to: usize) {
        while market.day_ends.get(self.day_equity.len()).is_some_and(|end| *end <= to) {
            self.day_equity.push(self.cash);
        }
    }

    /// Bars to `to` with a position: equity is `cash + qty * close`.
    #[inline]
    fn held(&mut self, market: &Market<'_>, to: usize) {
        if self.at >= to {
            return;
        }
        let (cash, qty) = (self.cash, self.qty);
        let closes = &market.close[self.at..to];
        while let Some(end) = market.day_ends.get(self.day_equity.len()).filter(|end| **end <= to) {
            self.day_equity.push(cash + qty * market.close[*end - 1]);
        }
        self.last = cash + qty * closes[closes.len() - 1];
        self.at = to;
        // Rounding is monotonic: the extremes of the closes are the extremes of equity.
        let (low, high) = extremes(closes);
        let (low, high) = (cash + qty * low, cash + qty * high);
        if high <= self.peak {
            self.deepest = self.deepest.max((self.peak - low) / self.peak);
        } else if (high - low) / high * (1.0 + 1e-9) <= self.deepest {
            self.peak = high; // no drawdown on the way can be deeper than from the highest to the lowest
        } else {
            closes.iter().for_each(|close| self.mark(cash + qty * close));
        }
    }
}

/// The lowest and the highest of some closes, of which there is at least one.
#[inline]
fn extremes(closes: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([closes[0]; 8], [closes[0]; 8]);
    let (chunks, rest) = closes.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            low[lane] = if chunk[lane] < low[lane] { chunk[lane] } else { low[lane] };
            high[lane] = if chunk[lane] > high[lane] { chunk[lane] } else { high[lane] };
        }
    }
    let low = low.iter().chain(rest).fold(closes[0], |low, close| if *close < low { *close } else { low });
    let high = high.iter().chain(rest).fold(closes[0], |high, close| if *close > high { *close } else { high });
    (low, high)
}
