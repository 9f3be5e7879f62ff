//! UTC microseconds, their text form, and the clock that connectors and the command line are given.
//!
//! Nothing else in the system may read the wall clock (a lint forbids it), so that a result never depends on when it
//! was computed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// One second, in microseconds.
pub const SECOND: Micros = 1_000_000;
/// One UTC day, in microseconds.
pub const DAY: Micros = 86_400 * SECOND;

/// Where "now" comes from, and how long a span of its time is on the wall.
///
/// A market that is replayed 100 times faster than it happened has a clock that runs 100 times faster, and every limit,
/// ping and timeout of the exchange and of its clients is counted on that clock.
pub trait Clock: Send + Sync {
    /// The current time of this clock.
    fn now(&self) -> Micros;
    /// How long to wait on the wall until `span` has passed on this clock.
    fn wall(&self, span: Duration) -> Duration;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock enters")]
    fn now(&self) -> Micros {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as Micros)
    }

    fn wall(&self, span: Duration) -> Duration {
        span
    }
}

/// A clock that shows `origin` when it is made and then runs `speed` times as fast as the wall.
#[derive(Debug, Clone)]
pub struct ScaledClock {
    started: Instant,
    origin: Micros,
    speed: f64,
}

impl ScaledClock {
    /// A clock at `origin` that runs `speed` times as fast as the wall; `speed` is at least 0.001.
    pub fn new(origin: Micros, speed: f64) -> Self {
        Self { started: Instant::now(), origin, speed: speed.max(0.001) }
    }

    /// How many seconds of this clock pass in a second on the wall.
    pub fn speed(&self) -> f64 {
        self.speed
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Micros {
        self.origin + (self.started.elapsed().as_secs_f64() * self.speed * 1e6) as Micros
    }

    fn wall(&self, span: Duration) -> Duration {
        span.div_f64(self.speed)
    }
}

/// Reads a time given by a person: `2021-04-21`, `2021-04-21T10:00`, `2021-04-21 10:00:00.5`, with or without `Z`, or
/// an epoch in seconds, milliseconds or microseconds (told apart by their size).
///
/// # Errors
/// The text, and what would have been understood.
pub fn parse(text: &str) -> Result<Micros, String> {
    let bad = || format!("'{text}' is not a UTC time: write 2021-04-21, 2021-04-21T10:00 or an epoch in milliseconds");
    let trimmed = text.trim().trim_end_matches('Z');
    if let Some((value, _)) = trimmed.parse::<i64>().ok().filter(|_| trimmed.len() >= 9).map(|v| (v, ())) {
        return epoch(value).ok_or_else(bad);
    }
    let (date, clock) = trimmed.split_once(['T', ' ']).unwrap_or((trimmed, ""));
    let mut parts = date.splitn(3, '-');
    let mut number = |width: usize| -> Option<i64> {
        let part = parts.next()?;
        (part.len() == width && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
    };
    let (year, month, day) = (number(4), number(2), number(2));
    let (Some(year), Some(month), Some(day)) = (year, month, day) else { return Err(bad()) };
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(bad());
    }
    Ok(days_from_civil(year, month, day) * DAY + clock_micros(clock).ok_or_else(bad)?)
}

/// `h:m`, `h:m:s` or `h:m:s.ffffff` as microseconds since midnight; empty is midnight.
fn clock_micros(text: &str) -> Option<Micros> {
    let text = text.strip_suffix("+00:00").unwrap_or(text);
    if text.is_empty() {
        return Some(0);
    }
    let mut parts = text.splitn(3, ':');
    let mut number = |limit: i64| {
        parts.next().filter(|p| p.len() == 2).and_then(|p| p.parse::<i64>().ok()).filter(|v| (0..limit).contains(v))
    };
    let (hour, minute) = (number(24)?, number(60)?);
    let Some(rest) = parts.next() else { return Some((hour * 60 + minute) * 60 * SECOND) };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let second = Some(whole).filter(|p| p.len() == 2)?.parse::<i64>().ok().filter(|v| (0..60).contains(v))?;
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros = format!("{fraction:0<6}")[..6].parse::<i64>().ok()?;
    Some(((hour * 60 + minute) * 60 + second) * SECOND + micros)
}

/// An epoch whose unit is told by its size: seconds, milliseconds or microseconds of the years 1990 to 2100.
///
/// `None` where no unit puts it there; the archive's switch from milliseconds to microseconds is decided by this, value
/// by value.
pub fn epoch(value: i64) -> Option<Micros> {
    const FROM: i64 = 631_152_000;
    const TO: i64 = 4_102_444_800;
    [(1, SECOND), (1_000, 1_000), (SECOND, 1)]
        .into_iter()
        .find(|(unit, _)| (FROM * unit..TO * unit).contains(&value))
        .map(|(_, scale)| value * scale)
}

/// `2021-04-21T10:00:00Z`, with as many fractional digits as are needed (none, 3 or 6).
pub fn format(time: Micros) -> String {
    let (days, rest) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let (seconds, micros) = (rest / SECOND, rest % SECOND);
    let mut text =
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if micros % 1_000 != 0 {
        text += &format!(".{micros:06}");
    } else if micros != 0 {
        text += &format!(".{:03}", micros / 1_000);
    }
    text + "Z"
}

/// Year, month (1 to 12) and day of the UTC day that is `days` after 1970-01-01 (proleptic Gregorian calendar).
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// Days from 1970-01-01 to the given date (proleptic Gregorian calendar).
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_write_times_in_these_ways() {
        for (text, micros) in [
            ("1970-01-01", 0),
            ("2021-04-21", 1_618_963_200_000_000),
            ("2021-04-21T10:00", 1_618_999_200_000_000),
            ("2021-04-21 10:00:00.5Z", 1_618_999_200_500_000),
            ("2021-04-21T10:00:00+00:00", 1_618_999_200_000_000),
            ("1618963200", 1_618_963_200_000_000),
            ("1618963200000", 1_618_963_200_000_000),
            ("1618963200000000", 1_618_963_200_000_000),
        ] {
            assert_eq!(parse(text), Ok(micros), "{text}");
        }
        for text in ["", "2021", "2021-13-01", "2021-02-30", "2021-04-21T25:00", "21-04-2021", "1.70027E+12", "now"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_epoch_outside_1990_to_2100_has_no_unit() {
        assert_eq!(epoch(1_735_689_600_000_000_000), None);
        assert_eq!(epoch(0), None);
        assert_eq!(epoch(1_735_689_600_000_000), Some(1_735_689_600_000_000));
    }

    proptest! {
        #[test]
        fn what_is_formatted_is_read_back(time in 0i64..4_102_444_800_000_000) {
            prop_assert_eq!(parse(&format(time)), Ok(time));
        }

        #[test]
        fn the_calendar_inverts(days in -1_000_000i64..1_000_000) {
            let (y, m, d) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(y, m, d), days);
        }
    }
}
