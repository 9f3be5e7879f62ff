//! Which metrics are wanted, and what a run must keep for them: what nobody asks for is not computed.

use super::{CATALOGUE, Group, metric_index};

/// Some of the catalogue's metrics. A run that keeps only what these need gives them the bits that it gives them beside all
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice(u128);

const _: () = assert!(CATALOGUE.len() <= 128, "a bit for each metric");

/// What of a run some metrics are read from, beside what every run keeps: equity at the end and by day, counts of bars and
/// of trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// Sums over the returns of bars.
    pub(super) bar_returns: bool,
    /// The deepest drawdown.
    pub(super) deepest: bool,
    /// Each drawdown, with its times.
    pub(super) drawdowns: bool,
    /// What trades came to.
    pub(super) trades: bool,
    /// Notional and fees of fills.
    pub(super) fills: bool,
    /// Daily returns in the order of their size.
    pub(super) sorted: bool,
    /// The market by day.
    pub(super) market: bool,
}

impl Choice {
    /// The whole catalogue.
    pub const ALL: Choice = Choice(!0);

    /// The metrics of these names; the first name that none has is the error.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Choice, &'n str> {
        names.into_iter().try_fold(Choice(0), |choice, name| match metric_index(name) {
            Some(place) => Ok(Choice(choice.0 | 1 << place)),
            None => Err(name),
        })
    }

    /// Whether the metric at this place of the catalogue is wanted.
    pub const fn has(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }

    /// The names of what is wanted, in the order of the catalogue.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        CATALOGUE.iter().enumerate().filter(move |(place, _)| self.has(*place)).map(|(_, metric)| metric.name)
    }

    pub(super) fn needs(self) -> Needs {
        let chosen = CATALOGUE.iter().enumerate().filter(|(place, _)| self.has(*place));
        chosen.fold(Needs::NOTHING, |needs, (_, metric)| needs.and(metric.needs))
    }
}

impl Needs {
    pub(super) const NOTHING: Needs = Needs {
        bar_returns: false,
        deepest: false,
        drawdowns: false,
        trades: false,
        fills: false,
        sorted: false,
        market: false,
    };
    pub(super) const EVERYTHING: Needs = Needs {
        bar_returns: true,
        deepest: true,
        drawdowns: true,
        trades: true,
        fills: true,
        sorted: true,
        market: true,
    };
    pub(super) const BAR_RETURNS: Needs = Needs { bar_returns: true, ..Needs::NOTHING };
    pub(super) const DEEPEST: Needs = Needs { deepest: true, ..Needs::NOTHING };
    pub(super) const SORTED: Needs = Needs { sorted: true, ..Needs::NOTHING };

    /// What most metrics of a group are read from.
    pub(super) const fn of(group: Group) -> Needs {
        let none = Needs::NOTHING;
        match group {
            Group::Account | Group::Returns | Group::Bars => none,
            Group::Drawdown => Needs { drawdowns: true, ..Needs::DEEPEST },
            Group::Trades => Needs { trades: true, ..none },
            Group::Fills => Needs { fills: true, ..none },
            Group::Market => Needs { market: true, ..none },
        }
    }

    const fn and(self, other: Needs) -> Needs {
        Needs {
            bar_returns: self.bar_returns || other.bar_returns,
            deepest: self.deepest || other.deepest,
            drawdowns: self.drawdowns || other.drawdowns,
            trades: self.trades || other.trades,
            fills: self.fills || other.fills,
            sorted: self.sorted || other.sorted,
            market: self.market || other.market,
        }
    }
}
