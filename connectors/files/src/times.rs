//! The text of a time cell to UTC microseconds: exactly, or not at all.
//!
//! - Whole numbers are epochs in seconds, milliseconds, microseconds or nanoseconds, told apart by their size
//!   ([`candleflow_schema::time::epoch`]), value by value: the archive changed its unit in 2025.
//! - Exponent notation (`1.70027E+12`) has lost digits: the bar's time is not in the file any more.
//! - Calendar text is UTC. A year of five or six digits is what one gets from microseconds that were read as
//!   milliseconds; divided by 1000 it is exact, and no other reading gives such a year, so it is put right.
//! - What lies outside 1990 to 2100 was read in the wrong unit by whoever wrote it: refused.

use crate::cells::trim;
use candleflow_schema::{
    Micros,
    time::{self, DAY, SECOND},
};

/// A time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The time.
    pub(crate) at: Micros,
    /// Whether it was written as microseconds that were read as milliseconds.
    pub(crate) rescaled: bool,
}

/// Why a time cell cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeError {
    /// In exponent notation.
    Exponent,
    /// Anything else.
    Unreadable(String),
}

impl TimeError {
    /// What is wrong, as a reason for quarantine.
    pub(crate) fn reason(self, text: &str) -> String {
        match self {
            TimeError::Exponent => format!("'{text}' is in exponent notation: its last digits are lost"),
            TimeError::Unreadable(reason) => reason,
        }
    }
}

/// Reads a time cell.
pub(crate) fn read(text: &str) -> Result<Moment, TimeError> {
    let text = trim(text);
    let bytes = text.as_bytes();
    let exact = |at: Option<Micros>| at.map(|at| Moment { at, rescaled: false }).ok_or_else(|| outside(text));
    if bytes.is_empty() {
        return Err(TimeError::Unreadable("the time is missing".into()));
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        return exact(text.parse().ok().and_then(whole));
    }
    if bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E'))
        && bytes.iter().any(|b| matches!(b, b'e' | b'E'))
    {
        return Err(TimeError::Exponent);
    }
    if let Some((before, behind)) = text.split_once('.')
        && before.bytes().chain(behind.bytes()).all(|b| b.is_ascii_digit())
    {
        return exact(fractional(before, behind));
    }
    if let Some(at) = common(bytes) {
        return exact(in_range(at));
    }
    if bytes.iter().position(|b| *b == b'-').is_some_and(|at| at == 5 || at == 6) {
        let at = far_future(text).and_then(in_range).ok_or_else(|| outside(text))?;
        return Ok(Moment { at, rescaled: true });
    }
    exact(in_range(time::parse(text).map_err(TimeError::Unreadable)?))
}

fn outside(text: &str) -> TimeError {
    TimeError::Unreadable(format!("the time '{text}' is outside 1990 to 2100: not a time, or in an unknown unit"))
}

fn in_range(at: Micros) -> Option<Micros> {
    (time::epoch(at) == Some(at)).then_some(at)
}

fn whole(value: i64) -> Option<Micros> {
    time::epoch(value).or_else(|| Some(value / 1_000).filter(|_| value % 1_000 == 0).and_then(in_range))
}

/// An epoch with decimal places, as pandas writes a column of floats: exact to the microsecond or nothing.
fn fractional(before: &str, behind: &str) -> Option<Micros> {
    let value: i64 = before.parse().ok()?;
    let at = time::epoch(value);
    let behind = behind.trim_end_matches('0');
    if behind.is_empty() {
        return whole(value);
    }
    let unit = at? / value;
    let scale = 10i64.checked_pow(behind.len() as u32).filter(|s| unit % s == 0)?;
    Some(at? + behind.parse::<i64>().ok()? * (unit / scale))
}

/// `YYYY-MM-DD HH:MM:SS`, as most files have it.
fn common(bytes: &[u8]) -> Option<Micros> {
    let two = |at: usize| {
        let (a, b) = (bytes[at].wrapping_sub(b'0'), bytes[at + 1].wrapping_sub(b'0'));
        (a < 10 && b < 10).then(|| i64::from(a) * 10 + i64::from(b))
    };
    let marks = bytes.len() == 19
        && (bytes[4], bytes[7], bytes[13], bytes[16]) == (b'-', b'-', b':', b':')
        && matches!(bytes[10], b' ' | b'T');
    if !marks {
        return None;
    }
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    // Days that not every month has are left to the careful reader.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(time::days_from_civil(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * SECOND)
}

/// A date with a year of five or six digits, divided by 1000.
fn far_future(text: &str) -> Option<Micros> {
    let (year, rest) = text.split_once('-')?;
    let year: i64 = year.parse().ok()?;
    // The calendar repeats every 400 years: the rest of the date is judged in one that the reader knows.
    let near = 2000 + year.rem_euclid(400);
    let at = time::parse(&format!("{near}-{rest}")).ok()?;
    let days = time::days_from_civil(year, 1, 1) - time::days_from_civil(near, 1, 1);
    let at = days.checked_mul(DAY)?.checked_add(at)?;
    (at % 1_000 == 0).then_some(at / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_writing_a_time_is_read_exactly() {
        let at = 1_735_689_600_000_000;
        for (text, micros) in [
            ("1735689600", at),
            ("1735689600000", at),
            ("1735689600000000", at),
            ("1735689600000000000", at),
            ("1735689600.0", at),
            ("1735689600.25", at + 250_000),
            ("1735689600000.5", at + 500),
            ("1735689600000000000.0", at),
            ("2025-01-01 00:00:00", at),
            ("2025-01-01T00:00:00", at),
            ("2025-01-01T00:00:00Z", at),
            ("2025-01-01 00:00:00+00:00", at),
            ("2025-01-01", at),
            ("2025-01-31 00:00:00", at + 30 * DAY),
            (" 2018-02-09 10:03:14.789 ", 1_518_170_594_789_000),
        ] {
            assert_eq!(read(text), Ok(Moment { at: micros, rescaled: false }), "{text}");
        }
    }

    #[test]
    fn microseconds_read_as_milliseconds_are_put_right() {
        for (text, micros) in [
            ("56971-10-25 00:00:00", 1_735_689_600_000_000),
            ("56971-12-05 16:00:00", 1_735_693_200_000_000),
            ("57970-12-03 16:00:00", 1_767_218_400_000_000),
            ("56971-10-25 00:00:00.001", 1_735_689_600_000_001),
        ] {
            assert_eq!(read(text), Ok(Moment { at: micros, rescaled: true }), "{text}");
        }
        for text in ["12025-01-01 00:00:00", "999999-01-01", "56971-13-01", "56971-10-25 00:00:00.0001"] {
            assert!(matches!(read(text), Err(TimeError::Unreadable(_))), "{text}");
        }
    }

    #[test]
    fn what_lost_digits_or_was_read_in_the_wrong_unit_is_refused() {
        for text in ["1.70027E+12", "1.735689600e12", "1E9", "17e+11"] {
            assert_eq!(read(text), Err(TimeError::Exponent), "{text}");
        }
        for text in [
            "",
            "0",
            "20210420",
            "1970-01-20 18:04:49",
            "1735689600000000001",
            "1735689600000.0005",
            "99999999999999999999",
            "2025-02-30 00:00:00",
            "2025-01-01 24:00:00",
            "01/02/2025",
            "20.04.2021",
            "2021-04-20 10:00:00+02:00",
            "open_time",
            "-1735689600000",
        ] {
            assert!(matches!(read(text), Err(TimeError::Unreadable(_))), "{text}: {:?}", read(text));
        }
    }
}
