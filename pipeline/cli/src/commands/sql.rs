//! `sql`: a query over the lake.

use crate::{
    args::{Format, SqlArgs},
    exit::usage,
    output::Output,
    settings::Settings,
    talk::say,
    wiring,
};
use candleflow_engine::{Limits, Sql};
use futures::StreamExt;
use std::{
    io::{IsTerminal, Read, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

pub(super) async fn sql(args: SqlArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let mut text = args.sql;
    if text == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text)?;
    }
    if matches!(args.format, Format::Arrow | Format::Parquet)
        && args.output.is_none()
        && std::io::stdout().is_terminal()
    {
        return Err(usage("this format is not for a terminal: give --output FILE or a pipe"));
    }
    show(settings, &text, args.format, args.output.as_deref(), args.limit).await?;
    Ok(ExitCode::SUCCESS)
}

/// For a person at their own machine: no limit but the machine's.
const LIMITS: Limits = Limits { rows: usize::MAX, bytes: usize::MAX, time: Duration::from_secs(86_400) };

/// Runs one query and prints its rows.
pub(super) async fn show(
    settings: &Settings,
    sql: &str,
    format: Format,
    to: Option<&Path>,
    limit: usize,
) -> anyhow::Result<()> {
    let lake = wiring::lake(settings)?;
    let mut rows = Sql::open(&lake).await?.query(sql, LIMITS).await.map_err(usage)?;
    let out: Box<dyn Write + Send> = match to {
        Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create(path)?)),
        None => Box::new(std::io::BufWriter::new(std::io::stdout())),
    };
    let mut output = Output::new(format, rows.schema().clone(), out)?;
    let mut left = if limit > 0 { limit } else { usize::MAX };
    while let Some(batch) = rows.next().await.transpose()?.filter(|_| left > 0) {
        let batch = batch.slice(0, batch.num_rows().min(left));
        left -= batch.num_rows();
        output.write(&batch)?;
    }
    let count = output.finish()?;
    if format == Format::Table {
        say(&format!("{count} rows"));
    }
    Ok(())
}
