//! The rows of a live run: those of the lake up to the border, then those of the topic. Between them every symbol is
//! `complete` up to its border, so that nobody waits for bars that do not exist. Finer bars come the same way, one source for
//! each partition of their topic.
//!
//! Where all symbols meet in one account, rows wait for the symbol that is furthest behind. So partitions are kept within a
//! lead of each other while months of a topic are caught up with, however unevenly symbols are spread.

use super::handover::{Feed, Handover, Sides};
use async_trait::async_trait;
use candleflow_lake::{At, Lake, LakeSource, Order, Read, Span};
use candleflow_runtime::Detailed;
use candleflow_schema::{ConnectorError, Input, Interval, Micros, Source, Symbol};
use candleflow_stream::portfolio::MOST_WAITING;
use candleflow_topics::{Log, klines};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The lake, then the topic.
pub(crate) struct LakeThenTopic {
    lake: Option<LakeSource>,
    /// What is known where the lake ends.
    border: VecDeque<Input>,
    topic: klines::TopicSource,
}

impl LakeThenTopic {
    /// Rows as it was decided; `only`: of that partition.
    pub(crate) async fn open(
        lake: &Lake,
        log: &Arc<dyn Log>,
        interval: Interval,
        (feed, at): (&Feed, &At),
        symbols: &[Symbol],
        only: Option<i32>,
        bad: klines::OnBad,
    ) -> anyhow::Result<Self> {
        let sides = || symbols.iter().filter_map(|s| Some((s.clone(), feed.symbols.get(&**s)?)));
        let spans = sides().map(|(symbol, sides)| Span { symbol, from: sides.begins, to: sides.border });
        let read = Read { spans: spans.collect(), ..Read::of(interval, symbols, Micros::MIN, Micros::MAX) };
        let lake = lake.source(&read.at(at.clone()), Order::Total, None).await?;
        let after: BTreeMap<Symbol, Micros> =
            sides().map(|(symbol, sides)| (symbol, sides.border.max(sides.begins))).collect();
        let known = after.iter().filter(|(_, time)| **time > Micros::MIN);
        let border = known.map(|(symbol, time)| Input::Complete { symbol: symbol.clone(), time: *time }).collect();
        let reader = log.reader(&feed.topic, &feed.starts(only)).await?;
        let topic = klines::TopicSource::new(reader, symbols, after, bad);
        Ok(Self { lake: Some(lake), border, topic })
    }
}

/// Keeps the symbols of one account so close to each other that no more rows wait than the account takes.
fn pace(feed: &Feed, interval: Interval) -> klines::Pace {
    let of = |(symbol, sides): (&String, &Sides)| {
        (Symbol::from(symbol.as_str()), sides.partition, sides.border.max(sides.begins))
    };
    klines::Pace::new(feed.symbols.iter().map(of), interval.nominal(), MOST_WAITING)
}

/// All that a live run of these lengths of bar reads. `tasks`: those of the symbols; `together`: whether they meet
/// in one account; `bad` makes what hears of records that cannot be used.
pub(crate) async fn open(
    lake: &Lake,
    log: &Arc<dyn Log>,
    (interval, detail): (Interval, Option<Interval>),
    handover: &Handover,
    (symbols, tasks, together): (&[Symbol], &[usize], bool),
    bad: impl Fn() -> klines::OnBad,
) -> anyhow::Result<Box<dyn Source>> {
    let at = handover.at(lake).await?;
    let mut bars = LakeThenTopic::open(lake, log, interval, (&handover.bars, &at), symbols, None, bad()).await?;
    bars.topic = bars.topic.paced(together.then(|| pace(&handover.bars, interval)));
    let (Some(detail), Some(feed)) = (detail, &handover.detail) else { return Ok(Box::new(bars)) };
    let mut partitions: BTreeMap<i32, Vec<Symbol>> = BTreeMap::new();
    for symbol in symbols {
        let partition = feed.symbols.get(&**symbol).map_or(0, |sides| sides.partition);
        partitions.entry(partition).or_default().push(symbol.clone());
    }
    let mut finer: Vec<(Vec<Symbol>, Box<dyn Source>)> = Vec::new();
    for (partition, symbols) in partitions {
        let source = LakeThenTopic::open(lake, log, detail, (feed, &at), &symbols, Some(partition), bad()).await?;
        finer.push((symbols, Box::new(source)));
    }
    let joined = Detailed::new(symbols, tasks, handover.from, Box::new(bars), finer);
    Ok(Box::new(if together { joined.together() } else { joined }))
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
        if let Some(input) = self.border.pop_front() {
            return Ok(Some(input));
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
