//! How fast strategies run: one EMA cross with every metric, and a sweep of crosses with four.
//!
//! Times are the thread's own processor time where the system tells it, so that other work does not count. Results are
//! compared with the engine's before any time is printed.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops where it cannot run")]

use candleflow_kernels::metrics::{CATALOGUE, Metrics};
use candleflow_kernels::money::{Money, Ratio};
use candleflow_kernels::strategy::{
    BarInput, Engine, EntryRule, Events, ExitRule, Expr, Fees, Lean, Level, Line, Market, NoPrograms, Row, SideSpec,
    Signals, Size, Spec, SymbolSpec, Target,
};

const MINUTE: i64 = 60_000_000;

/// Nanoseconds of processor time of this thread, or of wall time elsewhere.
fn clock() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
    })
}

/// Nanoseconds of a call, the mean of `rounds`.
fn timed(rounds: u64, mut work: impl FnMut()) -> f64 {
    work();
    let start = clock();
    (0..rounds).for_each(|_| work());
    (clock() - start) as f64 / rounds as f64
}

/// A seeded walk of one-minute bars around 30,000.
fn walk(count: usize) -> Vec<BarInput> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut price = 30_000.0_f64;
    let cents = |price: f64| (price * 100.0).round() as i64 * 1_000_000;
    let mut bar = |place: usize| {
        let open = price;
        price *= 1.0 + (random() - 0.5) * 0.002;
        let (open, close) = (cents(open), cents(price));
        let (high, low) = (open.max(close) + cents(random() * 15.0), open.min(close) - cents(random() * 15.0));
        let open_time = place as i64 * MINUTE;
        BarInput::new(open_time, open_time + MINUTE, [open, high, low, close], Some(1.0))
    };
    (0..count).map(&mut bar).collect()
}

fn ema(closes: &[f64], count: f64) -> Vec<f64> {
    let (alpha, mut value) = (2.0 / (count + 1.0), closes[0]);
    let mut step = |close: &f64| {
        value += alpha * (close - value);
        value
    };
    closes.iter().map(&mut step).collect()
}

fn spec(stops: bool) -> Spec {
    let fee = Ratio::percent("0.1").unwrap();
    let mut spec = Spec::new(Money::parse("10000").unwrap(), Fees { maker: fee, taker: fee, fixed: Money::ZERO });
    let level = |percent| Level::Percent(Ratio::percent(percent).unwrap());
    spec.long = Some(SideSpec {
        entry: vec![EntryRule::market(Expr::Column(0))],
        exit: vec![ExitRule::market(Expr::Column(1))],
        size: Some(Size::Equity(Ratio::percent("10").unwrap())),
        stop_loss: stops.then(|| level("1")),
        take_profit: if stops { vec![Target { at: level("2"), portion: None }] } else { Vec::new() },
        ..SideSpec::default()
    });
    spec
}

/// The engine with all its rows, bar by bar.
fn by_engine(spec: &Spec, bars: &[BarInput], up: &Signals, down: &Signals) -> (Metrics, usize) {
    let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
    let mut metrics = Metrics::new(&[spec.account.balance], 1);
    let (mut out, mut rows) = (Events::default(), 0);
    for (place, bar) in bars.iter().enumerate() {
        let truth = |signals: &Signals| f64::from(u8::from(signals.next(place) == Some(place)));
        let columns = [truth(up), truth(down)];
        let row = engine.bar(&Row::new(*bar, &columns), &mut NoPrograms, &mut out).unwrap();
        metrics.equity(0, &row);
        metrics.market(0, bar.close_f64);
        out.orders.iter().try_for_each(|row| metrics.order(row)).unwrap();
        out.trades.iter().try_for_each(|row| metrics.trade(row)).unwrap();
        rows += out.orders.len() + out.trades.len() + 1;
        out.clear();
    }
    (metrics, rows)
}

fn one_run() {
    let bars = walk(500_000);
    let closes: Vec<f64> = bars.iter().map(|bar| bar.close_f64).collect();
    let market = Market::new(&bars).unwrap();
    let lean = Lean::of(&spec(false), &SymbolSpec::default()).unwrap();
    let cross = || {
        let (fast, slow) = (Line::new(ema(&closes, 12.0)), Line::new(ema(&closes, 26.0)));
        let (mut up, mut down) = (Signals::default(), Signals::default());
        Signals::set_crossings(&mut up, &mut down, &fast, &slow);
        (up, down)
    };
    let (up, down) = cross();
    let (theirs, rows) = by_engine(&spec(false), &bars, &up, &down);
    let ours = lean.run(&market, &up, &down).unwrap();
    assert_eq!(ours.metrics.values(), theirs.values(), "the fast path is the engine");
    let columns = timed(20, || drop(std::hint::black_box(cross())));
    let run = timed(40, || {
        let run = lean.run(&market, &up, &down).unwrap();
        std::hint::black_box((run.metrics.values(), run.closed.values()));
    });
    println!("500,000 bars, EMA cross, {} metrics twice (open and closed view):", CATALOGUE.len());
    println!("  columns and signals {:7.2} ms, run and metrics {:7.2} ms", columns / 1e6, run / 1e6);
    for stops in [false, true] {
        let engine = timed(3, || drop(std::hint::black_box(by_engine(&spec(stops), &bars, &up, &down))));
        let name = if stops { "with stop and target" } else { "signals only" };
        println!("  engine with all {rows} rows, {name}: {:7.2} ms", engine / 1e6);
    }
}

fn sweep() {
    let bars = walk(200_000);
    let market = Market::new(&bars).unwrap();
    let lean = Lean::of(&spec(false), &SymbolSpec::default()).unwrap();
    let lines: Vec<Line> = (0..66).map(|k| Line::new(ema(market.close(), 5.0 + f64::from(k) * 2.0))).collect();
    let pairs = (0..20).flat_map(|fast| (15..65).map(move |slow| (fast, slow))).filter(|(fast, slow)| fast < slow);
    let sets: Vec<(usize, usize)> = pairs.collect();
    let mut trades = 0;
    let sweep = timed(3, || {
        trades = 0;
        lean.sweep_crossings(&market, &lines, &sets, |_, summary| trades += summary.trades).unwrap();
    });
    let evaluations = (sets.len() * bars.len()) as f64;
    println!("{} sets of 200,000 bars, {trades} trades: {:.0} ms,", sets.len(), sweep / 1e6);
    println!("  {:.0} M bar-evaluations a second on this core", evaluations / sweep * 1e3);
}

fn main() {
    one_run();
    sweep();
}
