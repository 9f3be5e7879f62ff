//! `GET /api/v3/klines` and `uiKlines`: `symbol*`, `interval*`, `startTime`, `endTime`, `timeZone` (0), `limit` (500, at
//! most 1000, more is cut).
//!
//! Bounds outside the exchange's life are clamped, not refused: a time in seconds becomes 2017-01-01.

use super::{
    Request,
    answer::ApiError,
    params::{self, Params},
};
use crate::{
    aggregate::Row,
    frames,
    grid::{self, Grid},
    market::Listing,
    view::Range,
};
use candleflow_schema::{Micros, time::SECOND};

/// Nothing is older than 2017-01-01.
const OLDEST: Micros = 1_483_228_800 * SECOND;
const DEFAULT: u64 = 500;
const MOST: u64 = 1_000;

pub(super) fn answer(request: &mut Request<'_>) -> Result<String, ApiError> {
    let params = &mut request.params;
    let symbol = params.mandatory("symbol")?;
    let interval = params.mandatory("interval")?;
    params::charset("symbol", &symbol)?;
    let market = &request.exchange.market;
    let listing = market.find(&symbol).ok_or_else(ApiError::symbol)?;
    let interval = grid::interval(&interval).ok_or_else(ApiError::interval)?;
    let clamp = |t: Micros| t.clamp(OLDEST, request.now.max(OLDEST));
    let from = params.time("startTime")?.map(|t| t.max(OLDEST));
    let to = params.time("endTime")?.map(clamp);
    let limit = match params.number("limit")? {
        Some(0) => return Err(ApiError::invalid("limit")),
        limit => limit.unwrap_or(DEFAULT).min(MOST) as usize,
    };
    let shift = zone(params)?;
    params.all_read()?;
    let grid = Grid { interval, shift };
    let rows = lagging(request, &market.listings()[listing], grid, Range { from, to, limit });
    let mut body = String::with_capacity(16 + rows.len() * 170);
    body.push('[');
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        frames::rest_row(&mut body, request.unit, row);
    }
    body.push(']');
    Ok(body)
}

/// The rows as of now, or as a lagging exchange shows them.
fn lagging(request: &Request<'_>, listing: &Listing, grid: Grid, range: Range) -> Vec<Row> {
    let (market, now) = (&request.exchange.market, request.now);
    let Some(lag) = request.exchange.faults.borrow().rest.lag else {
        return market.rows(listing, grid, range, now);
    };
    let then = now - (lag.seconds * SECOND as f64) as Micros;
    let open = grid.open_of(then);
    // Only in the first seconds after a bar; later all is up to date.
    let just_closed = grid.close_of(open) <= now;
    match (just_closed, lag.missing) {
        (false, _) => market.rows(listing, grid, range, now),
        (true, false) => market.rows(listing, grid, range, then),
        (true, true) => {
            let to = Some(range.to.unwrap_or(Micros::MAX).min(open - 1));
            market.rows(listing, grid, Range { to, ..range }, now)
        }
    }
}

/// The offset of `timeZone`: `8`, `-3`, `05:30`, from -12:00 to 14:00.
fn zone(params: &mut Params) -> Result<Micros, ApiError> {
    let Some(text) = params.optional("timeZone")? else { return Ok(0) };
    let invalid = || ApiError::invalid("timeZone");
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        // A plus sign in a query that was not percent-encoded arrives as a space.
        None => (1, text.strip_prefix(['+', ' ']).unwrap_or(text)),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
    let number = |text: &str, most: usize| -> Option<i64> {
        let digits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let hours = number(hours, 2).ok_or_else(invalid)?;
    let minutes = number(minutes, 2).filter(|m| *m < 60).ok_or_else(invalid)?;
    let total = sign * (hours * 60 + minutes);
    if (-12 * 60..=14 * 60).contains(&total) { Ok(total * 60 * SECOND) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_are_read() {
        let minutes = |text: &str| {
            let mut params = Params::parse(&format!("timeZone={text}")).unwrap();
            zone(&mut params).map(|z| z / (60 * SECOND)).map_err(|e| e.code)
        };
        assert_eq!(minutes("8"), Ok(480));
        assert_eq!(minutes("%2B08:00"), Ok(480));
        assert_eq!(minutes("+5:45"), Ok(345));
        assert_eq!(minutes("-3:30"), Ok(-210));
        assert_eq!(minutes("-12:00"), Ok(-720));
        for bad in ["15", "-12:01", "x", "1:60", "123", ":30", "8:"] {
            assert_eq!(minutes(bad), Err(-1130), "{bad}");
        }
    }
}
