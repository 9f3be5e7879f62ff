//! What a run reads of the lake once, before it begins: the exchange's filters by date, and funding.
//!
//! It reads files that stand still: [`Tables`] says which, they are pinned with those of `klines`, and a job that goes on, or
//! a run again, reads the same.

use super::prepare::Prepared;
use crate::{exit::usage, talk::say};
use anyhow::Context;
use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, Decimal128Type, TimestampMicrosecondType},
};
use candleflow_config::document::Filters;
use candleflow_engine::Statics;
use candleflow_kernels::{
    money::{Money, Ratio},
    strategy::{DatedFilters, Filters as Grid, Funding, MOST_LOTS},
};
use candleflow_lake::{At, INSTRUMENTS_TABLE, Lake, Pinned, Snapshot};
use candleflow_schema::{
    Instrument, Micros, Symbol,
    tables::{MONEY, PRICE},
};
use candleflow_stream::{FundingTable, Notes};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Rows of a funding table by symbol.
type Payments = BTreeMap<String, Vec<(Micros, Funding)>>;

/// How long a live run waits until it looks again.
const WAIT: Duration = Duration::from_millis(500);

/// The state of the tables beside `klines` that a pipeline reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    /// Their files.
    pub(crate) files: Pinned,
    /// Their versions.
    pub(crate) versions: BTreeMap<String, i64>,
}

impl Tables {
    /// As they are now. A live run waits for the filters that its sync is about to write, until `wait` is cancelled.
    pub(crate) async fn now(
        prepared: &Prepared,
        lake: &Lake,
        wait: Option<&CancellationToken>,
    ) -> anyhow::Result<Self> {
        let mut tables = Self::default();
        let Some(account) = &prepared.document.account else { return Ok(tables) };
        if account.filters.value == Filters::Exchange {
            let instruments = known_instruments(&prepared.symbols(), lake, wait).await?;
            tables.take(INSTRUMENTS_TABLE, &instruments);
        }
        if let Some(table) = &account.funding {
            let table = &table.value;
            if !lake.tables().await?.iter().any(|name| name == table) {
                return Err(usage(format!(
                    "the lake has no table {table}: 'candleflow import --as funding FILE' makes the table funding"
                )));
            }
            tables.take(table, &lake.snapshot(table, None).await?);
        }
        Ok(tables)
    }

    fn take(&mut self, table: &str, snapshot: &Snapshot) {
        self.files.insert(table.to_owned(), snapshot.files().to_vec());
        self.versions.extend(i64::try_from(snapshot.version()).map(|version| (table.to_owned(), version)));
    }

    /// As a pin has them. What it lacks (it is of an engine that did not pin them) is read as it is now, with a warning.
    pub(crate) async fn pinned(
        prepared: &Prepared,
        lake: &Lake,
        mut pinned: Pinned,
    ) -> anyhow::Result<(Self, Vec<String>)> {
        let (mut tables, mut warnings) = (Self::default(), Vec::new());
        let Some(account) = &prepared.document.account else { return Ok((tables, warnings)) };
        let instruments = (account.filters.value == Filters::Exchange).then_some(INSTRUMENTS_TABLE);
        for table in instruments.into_iter().chain(account.funding.as_ref().map(|table| table.value.as_str())) {
            match pinned.remove(table) {
                Some(files) => {
                    tables.files.insert(table.to_owned(), files);
                }
                None => {
                    warnings.push(format!("the run did not pin the table {table}: it is read as it is now"));
                    tables.take(table, &lake.snapshot(table, None).await?);
                }
            }
        }
        Ok((tables, warnings))
    }

    fn at(&self, table: &str) -> At {
        At::Files(Arc::new(self.files.get(table).cloned().unwrap_or_default()))
    }
}

/// Reads it, and says what a reader of the result should know.
pub(crate) async fn statics(
    prepared: &Prepared,
    lake: &Lake,
    tables: &Tables,
) -> anyhow::Result<(Arc<Statics>, Vec<String>)> {
    let (mut statics, mut warnings) = (Statics::default(), Vec::new());
    let Some(account) = &prepared.document.account else { return Ok((Arc::default(), warnings)) };
    if account.filters.value == Filters::Exchange {
        for row in lake.instruments(&prepared.symbols(), &tables.at(INSTRUMENTS_TABLE)).await? {
            let dated = DatedFilters { valid_from: row.valid_from, filters: grid(&row)? };
            statics.filters.entry(row.symbol.to_string()).or_default().push(dated);
        }
    }
    if let Some(table) = &account.funding {
        let mut payments = payments(&table.value, lake, &tables.at(&table.value)).await?;
        for symbol in prepared.symbols() {
            match payments.remove(&*symbol) {
                Some(mut rows) => {
                    rows.sort_by_key(|(time, _)| *time);
                    if let Some(pair) = rows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                        return Err(usage(format!(
                            "the table {} has two rates of {symbol} at {}: remove one",
                            table.value,
                            candleflow_schema::time::format(pair[0].0)
                        )));
                    }
                    statics.funding.insert(symbol.to_string(), Arc::new(FundingTable::new(rows)));
                }
                None => warnings.push(format!("{symbol}: the table {} has no funding of it", table.value)),
            }
        }
    }
    Ok((Arc::new(statics), warnings))
}

/// What the engine had less of than the pipeline asked for.
pub(crate) fn noted(notes: Notes) -> Vec<String> {
    let mut warnings = Vec::new();
    if notes.before_filters > 0 {
        warnings.push(format!(
            "{} bars are older than what is known of the exchange's filters: the first known ones were used",
            notes.before_filters
        ));
    }
    if notes.without_detail > 0 {
        warnings.push(format!(
            "{} bars were run pessimistically: their finer bars are missing or do not make up the bar",
            notes.without_detail
        ));
    }
    if notes.absorbed > 0 {
        warnings.push(format!(
            "{} entries of a size: target were added to the one before: a position keeps {MOST_LOTS} of them apart",
            notes.absorbed
        ));
    }
    warnings
}

/// A version of `instruments` that knows all symbols.
async fn known_instruments(
    symbols: &[Symbol],
    lake: &Lake,
    wait: Option<&CancellationToken>,
) -> anyhow::Result<Snapshot> {
    let mut said = false;
    loop {
        let mut missing: Vec<&str> = symbols.iter().map(|s| &**s).collect();
        if lake.tables().await?.iter().any(|name| name == INSTRUMENTS_TABLE) {
            let snapshot = lake.snapshot(INSTRUMENTS_TABLE, None).await?;
            let known = lake.instruments(symbols, &At::Files(snapshot.files().clone())).await?;
            missing.retain(|symbol| known.iter().all(|row| &*row.symbol != *symbol));
            if missing.is_empty() {
                return Ok(snapshot);
            }
        }
        let missing = missing.join(", ");
        let Some(cancel) = wait else {
            return Err(usage(format!(
                "filters: exchange: the table {INSTRUMENTS_TABLE} knows nothing of {missing}: 'candleflow sync' writes it, 'candleflow import --as instruments FILE' takes it from an answer of exchangeInfo, and filters: none does without"
            )));
        };
        if !std::mem::replace(&mut said, true) {
            say(&format!("waiting for the filters of {missing} in the table {INSTRUMENTS_TABLE}, which sync writes"));
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(candleflow_runtime::RunError::Cancelled.into()),
            () = tokio::time::sleep(WAIT) => {}
        }
    }
}

fn grid(row: &Instrument) -> anyhow::Result<Grid> {
    let amount = |value: Option<i128>| Money::from_quantity(value.unwrap_or(0));
    Ok(Grid {
        tick: Money::from_price(row.tick.unwrap_or(0)),
        step: amount(row.step)?,
        min_qty: amount(row.min_qty)?,
        min_notional: amount(row.min_notional)?,
    })
}

async fn payments(table: &str, lake: &Lake, at: &At) -> anyhow::Result<Payments> {
    let mut payments = Payments::new();
    for rows in lake.read_rows(table, at).await? {
        let column = |name: &str| {
            rows.column_by_name(name)
                .with_context(|| format!("the table {table} has no column {name}"))
                .map_err(|e| usage(e.to_string()))
        };
        let as_kind = |name: &str, column: &ArrayRef, kind: &DataType| {
            cast(column, kind).map_err(|e| usage(format!("the table {table}, column {name}: {e}")))
        };
        let symbols = as_kind("symbol", column("symbol")?, &DataType::Utf8)?;
        let symbols = symbols.as_string::<i32>();
        let times = as_kind("time", column("time")?, &candleflow_schema::tables::timestamp())?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let rates = as_kind("rate", column("rate")?, &MONEY)?;
        let rates = rates.as_primitive::<Decimal128Type>();
        let marks = rows.column_by_name("mark_price").map(|c| as_kind("mark_price", c, &PRICE)).transpose()?;
        let marks = marks.as_ref().map(|m| m.as_primitive::<Decimal128Type>());
        for row in 0..rows.num_rows() {
            if symbols.is_null(row) || times.is_null(row) || rates.is_null(row) {
                return Err(usage(format!("the table {table} has a row without symbol, time or rate")));
            }
            let mark = marks.filter(|marks| !marks.is_null(row)).and_then(|m| i64::try_from(m.value(row)).ok());
            let funding = Funding { rate: Ratio::from_units(rates.value(row)), mark };
            payments.entry(symbols.value(row).to_owned()).or_default().push((times.value(row), funding));
        }
    }
    Ok(payments)
}
