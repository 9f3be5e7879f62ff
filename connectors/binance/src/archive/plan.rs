//! Which files of the bulk archive hold a range of bars: months that are over by month, the rest by day. Pure.
//!
//! A row belongs to the file of the UTC day or month of its open time. The newest day that is surely there is the day
//! before yesterday; what is younger is REST's.

use candleflow_schema::{
    Interval, Micros, Symbol,
    time::{self, DAY, civil_from_days, days_from_civil},
};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// A calendar month.
    Month {
        /// Year.
        year: i64,
        /// Month, from 1.
        month: i64,
    },
    /// The day that is so many days after 1970-01-01.
    Day(i64),
}

impl Period {
    /// First instant, and first instant after it.
    pub fn range(self) -> (Micros, Micros) {
        let (first, after) = self.days();
        (first * DAY, after * DAY)
    }

    /// First day, and first day after it.
    fn days(self) -> (i64, i64) {
        match self {
            Period::Day(day) => (day, day + 1),
            Period::Month { year, month: 12 } => (days_from_civil(year, 12, 1), days_from_civil(year + 1, 1, 1)),
            Period::Month { year, month } => (days_from_civil(year, month, 1), days_from_civil(year, month + 1, 1)),
        }
    }

    fn label(self) -> String {
        match self {
            Period::Month { year, month } => format!("{year:04}-{month:02}"),
            Period::Day(day) => {
                let (y, m, d) = civil_from_days(day);
                format!("{y:04}-{m:02}-{d:02}")
            }
        }
    }
}

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFile {
    /// The instrument.
    pub symbol: Symbol,
    /// The length of bar.
    pub interval: Interval,
    /// What it holds.
    pub period: Period,
}

impl ArchiveFile {
    /// Its base name, such as `BTCUSDT-1h-2024-11`; a month is `1mo` here, so that no disk confuses it with a minute.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.symbol, interval_name(self.interval), self.period.label())
    }

    /// Reads the name of a file, such as `BTCUSDT-1h-2024-11.zip` or `BTCUSDT-1h-2024-11-30.zip`.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".zip")?.splitn(3, '-');
        let (symbol, interval, label) = (parts.next()?, parts.next()?, parts.next()?);
        let interval = match interval {
            "1mo" => Interval::Mo1,
            "1M" => return None,
            other => other.parse().ok()?,
        };
        let (first, month) = match label.len() {
            7 => (time::parse(&format!("{label}-01")).ok()?, true),
            10 => (time::parse(label).ok()?, false),
            _ => return None,
        };
        let day = first.div_euclid(DAY);
        let (year, number, _) = civil_from_days(day);
        let period = if month { Period::Month { year, month: number } } else { Period::Day(day) };
        let file = ArchiveFile { symbol: symbol.into(), interval, period };
        (file.name() + ".zip" == name).then_some(file)
    }

    /// The parts of its path below the archive's address, without the file name.
    pub fn folder(&self) -> [&str; 6] {
        let period = if matches!(self.period, Period::Day(_)) { "daily" } else { "monthly" };
        ["data", "spot", period, "klines", &self.symbol, interval_name(self.interval)]
    }
}

fn interval_name(interval: Interval) -> &'static str {
    if interval == Interval::Mo1 { "1mo" } else { interval.name() }
}

/// A file to read, and the files that hold the same when the archive does not have it (yet).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Preferred.
    pub file: ArchiveFile,
    /// Its days, where it is a month that has daily files.
    pub instead: Vec<ArchiveFile>,
}

/// The files, in order of time, that hold the bars with `from < time <= to`, as of `now`.
pub fn plan(symbol: &Symbol, interval: Interval, from: Micros, to: Micros, now: Micros) -> Vec<Step> {
    let file = |period| ArchiveFile { symbol: symbol.clone(), interval, period };
    // The first bar of the grid with time > from contains `from`. One off the grid may open a day earlier; what it would
    // prove is then not claimed as covered.
    let first = interval.open_of(from).max(0).div_euclid(DAY);
    let newest = now.div_euclid(DAY) - 2;
    let last = (to - 1).div_euclid(DAY).min(newest);
    let has_days = matches!(interval, Interval::Fixed(_));
    let mut steps = Vec::new();
    let mut day = first;
    while day <= last {
        let (year, month, _) = civil_from_days(day);
        let period = Period::Month { year, month };
        let (_, after) = period.days();
        let days = (day..after.min(last + 1)).filter(|_| has_days).map(|d| file(Period::Day(d)));
        if after <= newest + 1 {
            steps.push(Step { file: file(period), instead: days.collect() });
        } else {
            steps.extend(days.map(|file| Step { file, instead: Vec::new() }));
        }
        day = after;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::time::parse;
    use proptest::prelude::*;

    fn names(interval: &str, from: &str, to: &str, now: &str) -> Vec<(String, usize)> {
        let at = |text| parse(text).unwrap();
        let steps = plan(&"BTCUSDT".into(), interval.parse().unwrap(), at(from), at(to), at(now));
        steps.iter().map(|s| (s.file.name(), s.instead.len())).collect()
    }

    #[test]
    fn months_that_are_over_then_days_then_nothing() {
        let expected = [
            ("BTCUSDT-1m-2025-01", 12),
            ("BTCUSDT-1m-2025-02", 28),
            ("BTCUSDT-1m-2025-03-01", 0),
            ("BTCUSDT-1m-2025-03-02", 0),
        ];
        let got = names("1m", "2025-01-20", "2025-03-10", "2025-03-04T05:00");
        assert_eq!(got, expected.map(|(n, i)| (n.to_owned(), i)));
    }

    #[test]
    fn a_month_that_ended_yesterday_is_read_by_day() {
        assert_eq!(
            names("1h", "2025-01-30T12:00", "2025-02-01", "2025-02-01T10:00"),
            [("BTCUSDT-1h-2025-01-30".into(), 0)]
        );
    }

    #[test]
    fn weeks_and_months_have_no_daily_files() {
        assert_eq!(
            names("1M", "2025-01-01", "2025-03-01", "2025-03-20").last(),
            Some(&("BTCUSDT-1mo-2025-02".into(), 0))
        );
        assert_eq!(names("1w", "2025-01-10", "2025-02-01", "2025-02-02"), [("BTCUSDT-1w-2025-01".into(), 0)]);
        assert_eq!(names("1w", "2025-02-10", "2025-02-20", "2025-02-22"), []);
    }

    #[test]
    fn a_path_of_the_archive() {
        let file = ArchiveFile {
            symbol: "ETHBTC".into(),
            interval: Interval::Mo1,
            period: Period::Month { year: 2020, month: 3 },
        };
        assert_eq!(file.folder().join("/"), "data/spot/monthly/klines/ETHBTC/1mo");
        assert_eq!(file.name(), "ETHBTC-1mo-2020-03");
        assert_eq!(ArchiveFile::parse("ETHBTC-1mo-2020-03.zip"), Some(file));
        let day = ArchiveFile::parse("BTCUSDT-1m-2021-04-25.zip").unwrap();
        assert_eq!((day.name().as_str(), day.folder()[2]), ("BTCUSDT-1m-2021-04-25", "daily"));
        for other in [
            "BTCUSDT-1m-2021.zip",
            "BTCUSDT-1m-2021-13.zip",
            "a.zip",
            "BTCUSDT-7m-2021-04.zip",
            "BTCUSDT-1m-2021-04.csv",
        ] {
            assert_eq!(ArchiveFile::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_wanted_day_is_in_exactly_one_step(from in 0i64..2000, days in 1i64..200, age in 0i64..100) {
            let start = parse("2018-01-01").unwrap();
            let (from, to) = (start + from * DAY, start + (from + days) * DAY);
            let now = to + age * DAY;
            let steps = plan(&"X".into(), Interval::M1, from, to, now);
            for day in from / DAY..to / DAY {
                let inside = steps.iter().filter(|s| { let (a, b) = s.file.period.range(); a <= day * DAY && day * DAY < b }).count();
                prop_assert_eq!(inside, usize::from(day <= now / DAY - 2));
            }
            prop_assert!(steps.windows(2).all(|w| w[0].file.period.range().1 <= w[1].file.period.range().0));
        }
    }
}
