//! `import`: files of bars into the lake.
//!
//! Files are parsed one ahead of the other and written in the order given, in as few commits as they fit in. Bars come
//! first, then what is stated to be complete, then the quarantine: killed anywhere and run again, nothing is lost and
//! nothing is there twice.

use super::import_tables;
use crate::{
    args::{ImportArgs, ImportAs},
    exit::{QUARANTINED, USAGE, usage},
    settings::Settings,
    talk::{Work, print, say},
    wiring,
};
use candleflow_binance::archive::{Beside, beside};
use candleflow_files::{Chunk, FileError, Options, Summary};
use candleflow_lake::{QUARANTINE_LIMIT, QUARANTINE_TABLE, quarantine_rows};
use candleflow_schema::{Clock, Interval, Quarantined, SystemClock, quarantine::Coverage, time};
use std::{
    collections::VecDeque,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::sync::mpsc;

/// Chunks that wait between a parser and the writer.
const AHEAD: usize = 16;

/// What a parser says of its file.
enum Parsed {
    Chunk(Chunk),
    Done(Box<Whole>),
    /// Why not.
    Failed(String),
}

/// A file that was read to its end.
struct Whole {
    summary: Summary,
    /// Names the content.
    hash: String,
    /// What it proves to be complete, by the CHECKSUM beside it.
    proved: Vec<Coverage>,
}

/// What became of one file.
struct Read1 {
    file: PathBuf,
    whole: Option<Whole>,
    bad: Vec<Quarantined>,
}

pub(super) async fn import(args: ImportArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    match args.holds {
        ImportAs::Bars => {}
        ImportAs::Instruments => return import_tables::instruments(&args, &wiring::lake(settings)?).await,
        ImportAs::Funding => return import_tables::funding(&args, &wiring::lake(settings)?).await,
    }
    let interval = args.interval.as_deref().map(str::parse::<Interval>).transpose().map_err(usage)?;
    let options = Options {
        symbol: args.symbol.as_deref().map(Into::into),
        interval,
        allow_futures: args.allow_futures,
        ..Options::default()
    };
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    let bytes = args.files.iter().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum::<u64>();
    // About as many rows as such files have; the bar is for the eye.
    let work = Work::new("import", bytes / 18);
    let started = std::time::Instant::now();
    let mut writer = lake.klines_writer().await?;
    let mut queue: VecDeque<(PathBuf, mpsc::Receiver<Parsed>)> = VecDeque::new();
    let mut files = args.files.iter();
    let (mut done, mut rows, mut failed) = (Vec::new(), 0u64, 0);
    loop {
        while queue.len() < 3
            && let Some(file) = files.next()
        {
            queue.push_back((file.clone(), parse(file.clone(), options.clone())));
        }
        let Some((file, mut parsed)) = queue.pop_front() else { break };
        let mut read = Read1 { file: file.clone(), whole: None, bad: Vec::new() };
        while let Some(next) = parsed.recv().await {
            if cancel.is_cancelled() {
                return Ok(ExitCode::from(crate::exit::INTERRUPTED));
            }
            match next {
                Parsed::Chunk(chunk) => {
                    rows += chunk.bars.len() as u64;
                    writer.push(&chunk.bars).await?;
                    let room = QUARANTINE_LIMIT.saturating_sub(read.bad.len());
                    read.bad.extend(chunk.quarantined.into_iter().take(room));
                    work.at(rows, &name(&file));
                }
                Parsed::Done(whole) => read.whole = Some(*whole),
                Parsed::Failed(error) => {
                    failed += 1;
                    work.done();
                    say(&format!("error: {error}"));
                }
            }
        }
        done.push(read);
    }
    work.at(rows, "committing");
    let counts = writer.finish().await?;
    let mut quarantined = 0;
    for read in &done {
        quarantined += keep(&lake, read, args.complete).await?;
    }
    work.done();
    let elapsed = started.elapsed().as_secs_f64();
    for read in &done {
        if let Some(whole) = &read.whole {
            print(&line(&read.file, &whole.summary))?;
        }
    }
    let mut text = format!("{} bars added, {} there already", counts.added, counts.same);
    for (count, what) in [
        (counts.restated, "restated"),
        (counts.filled, "filled in"),
        (quarantined, "rows quarantined"),
        (failed, "files failed"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    print(&text)?;
    say(&format!("{rows} bars read in {elapsed:.2} s"));
    Ok(match (failed, quarantined) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(QUARANTINED),
        _ => ExitCode::from(USAGE),
    })
}

fn parse(file: PathBuf, options: Options) -> mpsc::Receiver<Parsed> {
    let (send, parsed) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let each = |chunk| send.blocking_send(Parsed::Chunk(chunk)).is_ok();
        let last = match read(&file, options, each) {
            Ok(whole) => Parsed::Done(Box::new(whole)),
            Err(error) => Parsed::Failed(error),
        };
        // Nobody listens after an interrupt.
        let _ = send.blocking_send(last);
    });
    parsed
}

fn read(file: &Path, options: Options, mut each: impl FnMut(Chunk) -> bool) -> Result<Whole, String> {
    let proved = match beside(file) {
        Ok(Beside::Mismatch) => {
            let file = file.display();
            return Err(format!(
                "{file}: it does not match the CHECKSUM beside it: fetch it again, or remove {file}.CHECKSUM"
            ));
        }
        Ok(Beside::Match(coverage)) => coverage,
        // The reader says what is wrong with a file that cannot be read.
        Ok(Beside::Nothing) | Err(_) => Vec::new(),
    };
    let told = |error: FileError| error.to_string();
    let mut reader = candleflow_files::open_with(file, options).map_err(told)?;
    while let Some(chunk) = reader.next_chunk().map_err(told)? {
        if !each(chunk) {
            break;
        }
    }
    let summary = reader.finish().map_err(told)?;
    Ok(Whole { summary, hash: hash(file), proved })
}

/// Names the content, so that its quarantine is written once; a file that cannot be read twice is named by its path.
fn hash(file: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let hashed = std::fs::File::open(file).and_then(|mut f| {
        loop {
            match f.read(&mut buffer)? {
                0 => return Ok(()),
                n => hasher.update(&buffer[..n]),
            };
        }
    });
    if hashed.is_err() {
        hasher.update(file.as_os_str().as_encoded_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

async fn keep(lake: &candleflow_lake::Lake, read: &Read1, complete: bool) -> anyhow::Result<u64> {
    let Some(Whole { summary, hash, proved }) = &read.whole else { return Ok(0) };
    let of = |c: &&Coverage| summary.symbols.iter().any(|s| *s.symbol == *c.symbol) && c.interval == summary.interval;
    lake.cover(&proved.iter().filter(of).cloned().collect::<Vec<_>>()).await?;
    if complete {
        let claim = |s: &candleflow_files::SymbolSummary| Coverage {
            symbol: s.symbol.to_string(),
            interval: summary.interval,
            from: s.first,
            to: summary.interval.close_of(s.last),
            evidence: "stated",
        };
        lake.cover(&summary.symbols.iter().map(claim).collect::<Vec<_>>()).await?;
    }
    if !read.bad.is_empty() {
        let rows = quarantine_rows(&read.bad, SystemClock.now())?;
        lake.append_rows(QUARANTINE_TABLE, &[rows], Some(&format!("import/{hash}"))).await?;
    }
    Ok(summary.quarantined)
}

fn name(file: &Path) -> String {
    file.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

fn line(file: &Path, summary: &Summary) -> String {
    let symbols: Vec<String> = summary.symbols.iter().map(|s| s.symbol.to_string()).collect();
    let range = match (summary.first(), summary.last()) {
        (Some(first), Some(last)) => format!("{} to {}", time::format(first), time::format(last)),
        _ => "no bars".into(),
    };
    let mut text =
        format!("{:<36} {} {} {} bars, {range}", name(file), symbols.join(","), summary.interval, summary.bars);
    for (count, what) in [
        (summary.quarantined, "quarantined"),
        (summary.duplicates, "duplicates"),
        (summary.off_grid, "off the grid"),
        (summary.zero_volume, "without volume"),
        (summary.gaps.count, "holes"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    summary.notes.iter().for_each(|note| text += &format!("\n{:<36} note: {note}", ""));
    text
}
