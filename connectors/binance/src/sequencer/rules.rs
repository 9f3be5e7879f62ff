//! What holds for every symbol: spans of time, and the boundaries that follow from them. Pure.

use candleflow_schema::{
    Interval, Micros,
    time::{DAY, SECOND},
};

/// What holds for every symbol.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The length of bar.
    pub interval: Interval,
    /// How long after its end REST is asked for a bar.
    pub grace: Micros,
    /// A jump so long before the answer that shows it is shown once and for all.
    pub settle: Micros,
    /// Time between the two answers that show a younger jump.
    pub recheck: Micros,
    /// Age at which written stream bars are compared with REST.
    pub reconcile: Micros,
    /// Where to end; `None`: never.
    pub until: Option<Micros>,
}

impl Rules {
    /// The exchange's habits (fact sheet, sections 6.2 and 14.1).
    pub fn new(interval: Interval, grace: Micros, until: Option<Micros>) -> Self {
        Self { interval, grace, settle: 60 * SECOND, recheck: 8 * SECOND, reconcile: 900 * SECOND, until }
    }

    /// Over how long the questions of `count` symbols after one boundary are spread.
    pub(super) fn spread(&self, count: i64) -> Micros {
        (SECOND + count * SECOND / 250).min(self.interval.nominal() / 4)
    }

    /// The latest event time on the grid that could be known at `now`.
    pub(super) fn boundary(&self, now: Micros) -> Micros {
        let reach = now - self.grace;
        self.interval.open_of(self.until.map_or(reach, |until| until.min(reach)))
    }

    /// Where a run that is to end ends.
    pub(super) fn stop(&self) -> Option<Micros> {
        self.until.map(|until| self.interval.open_of(until))
    }

    /// The open time from which every bar later than `known` opens, with the last one before it.
    pub(super) fn reach_back(&self, known: Micros) -> Micros {
        let longest = match self.interval {
            Interval::Mo1 => 31 * DAY,
            other => other.nominal(),
        };
        (known - longest).max(0)
    }
}
