//! `import --archive`: months and days of bars from the exchange's bulk archive into the lake.
//!
//! Symbol after symbol: bars, then what the files prove to be complete, then what could not be used. Files stay in a cache
//! folder, so that a run that was broken off, or one that wants more, fetches only what it lacks.

use crate::{
    args::ImportArgs,
    exit::{INTERRUPTED, QUARANTINED, usage},
    settings::Settings,
    talk::{Work, print, say},
    wiring::{self, clock},
};
use candleflow_binance::{
    Archive, ArchiveConfig, BinanceError,
    archive::{ArchiveItem, FileState, Verified, plan},
};
use candleflow_lake::{Counts, Lake, QUARANTINE_LIMIT, QUARANTINE_TABLE, quarantine_rows};
use candleflow_schema::{Clock, Interval, Micros, Quarantined, Symbol, SystemClock, quarantine::Coverage, time};
use std::{path::PathBuf, process::ExitCode};

/// Bars of so many days stand for a file of a month in the progress bar.
const FILE_ROWS: u64 = 43_200;

/// What became of a symbol's files.
#[derive(Default)]
struct Got {
    bars: u64,
    read: u64,
    unverified: u64,
    missing: Vec<String>,
    rejected: Vec<String>,
    coverage: Vec<Coverage>,
    bad: Vec<Quarantined>,
    quarantined: u64,
}

pub(super) async fn archive(args: ImportArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let text = args.archive.as_deref().unwrap_or_default();
    let url: url::Url = text.parse().map_err(|e| usage(format!("--archive {text}: {e}")))?;
    let interval: Interval = args.interval.as_deref().unwrap_or("1m").parse().map_err(usage)?;
    let since = args.since.ok_or_else(|| usage("--archive needs --since: where the bars begin"))?;
    if args.symbols.is_empty() {
        return Err(usage("--archive needs --symbols"));
    }
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    let market = clock::of(&url, &cancel).await;
    let to = args.to.unwrap_or_else(|| market.now());
    let cache = args.cache.clone().unwrap_or_else(|| PathBuf::from("data/archive"));
    let archive = Archive::new(ArchiveConfig::new(url, cache), market.clone(), cancel.clone())?;
    let symbols: Vec<Symbol> = args.symbols.iter().map(|s| Symbol::from(s.as_str())).collect();
    let files: u64 = symbols.iter().map(|s| plan(s, interval, since, to, market.now()).len() as u64).sum();
    let work = Work::new("archive", files * FILE_ROWS);
    let (mut counts, mut quarantined, mut rows) = (Counts::default(), 0, 0);
    for symbol in &symbols {
        let mut writer = lake.klines_writer().await?;
        let mut got = Got::default();
        let mut items = archive.read(symbol, interval, since, to);
        while let Some(item) = items.recv().await {
            match item {
                Err(BinanceError::Cancelled) => return Ok(ExitCode::from(INTERRUPTED)),
                Err(error) => return Err(error.into()),
                Ok(ArchiveItem::Bars(bars)) => {
                    rows += bars.len() as u64;
                    got.bars += bars.len() as u64;
                    writer.push(&bars).await?;
                    work.at(rows, symbol);
                }
                Ok(other) => got.take(other),
            }
        }
        counts += writer.finish().await?;
        got.keep(&lake).await?;
        quarantined += got.quarantined;
        work.done();
        print(&got.text(symbol, interval))?;
    }
    say(&format!("{} bars added, {} there already, {} restated", counts.added, counts.same, counts.restated));
    let newest = time::format((market.now().div_euclid(time::DAY) - 1) * time::DAY);
    say(&format!("the archive ends before {newest}: 'candleflow sync --since' brings what is younger"));
    Ok(if quarantined > 0 { ExitCode::from(QUARANTINED) } else { ExitCode::SUCCESS })
}

impl Got {
    fn take(&mut self, item: ArchiveItem) {
        match item {
            ArchiveItem::Bars(_) => {}
            ArchiveItem::Quarantined(bad) => {
                self.quarantined += bad.len() as u64;
                let room = QUARANTINE_LIMIT.saturating_sub(self.bad.len());
                self.bad.extend(bad.into_iter().take(room));
            }
            ArchiveItem::File(report) => {
                match report.state {
                    FileState::Read(verified) => {
                        self.read += 1;
                        self.unverified += u64::from(verified != Verified::Checksum);
                    }
                    FileState::Missing => self.missing.push(report.file.name()),
                    FileState::NotListed => {}
                    FileState::Rejected(_) => self.rejected.push(report.file.name()),
                }
                self.coverage.extend(report.coverage);
            }
        }
    }

    /// What was said of the bars, now that they are there.
    async fn keep(&self, lake: &Lake) -> anyhow::Result<()> {
        lake.cover(&self.coverage).await?;
        if self.bad.is_empty() {
            return Ok(());
        }
        let mut id = blake3::Hasher::new();
        for bad in &self.bad {
            id.update(format!("{}/{}/{}", bad.source, bad.place, bad.reason).as_bytes());
        }
        let rows = quarantine_rows(&self.bad, SystemClock.now())?;
        lake.append_rows(QUARANTINE_TABLE, &[rows], Some(&format!("archive/{}", id.finalize().to_hex()))).await?;
        Ok(())
    }

    fn text(&self, symbol: &Symbol, interval: Interval) -> String {
        let mut text = format!("{symbol:<12} {interval} {} bars of {} files", self.bars, self.read);
        let (first, last): (Option<Micros>, Option<Micros>) =
            (self.coverage.iter().map(|c| c.from).min(), self.coverage.iter().map(|c| c.to).max());
        if let (Some(first), Some(last)) = (first, last) {
            text += &format!(", {} to {}", time::format(first), time::format(last));
        }
        if self.unverified > 0 {
            text += &format!(", {} without a CHECKSUM that matches, but whole", self.unverified);
        }
        for (what, files) in [("missing in the archive", &self.missing), ("not used", &self.rejected)] {
            if !files.is_empty() {
                text += &format!("\n{:<12} {} files {what}: {}", "", files.len(), files.join(", "));
            }
        }
        text
    }
}
