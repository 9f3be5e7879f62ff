//! `GET /api/v3/exchangeInfo`: `symbol` or `symbols` or `permissions`, `showPermissionSets`, `symbolStatus`.
//!
//! A symbol is `TRADING` from its first bar on, and `BREAK` before it and after its last bar if others go on. Filters
//! are those that a simulated order needs: `PRICE_FILTER`, `LOT_SIZE`, `NOTIONAL`.

use super::{Request, answer::ApiError, answer::rate_limits, params};
use crate::{
    instrument::Instrument,
    market::Listing,
    text::{decimal_text, integer},
};

/// Names accepted in `symbols`.
const MOST_SYMBOLS: usize = 1_000;
const MAX_PRICE: i128 = 100_000_000_000_000_000;
const MAX_QUANTITY: i128 = 900_000_000_000_000_000;
const MAX_NOTIONAL: i128 = 900_000_000_000_000;

pub(super) fn answer(request: &mut Request<'_>) -> Result<String, ApiError> {
    let params = &mut request.params;
    let symbol = params.optional("symbol")?.map(str::to_owned);
    let symbols = params.list("symbols", MOST_SYMBOLS)?;
    let permissions = params.optional("permissions")?.map(str::to_owned);
    let sets = params.boolean("showPermissionSets")?.unwrap_or(true);
    if let Some(symbol) = &symbol {
        params::charset("symbol", symbol)?;
    }
    let chosen = choose(request, symbol.as_deref(), symbols)?;
    let status = status(request.params.optional("symbolStatus")?)?;
    let several = request.params.optional("symbols")?.is_some();
    if [symbol.is_some(), several, permissions.is_some()].iter().filter(|sent| **sent).count() > 1 {
        return Err(ApiError::combination());
    }
    request.params.all_read()?;
    let mut chosen = with_status(request, chosen, symbol.is_some(), status)?;
    if permissions.is_some_and(|p| !p.contains("SPOT")) {
        chosen.clear();
    }

    let mut body = String::with_capacity(256 + chosen.len() * 1_200);
    body.push_str("{\"timezone\":\"UTC\",\"serverTime\":");
    integer(&mut body, request.unit.of(request.now));
    body.push_str(",\"rateLimits\":");
    body.push_str(&rate_limits(&request.exchange.limits));
    body.push_str(",\"exchangeFilters\":[],\"symbols\":[");
    for (i, listing) in chosen.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        describe(&mut body, &listing.instrument, state_of(request, listing), sets);
    }
    body.push_str("]}");
    Ok(body)
}

/// The listings that a request names: one, several, or all.
pub(super) fn choose<'a>(
    request: &Request<'a>,
    symbol: Option<&str>,
    symbols: Option<Vec<String>>,
) -> Result<Vec<&'a Listing>, ApiError> {
    let market = &request.exchange.market;
    let find = |name: &str| market.find(name).map(|i| &market.listings()[i]).ok_or_else(ApiError::symbol);
    match (symbol, symbols) {
        (Some(name), _) => Ok(vec![find(name)?]),
        (None, Some(names)) => names.iter().map(|name| find(name)).collect(),
        (None, None) => Ok(market.listings().iter().collect()),
    }
}

/// The value of `symbolStatus`.
pub(super) fn status(text: Option<&str>) -> Result<Option<&'static str>, ApiError> {
    match text {
        None => Ok(None),
        Some(text) => match ["TRADING", "HALT", "BREAK"].into_iter().find(|s| *s == text) {
            Some(status) => Ok(Some(status)),
            None => Err(ApiError::symbol_status()),
        },
    }
}

/// Those of the given status; a single symbol of another one is an error.
pub(super) fn with_status<'a>(
    request: &Request<'_>,
    mut listings: Vec<&'a Listing>,
    single: bool,
    status: Option<&str>,
) -> Result<Vec<&'a Listing>, ApiError> {
    if let Some(status) = status {
        listings.retain(|l| state_of(request, l) == status);
        if single && listings.is_empty() {
            return Err(ApiError::other_status());
        }
    }
    Ok(listings)
}

fn state_of(request: &Request<'_>, listing: &Listing) -> &'static str {
    if request.exchange.market.trades_at(listing, request.now) { "TRADING" } else { "BREAK" }
}

fn describe(out: &mut String, instrument: &Instrument, status: &str, sets: bool) {
    let Instrument { symbol, base, quote, tick, step, min_notional } = instrument;
    let (tick, step) = (decimal_text(i128::from(*tick)), decimal_text(i128::from(*step)));
    let (least, most) = (decimal_text(*min_notional), decimal_text(MAX_NOTIONAL));
    let (max_price, max_quantity) = (decimal_text(MAX_PRICE), decimal_text(MAX_QUANTITY));
    out.push_str(&format!(
        concat!(
            r#"{{"symbol":"{}","status":"{}","baseAsset":"{}","baseAssetPrecision":8,"quoteAsset":"{}","quotePrecision":8,"#,
            r#""quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"#,
            r#""orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS","STOP_LOSS_LIMIT","TAKE_PROFIT","TAKE_PROFIT_LIMIT"],"#,
            r#""icebergAllowed":true,"ocoAllowed":true,"otoAllowed":true,"opoAllowed":true,"quoteOrderQtyMarketAllowed":true,"#,
            r#""allowTrailingStop":true,"cancelReplaceAllowed":true,"amendAllowed":true,"pegInstructionsAllowed":true,"#,
            r#""isSpotTradingAllowed":true,"isMarginTradingAllowed":false,"filters":["#,
            r#"{{"filterType":"PRICE_FILTER","minPrice":"{}","maxPrice":"{}","tickSize":"{}"}},"#,
            r#"{{"filterType":"LOT_SIZE","minQty":"{}","maxQty":"{}","stepSize":"{}"}},"#,
            r#"{{"filterType":"NOTIONAL","minNotional":"{}","applyMinToMarket":true,"maxNotional":"{}","applyMaxToMarket":false,"avgPriceMins":5}}],"#,
            r#""permissions":[],{}"defaultSelfTradePreventionMode":"EXPIRE_MAKER","#,
            r#""allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","EXPIRE_BOTH","DECREMENT","TRANSFER"]}}"#,
        ),
        symbol,
        status,
        base,
        quote,
        tick,
        max_price,
        tick,
        step,
        max_quantity,
        step,
        least,
        most,
        if sets { r#""permissionSets":[["SPOT"]],"# } else { "" },
    ));
}
