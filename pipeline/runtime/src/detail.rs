//! A source whose bars bring the finer bars inside them: `path: detail`, over history and live alike.
//!
//! ```text
//!  bars   ────────────────► Join ─► bars with finer bars ─► chains
//!  finer  ─ when wanted ──►
//! ```
//! Finer bars are read only while a bar waits for them, so they are never far ahead; bars are read on while at most
//! [`MOST_BARS`] wait. Which input is faster changes nothing in what comes out: see [`Join`].

use arrow::array::{AsArray, RecordBatch};
use async_trait::async_trait;
use candleflow_schema::{ConnectorError, Fault, Input, Micros, Source, Symbol, time};
use candleflow_stream::{
    columns,
    detail::{
        self,
        join::{Join, Joined, MOST_FINER, TooMany},
    },
};
use futures::future::{FutureExt, select_all};
use std::collections::{BTreeMap, BTreeSet};

/// Bars that wait for finer ones, until no more are read.
pub const MOST_BARS: usize = 1 << 14;

struct Finer {
    source: Box<dyn Source>,
    keys: Vec<usize>,
    ended: bool,
}

/// Bars with finer bars.
pub struct Detailed {
    symbols: Vec<Symbol>,
    places: BTreeMap<Symbol, usize>,
    join: Join,
    bars: Box<dyn Source>,
    ended: bool,
    finer: Vec<Finer>,
    /// Bars of one key that wait for finer ones, until no more are read of any.
    most_of_one: usize,
}

impl Detailed {
    /// Joins `bars` of these keys with what the sources of `finer` bring of theirs. `tasks`: within the keys of one task,
    /// bars leave in the order of `bars`. Bars at or before `from` are warm-up: they take none.
    pub fn new(
        keys: &[Symbol],
        tasks: &[usize],
        from: Micros,
        bars: Box<dyn Source>,
        finer: Vec<(Vec<Symbol>, Box<dyn Source>)>,
    ) -> Self {
        let places: BTreeMap<Symbol, usize> = keys.iter().enumerate().map(|(i, s)| (s.clone(), i)).collect();
        let place = |symbols: Vec<Symbol>| symbols.iter().filter_map(|s| places.get(s).copied()).collect();
        let finer =
            finer.into_iter().map(|(symbols, source)| Finer { source, keys: place(symbols), ended: false }).collect();
        let join = Join::new(tasks, from);
        Self { symbols: keys.to_vec(), join, bars, ended: false, finer, places, most_of_one: usize::MAX }
    }

    /// The same, whose keys meet in one account: bars of one whose finer bars come are read no further ahead of one whose
    /// finer bars do not than all of them together could wait.
    #[must_use]
    pub fn together(self) -> Self {
        let most_of_one = (MOST_BARS / self.symbols.len().max(1)).max(1);
        Self { most_of_one, ..self }
    }

    /// Waits for the next input of either side: which side it is of (`None`: bars), and what it is.
    async fn read(&mut self) -> Result<(Option<usize>, Option<Input>), ConnectorError> {
        let wanted: BTreeSet<usize> = self.join.wants().collect();
        let wants = |f: &Finer| !f.ended && f.keys.iter().any(|key| wanted.contains(key));
        let mut reads = Vec::new();
        for (at, finer) in self.finer.iter_mut().enumerate().filter(|(_, f)| wants(f)) {
            reads.push(finer.source.next().map(move |input| (Some(at), input)).boxed());
        }
        if !self.ended && self.join.bars() < MOST_BARS && self.join.longest() < self.most_of_one {
            reads.push(self.bars.next().map(|input| (None, input)).boxed());
        }
        if reads.is_empty() {
            return Err(ConnectorError::internal("bars wait for finer bars that no source brings"));
        }
        // Dropped reads lose nothing: a source's next is cancel-safe.
        let ((side, input), ..) = select_all(reads).await;
        Ok((side, input?))
    }

    fn take_bars(&mut self, input: Option<Input>) -> Result<(), ConnectorError> {
        match input {
            Some(Input::Rows(rows)) => {
                for (key, part) in self.by_key(&rows)? {
                    self.join.rows(key, part);
                }
            }
            Some(Input::Complete { symbol, time }) => {
                if let Some(key) = self.places.get(&symbol) {
                    self.join.complete(*key, time);
                }
            }
            None => self.ended = true,
        }
        Ok(())
    }

    fn take_finer(&mut self, at: usize, input: Option<Input>) -> Result<(), ConnectorError> {
        match input {
            Some(Input::Rows(rows)) => {
                for (key, part) in self.by_key(&rows)? {
                    let bars = detail::bars(&part).map_err(ConnectorError::internal)?;
                    self.join.finer(key, bars).map_err(|error| self.too_many(error))?;
                }
            }
            Some(Input::Complete { symbol, time }) => {
                if let Some(key) = self.places.get(&symbol) {
                    self.join.finer_complete(*key, time);
                }
            }
            None => {
                self.finer[at].ended = true;
                self.finer[at].keys.iter().for_each(|key| self.join.finer_complete(*key, Micros::MAX));
            }
        }
        Ok(())
    }

    /// Runs of rows of one key.
    fn by_key(&self, rows: &RecordBatch) -> Result<Vec<(usize, RecordBatch)>, ConnectorError> {
        let at = columns::find("detail", &rows.schema(), "symbol").map_err(ConnectorError::internal)?;
        let symbols = rows.column(at).as_string::<i32>();
        let (mut parts, mut start) = (Vec::new(), 0);
        while start < rows.num_rows() {
            let name = symbols.value(start);
            let end = (start..rows.num_rows()).find(|i| symbols.value(*i) != name).unwrap_or(rows.num_rows());
            if let Some(key) = self.places.get(name) {
                parts.push((*key, rows.slice(start, end - start)));
            }
            start = end;
        }
        Ok(parts)
    }

    fn too_many(&self, TooMany { key, passed }: TooMany) -> ConnectorError {
        let after = if passed > Micros::MIN { format!(" after {}", time::format(passed)) } else { String::new() };
        let symbol = &self.symbols[key];
        let text = format!(
            "more than {MOST_FINER} finer bars wait for bars of {symbol}, of which none came{after}: are they synced?"
        );
        ConnectorError::new(Fault::External, false, text)
    }
}

#[async_trait]
impl Source for Detailed {
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError> {
        loop {
            match self.join.pop().map_err(ConnectorError::internal)? {
                Some(Joined::Rows(rows)) => return Ok(Some(Input::Rows(rows))),
                Some(Joined::Complete { key, time }) => {
                    return Ok(Some(Input::Complete { symbol: self.symbols[key].clone(), time }));
                }
                None if self.ended && self.join.is_empty() => return Ok(None),
                None => {}
            }
            match self.read().await? {
                (None, input) => self.take_bars(input)?,
                (Some(at), input) => self.take_finer(at, input)?,
            }
        }
    }

    fn position(&self) -> Vec<u8> {
        // Bars that wait have left their source and not this one: a run goes on from its hand-over, not from here.
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
