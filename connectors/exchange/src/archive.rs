//! The bulk archive: `/data/spot/{daily|monthly}/klines/SYMBOL/INTERVAL/SYMBOL-INTERVAL-PERIOD.zip` and its `.CHECKSUM`.
//!
//! A file is there from a day after its period's end on, by the market's clock, and if the tape has bars of it. Times are in
//! milliseconds before 2025 and in microseconds from then on, as the real archive has them. A number that the tape lacks is
//! an empty field. The same tape gives the same bytes. Limits and faults of REST do not apply.

use crate::{
    frames,
    grid::{self, Grid},
    server::Exchange,
    text::TimeUnit,
    view::Range,
};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use candleflow_schema::{
    Clock, Micros,
    time::{self, DAY, civil_from_days, days_from_civil},
};
use sha2::{Digest, Sha256};
use std::{io::Write, sync::Arc};
use zip::{ZipWriter, result::ZipError, write::SimpleFileOptions};

/// The route.
pub(crate) const ROUTE: &str = "/data/spot/{period}/klines/{symbol}/{interval}/{file}";
/// From 2025-01-01 on files count in microseconds.
const MICROS_FROM: Micros = 1_735_689_600_000_000;
const MISSING: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";

/// Answers a file or its CHECKSUM.
pub(crate) async fn answer(
    State(exchange): State<Arc<Exchange>>,
    Path((period, symbol, interval, file)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let missing = || (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/xml")], MISSING).into_response();
    let (zip_name, sum) = match file.strip_suffix(".CHECKSUM") {
        Some(name) => (name, true),
        None => (file.as_str(), false),
    };
    let base = format!("{symbol}-{interval}-");
    let label = zip_name.strip_suffix(".zip").and_then(|name| name.strip_prefix(&base));
    let Some(range) = label.and_then(|label| range(&period, label)) else { return missing() };
    let Some(csv) = csv(&exchange, &symbol, &interval, range) else { return missing() };
    let Ok(zip) = zipped(&zip_name.replace(".zip", ".csv"), &csv) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let hex: String = Sha256::digest(&zip).iter().map(|b| format!("{b:02x}")).collect();
    if sum {
        return format!("{hex}  {zip_name}\n").into_response();
    }
    let tag = format!("\"{hex}\"");
    if headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) == Some(&tag) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    ([(header::ETAG, tag), (header::CONTENT_TYPE, "application/zip".to_owned())], zip).into_response()
}

/// First instant of a day or month, and first instant after it.
fn range(period: &str, label: &str) -> Option<(Micros, Micros)> {
    match period {
        "daily" if label.len() == 10 => {
            let first = time::parse(label).ok()?;
            Some((first, first + DAY))
        }
        "monthly" if label.len() == 7 => {
            let first = time::parse(&format!("{label}-01")).ok()?;
            let (year, month, _) = civil_from_days(first.div_euclid(DAY));
            let after = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            Some((first, days_from_civil(after.0, after.1, 1) * DAY))
        }
        _ => None,
    }
}

/// The rows of a period; `None` before the file is published, and where there are no bars.
fn csv(exchange: &Exchange, symbol: &str, interval: &str, (from, after): (Micros, Micros)) -> Option<String> {
    let now = exchange.clock.now();
    if now < after + DAY {
        return None;
    }
    let listing = &exchange.market.listings()[exchange.market.find(symbol)?];
    // A month is `1mo` here, so that no disk takes it for a minute.
    let interval = grid::interval(if interval == "1mo" { "1M" } else { interval })?;
    let limit = listing.bars.open_times().len();
    let range = Range { from: Some(from), to: Some(after - 1), limit };
    let rows = exchange.market.rows(listing, Grid { interval, shift: 0 }, range, now);
    let unit = if from < MICROS_FROM { TimeUnit::Milli } else { TimeUnit::Micro };
    let mut csv = String::with_capacity(rows.len() * 150);
    for row in rows.iter().filter(|r| r.open_time >= from) {
        let mut line = String::with_capacity(170);
        frames::rest_row(&mut line, unit, row);
        csv.extend(line.replace("null", "").chars().filter(|c| !matches!(c, '[' | ']' | '"')));
        csv.push('\n');
    }
    (!csv.is_empty()).then_some(csv)
}

fn zipped(name: &str, csv: &str) -> Result<Vec<u8>, ZipError> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default().last_modified_time(zip::DateTime::default()))?;
    zip.write_all(csv.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_from_names() {
        let days = |period: &str, label: &str| range(period, label).map(|(a, b)| ((b - a) / DAY, time::format(b)));
        assert_eq!(days("daily", "2021-04-30"), Some((1, "2021-05-01T00:00:00Z".into())));
        assert_eq!(days("monthly", "2021-12"), Some((31, "2022-01-01T00:00:00Z".into())));
        assert_eq!(days("monthly", "2024-02"), Some((29, "2024-03-01T00:00:00Z".into())));
        for (period, label) in [("daily", "2021-04"), ("monthly", "2021-04-01"), ("weekly", "2021-04"), ("daily", "x")]
        {
            assert_eq!(days(period, label), None, "{period} {label}");
        }
    }
}
