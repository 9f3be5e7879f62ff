//! How fast strategies run: our side of `peers/strategies.py`, which starts it and compares it with the peers.
//!
//! `strategy BARS` reads columns of bars and then takes one command per line: `results` for what is compared, else work
//! to be timed. Every answer is one line of JSON. Lines beginning with `#` are for people. Without arguments it says
//! how to start it.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops where it cannot run")]

use std::io::BufRead;

use candleflow_kernels::indicator::lookup;
use candleflow_kernels::metrics::{CATALOGUE, Choice, Metrics, metric_index};
use candleflow_kernels::money::{Money, Ratio, price_to_f64};
use candleflow_kernels::strategy::{
    BarInput, Coded, Crossings, Engine, EntryRule, Events, ExitRule, Expr, Fees, Goes, Hearing, Lean, LeanRun, Level,
    Market, MarketColumns, NoPrograms, Row, Rule, Side, SideSpec, Signals, Size, Spec, Stood, SymbolSpec, Target,
    TradeRow, Walk, ZeroVolume,
};

const RUN_BARS: usize = 500_000;
const SWEEP_BARS: usize = 200_000;
/// Bars before any engine trades: see `strategies.py`.
const SILENT: usize = 2_000;

/// Decoded columns: what a source hands on.
struct Columns {
    open_time: Vec<i64>,
    time: Vec<i64>,
    ohlc: [Vec<i64>; 4],
    close: Vec<f64>,
}

impl Columns {
    /// The last `last` bars of a file of columns.
    fn read(path: &str, last: usize) -> Columns {
        let bytes = std::fs::read(path).unwrap();
        let (words, _) = bytes.as_chunks::<8>();
        let count = i64::from_le_bytes(words[0]) as usize;
        let skipped = count.saturating_sub(last);
        let column = |place: usize| -> Vec<i64> {
            let from = 1 + place * count;
            words[from + skipped..from + count].iter().map(|word| i64::from_le_bytes(*word)).collect()
        };
        let open_time = column(0);
        let interval = open_time.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(1);
        let ohlc = [column(1), column(2), column(3), column(4)];
        Columns {
            time: open_time.iter().map(|open_time| open_time + interval).collect(),
            close: ohlc[3].iter().map(|price| price_to_f64(*price)).collect(),
            open_time,
            ohlc,
        }
    }

    fn market(&self) -> Market<'_> {
        let ohlc = self.ohlc.each_ref().map(Vec::as_slice);
        let (open_time, interval) = (&self.open_time, self.time[0] - self.open_time[0]);
        Market::of_columns(MarketColumns { open_time, interval, ohlc, close: &self.close }).unwrap()
    }

    fn bar(&self, place: usize) -> BarInput {
        BarInput::new(self.open_time[place], self.time[place], self.ohlc.each_ref().map(|prices| prices[place]), None)
    }

    fn len(&self) -> usize {
        self.open_time.len()
    }
}

/// All cash at a fee of 0.05 %, long only, market orders at the next open.
fn spec(stops: bool) -> Spec {
    let fee = Ratio::percent("0.05").unwrap();
    let mut spec = Spec::new(Money::parse("10000").unwrap(), Fees { maker: fee, taker: fee, fixed: Money::ZERO });
    let level = |percent| Level::Percent(Ratio::percent(percent).unwrap());
    spec.long = Some(SideSpec {
        entry: vec![EntryRule::market(Expr::Column(0))],
        exit: vec![ExitRule::market(Expr::Column(1))],
        size: Some(Size::Equity(Ratio::ONE)),
        stop_loss: stops.then(|| level("1")),
        take_profit: if stops { vec![Target { at: level("2"), portion: None }] } else { Vec::new() },
        ..SideSpec::default()
    });
    spec.fills.zero_volume = ZeroVolume::Fill;
    spec
}

fn lean() -> Lean {
    Lean::of(&spec(false), &SymbolSpec::default()).unwrap()
}

const ENTRY: Rule = Rule::Entry(Side::Long);
const EXIT: Rule = Rule::Exit(Side::Long);

/// Every metric, with open trades marked and closed.
fn views(run: &LeanRun) -> [Vec<Option<f64>>; 2] {
    let marked = run.metrics.values();
    let closed = run.closed.as_ref().map_or_else(|| marked.clone(), Metrics::values);
    [marked, closed]
}

/// Rows that the indicators see at a time, as in a pipeline.
const BATCH: usize = 8_192;

/// Crossings of two averages of the registry, batch after batch; silent at first.
fn crossings(close: &[f64], fast: usize, slow: usize) -> Crossings {
    let average = |length: usize| lookup("ema").unwrap().make(&[length as f64, 0.0]).unwrap();
    let (mut averages, mut crossings) = ([average(fast), average(slow)], Crossings::default());
    let mut lines = [[0.0; BATCH]; 2];
    for (batch, close) in close.chunks(BATCH).enumerate() {
        for (average, line) in averages.iter_mut().zip(&mut lines) {
            average.run(&[close], &mut [&mut line[..close.len()]]);
            if batch == 0 {
                line[..SILENT - 1].fill(f64::NAN);
            }
        }
        crossings.push(&lines[0][..close.len()], &lines[1][..close.len()]);
    }
    crossings
}

/// From columns in memory to metrics in memory, of the open and of the closed view.
fn run(columns: &Columns) -> LeanRun {
    let market = columns.market();
    let crossings = crossings(market.close(), 12, 26);
    let rules = [(ENTRY, crossings.up()), (EXIT, crossings.down())];
    let run = lean().run(&market, &Hearing::of(&rules)).unwrap().unwrap();
    std::hint::black_box(views(&run));
    run
}

/// The thousand sets of `strategies.py`, as places of averages.
fn sets() -> (Vec<usize>, Vec<(usize, usize)>) {
    let lengths = (0..20).map(|i| 5 + 2 * i).chain((0..50).map(|i| 50 + 2 * i)).collect();
    (lengths, (0..20).flat_map(|fast| (20..70).map(move |slow| (fast, slow))).collect())
}

/// Bars that go through all sets together, and sets that go through time together: as in the command's passes.
const SLICE: usize = 2_048;
const TOGETHER: usize = 1_000;

/// The metrics that the sweeps of the peers compute.
const FOUR: [&str; 4] = ["total_return", "sharpe", "max_drawdown_pct", "trades"];

/// These metrics of every set, open trades marked and closed; averages are computed as time goes on.
fn sweep(columns: &Columns, choice: Choice, times: usize, mut found: impl FnMut([Vec<Option<f64>>; 2])) {
    let (market, lean) = (columns.market(), lean());
    let (lengths, sets) = sets();
    for sets in sets.repeat(times).chunks(TOGETHER) {
        let average = |length: &usize| lookup("ema").unwrap().make(&[*length as f64, 0.0]).unwrap();
        let mut averages: Vec<_> = lengths.iter().map(average).collect();
        let mut lines = vec![vec![0.0; SLICE]; lengths.len()];
        let mut walks: Vec<(Walk, Stood)> = sets.iter().map(|_| (lean.walk(choice), Stood::default())).collect();
        let (mut coded, mut hearing) = (Coded::default(), Hearing::default());
        for start in (0..market.len()).step_by(SLICE) {
            let close = &market.close()[start..market.len().min(start + SLICE)];
            for (average, line) in averages.iter_mut().zip(&mut lines) {
                average.run(&[close], &mut [&mut line[..close.len()]]);
                let silent = (SILENT - 1).saturating_sub(start).min(close.len());
                line[..silent].fill(f64::NAN);
            }
            let lines: Vec<&[f64]> = lines.iter().map(|line| &line[..close.len()]).collect();
            coded.take(&lines);
            for ((walk, stood), (a, b)) in walks.iter_mut().zip(sets) {
                hearing.begin(start, close.len());
                coded.cross((*a, lines[*a]), (*b, lines[*b]), stood, |place, up, down| {
                    hearing.words(ENTRY)[place] = up;
                    hearing.words(EXIT)[place] = down;
                });
                hearing.settle();
                assert_eq!(walk.advance(&lean, &market, &hearing).unwrap(), Goes::On);
            }
        }
        for (walk, _) in walks {
            found(views(&walk.finish(&lean, &market).unwrap().unwrap()));
        }
    }
}

/// The engine bar by bar with all its rows, and the metrics if asked.
fn by_engine(columns: &Columns, spec: &Spec, cross: &Crossings, measured: bool) -> (Metrics, Vec<TradeRow>) {
    let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
    let mut metrics = Metrics::new(&[spec.account.balance], 1);
    let (mut out, mut trades) = (Events::default(), Vec::new());
    for place in 0..columns.len() {
        let bar = columns.bar(place);
        let truth = |signals: &Signals| f64::from(u8::from(signals.next(place) == Some(place)));
        let row =
            engine.bar(&Row::new(bar, &[truth(cross.up()), truth(cross.down())]), &mut NoPrograms, &mut out).unwrap();
        if measured {
            metrics.equity(0, &row);
            metrics.market(0, bar.close_f64);
            out.orders.iter().try_for_each(|row| metrics.order(row)).unwrap();
            out.trades.iter().try_for_each(|row| metrics.trade(row)).unwrap();
        }
        trades.append(&mut out.trades);
        out.clear();
    }
    (metrics, trades)
}

fn bits(values: &[Option<f64>]) -> Vec<Option<u64>> {
    values.iter().map(|value| value.map(f64::to_bits)).collect()
}

/// What the driver compares with the peers, after the fast path was compared with the engine.
fn results(run_bars: &Columns, sweep_bars: &Columns) -> String {
    let ours = run(run_bars);
    let cross = crossings(&run_bars.close, 12, 26);
    let (metrics, trades) = by_engine(run_bars, &spec(false), &cross, true);
    assert_eq!(bits(&ours.metrics.values()), bits(&metrics.values()), "the fast path is the engine");
    let mut swept = Vec::new();
    sweep(sweep_bars, Choice::ALL, 1, |[marked, _]| swept.push(marked));
    let four = FOUR.map(|name| metric_index(name).unwrap());
    let mut place = 0;
    sweep(sweep_bars, Choice::of(FOUR).unwrap(), 1, |[marked, _]| {
        let named = |values: &[Option<f64>]| four.map(|metric| values[metric].map(f64::to_bits));
        assert_eq!(named(&marked), named(&swept[place]), "set {place} with four metrics is the set with all");
        place += 1;
    });
    let (lengths, sets) = sets();
    for place in [0, 321, 999] {
        let (fast, slow) = sets[place];
        let cross = crossings(&sweep_bars.close, lengths[fast], lengths[slow]);
        let values = by_engine(sweep_bars, &spec(false), &cross, true).0.values();
        assert_eq!(bits(&swept[place]), bits(&values), "set {place} of the sweep is the engine");
    }
    let place = |time: i64, times: &[i64]| times.binary_search(&time).unwrap_or(usize::MAX);
    let rows: Vec<String> = trades
        .iter()
        .map(|row| {
            let (entry, exit) = (place(row.entry_time, &run_bars.time), place(row.time, &run_bars.time));
            let prices = (row.entry_price.to_f64(), row.exit_price.to_f64(), row.net.to_f64());
            format!("[{entry},{exit},{:?},{:?},{:?}]", prices.0, prices.1, prices.2)
        })
        .collect();
    let values = ours.metrics.values();
    let value = |name| values[metric_index(name).unwrap()].unwrap_or(f64::MAX);
    // Not annualised: the peers count the bars that a year without gaps has.
    let span = run_bars.time[run_bars.len() - 1] - run_bars.open_time[0];
    let a_year = run_bars.len() as f64 / (span as f64 / 365.0 / 86_400e6);
    let named = [
        ("total_return", value("total_return")),
        ("max_drawdown_pct", value("max_drawdown_pct")),
        ("sharpe_of_bars", value("sharpe_bar") / a_year.sqrt()),
    ];
    let named = named.map(|(name, value)| format!("\"{name}\":{value:?}"));
    let set = |values: &Vec<Option<f64>>| {
        let [total, sharpe, drawdown, trades] = four.map(|metric| values[metric].unwrap_or(f64::MAX));
        format!("[{total:?},{sharpe:?},{drawdown:?},{trades:.0}]")
    };
    let sets: Vec<String> = swept.iter().map(set).collect();
    let (rows, named, sets) = (rows.join(","), named.join(","), sets.join(","));
    format!("\"trades\":[{rows}],\"run\":{{{named}}},\"sets\":[{sets}],\"metrics\":{}", CATALOGUE.len())
}

/// Peak memory of this process in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() {
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let Some(path) = path else {
        println!("# strategies are timed beside their peers: deploy/dev/bench-strategies");
        return;
    };
    let (run_bars, sweep_bars) = (Columns::read(&path, RUN_BARS), Columns::read(&path, SWEEP_BARS));
    let cross = crossings(&run_bars.close, 12, 26);
    let finished = run(&run_bars).metrics;
    let four = Choice::of(FOUR).unwrap();
    for line in std::io::stdin().lock().lines() {
        let (wall, cpu) = (std::time::Instant::now(), cpu_time::ProcessTime::now());
        let engine = |stops: bool, measured: bool| {
            std::hint::black_box(by_engine(&run_bars, &spec(stops), &cross, measured));
        };
        let answer = match line.unwrap().trim() {
            "results" => results(&run_bars, &sweep_bars) + ",",
            command => {
                match command {
                    "run" => drop(run(&run_bars)),
                    "sweep" => sweep(&sweep_bars, four, 1, |views| drop(std::hint::black_box(views))),
                    "sweep_8" => sweep(&sweep_bars, four, 8, |views| drop(std::hint::black_box(views))),
                    "sweep_all" => sweep(&sweep_bars, Choice::ALL, 1, |views| drop(std::hint::black_box(views))),
                    "values" => drop(std::hint::black_box(finished.values())),
                    "engine" => engine(false, true),
                    "engine_bare" => engine(false, false),
                    "engine_stops" => engine(true, true),
                    unknown => println!("# no command {unknown}"),
                }
                let (cpu, wall) = (cpu.elapsed().as_nanos(), wall.elapsed().as_nanos());
                format!("\"cpu\":{cpu},\"wall\":{wall},")
            }
        };
        println!("{{{answer}\"peak\":{}}}", peak());
    }
}
