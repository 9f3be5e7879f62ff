//! Figures of this connector: bytes to bars, decisions, a file of the archive, and history over a real socket.
//!
//! `cargo bench -p candleflow-binance`. Every line is the best of three runs; data are made up and the same each time.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people that prints what it measures")]

use candleflow_binance::{
    KlinePage, Mode, Sequencer, SequencerConfig, archive, parse,
    sequencer::{
        core::{Action, Core, Event},
        rules::Rules,
    },
};
use candleflow_exchange::{ExchangeConfig, Market, SeededMarket, Speed, serve};
use candleflow_schema::{Bar, Clock, Interval, Micros, Origin, Symbol, decimal::to_text, time};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    hint::black_box,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const MINUTE: Micros = 60_000_000;

fn best(what: &str, units: u64, mut work: impl FnMut() -> Duration) {
    let took = (0..3).map(|_| work()).min().unwrap_or_default();
    println!(
        "{what:<52} {:>9.2} M/s {:>10.1} ns each",
        units as f64 / took.as_secs_f64() / 1e6,
        took.as_nanos() as f64 / units as f64
    );
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn market(symbols: usize, bars: usize) -> Vec<Bar> {
    let start = time::parse("2024-03-01").unwrap();
    let symbols = (0..symbols).map(|i| format!("S{i}USDT")).collect();
    SeededMarket { seed: 5, symbols, interval: Interval::M1, start, bars }.bars().collect()
}

/// The columns that REST and archive share, each in quotes or not.
fn columns(bar: &Bar, quote: &str) -> String {
    let text = |v: i128| format!("{quote}{}{quote}", to_text(v, 8, 8));
    let price = |v: i64| text(i128::from(v));
    let maybe = |v: Option<i128>| text(v.unwrap_or(0));
    format!(
        "{},{},{},{},{},{},{},{},{},{},{},{quote}0{quote}",
        bar.open_time / 1000,
        price(bar.open),
        price(bar.high),
        price(bar.low),
        price(bar.close),
        text(bar.volume),
        bar.time() / 1000 - 1,
        maybe(bar.quote_volume),
        bar.trades.unwrap_or(0),
        maybe(bar.taker_buy_volume),
        maybe(bar.taker_buy_quote_volume),
    )
}

fn pages(bars: &[Bar]) {
    let rows: Vec<_> = bars.iter().take(1000).map(|b| format!("[{}]", columns(b, "\""))).collect();
    let body = format!("[{}]", rows.join(","));
    let symbol = bars[0].symbol.clone();
    best("klines page of REST to bars, per row", 200_000, || {
        timed(|| {
            for _ in 0..200 {
                black_box(parse::klines(body.as_bytes(), "bench", &symbol, Interval::M1).unwrap());
            }
        })
    });
    let k = &bars[0];
    let price = |v: i64| to_text(i128::from(v), 8, 8);
    let frame = format!(
        r#"{{"stream":"s0usdt@kline_1m","data":{{"e":"kline","E":{0},"s":"{1}","k":{{"t":{0},"T":{0},"s":"{1}","i":"1m","f":1,"L":2,"o":"{2}","c":"{3}","h":"{4}","l":"{5}","v":"{6}","n":100,"x":true,"q":"1.0","V":"0.5","Q":"0.5","B":"0"}}}}}}"#,
        k.open_time / 1000,
        k.symbol,
        price(k.open),
        price(k.close),
        price(k.high),
        price(k.low),
        to_text(k.volume, 8, 8),
    );
    best("kline frame of the stream to an update", 100_000, || {
        timed(|| {
            for _ in 0..100_000 {
                black_box(parse::frame(black_box(&frame)));
            }
        })
    });
}

/// 400 symbols whose stream is perfect, and whose history comes in pages.
fn decisions() {
    let bars = market(400, 250);
    let start = bars[0].open_time;
    let known: BTreeMap<Symbol, Micros> = bars.iter().map(|b| (b.symbol.clone(), start)).collect();
    let rules = || Rules::new(Interval::M1, 3_000_000, None);
    best("closed bar of the stream, 400 symbols, to a record", bars.len() as u64, || {
        let mut core = Core::new(rules(), &known);
        let mut out = Vec::new();
        let events: Vec<_> = bars.iter().map(|b| Bar { origin: Origin::Stream, ..b.clone() }).collect();
        timed(|| {
            for bar in events {
                let now = bar.time() + 50_000;
                core.handle(Event::Stream { bar, closed: true, now }, &mut out);
                out.clear();
            }
            assert!(core.known().values().all(|k| *k == start + 250 * MINUTE));
        })
    });
    let history = market(1, 500_000);
    let symbol = history[0].symbol.clone();
    best("bar of a REST page to a record", history.len() as u64, || {
        let now = history[history.len() - 1].time() + 10_000_000;
        let mut core = Core::new(rules(), &BTreeMap::from([(symbol.clone(), start)]));
        let mut out = Vec::new();
        core.handle(Event::Tick { now }, &mut out);
        let [Action::Fetch { from, .. }] = out[..] else { panic!("{out:?}") };
        let mut from = from;
        let pages: Vec<_> = history
            .chunks(1000)
            .map(|chunk| {
                let to = chunk[chunk.len() - 1].open_time;
                let page =
                    KlinePage { from, to, bars: chunk.to_vec(), later: None, asked_at: now, quarantined: Vec::new() };
                from = to + 1000;
                page
            })
            .collect();
        let count = pages.len();
        timed(|| {
            for (i, page) in pages.into_iter().enumerate() {
                core.handle(Event::Page { symbol: symbol.clone(), page, last: i + 1 == count }, &mut out);
                out.clear();
            }
            assert_eq!(core.known()[&symbol], history[history.len() - 1].time());
        })
    });
}

fn archive_file() {
    let bars = market(1, 31 * 1440);
    let symbol = bars[0].symbol.clone();
    let mut csv = String::new();
    for bar in &bars {
        writeln!(csv, "{}", columns(bar, "")).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("month.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    zip.start_file("month.csv", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(csv.as_bytes()).unwrap();
    zip.finish().unwrap();
    let file = archive::ArchiveFile {
        symbol,
        interval: Interval::M1,
        period: archive::Period::Month { year: 2024, month: 3 },
    };
    best("row of an archive zip (a month of minutes) to a bar", bars.len() as u64, || {
        let mut rows = 0;
        let took = timed(|| {
            archive::read(&path, &file, 0, Micros::MAX, &mut |bars, bad| {
                rows += bars.len();
                bad.is_empty()
            })
            .map(drop)
            .unwrap();
        });
        assert_eq!(rows, bars.len());
        took
    });
}

fn history() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bars = market(8, 50_000);
    let total = bars.len() as u64;
    let (from, last) = (bars[0].open_time, bars[bars.len() - 1].time());
    let symbols: Vec<Symbol> = (0..8).map(|i| Symbol::from(format!("S{i}USDT"))).collect();
    let stop = CancellationToken::new();
    // A minute of weight budget is 6 ms on the wall: the budget is not what is measured.
    let config = ExchangeConfig { speed: Speed::Scaled(10_000.0), start: Some(last), ..ExchangeConfig::default() };
    let running = runtime.block_on(serve(config, Market::replay(bars).unwrap(), stop.clone())).unwrap();
    best("bar of history over a socket, 8 symbols, 2 cores", total, || {
        let config = SequencerConfig {
            mode: Mode::Once(last),
            ..SequencerConfig::new(
                running.rest_url.parse().unwrap(),
                running.ws_url.parse().unwrap(),
                symbols.clone(),
                Interval::M1,
                from,
            )
        };
        let clock: Arc<dyn Clock> = Arc::new(running.clock());
        timed(|| {
            runtime.block_on(async {
                let (out, mut records) = mpsc::channel(8192);
                let task = tokio::spawn(Sequencer::run(config, clock, BTreeMap::new(), out, CancellationToken::new()));
                let mut count = 0;
                while records.recv().await.is_some() {
                    count += 1;
                }
                task.await.unwrap().unwrap();
                assert_eq!(count, total);
            });
        })
    });
    stop.cancel();
    runtime.block_on(running.join()).unwrap();
}

fn main() {
    pages(&market(1, 1000));
    decisions();
    archive_file();
    history();
}
