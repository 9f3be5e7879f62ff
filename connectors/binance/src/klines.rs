//! Bars of a range over REST, page after page, and which of them are final.
//!
//! A row is final when it was over `grace` before the request was sent, by the exchange's clock. The first row that is
//! not final is reported as [`KlinePage::later`]: that it exists shows that the market has moved on to it. The first
//! page is asked for alone, so that the years before a listing cost one request; then chunks of 1000 bars are read
//! [`ahead`](crate::RestConfig::ahead) at a time and come out in order.

use crate::{error::BinanceError, parse, rest::RestClient};
use candleflow_schema::{Bar, Interval, Micros, Quarantined, Symbol};
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

/// Rows of one request.
pub const LIMIT: usize = 1000;
/// What one request for klines weighs.
const WEIGHT: u32 = 2;
/// The unit of the exchange's times.
pub(crate) const MILLI: Micros = 1000;

/// What REST said of a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KlinePage {
    /// Every final bar that opened from here ...
    pub from: Micros,
    /// ... to here, both included, is in `bars`.
    pub to: Micros,
    /// In rising order.
    pub bars: Vec<Bar>,
    /// Open time of the first row that was not final.
    pub later: Option<Micros>,
    /// What the exchange's clock had surely passed before the request was sent.
    pub asked_at: Micros,
    /// Rows that cannot be used.
    pub quarantined: Vec<Quarantined>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Range {
    /// The instrument.
    pub symbol: Symbol,
    /// The length of bar.
    pub interval: Interval,
    /// Open times from here ...
    pub from: Micros,
    /// ... to here, both included.
    pub to: Micros,
}

impl RestClient {
    /// The first up to 1000 final bars of `range`.
    ///
    /// # Errors
    /// See [`BinanceError`].
    pub async fn klines_page(&self, range: &Range) -> Result<KlinePage, BinanceError> {
        Ok(self.page(range).await?.0)
    }

    /// The page, and whether the exchange cut it at its limit.
    async fn page(&self, range: &Range) -> Result<(KlinePage, bool), BinanceError> {
        let (from, to) = (range.from.max(0), range.to.max(0));
        let query = [
            ("symbol", range.symbol.to_string()),
            ("interval", range.interval.name().to_owned()),
            ("startTime", from.div_euclid(MILLI).to_string()),
            ("endTime", to.div_euclid(MILLI).to_string()),
            ("limit", LIMIT.to_string()),
        ];
        let source = format!("klines {} {}", range.symbol, range.interval);
        let read = |body: &[u8]| parse::klines(body, &source, &range.symbol, range.interval);
        let (rows, asked_at) = self.get("klines", &query, WEIGHT, read).await?;
        let cut = rows.count >= LIMIT;
        let grace = self.config.grace.as_micros() as Micros;
        let is_final = |row: &parse::Row| row.over + grace <= asked_at;
        let later = rows.rows.iter().find(|row| !is_final(row)).map(|row| row.bar.open_time);
        let end = match (cut, rows.last_open) {
            (true, Some(last)) => last,
            (true, None) => return Err(self.unreadable("klines", "no row has a readable open time".into())),
            (false, _) => range.to,
        };
        let page = KlinePage {
            from: range.from,
            to: later.map_or(end, |later| end.min(later - MILLI)),
            bars: rows.rows.into_iter().take_while(is_final).map(|row| row.bar).collect(),
            later,
            asked_at,
            quarantined: rows.quarantined,
        };
        Ok((page, cut && later.is_none()))
    }

    /// Every page of `range`, in order. It ends after an error, and after the first page with a row that is not final.
    pub fn klines_pages(&self, range: Range) -> BoxStream<'static, Result<KlinePage, BinanceError>> {
        let client = self.clone();
        let first = {
            let (client, range) = (client.clone(), range.clone());
            stream::once(async move { client.page(&range).await })
        };
        first
            .flat_map(move |first| match first {
                Err(error) => stream::iter([Err(error)]).boxed(),
                Ok((page, more)) => {
                    let rest = if more { chunks(&range, page.to + MILLI) } else { Vec::new() };
                    let (client, ahead) = (client.clone(), client.config.ahead.max(1));
                    let rest = stream::iter(rest)
                        .map(move |chunk| client.clone().chunk(chunk))
                        .buffered(ahead)
                        .flat_map(|pages| stream::iter(flatten(pages)));
                    stream::iter([Ok(page)]).chain(rest).boxed()
                }
            })
            .scan(false, |ended, page| {
                let next = (!*ended).then_some(page);
                *ended = next.as_ref().is_some_and(|p| p.as_ref().map_or(true, |p| p.later.is_some()));
                futures::future::ready(next)
            })
            .boxed()
    }

    /// The final bars that opened in `from..=to`, in order, at most 1000 at a time.
    pub fn klines_range(
        &self,
        symbol: Symbol,
        interval: Interval,
        from: Micros,
        to: Micros,
    ) -> impl Stream<Item = Result<Vec<Bar>, BinanceError>> + use<> {
        self.klines_pages(Range { symbol, interval, from, to }).map(|page| page.map(|p| p.bars))
    }

    /// A chunk holds at most 1000 bars of the grid; bars off the grid may make it more than one page.
    async fn chunk(self, mut range: Range) -> Result<Vec<KlinePage>, BinanceError> {
        let mut pages = Vec::new();
        loop {
            let (page, more) = self.page(&range).await?;
            range.from = page.to + MILLI;
            pages.push(page);
            if !more || range.from > range.to {
                return Ok(pages);
            }
        }
    }
}

fn flatten(pages: Result<Vec<KlinePage>, BinanceError>) -> Vec<Result<KlinePage, BinanceError>> {
    match pages {
        Ok(pages) => pages.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// Cuts what is left of `range` after `from` into chunks of 1000 bars.
fn chunks(range: &Range, from: Micros) -> Vec<Range> {
    let step = range.interval.nominal() * LIMIT as i64;
    let starts = std::iter::successors(Some(from), |start| Some(start + step)).take_while(|start| *start <= range.to);
    starts.map(|from| Range { from, to: range.to.min(from + step - MILLI), ..range.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::time::{DAY, SECOND};
    use proptest::prelude::*;

    #[test]
    fn chunks_of_a_month_of_seconds() {
        let range = Range { symbol: "X".into(), interval: Interval::Fixed(SECOND), from: 0, to: DAY };
        let cut = chunks(&range, 500 * SECOND);
        assert_eq!(cut.len(), 86);
        assert_eq!((cut[0].from, cut[0].to), (500 * SECOND, 1500 * SECOND - MILLI));
        assert_eq!(cut[85].to, DAY);
        assert!(chunks(&range, DAY + 1).is_empty());
    }

    proptest! {
        #[test]
        fn chunks_cover_the_range_once(from in 0i64..1_000_000, length in 0i64..100_000_000) {
            let (from, to) = (from * MILLI, (from + length) * MILLI);
            let cut = chunks(&Range { symbol: "X".into(), interval: Interval::M1, from, to }, from);
            prop_assert_eq!(cut.first().map(|c| c.from), Some(from));
            prop_assert_eq!(cut.last().map(|c| c.to), Some(to));
            prop_assert!(cut.windows(2).all(|w| w[0].to + MILLI == w[1].from));
        }
    }
}
