//! `data`: what the lake has, where holes are, and what is odd.

use crate::{
    args::{DataCommand, Format, GapsArgs},
    exit::usage,
    output::Output,
    settings::Settings,
    talk::say,
    wiring::{self, run::times},
};
use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{Field, Schema},
};
use candleflow_lake::{At, GapKind, Lake, Range};
use candleflow_schema::{Interval, Micros, Symbol, time::DAY};
use std::{collections::BTreeSet, process::ExitCode, sync::Arc};

pub(super) async fn data(command: DataCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let lake = wiring::lake(settings)?;
    match command {
        DataCommand::Coverage { symbol } => coverage(&lake, symbol.as_deref()).await?,
        DataCommand::Gaps(args) => gaps(&lake, args).await?,
        DataCommand::Upkeep { force } => upkeep(&lake, force).await?,
        DataCommand::Quality { symbol } => quality(settings, symbol.as_deref()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(format: Format, columns: Vec<(&str, ArrayRef)>) -> anyhow::Result<()> {
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, a)| a).collect())?;
    let mut output = Output::new(format, schema, Box::new(std::io::stdout()))?;
    output.write(&rows)?;
    output.finish()?;
    Ok(())
}

fn text(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn time_column(values: impl IntoIterator<Item = Micros>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// Every (symbol, interval) of the lake.
async fn series(lake: &Lake, symbol: Option<&str>) -> anyhow::Result<Vec<(Symbol, Interval)>> {
    let session = candleflow_engine::catalog::lake_session(lake).await?;
    let rows = session.sql("SELECT DISTINCT interval, symbol FROM klines_exact").await?.collect().await?;
    let mut found = BTreeSet::new();
    for batch in rows {
        let column = |i: usize| arrow::compute::cast(batch.column(i), &arrow::datatypes::DataType::Utf8);
        let (intervals, symbols) = (column(0)?, column(1)?);
        let value = |a: &ArrayRef, i: usize| arrow::array::AsArray::as_string::<i32>(a).value(i).to_owned();
        for i in 0..batch.num_rows() {
            let interval: Interval = value(&intervals, i).parse().map_err(anyhow::Error::msg)?;
            let name = value(&symbols, i);
            if symbol.is_none_or(|s| s == name) {
                found.insert((Symbol::from(name), interval));
            }
        }
    }
    Ok(found.into_iter().collect())
}

async fn coverage(lake: &Lake, symbol: Option<&str>) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (symbol, interval) in series(lake, symbol).await? {
        let bars = times(lake, interval, &symbol, Micros::MIN, Micros::MAX, &At::Latest).await?;
        let covered = lake.coverage(&symbol, interval).await?;
        let (Some(first), Some(last)) = (bars.first().copied(), bars.last().copied()) else { continue };
        let within = bars.iter().filter(|t| covered.iter().any(|r| r.from < **t && **t <= r.to)).count();
        rows.push((symbol, interval, bars.len() as i64, first, last, within as i64));
    }
    show(
        Format::Table,
        vec![
            ("symbol", text(rows.iter().map(|r| r.0.to_string()))),
            ("interval", text(rows.iter().map(|r| r.1.to_string()))),
            ("bars", ints(rows.iter().map(|r| r.2))),
            ("first", time_column(rows.iter().map(|r| r.3))),
            ("last", time_column(rows.iter().map(|r| r.4))),
            ("bars in coverage", ints(rows.iter().map(|r| r.5))),
        ],
    )
}

async fn gaps(lake: &Lake, args: GapsArgs) -> anyhow::Result<()> {
    let interval: Interval = args.interval.parse().map_err(usage)?;
    let symbol = Symbol::from(args.symbol.as_str());
    let range = Range { from: args.from.unwrap_or(Micros::MIN), to: args.to.unwrap_or(Micros::MAX) };
    let bars = times(lake, interval, &symbol, range.from, range.to, &At::Latest).await?;
    if bars.is_empty() {
        return Err(usage(format!("the lake has no {interval} bars of {symbol}: see 'candleflow data coverage'")));
    }
    let gaps = lake.gaps(&symbol, interval, range, &At::Latest).await?;
    // A hole is shown by the open times of the first and last bar that are missing.
    let first = |g: &candleflow_lake::Gap| interval.open_of(g.from);
    let last = |g: &candleflow_lake::Gap| interval.open_of(g.to - 1) - interval.nominal();
    let missing = |g: &candleflow_lake::Gap| ((g.to - g.from) / interval.nominal() - 1).max(0);
    let kind = |g: &candleflow_lake::Gap| match g.kind {
        GapKind::Exchange => "the exchange has none",
        GapKind::Unknown => "unknown",
    };
    show(
        args.format,
        vec![
            ("first_missing", time_column(gaps.iter().map(first))),
            ("last_missing", time_column(gaps.iter().map(last))),
            ("bars", ints(gaps.iter().map(missing))),
            ("why", text(gaps.iter().map(|g| kind(g).to_owned()))),
        ],
    )?;
    let holes = if gaps.len() == 1 { "hole" } else { "holes" };
    say(&format!("{} {holes} between {} {interval} bars of {symbol}", gaps.len(), bars.len()));
    Ok(())
}

async fn quality(settings: &Settings, symbol: Option<&str>) -> anyhow::Result<()> {
    let filter = symbol.map_or(String::new(), |s| format!(" WHERE symbol = '{}'", s.replace('\'', "''")));
    let sql = format!(
        "SELECT symbol, interval, count(*) AS bars, \
         sum(CASE WHEN volume = 0 THEN 1 ELSE 0 END) AS without_volume, \
         sum(CASE WHEN quote_volume IS NULL THEN 1 ELSE 0 END) AS without_quote_volume, \
         sum(CASE WHEN high > 1.5 * low THEN 1 ELSE 0 END) AS range_above_half, \
         count(DISTINCT origin) AS origins FROM klines{filter} GROUP BY 1, 2 ORDER BY 1, 2"
    );
    super::sql::show(settings, &sql, Format::Table, None, 0).await?;
    let restated =
        format!("SELECT symbol, interval, count(*) AS restated FROM restated{filter} GROUP BY 1, 2 ORDER BY 1, 2");
    super::sql::show(settings, &restated, Format::Table, None, 0).await?;
    super::sql::show(
        settings,
        "SELECT source, reason, count(*) AS quarantined FROM quarantine GROUP BY 1, 2 ORDER BY 1, 2",
        Format::Table,
        None,
        0,
    )
    .await
}

async fn upkeep(lake: &Lake, force: bool) -> anyhow::Result<()> {
    let Some(done) = wiring::upkeep::once(lake, force).await? else {
        return Err(anyhow::anyhow!(
            "another process does the upkeep, or died at it in the last ten minutes: try later, or with --force"
        ));
    };
    if !done.unpinned.is_empty() {
        let (count, days) = (done.unpinned.len(), candleflow_lake::ORPHANED / DAY);
        say(&format!(
            "{count} pins of runs that never ended, older than {days} days, are gone: {}",
            done.unpinned.join(", ")
        ));
    }
    let done = done.tables;
    let int = |f: &dyn Fn(&candleflow_lake::Upkept) -> u64| ints(done.values().map(|u| f(u) as i64));
    show(
        Format::Table,
        vec![
            ("table", text(done.keys().cloned())),
            ("files_merged", int(&|u| u.compacted.before)),
            ("into", int(&|u| u.compacted.after)),
            ("files_deleted", int(&|u| u.vacuumed.files)),
            ("bytes_freed", int(&|u| u.vacuumed.bytes)),
            ("log_entries_cut", int(&|u| u.log_entries)),
        ],
    )
}
