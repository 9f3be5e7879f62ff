//! Numbers as the exchange writes them, appended without allocation.

use candleflow_schema::Micros;
use std::fmt::Write as _;

const UNIT: u128 = 100_000_000;

/// The unit in which a client wants times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TimeUnit {
    #[default]
    Milli,
    Micro,
}

impl TimeUnit {
    /// Reads the value of `X-MBX-TIME-UNIT` or `timeUnit`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "MILLISECOND" | "millisecond" => Some(TimeUnit::Milli),
            "MICROSECOND" | "microsecond" => Some(TimeUnit::Micro),
            _ => None,
        }
    }

    /// A moment in this unit.
    pub(crate) fn of(self, time: Micros) -> i64 {
        match self {
            TimeUnit::Milli => time.div_euclid(1_000),
            TimeUnit::Micro => time,
        }
    }

    /// The last moment before `time` in this unit: `…999` or `…999999`.
    pub(crate) fn before(self, time: Micros) -> i64 {
        match self {
            TimeUnit::Milli => time.div_euclid(1_000) - 1,
            TimeUnit::Micro => time - 1,
        }
    }
}

/// Appends a value scaled by 10^8 with all eight places.
pub(crate) fn decimal(out: &mut String, value: i128) {
    if value < 0 {
        out.push('-');
    }
    let (whole, behind) = match u64::try_from(value.unsigned_abs()) {
        Ok(small) => (u128::from(small / UNIT as u64), small % UNIT as u64),
        Err(_) => (value.unsigned_abs() / UNIT, (value.unsigned_abs() % UNIT) as u64),
    };
    match u64::try_from(whole) {
        Ok(small) => digits(out, small),
        // Writing to a String cannot fail.
        Err(_) => drop(write!(out, "{whole}")),
    }
    out.push('.');
    let mut places = [b'0'; 8];
    let mut rest = behind;
    for place in places.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend(places.iter().map(|b| char::from(*b)));
}

/// Appends a quoted decimal, or `null` for what is not known.
pub(crate) fn quoted(out: &mut String, value: Option<i128>) {
    let Some(value) = value else { return out.push_str("null") };
    out.push('"');
    decimal(out, value);
    out.push('"');
}

/// Appends an integer, or `null` for what is not known.
pub(crate) fn maybe(out: &mut String, value: Option<i64>) {
    match value {
        Some(value) => integer(out, value),
        None => out.push_str("null"),
    }
}

/// Appends an integer.
pub(crate) fn integer(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    digits(out, value.unsigned_abs());
}

fn digits(out: &mut String, mut value: u64) {
    let mut buffer = [0u8; 20];
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend(buffer[at..].iter().map(|b| char::from(*b)));
}

/// A decimal as a text of its own.
pub(crate) fn decimal_text(value: i128) -> String {
    let mut text = String::with_capacity(24);
    decimal(&mut text, value);
    text
}

/// Reads an epoch sent by a client, told apart by its size: from 10^14 on it is in microseconds.
pub(crate) fn epoch(value: i64) -> Micros {
    const MICROS_FROM: i64 = 100_000_000_000_000;
    // The end of the year 9999: far beyond any market, and far from overflow.
    const LIMIT: Micros = 253_402_300_799_999_999;
    if value >= MICROS_FROM { value.min(LIMIT) } else { value.saturating_mul(1_000).min(LIMIT) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::decimal::to_text;
    use proptest::prelude::*;

    #[test]
    fn a_bar_ends_in_nines() {
        assert_eq!(TimeUnit::Milli.before(1_767_225_660_000_000), 1_767_225_659_999);
        assert_eq!(TimeUnit::Micro.before(1_767_225_660_000_000), 1_767_225_659_999_999);
        assert_eq!(TimeUnit::parse("Microsecond"), None);
    }

    #[test]
    fn an_epoch_is_milliseconds_or_microseconds() {
        assert_eq!(epoch(1_767_225_660_000), 1_767_225_660_000_000);
        assert_eq!(epoch(1_767_225_660_000_000), 1_767_225_660_000_000);
        assert!(epoch(i64::MAX) > 1_767_225_660_000_000);
        assert!(epoch(99_999_999_999_999) > 0);
    }

    proptest! {
        #[test]
        fn decimals_are_written_as_the_leaf_crate_writes_them(value in -10i128.pow(27)..10i128.pow(27)) {
            prop_assert_eq!(decimal_text(value), to_text(value, 8, 8));
        }

        #[test]
        fn integers_are_written_as_the_standard_library_writes_them(value in any::<i64>()) {
            let mut text = String::new();
            integer(&mut text, value);
            prop_assert_eq!(text, value.to_string());
        }
    }
}
