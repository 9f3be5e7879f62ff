//! Live input: the lake, then the topic, with one border that is decided once.
//!
//! ```text
//!  lake    ───────── bars ─────────┐ border, per symbol
//!  topic                           └ first bar ───────── bars, complete ────────►
//! ```
//! The border of a symbol is the event time before the first record that the topic holds of it; an empty topic is waited
//! for. All rows of the lake come first, in total order, then the topic. A jump at the border that no coverage explains is
//! a hole: the run stops and names it.

use crate::exit::usage;
use async_trait::async_trait;
use candleflow_lake::{Lake, LakeSource, Order, Read, Span};
use candleflow_schema::{ConnectorError, Input, Interval, KlineRecord, Micros, Source, Symbol, time};
use candleflow_topics::{Log, klines};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long one read waits.
const WAIT: Duration = Duration::from_millis(500);
/// How often a run that waits says so.
const SAY: Duration = Duration::from_secs(10);

/// The border of each symbol, and what the topic holds up to `from`.
pub(crate) struct Border {
    /// Rows at or before this event time come from the lake.
    pub(crate) after: BTreeMap<Symbol, Micros>,
    /// Event times of the topic's bars at or before `from`, per symbol: part of the warm-up.
    pub(crate) early: BTreeMap<Symbol, Vec<Micros>>,
}

/// Finds the borders: waits until the topic holds something of every symbol.
pub(crate) async fn decide(
    log: &Arc<dyn Log>,
    interval: Interval,
    symbols: &[Symbol],
    from: Micros,
    cancel: &CancellationToken,
) -> anyhow::Result<Border> {
    let topic = klines::topic_of(interval);
    let mut said = Instant::now();
    while log.topic(&topic).await?.is_none() {
        wait(&mut said, &format!("the topic {topic}"), cancel).await?;
    }
    let mut reader = klines::reader_from_start(&**log, &topic).await?;
    let mut border = Border { after: BTreeMap::new(), early: BTreeMap::new() };
    let mut passed: BTreeMap<Symbol, bool> = symbols.iter().map(|s| (s.clone(), false)).collect();
    loop {
        let batch = tokio::select! {
            () = cancel.cancelled() => return Err(candleflow_runtime::RunError::Cancelled.into()),
            batch = reader.next_batch(50_000, WAIT) => batch?,
        };
        for record in batch.iter().filter_map(|d| klines::decode(d).ok()) {
            let Some(passed) = passed.get_mut(record.symbol()) else { continue };
            let before = match &record {
                KlineRecord::Bar(bar) => bar.open_time,
                KlineRecord::Complete { time, .. } => time - 1,
            };
            border.after.entry(record.symbol().clone()).or_insert(before);
            *passed |= record.time() > from;
            if let KlineRecord::Bar(bar) = &record
                && bar.time() <= from
            {
                border.early.entry(bar.symbol.clone()).or_default().push(bar.time());
            }
        }
        let at_end = reader.positions().iter().all(|p| p.at_end);
        let all = symbols.iter().all(|s| border.after.contains_key(s));
        if all && (at_end || passed.values().all(|p| *p)) {
            return Ok(border);
        }
        if batch.is_empty() {
            let missing: Vec<&str> = symbols.iter().filter(|s| !border.after.contains_key(*s)).map(|s| &**s).collect();
            if said.elapsed() > SAY && !missing.is_empty() {
                crate::talk::say(&format!("waiting for bars of {} in {topic}", missing.join(", ")));
                said = Instant::now();
            }
        }
    }
}

async fn wait(said: &mut Instant, what: &str, cancel: &CancellationToken) -> anyhow::Result<()> {
    if said.elapsed() > SAY {
        crate::talk::say(&format!("waiting for {what}"));
        *said = Instant::now();
    }
    tokio::select! {
        () = cancel.cancelled() => Err(candleflow_runtime::RunError::Cancelled.into()),
        () = tokio::time::sleep(WAIT) => Ok(()),
    }
}

/// Stops where the lake ends before the topic begins and nobody says that the bars between do not exist.
pub(crate) async fn no_hole(lake: &Lake, interval: Interval, border: &Border) -> anyhow::Result<()> {
    for (symbol, after) in &border.after {
        let last = last_bar(lake, interval, symbol, *after).await?;
        let Some(last) = last.filter(|last| last < after) else { continue };
        let covered = lake.coverage(symbol, interval).await?.iter().any(|r| r.from <= last && *after <= r.to);
        if !covered {
            return Err(usage(format!(
                "{symbol}: the lake ends at {} and the topic begins after {}: sync or import the bars between, or state with 'import --complete' that there are none",
                time::format(last),
                time::format(*after)
            )));
        }
    }
    Ok(())
}

async fn last_bar(lake: &Lake, interval: Interval, symbol: &Symbol, to: Micros) -> anyhow::Result<Option<Micros>> {
    let times = super::run::times(lake, interval, symbol, Micros::MIN, to, &candleflow_lake::At::Latest).await?;
    Ok(times.last().copied())
}

/// The lake up to the border, then the topic.
pub(crate) struct LakeThenTopic {
    lake: Option<LakeSource>,
    topic: klines::TopicSource,
}

impl LakeThenTopic {
    /// Rows of each symbol from its first event time (exclusive) on.
    pub(crate) async fn open(
        lake: &Lake,
        log: &Arc<dyn Log>,
        interval: Interval,
        firsts: &[(Symbol, Micros)],
        border: &Border,
        bad: klines::OnBad,
    ) -> anyhow::Result<Self> {
        let spans = firsts.iter().map(|(symbol, first)| Span {
            symbol: symbol.clone(),
            from: *first,
            to: border.after.get(symbol).copied().unwrap_or(Micros::MAX),
        });
        let symbols: Vec<Symbol> = firsts.iter().map(|(s, _)| s.clone()).collect();
        let read = Read { spans: spans.collect(), ..Read::of(interval, &symbols, Micros::MIN, Micros::MAX) };
        let lake = lake.source(&read, Order::Total, None).await?;
        let after =
            firsts.iter().map(|(s, first)| (s.clone(), border.after.get(s).copied().unwrap_or(*first).max(*first)));
        let reader = klines::reader_from_start(&**log, &klines::topic_of(interval)).await?;
        let topic = klines::TopicSource::new(reader, &symbols, after.collect(), bad);
        Ok(Self { lake: Some(lake), topic })
    }
}

#[async_trait]
impl Source for LakeThenTopic {
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError> {
        if let Some(lake) = &mut self.lake {
            if let Some(input) = lake.next().await? {
                return Ok(Some(input));
            }
            self.lake = None;
        }
        self.topic.next().await
    }

    fn position(&self) -> Vec<u8> {
        match &self.lake {
            Some(lake) => lake.position(),
            None => self.topic.position(),
        }
    }
}
