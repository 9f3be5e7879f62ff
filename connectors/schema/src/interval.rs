//! The sixteen lengths of bar that Binance has, and where each begins.
//!
//! `1s` to `1d` are multiples of their length since the epoch; `3d` counts from 0001-01-01 (day number 1 modulo 3),
//! weeks begin on Monday, months by the calendar. All UTC.

use crate::time::{DAY, Micros, SECOND, civil_from_days, days_from_civil};
use std::{fmt, str::FromStr};

/// The length of a bar. The text forms are Binance's: `1m` is a minute, `1M` a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interval {
    /// A fixed number of microseconds, aligned at the epoch (`1s` to `1d`).
    Fixed(Micros),
    /// Three days.
    D3,
    /// A week from Monday.
    W1,
    /// A calendar month.
    Mo1,
}

const MINUTE: Micros = 60 * SECOND;
const HOUR: Micros = 60 * MINUTE;

/// Every interval with its name, shortest first.
pub const ALL: [(&str, Interval); 16] = [
    ("1s", Interval::Fixed(SECOND)),
    ("1m", Interval::Fixed(MINUTE)),
    ("3m", Interval::Fixed(3 * MINUTE)),
    ("5m", Interval::Fixed(5 * MINUTE)),
    ("15m", Interval::Fixed(15 * MINUTE)),
    ("30m", Interval::Fixed(30 * MINUTE)),
    ("1h", Interval::Fixed(HOUR)),
    ("2h", Interval::Fixed(2 * HOUR)),
    ("4h", Interval::Fixed(4 * HOUR)),
    ("6h", Interval::Fixed(6 * HOUR)),
    ("8h", Interval::Fixed(8 * HOUR)),
    ("12h", Interval::Fixed(12 * HOUR)),
    ("1d", Interval::Fixed(DAY)),
    ("3d", Interval::D3),
    ("1w", Interval::W1),
    ("1M", Interval::Mo1),
];

impl Interval {
    /// One minute.
    pub const M1: Interval = Interval::Fixed(MINUTE);

    /// Binance's name of it.
    ///
    /// # Panics
    /// Never for an interval made by parsing; [`Interval::Fixed`] with a length that Binance lacks has no name.
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(_, i)| *i == self).map_or("?", |(name, _)| name)
    }

    /// The open time of the bar that contains `time`.
    pub fn open_of(self, time: Micros) -> Micros {
        match self {
            Interval::Fixed(length) => time.div_euclid(length) * length,
            Interval::D3 => ((time.div_euclid(DAY) - 1).div_euclid(3) * 3 + 1) * DAY,
            Interval::W1 => ((time.div_euclid(DAY) - 4).div_euclid(7) * 7 + 4) * DAY,
            Interval::Mo1 => {
                let (year, month, _) = civil_from_days(time.div_euclid(DAY));
                days_from_civil(year, month, 1) * DAY
            }
        }
    }

    /// When a bar that opened at `open` is known: `open` plus the length. Also right for bars off the grid.
    pub fn close_of(self, open: Micros) -> Micros {
        match self {
            Interval::Fixed(length) => open + length,
            Interval::D3 => open + 3 * DAY,
            Interval::W1 => open + 7 * DAY,
            Interval::Mo1 => {
                let (year, month, day) = civil_from_days(open.div_euclid(DAY));
                let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                days_from_civil(year, month, day.min(28)) * DAY + open.rem_euclid(DAY)
            }
        }
    }

    /// Whether a bar may open at `open` on the regular grid.
    pub fn on_grid(self, open: Micros) -> bool {
        self.open_of(open) == open
    }

    /// Its length, a month counted as 30 days: for sizing only.
    pub fn nominal(self) -> Micros {
        match self {
            Interval::Fixed(length) => length,
            Interval::D3 => 3 * DAY,
            Interval::W1 => 7 * DAY,
            Interval::Mo1 => 30 * DAY,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = if text == "1mo" { "1M" } else { text };
        ALL.iter().find(|(n, _)| *n == name).map(|(_, i)| *i).ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|(n, _)| *n).collect();
            format!("unknown interval '{text}', expected one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;
    use proptest::prelude::*;

    #[test]
    fn known_bars_open_where_the_exchange_opened_them() {
        for (interval, inside, open) in [
            ("1m", "2021-04-25T04:01:59", "2021-04-25T04:01"),
            ("3d", "2017-08-17T05:00", "2017-08-17"),
            ("3d", "2018-06-29", "2018-06-28"),
            ("1w", "2017-07-05", "2017-07-03"),
            ("1M", "2024-02-29T23:59", "2024-02-01"),
        ] {
            let interval: Interval = interval.parse().unwrap();
            assert_eq!(
                interval.open_of(time::parse(inside).unwrap()),
                time::parse(open).unwrap(),
                "{interval} {inside}"
            );
        }
        assert!("1mm".parse::<Interval>().unwrap_err().contains("1m, 3m"));
        assert_ne!("1m".parse::<Interval>(), "1M".parse::<Interval>());
        assert_eq!("1mo".parse::<Interval>(), Ok(Interval::Mo1));
    }

    proptest! {
        #[test]
        fn a_bar_holds_the_times_that_map_to_it(which in 0usize..16, t in 0i64..4_102_444_800_000_000) {
            let interval = ALL[which].1;
            let open = interval.open_of(t);
            prop_assert!(open <= t && t < interval.close_of(open));
            prop_assert_eq!(interval.open_of(interval.close_of(open)), interval.close_of(open));
        }
    }
}
