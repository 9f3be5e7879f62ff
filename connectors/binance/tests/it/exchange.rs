//! The sequencer against the local exchange: what comes out is the tape, whatever the exchange does.

use crate::shared;
use candleflow_binance::{BinanceError, Mode, Sequencer, SequencerConfig, Summary};
use candleflow_exchange::{
    Chance, EmptyBars, ExchangeConfig, Faults, FrameFaults, Lag, Market, RestFaults, Running, SeededMarket, Speed,
    serve,
};
use candleflow_schema::{Bar, Clock, Interval, KlineRecord, Micros, Origin, Symbol, decimal, time};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const MINUTE: Micros = 60_000_000;
/// Seconds on the wall without a record after which a run has failed; counted one by one, so that a machine that was
/// asleep has not failed.
const PATIENCE: u32 = 60;

type Records = BTreeMap<Symbol, Vec<KlineRecord>>;

/// An exchange that replays `bars` from `start` on.
async fn exchange(bars: &[Bar], start: Micros, speed: Speed, faults: Faults) -> (Running, CancellationToken) {
    let stop = CancellationToken::new();
    let config = ExchangeConfig {
        speed,
        start: Some(start),
        faults,
        empty_bars: EmptyBars::default(),
        ..ExchangeConfig::default()
    };
    let market = Market::replay(bars.iter().cloned()).unwrap();
    (serve(config, market, stop.clone()).await.unwrap(), stop)
}

fn config(running: &Running, bars: &[Bar], from: Micros, mode: Mode) -> SequencerConfig {
    let symbols: std::collections::BTreeSet<Symbol> = bars.iter().map(|b| b.symbol.clone()).collect();
    let (rest, stream) = (running.rest_url.parse().unwrap(), running.ws_url.parse().unwrap());
    let mut config = SequencerConfig::new(rest, stream, symbols.into_iter().collect(), bars[0].interval, from);
    // At a thousand times the speed of the wall this is 20 ms, and a busy machine answers late.
    config.rest.grace = Duration::from_secs(20);
    config.mode = mode;
    config
}

/// Runs until every symbol is known up to `until`, or to the end of a run that ends by itself.
async fn run(
    running: &Running,
    config: SequencerConfig,
    resume: BTreeMap<Symbol, Micros>,
    until: Option<Micros>,
) -> (Records, Summary) {
    let (out, mut records) = mpsc::channel(64);
    let cancel = CancellationToken::new();
    let clock: Arc<dyn Clock> = Arc::new(running.clock());
    let mut written: Records = config.symbols.iter().map(|s| (s.clone(), Vec::new())).collect();
    let task = tokio::spawn(Sequencer::run(config, clock, resume.clone(), out, cancel.clone()));
    let mut idle = 0;
    loop {
        let record = tokio::select! {
            record = records.recv() => record,
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                idle += 1;
                let far: Vec<_> = written.values().map(|r| r.last().map(|r| time::format(r.time()))).collect();
                assert!(idle < PATIENCE, "nothing comes any more: {far:?} after {resume:?}");
                continue;
            }
        };
        idle = 0;
        let Some(record) = record else { break };
        written.get_mut(record.symbol()).unwrap().push(record);
        let far = |s: &Symbol, r: &Vec<KlineRecord>| r.last().map(KlineRecord::time).or(resume.get(s).copied());
        let reached = |until| written.iter().all(|(s, r)| far(s, r).is_some_and(|t| t >= until));
        if until.is_some_and(reached) {
            cancel.cancel();
        }
    }
    (written, task.await.unwrap().unwrap())
}

/// What the tape has in `from < time <= to`, as bars and collapsed promises: (time, bar or promise).
fn truth(bars: &[Bar], symbol: &str, from: Micros, to: Micros) -> Vec<(Micros, bool)> {
    let mut known = from;
    let mut out = Vec::new();
    for bar in bars.iter().filter(|b| b.symbol.as_ref() == symbol && b.time() > from && b.time() <= to) {
        if bar.open_time > known {
            out.push((bar.open_time, false));
        }
        out.push((bar.time(), true));
        known = bar.time();
    }
    out
}

/// Runs of promises collapsed into their last, those after the last bar left out.
fn collapsed(records: &[KlineRecord], to: Micros) -> Vec<(Micros, bool)> {
    let mut out: Vec<(Micros, bool)> = Vec::new();
    for record in records.iter().filter(|r| r.time() <= to && !matches!(r, KlineRecord::Restated(_))) {
        let is_bar = matches!(record, KlineRecord::Bar(_));
        if out.last().is_some_and(|(_, bar)| !bar) && !is_bar {
            out.pop();
        }
        out.push((record.time(), is_bar));
    }
    while out.last().is_some_and(|(_, bar)| !bar) {
        out.pop();
    }
    out
}

/// Every symbol's records are the tape's; says how many bars differ from it. What is restated was given before with
/// another value, and is now what the tape says.
fn check(bars: &[Bar], records: &Records, from: Micros, to: Micros) -> u64 {
    let mut different = 0;
    for (symbol, written) in records {
        assert_eq!(collapsed(written, to), truth(bars, symbol, from, to), "{symbol}");
        let tape: BTreeMap<_, _> = bars.iter().filter(|b| b.symbol == *symbol).map(|b| (b.open_time, b)).collect();
        for (place, record) in written.iter().enumerate() {
            if let KlineRecord::Restated(bar) = record {
                assert!(bar.same_value(tape[&bar.open_time]), "{bar:?}");
                let first = |r: &&KlineRecord| matches!(r, KlineRecord::Bar(b) if b.open_time == bar.open_time);
                let first = written[..place].iter().find(first);
                assert!(matches!(first, Some(KlineRecord::Bar(first)) if !first.same_value(bar)), "{bar:?}");
            }
            let KlineRecord::Bar(bar) = record else { continue };
            if !bar.same_value(tape[&bar.open_time]) {
                assert_eq!(bar.origin, Origin::Stream, "REST tells the tape: {bar:?}");
                different += 1;
            }
        }
    }
    different
}

/// Recorded minutes of two symbols across the outage of 2021-04-25, and one that is delisted in the middle of it all.
fn recorded() -> Option<Vec<Bar>> {
    let (from, to) = (time::parse("2021-04-25T02:00").unwrap(), time::parse("2021-04-25T10:00").unwrap());
    let mut bars = Vec::new();
    for (symbol, end) in [("BTCUSDT", to), ("ETHUSDT", to), ("BTTUSDT", time::parse("2021-04-25T03:30").unwrap())] {
        let text = shared::text(&format!("klines_1m/{symbol}-1m-20210420-20210520.csv.gz"))?;
        for line in text.lines().skip(1) {
            let columns: Vec<_> = line.split(',').collect();
            let open_time = time::epoch(columns[0].parse().unwrap()).unwrap();
            if !(from..end).contains(&open_time) {
                continue;
            }
            let price = |i: usize| decimal::parse_price(columns[i]).unwrap();
            bars.push(Bar {
                symbol: symbol.into(),
                interval: Interval::M1,
                open_time,
                open: price(1),
                high: price(2),
                low: price(3),
                close: price(4),
                volume: decimal::parse_quantity(columns[5]).unwrap(),
                quote_volume: None,
                trades: None,
                taker_buy_volume: None,
                taker_buy_quote_volume: None,
                origin: Origin::File,
            });
        }
    }
    Some(bars)
}

/// A made-up market with holes: minutes that no symbol has, minutes that one lacks, and bars without trades.
fn made_up(symbols: &[&str], bars: usize) -> Vec<Bar> {
    let start = time::parse("2024-03-01").unwrap();
    let symbols: Vec<_> = symbols.iter().map(ToString::to_string).collect();
    let market = SeededMarket { seed: 11, symbols: symbols.clone(), interval: Interval::M1, start, bars };
    let minute = |b: &Bar| (b.open_time - start) / MINUTE;
    let mut out: Vec<_> = market
        .bars()
        .filter(|b| !(40..47).contains(&minute(b)))
        .filter(|b| b.symbol.as_ref() != symbols[0] || minute(b) % 23 != 5)
        .collect();
    for bar in out.iter_mut().filter(|b| minute(b) % 10 == 3) {
        (bar.volume, bar.high, bar.low, bar.close) = (0, bar.open, bar.open, bar.open);
        (bar.quote_volume, bar.trades) = (Some(0), Some(0));
        (bar.taker_buy_volume, bar.taker_buy_quote_volume) = (Some(0), Some(0));
    }
    out
}

fn every_fault() -> Faults {
    let some = |probability| Chance { probability, next: 0 };
    Faults {
        seed: 3,
        frames: FrameFaults {
            drop: 0.1,
            duplicate: 0.1,
            reorder: 0.1,
            delay: 0.1,
            delay_ms: 90_000,
            skip_closed: 0.3,
            revise: 0.1,
            cut_every: 400,
            silent_after: None,
        },
        rest: RestFaults {
            server_error: some(0.05),
            internal: some(0.05),
            timeout: some(0.05),
            garbage: some(0.05),
            hang_up: some(0.05),
            too_many: Chance { probability: 0.0, next: 1 },
            refuse_upgrade: some(0.3),
            lag: Some(Lag { seconds: 5.0, missing: true }),
            ..RestFaults::default()
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_read_whole_and_ends() {
    let bars = made_up(&["BTCUSDT", "ETHUSDT", "SOLUSDT"], 2600);
    let (from, last) = (bars[0].open_time - 10 * MINUTE, bars.last().unwrap().time());
    let until = last - 100 * MINUTE;
    let (running, stop) = exchange(&bars, last + 5 * MINUTE, Speed::Scaled(100.0), Faults::default()).await;
    let (records, summary) =
        run(&running, config(&running, &bars, from, Mode::Once(until)), BTreeMap::new(), None).await;
    assert_eq!(check(&bars, &records, from, until), 0);
    assert!(summary.known.values().all(|k| *k == until), "{summary:?}");
    assert!(summary.open_ended.is_empty());
    let total: usize = records.values().map(Vec::len).sum();
    assert_eq!(summary.bars + summary.completes, total as u64);
    assert!(records.values().flatten().all(|r| r.time() <= until));

    // Going on from there gives the rest, and nothing twice.
    let (rest, _) = run(&running, config(&running, &bars, from, Mode::Once(last)), summary.known, None).await;
    assert_eq!(check(&bars, &rest, until, last), 0);
    stop.cancel();
    running.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_a_made_up_market_through_every_fault_writes_the_tape() {
    let bars = made_up(&["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"], 300);
    let (from, last) = (bars[0].open_time - MINUTE, bars.last().unwrap().time());
    let start = bars[0].open_time + 30 * MINUTE;
    let mut lists = Vec::new();
    for faults in [Faults::default(), every_fault()] {
        let faulty = faults != Faults::default();
        let (running, stop) = exchange(&bars, start, Speed::Scaled(1200.0), faults).await;
        let config = config(&running, &bars, from, Mode::Follow);
        let (records, summary) = run(&running, config, BTreeMap::new(), Some(last)).await;
        let different = check(&bars, &records, from, last);
        assert_eq!(summary.late, 0, "{summary:?}");
        assert!(summary.from_stream > 0, "{summary:?}");
        let restated = records.values().flatten().filter(|r| matches!(r, KlineRecord::Restated(_))).count() as u64;
        assert_eq!(restated, summary.revisions);
        // Bars that were told wrongly at the very end have not been compared yet.
        assert!(different >= restated && (restated > 0) == faulty, "{different} {restated}");
        if faulty {
            assert!(summary.failed_fetches + summary.disconnects > 0, "{summary:?}");
        } else {
            assert_eq!((different, summary.failed_fetches), (0, 0), "{summary:?}");
        }
        let per_symbol: Vec<_> = records.values().map(|r| collapsed(r, last)).collect();
        lists.push(per_symbol);
        stop.cancel();
        running.join().await.unwrap();
    }
    assert_eq!(lists[0], lists[1], "the same records with and without faults");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_recorded_bars_across_an_outage_and_a_delisting() {
    let Some(bars) = recorded() else { return };
    let (from, last) = (bars[0].open_time, time::parse("2021-04-25T10:00").unwrap());
    let start = time::parse("2021-04-25T02:30").unwrap();
    for faults in [Faults::default(), every_fault()] {
        let (running, stop) = exchange(&bars, start, Speed::Scaled(2000.0), faults).await;
        let (records, summary) =
            run(&running, config(&running, &bars, from, Mode::Follow), BTreeMap::new(), Some(last)).await;
        check(&bars, &records, from, last);
        assert_eq!(summary.late, 0, "{summary:?}");
        // The outage is one promise: the exchange says all the while that the symbol trades.
        let promises = |symbol: &str| {
            let is_promise = |r: &&KlineRecord| matches!(r, KlineRecord::Complete { .. });
            records[symbol].iter().filter(is_promise).map(|r| time::format(r.time())).collect::<Vec<_>>()
        };
        assert_eq!(promises("BTCUSDT"), ["2021-04-25T08:45:00Z"]);
        assert_eq!(promises("ETHUSDT").len(), 1);
        // The delisted one is promised on and on, so that nobody waits for it.
        let delisted = promises("BTTUSDT");
        assert!(
            delisted.len() > 5 && delisted.last().is_some_and(|t| t.as_str() >= "2021-04-25T10:00:00Z"),
            "{delisted:?}"
        );
        stop.cancel();
        running.join().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_stream_is_no_hole() {
    let bars = made_up(&["BTCUSDT", "ETHUSDT"], 200);
    let (from, last) = (bars[0].open_time - MINUTE, bars.last().unwrap().time());
    let faults =
        Faults { frames: FrameFaults { silent_after: Some(60), ..FrameFaults::default() }, ..Faults::default() };
    let (running, stop) = exchange(&bars, bars[0].open_time, Speed::Scaled(1000.0), faults).await;
    let (records, summary) =
        run(&running, config(&running, &bars, from, Mode::Follow), BTreeMap::new(), Some(last)).await;
    assert_eq!(check(&bars, &records, from, last), 0);
    assert!(summary.bars > summary.from_stream, "REST gave the rest: {summary:?}");
    stop.cancel();
    running.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_that_runs_as_fast_as_it_is_read() {
    let bars = made_up(&["BTCUSDT", "ETHUSDT", "SOLUSDT"], 1500);
    let (from, last) = (bars[0].open_time - MINUTE, bars.last().unwrap().time());
    let (running, stop) =
        exchange(&bars, bars[0].open_time, Speed::Max { wait_for_streams: 3 }, Faults::default()).await;
    let config = config(&running, &bars, from, Mode::Follow).paced();
    let (records, summary) = run(&running, config, BTreeMap::new(), Some(last)).await;
    assert_eq!(check(&bars, &records, from, last), 0);
    assert_eq!(summary.late, 0);
    stop.cancel();
    running.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_the_exchange_lacks_are_told_before_anything_is_written() {
    let bars = made_up(&["BTCUSDT"], 10);
    let (running, stop) = exchange(&bars, bars[0].open_time, Speed::Scaled(1.0), Faults::default()).await;
    let mut config = config(&running, &bars, 0, Mode::Follow);
    config.symbols.extend(["NOPEUSDT".into(), "NADAUSDT".into()]);
    let (out, _records) = mpsc::channel(1);
    let clock = Arc::new(running.clock());
    let error = Sequencer::run(config, clock, BTreeMap::new(), out, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, BinanceError::UnknownSymbols { names } if names == &["NADAUSDT", "NOPEUSDT"]), "{error}");
    stop.cancel();
    running.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_in_the_middle_says_how_far_it_got() {
    let bars = made_up(&["BTCUSDT", "ETHUSDT"], 120);
    let (from, last) = (bars[0].open_time - MINUTE, bars.last().unwrap().time());
    let (running, stop) = exchange(&bars, bars[0].open_time, Speed::Scaled(1000.0), every_fault()).await;
    let middle = bars[0].open_time + 60 * MINUTE;
    let (mut records, summary) =
        run(&running, config(&running, &bars, from, Mode::Follow), BTreeMap::new(), Some(middle)).await;
    let resume = summary.known;
    assert!(records.iter().all(|(s, r)| resume[s] == r.last().unwrap().time()), "what is known was written");
    // On a busy machine the first run may have come to the end of the market already.
    let ended = resume.values().all(|t| *t >= last);
    let rest = match ended {
        true => Records::new(),
        false => run(&running, config(&running, &bars, from, Mode::Follow), resume, Some(last)).await.0,
    };
    for (symbol, mut more) in rest {
        records.get_mut(&symbol).unwrap().append(&mut more);
    }
    check(&bars, &records, from, last);
    stop.cancel();
    running.join().await.unwrap();
}
