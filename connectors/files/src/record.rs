//! The cells of a record to a bar. Every number is read by the one function in `schema`; none is made up.

use crate::{
    cells::Cells,
    columns::Role,
    times::{self, Moment, TimeError},
};
use candleflow_schema::{Bar, Defect, Interval, Micros, Origin, Symbol, decimal, time};

/// A bar from its cells.
///
/// # Errors
/// The first defect found.
pub(crate) fn bar(
    cells: &Cells<'_>,
    open_time: Micros,
    symbol: &Symbol,
    interval: Interval,
    origin: Origin,
) -> Result<Bar, Defect> {
    let amount = |role: Role, name| cells.some(role).map(|text| Defect::quantity(name, text)).transpose();
    let bar = Bar {
        symbol: symbol.clone(),
        interval,
        open_time,
        open: Defect::price("open", cells.get(Role::Open))?,
        high: Defect::price("high", cells.get(Role::High))?,
        low: Defect::price("low", cells.get(Role::Low))?,
        close: Defect::price("close", cells.get(Role::Close))?,
        volume: Defect::quantity("volume", cells.get(Role::Volume))?,
        quote_volume: amount(Role::QuoteVolume, "quote_volume")?,
        trades: trades(cells)?,
        taker_buy_volume: amount(Role::TakerBuy, "taker_buy_volume")?,
        taker_buy_quote_volume: amount(Role::TakerBuyQuote, "taker_buy_quote_volume")?,
        origin,
    };
    bar.validate()?;
    Ok(bar)
}

/// A count; `12.0` is one too, as pandas writes a column that has gaps.
fn trades(cells: &Cells<'_>) -> Result<Option<i64>, Defect> {
    let Some(text) = cells.some(Role::Trades) else { return Ok(None) };
    if let Ok(count) = text.parse() {
        return Ok(Some(count));
    }
    let scaled = Defect::quantity("trades", text)?;
    match i64::try_from(scaled / decimal::SCALE) {
        Ok(count) if scaled % decimal::SCALE == 0 => Ok(Some(count)),
        _ => Err(Defect::Shape(format!("column trades: '{text}' is not a count"))),
    }
}

/// Whether the mean price paid, quote volume by volume, lies where the bar says that the price was. Where it does not,
/// the two are in other units than the columns say: contracts of futures, or columns that changed places.
pub(crate) fn fair_price(bar: &Bar) -> bool {
    let (Some(quote), true) = (bar.quote_volume, bar.volume > 0) else { return true };
    let mean = quote as f64 / bar.volume as f64 * decimal::SCALE as f64;
    // Rounded volumes of the smallest trades are off by more than the rest.
    let slack = 0.01 + 1.0 / bar.volume as f64 + 1.0 / (quote as f64 + 1.0);
    mean >= bar.low as f64 * (1.0 - slack) && mean <= bar.high as f64 * (1.0 + slack)
}

/// When the bar opens.
pub(crate) fn open_time(cells: &Cells<'_>) -> Result<Moment, TimeError> {
    times::read(&cells.open_time())
}

/// When the bar says that it closed, if it does.
pub(crate) fn close_time(cells: &Cells<'_>) -> Result<Option<Micros>, Defect> {
    let Some(text) = cells.some(Role::CloseTime) else { return Ok(None) };
    match times::read(text) {
        Ok(moment) => Ok(Some(moment.at)),
        Err(error) => Err(Defect::Time(format!("column close_time: {}", error.reason(text)))),
    }
}

/// A close time is not stored, but must not contradict the bar: a halt may cut a bar short, nothing makes it longer.
pub(crate) fn check_close(cells: &Cells<'_>, open: Micros, interval: Interval) -> Result<(), Defect> {
    let Some(close) = close_time(cells)? else { return Ok(()) };
    if close < open {
        return Err(Defect::Time(format!("close_time {} is before the bar opens", time::format(close))));
    }
    let end = interval.close_of(open);
    if close > end {
        let (close, end) = (time::format(close), time::format(end));
        return Err(Defect::Time(format!("close_time {close} is after the end of the {interval} bar, {end}")));
    }
    Ok(())
}
