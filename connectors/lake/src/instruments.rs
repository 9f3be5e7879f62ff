//! What exchanges say of instruments, by date: the table `instruments`, kept small by writing only what changed.
//!
//! A statement says what holds from its `valid_from` on. It is dropped when the row that holds then says the same, and
//! replaces a row of the same instant. The table is one file: each change writes it anew.

use crate::{
    append::Shape,
    commit::{Base, Change, Plan},
    error::Error,
    file::{FileRows, Wanted},
    lake::Lake,
    read::At,
    snapshot::FileRef,
    spec::INSTRUMENTS_TABLE,
    stage::{Staging, stage},
    table::Table,
    upsert::remove,
};
use async_trait::async_trait;
use candleflow_schema::{
    Instrument, Micros, Symbol,
    instrument::{batch_to_instruments, instruments_to_batch},
};
use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

type Known = BTreeMap<(Symbol, Micros), Instrument>;

impl Lake {
    /// Takes statements about instruments; gives how many of them said something new.
    ///
    /// # Errors
    /// When a number does not fit its column; the storage's.
    pub async fn put_instruments(&self, statements: &[Instrument]) -> Result<usize, Error> {
        if statements.is_empty() {
            return Ok(0);
        }
        let table = self.own(INSTRUMENTS_TABLE).await?;
        let change = Put { table: table.clone(), statements: statements.to_vec(), now: self.now(), new: 0 };
        let (change, _) = table.committer.submit(change).await?;
        Ok(change.new)
    }

    /// What is known of some symbols, by symbol as listed, then by `valid_from`. No table is nothing known.
    ///
    /// # Errors
    /// As [`Lake::snapshot`].
    pub async fn instruments(&self, symbols: &[Symbol], at: &At) -> Result<Vec<Instrument>, Error> {
        let Some(table) = self.find(INSTRUMENTS_TABLE).await? else { return Ok(vec![]) };
        let files = match at {
            At::Latest => table.snapshot(None).await?.files().clone(),
            At::Version(version) => table.snapshot(Some(*version)).await?.files().clone(),
            At::Files(files) => files.clone(),
        };
        let known = read(&table, &files).await?;
        Ok(symbols.iter().flat_map(|symbol| of(&known, symbol)).cloned().collect())
    }
}

fn of<'k>(known: &'k Known, symbol: &Symbol) -> impl Iterator<Item = &'k Instrument> + use<'k> {
    let (first, last) = ((symbol.clone(), Micros::MIN), (symbol.clone(), Micros::MAX));
    known.range(first..=last).map(|(_, instrument)| instrument)
}

async fn read(table: &Table, files: &[FileRef]) -> Result<Known, Error> {
    let mut known = Known::new();
    for file in files {
        let mut rows = FileRows::open(table, file, Wanted::default()).await?;
        while let Some(batch) = rows.next().await? {
            add(&mut known, batch_to_instruments(&batch)?);
        }
    }
    Ok(known)
}

/// Adds statements; gives how many were new.
fn add(known: &mut Known, statements: impl IntoIterator<Item = Instrument>) -> usize {
    let mut new = 0;
    for statement in statements {
        let key = (statement.symbol.clone(), statement.valid_from);
        let holds = known.range(..=key.clone()).next_back().filter(|((symbol, _), _)| *symbol == key.0);
        if holds.is_some_and(|(_, row)| row.same_value(&statement)) {
            continue;
        }
        // What is stated earlier now makes the next row, if it says the same, one too many.
        let next = known.range((Excluded(key.clone()), Unbounded)).next();
        let next = next.filter(|((symbol, _), row)| *symbol == key.0 && row.same_value(&statement));
        if let Some(superfluous) = next.map(|(key, _)| key.clone()) {
            known.remove(&superfluous);
        }
        known.insert(key, statement);
        new += 1;
    }
    new
}

struct Put {
    table: Arc<Table>,
    statements: Vec<Instrument>,
    now: Micros,
    /// How many statements the plan made last takes.
    new: usize,
}

#[async_trait]
impl Change for Put {
    fn alone(&self) -> bool {
        true
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        let files = base.snapshot.files();
        let mut known = read(&self.table, files).await?;
        self.new = add(&mut known, self.statements.iter().cloned());
        let mut plan = Plan::default();
        if self.new == 0 {
            return Ok(plan);
        }
        plan.removes = files.iter().map(|file| remove(file, self.now, true)).collect();
        let rows = instruments_to_batch(&known.into_values().collect::<Vec<_>>())?;
        let shape = Shape::of(&self.table, &rows.schema()).await?;
        for file in shape.encode(vec![rows]).await? {
            let at = Staging { now: self.now, data_change: true, ..Staging::default() };
            plan.adds.push(stage(self.table.name(), &self.table.store, file, at).await?);
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(symbol: &str, valid_from: Micros, tick: i64) -> Instrument {
        Instrument {
            symbol: symbol.into(),
            valid_from,
            base: "B".into(),
            quote: "Q".into(),
            tick: Some(tick),
            step: None,
            min_qty: None,
            min_notional: None,
        }
    }

    fn rows(known: &Known, symbol: &str) -> Vec<(Micros, i64)> {
        of(known, &symbol.into()).map(|row| (row.valid_from, row.tick.unwrap_or(0))).collect()
    }

    #[test]
    fn only_what_changed_is_kept() {
        let mut known = Known::new();
        assert_eq!(add(&mut known, [stated("A", 10, 1), stated("A", 20, 1), stated("B", 15, 9)]), 2);
        assert_eq!(add(&mut known, [stated("A", 30, 2)]), 1);
        assert_eq!(rows(&known, "A"), [(10, 1), (30, 2)]);
        assert_eq!(add(&mut known, [stated("A", 25, 2)]), 1, "it held earlier than was known");
        assert_eq!(rows(&known, "A"), [(10, 1), (25, 2)]);
        assert_eq!(add(&mut known, [stated("A", 25, 3)]), 1, "the later statement of an instant wins");
        assert_eq!(rows(&known, "A"), [(10, 1), (25, 3)]);
        assert_eq!(add(&mut known, [stated("A", 5, 7)]), 1);
        assert_eq!(rows(&known, "A"), [(5, 7), (10, 1), (25, 3)]);
        assert_eq!(rows(&known, "B"), [(15, 9)]);
    }
}
