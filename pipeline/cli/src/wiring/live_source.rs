//! The rows of a live run: those of the lake up to the border, then those of the topic.

use super::handover::Handover;
use async_trait::async_trait;
use candleflow_lake::{Lake, LakeSource, Order, Read, Span};
use candleflow_schema::{ConnectorError, Input, Interval, Micros, Source, Symbol};
use candleflow_topics::{Log, klines};
use std::sync::Arc;

/// The lake, then the topic.
pub(crate) struct LakeThenTopic {
    lake: Option<LakeSource>,
    topic: klines::TopicSource,
}

impl LakeThenTopic {
    /// Rows as it was decided.
    pub(crate) async fn open(
        lake: &Lake,
        log: &Arc<dyn Log>,
        interval: Interval,
        handover: &Handover,
        symbols: &[Symbol],
        bad: klines::OnBad,
    ) -> anyhow::Result<Self> {
        let sides = || symbols.iter().filter_map(|s| Some((s.clone(), handover.symbols.get(&**s)?)));
        let spans = sides().map(|(symbol, sides)| Span { symbol, from: sides.begins, to: sides.border });
        let read = Read { spans: spans.collect(), ..Read::of(interval, symbols, Micros::MIN, Micros::MAX) };
        let lake = lake.source(&read.at(handover.at(lake).await?), Order::Total, None).await?;
        let after = sides().map(|(symbol, sides)| (symbol, sides.border.max(sides.begins))).collect();
        let reader = log.reader(&handover.topic, &handover.starts()).await?;
        let topic = klines::TopicSource::new(reader, symbols, after, bad);
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
