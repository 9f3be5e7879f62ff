//! Dates of UTC times, as people read them.

use candleflow_schema::{Micros, time};

/// Year, month and day.
pub(crate) fn date(at: Micros) -> (i64, u32, u32) {
    let text = time::format(at);
    let mut parts = text.splitn(3, '-');
    let mut number = |n: usize| parts.next().and_then(|p| p.get(..n.min(p.len()))).and_then(|p| p.parse::<i64>().ok());
    let (year, month, day) = (number(usize::MAX), number(2), number(2));
    (year.unwrap_or(1970), month.unwrap_or(1) as u32, day.unwrap_or(1) as u32)
}

/// `2021-05-19 12:30`.
pub(crate) fn minute(at: Micros) -> String {
    let text = time::format(at);
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {}", clock.get(..5).unwrap_or(clock))
}

/// The names of months.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The start of a month, counted from January of year 0.
pub(crate) fn month_start(months: i64) -> Micros {
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    time::parse(&format!("{year:04}-{month:02}-01")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_text() {
        let at = time::parse("2021-05-19T12:30:59").unwrap();
        assert_eq!(date(at), (2021, 5, 19));
        assert_eq!(minute(at), "2021-05-19 12:30");
        assert_eq!(month_start(2021 * 12 + 11), time::parse("2021-12-01").unwrap());
    }
}
