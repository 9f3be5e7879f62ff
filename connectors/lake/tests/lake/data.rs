//! Real bars, made-up bars, and small helpers.

use candleflow_lake::{Lake, Options, Read};
use candleflow_schema::{Bar, Clock, Defect, Input, Interval, Micros, Origin, Source, Symbol, time};
use flate2::read::GzDecoder;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

pub(crate) const MINUTE: Micros = 60_000_000;

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn advance(&self, by: Micros) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Micros {
        time::parse("2021-06-01").unwrap() + self.0.load(Ordering::SeqCst)
    }

    fn wall(&self, span: Duration) -> Duration {
        span
    }
}

/// A new lake in a folder of its own.
pub(crate) fn lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    (dir, lake)
}

pub(crate) fn open(dir: &Path) -> Lake {
    let options = Options { clock: Arc::new(HandClock::default()), ..Options::default() };
    Lake::open(dir.to_str().unwrap(), options).unwrap()
}

/// The folder of recorded market data; `None` after a word on stderr, a failure under CI.
pub(crate) fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("CANDLEFLOW_SHARED").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = named.into_iter().chain(above.flat_map(|dir| [dir.join("shared"), dir.join("../shared")]));
    let found = found.into_iter().find(|dir| dir.join("data/README.md").exists());
    if found.is_none() {
        skip("no recorded market data (CANDLEFLOW_SHARED)");
    }
    found
}

pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "under CI nothing is skipped: {why}");
    eprintln!("skipped: {why}");
}

/// The one-minute bars of 2021-04-20 to 05-20, as a user's files have them; at most `symbols` of the twenty.
pub(crate) fn minutes_of_2021(symbols: usize) -> Option<Vec<Vec<Bar>>> {
    let folder = shared()?.join("data/klines_1m");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.to_str().unwrap().ends_with("20210420-20210520.csv.gz"));
    files.sort();
    files.truncate(symbols);
    Some(files.iter().map(|f| read(f)).collect())
}

fn read(path: &Path) -> Vec<Bar> {
    let symbol: Symbol = path.file_name().unwrap().to_str().unwrap().split('-').next().unwrap().into();
    let mut reader = csv::Reader::from_reader(GzDecoder::new(std::fs::File::open(path).unwrap()));
    let price = |text: &str| Defect::price("price", text).unwrap();
    let bar = |r: csv::StringRecord| Bar {
        symbol: symbol.clone(),
        interval: Interval::M1,
        open_time: time::epoch(r[0].parse().unwrap()).unwrap(),
        open: price(&r[1]),
        high: price(&r[2]),
        low: price(&r[3]),
        close: price(&r[4]),
        volume: Defect::quantity("volume", &r[5]).unwrap(),
        quote_volume: None,
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::File,
    };
    reader.records().map(|r| bar(r.unwrap())).collect()
}

/// A made-up bar, `minute` minutes after 2021-04-20.
pub(crate) fn bar(symbol: &str, minute: i64, close: i64) -> Bar {
    Bar {
        symbol: symbol.into(),
        interval: Interval::M1,
        open_time: time::parse("2021-04-20").unwrap() + minute * MINUTE,
        open: 10,
        high: 1_000,
        low: 5,
        close,
        volume: 100,
        quote_volume: None,
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::File,
    }
}

pub(crate) fn bars(symbol: &str, minutes: std::ops::Range<i64>) -> Vec<Bar> {
    minutes.map(|m| bar(symbol, m, 11)).collect()
}

/// All bars of some symbols at the newest version, one symbol after another.
pub(crate) async fn stored(lake: &Lake, symbols: &[&str]) -> Vec<Bar> {
    let symbols: Vec<Symbol> = symbols.iter().map(|s| Symbol::from(*s)).collect();
    let mut bars = vec![];
    for mut cursor in lake.read_klines(&Read::of(Interval::M1, &symbols, 0, i64::MAX)).await.unwrap() {
        while let Some(rows) = cursor.next().await.unwrap() {
            assert!((1..=candleflow_lake::BATCH_ROWS).contains(&rows.num_rows()));
            bars.extend(candleflow_schema::tables::batch_to_bars(&rows, Interval::M1).unwrap());
        }
    }
    bars
}

/// All that a source has left.
pub(crate) async fn drain(source: &mut impl Source) -> Vec<arrow::array::RecordBatch> {
    let mut batches = vec![];
    while let Some(Input::Rows(rows)) = source.next().await.unwrap() {
        batches.push(rows);
    }
    batches
}

pub(crate) fn count(batches: &[arrow::array::RecordBatch]) -> usize {
    batches.iter().map(|b| b.num_rows()).sum()
}
