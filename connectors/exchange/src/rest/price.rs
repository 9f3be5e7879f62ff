//! `GET /api/v3/ticker/price`: `symbol` (an object) or `symbols` or neither (an array), `symbolStatus`.
//!
//! The price of a symbol whose first bar is still to come is `null`.

use super::{Request, answer::ApiError, info, params};
use crate::{market::Listing, text::quoted};

/// Names accepted in `symbols`.
const MOST_SYMBOLS: usize = 1_000;

pub(super) fn answer(request: &mut Request<'_>) -> Result<String, ApiError> {
    let params = &mut request.params;
    let symbol = params.optional("symbol")?.map(str::to_owned);
    let symbols = params.list("symbols", MOST_SYMBOLS)?;
    if let Some(symbol) = &symbol {
        params::charset("symbol", symbol)?;
    }
    let both = symbol.is_some() && symbols.is_some();
    let chosen = info::choose(request, symbol.as_deref(), symbols)?;
    let status = info::status(request.params.optional("symbolStatus")?)?;
    if both {
        return Err(ApiError::combination());
    }
    request.params.all_read()?;
    let chosen = info::with_status(request, chosen, symbol.is_some(), status)?;
    let mut body = String::with_capacity(16 + chosen.len() * 48);
    if symbol.is_some() {
        chosen.iter().for_each(|listing| describe(&mut body, request, listing));
        return Ok(body);
    }
    body.push('[');
    for (i, listing) in chosen.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        describe(&mut body, request, listing);
    }
    body.push(']');
    Ok(body)
}

fn describe(out: &mut String, request: &Request<'_>, listing: &Listing) {
    out.push_str("{\"symbol\":\"");
    out.push_str(&listing.instrument.symbol);
    out.push_str("\",\"price\":");
    quoted(out, request.exchange.market.price(listing, request.now).map(i128::from));
    out.push('}');
}
