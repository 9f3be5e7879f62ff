//! Where the bars of a request begin: an interval, shifted by a time zone.

use candleflow_schema::{Interval, Micros, time::DAY};

/// An interval counted in a time zone `shift` ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) interval: Interval,
    pub(crate) shift: Micros,
}

/// How bars of a market become bars of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// They are the same bars, those off the grid included.
    Same,
    /// Several become one.
    Resample,
    /// They cannot: there is no data.
    None,
}

impl Grid {
    #[cfg(test)]
    pub(crate) fn utc(interval: Interval) -> Self {
        Self { interval, shift: 0 }
    }

    pub(crate) fn open_of(self, time: Micros) -> Micros {
        self.interval.open_of(time + self.shift) - self.shift
    }

    pub(crate) fn close_of(self, open: Micros) -> Micros {
        self.interval.close_of(open + self.shift) - self.shift
    }

    /// How bars of length `base` fit.
    pub(crate) fn fit(self, base: Interval) -> Fit {
        let Interval::Fixed(length) = base else {
            return if self.interval == base && self.shift == 0 { Fit::Same } else { Fit::None };
        };
        if self.shift % length != 0 {
            return Fit::None;
        }
        match self.interval {
            Interval::Fixed(wanted) if wanted == length => Fit::Same,
            Interval::Fixed(wanted) if wanted % length == 0 => Fit::Resample,
            Interval::Fixed(_) => Fit::None,
            Interval::D3 | Interval::W1 | Interval::Mo1 if DAY % length == 0 => Fit::Resample,
            _ => Fit::None,
        }
    }
}

/// Binance's name of an interval, to the letter.
pub(crate) fn interval(text: &str) -> Option<Interval> {
    text.parse::<Interval>().ok().filter(|i| i.name() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::time;

    #[test]
    fn only_multiples_of_the_base_can_be_served() {
        let fit = |base: &str, wanted: &str, hours: i64| {
            Grid { interval: interval(wanted).unwrap(), shift: hours * 3_600_000_000 }.fit(interval(base).unwrap())
        };
        assert_eq!(fit("1m", "1m", 0), Fit::Same);
        assert_eq!(fit("1m", "1m", 8), Fit::Same);
        assert_eq!(fit("1m", "1M", 0), Fit::Resample);
        assert_eq!(fit("1m", "1s", 0), Fit::None);
        assert_eq!(fit("3m", "5m", 0), Fit::None);
        assert_eq!(fit("1h", "3d", 8), Fit::Resample);
        assert_eq!(fit("1d", "1w", 8), Fit::None);
        assert_eq!(fit("1w", "1w", 0), Fit::Same);
        assert_eq!(fit("1w", "1M", 0), Fit::None);
        assert_eq!(interval("1mo"), None);
    }

    #[test]
    fn a_day_in_another_zone_begins_at_its_own_midnight() {
        let grid = Grid { interval: interval("1d").unwrap(), shift: 8 * 3_600_000_000 };
        let noon = time::parse("2021-04-21T12:00").unwrap();
        assert_eq!(grid.open_of(noon), time::parse("2021-04-20T16:00").unwrap());
        assert_eq!(grid.close_of(grid.open_of(noon)), time::parse("2021-04-21T16:00").unwrap());
    }
}
