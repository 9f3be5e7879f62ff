//! Which bars a run reads: the pinned state of `klines`, how much warm-up, and where each symbol begins.

use crate::{args::RunArgs, exit::usage};
use arrow::{array::AsArray, datatypes::TimestampMicrosecondType};
use candleflow_engine::Compiled;
use candleflow_lake::{At, FileRef, Lake, Read};
use candleflow_schema::{Interval, Micros, Symbol};
use std::sync::Arc;

/// Event times of a symbol's bars.
pub(crate) async fn times(
    lake: &Lake,
    interval: Interval,
    symbol: &Symbol,
    from: Micros,
    to: Micros,
    at: &At,
) -> anyhow::Result<Vec<Micros>> {
    let read = Read {
        columns: Some(vec!["time".into()]),
        ..Read::of(interval, std::slice::from_ref(symbol), from, to).at(at.clone())
    };
    let mut times = Vec::new();
    if !lake.tables().await?.iter().any(|t| t == candleflow_lake::KLINES_TABLE) {
        return Ok(times);
    }
    for mut cursor in lake.read_klines(&read).await? {
        while let Some(batch) = cursor.next().await? {
            times.extend_from_slice(batch.column(0).as_primitive::<TimestampMicrosecondType>().values());
        }
    }
    Ok(times)
}

/// How many bars before `from` a run reads.
pub(super) fn warmup(args: &RunArgs, compiled: &Compiled) -> anyhow::Result<Option<usize>> {
    match args.warmup.as_deref() {
        None => Ok(compiled.warmup),
        Some("all") => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|_| usage(format!("--warmup {text}: write a number of bars or 'all'")))
        }
    }
}

/// What is said of a symbol with fewer bars of warm-up than its columns need; `None`: they need all there have ever been.
pub(super) fn too_few(symbol: &Symbol, warm: usize, needs: Option<usize>) -> Option<String> {
    let needs = match needs {
        Some(needs) if warm >= needs => return None,
        Some(needs) => format!("{needs} bars"),
        None => "its whole past".to_owned(),
    };
    Some(format!(
        "{symbol}: {warm} bars of warm-up, {needs} wanted: early values still depend on where the data begins"
    ))
}

/// The event time after which a symbol's input begins, given those of its bars up to `from`.
pub(crate) fn first(times: &[Micros], warmup: Option<usize>) -> Micros {
    match warmup {
        Some(bars) if times.len() > bars => times[times.len() - bars - 1],
        _ => Micros::MIN,
    }
}

/// The files of `klines` that a run reads, and the number of their version.
pub(crate) async fn pinned(lake: &Lake) -> anyhow::Result<(Arc<Vec<FileRef>>, Option<i64>)> {
    if !lake.tables().await?.iter().any(|t| t == candleflow_lake::KLINES_TABLE) {
        return Err(usage(format!(
            "the lake {} has no bars yet: run 'candleflow import' or 'candleflow sync'",
            lake.url()
        )));
    }
    let snapshot = lake.snapshot(candleflow_lake::KLINES_TABLE, None).await?;
    let version = i64::try_from(snapshot.version()).ok();
    Ok((snapshot.files().clone(), version))
}
