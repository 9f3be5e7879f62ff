//! `GET /api/v3/aggTrades`: `symbol*`, `fromId` or `startTime` and `endTime` (all inclusive), `limit` (500, at most 1000).
//!
//! Ascending, the oldest first where a beginning is named, else the newest. Ids are consecutive per symbol from 1 on.

use super::{Request, answer::ApiError, params};
use crate::{
    market::{Listing, Market},
    path,
    text::{decimal, integer},
};
use candleflow_schema::Micros;

const DEFAULT: u64 = 500;
const MOST: u64 = 1_000;

pub(super) fn answer(request: &mut Request<'_>) -> Result<String, ApiError> {
    let params = &mut request.params;
    let symbol = params.mandatory("symbol")?;
    params::charset("symbol", &symbol)?;
    let market = &request.exchange.market;
    let listing = &market.listings()[market.find(&symbol).ok_or_else(ApiError::symbol)?];
    let from_id = params.number("fromId")?;
    let (from, to) = (params.time("startTime")?, params.time("endTime")?);
    let limit = match params.number("limit")? {
        Some(0) => return Err(ApiError::invalid("limit")),
        limit => limit.unwrap_or(DEFAULT).min(MOST) as usize,
    };
    if from_id.is_some() && (from.is_some() || to.is_some()) {
        return Err(ApiError::combination());
    }
    params.all_read()?;
    let until = to.unwrap_or(request.now).min(request.now);
    let bars = &listing.bars;
    let first = match (from_id, from) {
        (Some(id), _) => bars.bar_of_aggregate(id.saturating_sub(1)),
        (None, Some(from)) => bars.open_times().partition_point(|o| *o <= from).saturating_sub(2),
        (None, None) => {
            // Every bar with volume has at least one, every bar at most eight.
            let last = bars.open_times().partition_point(|o| *o <= until);
            newest(listing, last, limit)
        }
    };
    let wanted = |trade: &Trade| {
        from_id.is_none_or(|id| trade.id as u64 >= id) && from.is_none_or(|from| trade.part.time >= from)
    };
    let mut trades: Vec<Trade> = of_bars(market, listing, first)
        .take_while(|t| t.part.time <= until)
        .filter(wanted)
        .take(if from_id.is_some() || from.is_some() { limit } else { usize::MAX })
        .collect();
    trades.drain(..trades.len().saturating_sub(limit));
    let mut body = String::with_capacity(16 + trades.len() * 130);
    body.push('[');
    for (i, trade) in trades.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        describe(&mut body, trade, request.unit.of(trade.part.time));
    }
    body.push(']');
    Ok(body)
}

struct Trade {
    id: i64,
    ids: (i64, i64),
    part: path::Part,
}

/// The bar from which on there are at least `limit` aggregate trades up to bar `last`, and one more bar for those of it
/// that have not happened yet.
fn newest(listing: &Listing, last: usize, limit: usize) -> usize {
    let Some(end) = last.checked_sub(1) else { return 0 };
    let wanted = u64::from(listing.bars.before(end).1).saturating_sub(limit as u64);
    listing.bars.bar_of_aggregate(wanted).min(end)
}

/// The aggregate trades from bar `first` on, in time order.
fn of_bars<'a>(market: &'a Market, listing: &'a Listing, first: usize) -> impl Iterator<Item = Trade> + 'a {
    (first..listing.bars.len()).flat_map(move |i| {
        let ticks = listing.bars.ticks(i, market.interval(), listing.instrument.step);
        let (mut trade, aggregate) = listing.bars.before(i);
        path::parts(&ticks).into_iter().zip(i64::from(aggregate) + 1..).map(move |(part, id)| {
            let ids = (trade + 1, trade + part.trades);
            trade = ids.1;
            Trade { id, ids, part }
        })
    })
}

fn describe(out: &mut String, trade: &Trade, time: Micros) {
    out.push_str("{\"a\":");
    integer(out, trade.id);
    out.push_str(",\"p\":\"");
    decimal(out, i128::from(trade.part.price));
    out.push_str("\",\"q\":\"");
    decimal(out, trade.part.quantity);
    out.push_str("\",\"f\":");
    integer(out, trade.ids.0);
    out.push_str(",\"l\":");
    integer(out, trade.ids.1);
    out.push_str(",\"T\":");
    integer(out, time);
    out.push_str(if trade.part.sold { ",\"m\":true,\"M\":true}" } else { ",\"m\":false,\"M\":true}" });
}
