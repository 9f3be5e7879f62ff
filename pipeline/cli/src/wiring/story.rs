//! The story of a run: its recorder, fed by the last task with accounts and, for a page, by the sources with prices.

use crate::wiring::run::Prepared;
use arrow::{
    array::AsArray,
    datatypes::{Decimal128Type, TimestampMicrosecondType},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use candleflow_kernels::strategy::Finish;
use candleflow_report::{Recorder, Story};
use candleflow_runtime::{Tail, last::Seen};
use candleflow_schema::{ConnectorError, Input, Micros, Source, decimal};
use candleflow_stream::{Closes, Step};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A recorder that the parts of a run share.
#[derive(Clone)]
pub(crate) struct Telling {
    recorder: Arc<Mutex<Option<Recorder>>>,
    places: Arc<BTreeMap<String, usize>>,
    /// Whether prices are wanted: they cost time, and only a page shows them.
    prices: bool,
}

impl Telling {
    /// Of a run that is about to begin.
    pub(crate) fn new(prepared: &Prepared, prices: bool) -> Self {
        let symbols: Vec<String> = prepared.symbols().iter().map(ToString::to_string).collect();
        let balance = prepared.document.account.as_ref().map_or(0.0, |a| a.terms.balance.to_f64());
        let accounts = if prepared.is_portfolio() { 1 } else { symbols.len() };
        let recorder = Recorder::new(&symbols, &vec![balance; accounts], prepared.tags());
        let places = symbols.into_iter().enumerate().map(|(i, s)| (s, i)).collect();
        Self { recorder: Arc::new(Mutex::new(Some(recorder))), places: Arc::new(places), prices }
    }

    /// The last task, which tells what it sees.
    pub(crate) fn watched(&self, tail: Tail) -> Tail {
        let telling = self.clone();
        tail.watched(Box::new(move |seen| {
            telling.with(|recorder| match seen {
                Seen::Step(account, step) => tell(recorder, account, step),
                Seen::End(finishes) => end(recorder, finishes),
            });
        }))
    }

    /// A source, whose prices after `from` are told where they are wanted.
    pub(crate) fn tapped(&self, source: Box<dyn Source>, from: Micros) -> Box<dyn Source> {
        if self.prices { Box::new(Tapped { source, from, telling: self.clone() }) } else { source }
    }

    /// The story; `None` where nothing was traded and no prices were wanted.
    pub(crate) fn finish(&self) -> Option<Story> {
        let recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(recorder.finish()).filter(|s| s.equity.seen() > 0 || self.prices)
    }

    fn with(&self, tell: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = self.recorder.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            tell(recorder);
        }
    }

    fn bars(&self, rows: &RecordBatch, from: Micros) -> Option<()> {
        let symbols = rows.column_by_name("symbol")?.as_string_opt::<i32>()?;
        let times = rows.column_by_name("time")?.as_primitive_opt::<TimestampMicrosecondType>()?;
        let price = |name: &str| rows.column_by_name(name)?.as_primitive_opt::<Decimal128Type>();
        let prices = [price("open")?, price("high")?, price("low")?, price("close")?];
        self.with(|recorder| {
            for row in (0..rows.num_rows()).filter(|row| times.value(*row) > from) {
                if let Some(place) = self.places.get(symbols.value(row)) {
                    recorder.bar(*place, times.value(row), prices.map(|p| decimal::to_f64(p.value(row), 8)));
                }
            }
        });
        Some(())
    }
}

fn tell(recorder: &mut Recorder, account: usize, step: &Step) {
    recorder.equity(account, &step.equity);
    match &step.closes {
        Closes::One(close) => {
            recorder.close(account, *close);
            step.trades.iter().for_each(|trade| recorder.trade(account, trade));
        }
        Closes::Some(closes) => {
            closes.iter().for_each(|(symbol, close)| recorder.close(*symbol, *close));
            step.trades.iter().for_each(|trade| recorder.trade(trade.symbol as usize, trade));
        }
    }
}

/// What was closed because the input ended. A trade that is marked stays open, and its account as it was.
fn end(recorder: &mut Recorder, finishes: &[Finish]) {
    // Of several accounts each has one symbol, and does not know which of the run's that is.
    let several = finishes.len() > 1;
    for (account, finish) in finishes.iter().enumerate() {
        let symbol = |of: u32| if several { account } else { of as usize };
        finish.rows.trades.iter().for_each(|trade| recorder.trade(symbol(trade.symbol), trade));
    }
    if finishes.iter().all(Finish::closes) {
        let left = finishes.iter().map(|finish| finish.equity.map(|row| row.equity));
        recorder.end(&left.collect::<Vec<_>>());
    }
}

/// A source whose bars are told on the way.
struct Tapped {
    source: Box<dyn Source>,
    from: Micros,
    telling: Telling,
}

#[async_trait]
impl Source for Tapped {
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError> {
        let input = self.source.next().await?;
        if let Some(Input::Rows(rows)) = &input {
            self.telling.bars(rows, self.from);
        }
        Ok(input)
    }

    fn position(&self) -> Vec<u8> {
        self.source.position()
    }
}
