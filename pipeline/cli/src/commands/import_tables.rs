//! `import --as instruments` and `import --as funding`: small tables that pipelines read beside bars.
//!
//! A file is taken whole or not at all. What is there already is not added again; a payment that is there with another
//! rate is an error, because nobody knows which one is right.

use crate::{
    args::ImportArgs,
    exit::{QUARANTINED, usage},
    talk::{print, say},
};
use arrow::{
    array::{Array, AsArray},
    datatypes::{Decimal128Type, TimestampMicrosecondType},
};
use candleflow_lake::{At, Lake};
use candleflow_schema::{FundingRate, Micros, funding::funding_to_batch, time};
use std::{collections::BTreeMap, path::Path, process::ExitCode};

/// The table that `--as funding` writes.
const FUNDING: &str = "funding";

/// Answers of exchangeInfo into the table `instruments`, as of the time that they state.
pub(super) async fn instruments(args: &ImportArgs, lake: &Lake) -> anyhow::Result<ExitCode> {
    for file in &args.files {
        let text = text(file)?;
        let info = candleflow_binance::parse::exchange_info(text.as_bytes())
            .map_err(|e| usage(format!("{}: this is no answer of exchangeInfo: {e}", file.display())))?;
        let at = info
            .server_time
            .ok_or_else(|| usage(format!("{}: the answer does not say when it was given", file.display())))?;
        let wanted = |symbol: &str| args.symbol.as_deref().is_none_or(|only| only == symbol);
        let stated: Vec<_> = info.instruments.iter().filter(|(s, _)| wanted(s)).map(|(_, i)| i.stated(at)).collect();
        if stated.is_empty() {
            return Err(usage(format!("{}: it says nothing of the symbols asked for", file.display())));
        }
        let new = lake.put_instruments(&stated).await?;
        print(&format!(
            "{}: {} instruments as of {}, {new} with news",
            file.display(),
            stated.len(),
            time::format(at)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Rates into the table `funding`.
pub(super) async fn funding(args: &ImportArgs, lake: &Lake) -> anyhow::Result<ExitCode> {
    let mut known = known(lake).await?;
    let mut conflicts = 0;
    for file in &args.files {
        let rows = candleflow_files::funding(&text(file)?, args.symbol.as_deref())
            .map_err(|e| usage(format!("{}: {e}", file.display())))?;
        let count = rows.len();
        let mut new: Vec<FundingRate> = Vec::new();
        for row in rows {
            let key = (row.symbol.to_string(), row.time);
            match known.get(&key) {
                Some(rate) if *rate == row.rate => {}
                Some(_) => {
                    conflicts += 1;
                    say(&format!(
                        "{}: {} at {} is there with another rate: it is kept",
                        file.display(),
                        key.0,
                        time::format(key.1)
                    ));
                }
                None => {
                    known.insert(key, row.rate);
                    new.push(row);
                }
            }
        }
        new.sort_by(|a, b| (&a.symbol, a.time).cmp(&(&b.symbol, b.time)));
        if !new.is_empty() {
            let batch = funding_to_batch(&new)?;
            let names: Vec<String> = new.iter().map(|r| format!("{}@{}={}", r.symbol, r.time, r.rate)).collect();
            let id = format!("funding/{}", blake3::hash(names.join("\n").as_bytes()).to_hex());
            lake.append_rows(FUNDING, &[batch], Some(&id)).await?;
        }
        print(&format!("{}: {} payments added, {} there already", file.display(), new.len(), count - new.len()))?;
    }
    Ok(if conflicts == 0 { ExitCode::SUCCESS } else { ExitCode::from(QUARANTINED) })
}

async fn known(lake: &Lake) -> anyhow::Result<BTreeMap<(String, Micros), i128>> {
    let mut known = BTreeMap::new();
    if !lake.tables().await?.iter().any(|table| table == FUNDING) {
        return Ok(known);
    }
    for rows in lake.read_rows(FUNDING, &At::Latest).await? {
        let column = |name: &str| {
            rows.column_by_name(name).ok_or_else(|| usage(format!("the table {FUNDING} has no column {name}")))
        };
        let other = || usage(format!("the table {FUNDING} has columns of other types than an import makes"));
        let symbols = column("symbol")?.as_string_opt::<i32>().ok_or_else(other)?;
        let times = column("time")?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(other)?;
        let rates = column("rate")?.as_primitive_opt::<Decimal128Type>().ok_or_else(other)?;
        for row in (0..rows.num_rows()).filter(|row| !rates.is_null(*row)) {
            known.insert((symbols.value(row).to_owned(), times.value(row)), rates.value(row));
        }
    }
    Ok(known)
}

fn text(file: &Path) -> anyhow::Result<String> {
    candleflow_files::text(file).map_err(|e| usage(format!("cannot read {}: {e}", file.display())))
}
