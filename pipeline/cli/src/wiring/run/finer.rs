//! The finer bars of `path: detail`, beside the pipeline's own.

use super::prepare::Prepared;
use candleflow_lake::{At, Lake, Order, Read, Span};
use candleflow_runtime::Detailed;
use candleflow_schema::{Interval, Micros, Source, Symbol};

/// The event time after which finer bars can lie inside a bar of this length whose event time is after `from`. Bars off the
/// grid begin at most one length earlier.
pub(crate) fn begins(interval: Interval, from: Micros) -> Micros {
    if from == Micros::MIN { from } else { interval.open_of(interval.open_of(from) - 1) }
}

/// A symbol's bars with the finer ones inside them.
pub(crate) fn joined(symbol: &Symbol, from: Micros, bars: Box<dyn Source>, finer: Box<dyn Source>) -> Box<dyn Source> {
    let finer = vec![(vec![symbol.clone()], finer)];
    Box::new(Detailed::new(std::slice::from_ref(symbol), &[0], from, bars, finer))
}

/// The finer bars of a symbol in the lake, if the pipeline wants them. Bars at or before `from` are warm-up.
pub(crate) async fn of_history(
    prepared: &Prepared,
    lake: &Lake,
    symbol: &Symbol,
    (from, to): (Micros, Micros),
    at: &At,
) -> anyhow::Result<Option<Box<dyn Source>>> {
    let Some(detail) = prepared.detail() else { return Ok(None) };
    let spans = vec![Span { symbol: symbol.clone(), from: begins(prepared.interval(), from), to }];
    let read = Read { spans, ..Read::of(detail, &[], 0, 0).at(at.clone()) };
    Ok(Some(Box::new(lake.source(&read, Order::BySymbol, None).await?)))
}

/// `bars` of a symbol, with the finer ones of the lake if the pipeline wants them.
pub(crate) async fn over_history(
    prepared: &Prepared,
    lake: &Lake,
    symbol: &Symbol,
    window: (Micros, Micros),
    at: &At,
    bars: Box<dyn Source>,
) -> anyhow::Result<Box<dyn Source>> {
    Ok(match of_history(prepared, lake, symbol, window, at).await? {
        Some(finer) => joined(symbol, window.0, bars, finer),
        None => bars,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::time::parse;

    #[test]
    fn finer_bars_are_read_from_where_the_first_bar_may_open() {
        let quarter: Interval = "15m".parse().unwrap();
        for (from, first) in [("10:07", "09:45"), ("10:15", "10:00"), ("10:14:59", "09:45")] {
            let at = |text: &str| parse(&format!("2021-04-25T{text}")).unwrap();
            assert_eq!(begins(quarter, at(from)), at(first), "{from}");
        }
        assert_eq!(begins(quarter, Micros::MIN), Micros::MIN);
    }
}
