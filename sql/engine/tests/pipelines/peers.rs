//! A pipeline file with `profile:` trades as the peer of that name: the golden lists of `operators/kernels/tests/peers`,
//! here from text to trades, with the indicators and the crossing of SQL.

#![allow(clippy::print_stderr, reason = "a test without its data says so")]

use super::compiled;
use candleflow_engine::{Binding, session};
use candleflow_schema::{Bar, Defect, Interval, Origin, tables::bars_to_batch};
use candleflow_stream::Output;
use datafusion::arrow::{
    array::{AsArray, Float64Array, RecordBatch},
    compute::{cast, concat_batches},
    datatypes::{DataType, Float64Type, TimestampMicrosecondType},
};
use std::path::{Path, PathBuf};

const HOUR: i64 = 3_600_000_000;

/// A round trip as the golden files have it: side, quantity, bar and price of entry and exit, net PnL.
type Trade = (String, f64, i64, f64, i64, f64, f64);

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("CANDLEFLOW_SHARED").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = named.into_iter().chain(above.flat_map(|dir| [dir.join("shared"), dir.join("../shared")]));
    let found = found.map(|dir| dir.join("data/klines_archive_csv")).find(|dir| dir.exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "under CI nothing is skipped");
        eprintln!("skipped: no recorded market data (CANDLEFLOW_SHARED)");
    }
    found
}

/// The bars that the peers were given: BTCUSDT by the hour, 2025-03 to 2025-05.
fn hourly(folder: &Path) -> RecordBatch {
    let price = |text: &str| Defect::price("price", text).unwrap();
    let mut bars = Vec::new();
    for month in ["2025-03", "2025-04", "2025-05"] {
        let text = std::fs::read_to_string(folder.join(format!("BTCUSDT-1h-{month}.csv"))).unwrap();
        bars.extend(text.lines().map(|line| {
            let words: Vec<&str> = line.split(',').collect();
            Bar {
                symbol: "BTCUSDT".into(),
                interval: Interval::Fixed(HOUR),
                open_time: words[0].parse().unwrap(),
                open: price(words[1]),
                high: price(words[2]),
                low: price(words[3]),
                close: price(words[4]),
                volume: Defect::quantity("volume", words[5]).unwrap(),
                quote_volume: None,
                trades: None,
                taker_buy_volume: None,
                taker_buy_quote_volume: None,
                origin: Origin::File,
            }
        }));
    }
    assert_eq!(bars.len(), 2_208);
    bars_to_batch(&bars).unwrap()
}

fn ours(text: &str, bars: &RecordBatch) -> Vec<Trade> {
    let session = session();
    let binding = Binding { from: i64::MIN, ..Binding::default() };
    let mut chain = compiled(&session, text, "BTCUSDT").chain(&session.state(), &binding).unwrap();
    let given = chain.process(bars.clone()).unwrap();
    let trades: Vec<RecordBatch> =
        given.outputs.into_iter().filter(|(output, _)| *output == Output::Trades).map(|(_, batch)| batch).collect();
    let trades = concat_batches(&trades[0].schema(), &trades).unwrap();
    let number = |name: &str| -> Float64Array {
        let column = cast(trades.column_by_name(name).unwrap(), &DataType::Float64).unwrap();
        column.as_primitive::<Float64Type>().clone()
    };
    let start = 1_740_787_200_000_000; // 2025-03-01
    let bar = |name: &str, row: usize| {
        let times = trades.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>();
        (times.value(row) - start) / HOUR - 1
    };
    let side = cast(trades.column_by_name("side").unwrap(), &DataType::Utf8).unwrap();
    let side = side.as_string::<i32>();
    let [qty, entry, exit, net] = ["qty", "entry_price", "exit_price", "net_pnl"].map(number);
    (0..trades.num_rows())
        .map(|row| {
            let (entered, left) = (bar("entry_time", row), bar("time", row));
            let [entry, exit] = [&entry, &exit].map(|prices| prices.value(row));
            (side.value(row).to_owned(), qty.value(row), entered, entry, left, exit, net.value(row))
        })
        .collect()
}

/// What the peer traded in one case.
fn theirs(golden: &str, case: &str) -> Vec<Trade> {
    let rows = golden.lines().filter_map(|line| line.split_once(',').filter(|(name, _)| *name == case));
    rows.map(|(_, row)| {
        let words: Vec<&str> = row.split(',').collect();
        let number = |at: usize| words[at].parse::<f64>().unwrap();
        let bar = |at: usize| words[at].parse::<i64>().unwrap();
        (words[0].to_owned(), number(1), bar(2), number(3), bar(4), number(5), number(6))
    })
    .collect()
}

/// To 1e-9; the net PnL to 1e-9 of the notional, of which it is a small difference.
fn agree(ours: &Trade, theirs: &Trade) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    (&ours.0, ours.2, ours.4) == (&theirs.0, theirs.2, theirs.4)
        && near(ours.1, theirs.1)
        && near(ours.3, theirs.3)
        && near(ours.5, theirs.5)
        && (ours.6 - theirs.6).abs() <= 1e-9 * ours.1 * ours.3
}

/// An SMA cross of both sides with stops and targets. The levels are said per side: prices, or shares for both.
fn pipeline(profile: &str, exits: [&str; 2], levels: [&str; 2]) -> String {
    let [long, short] = exits;
    let [above, below] = levels;
    format!(
        "name: peers
source: {{ symbols: [BTCUSDT], interval: 1h }}
profile: {profile}
columns: {{ fast: 'sma(close, 10)', slow: 'sma(close, 30)', up: 'crossover(fast, slow)', down: 'crossover(slow, fast)' }}
strategy:
  long: {{ entry: up, {long}{above} }}
  short: {{ entry: down, {short}{below} }}
  size: {{ base: 10 }}
account: {{ balance: 10000000000, fees: {{ maker: 0.1%, taker: 0.1% }} }}
"
    )
}

/// Levels from the signal's close.
const PRICES: [&str; 2] = [
    "stop_loss: { price: 'close * 0.98' }, take_profit: { price: 'close * 1.03' }",
    "stop_loss: { price: 'close * (2.0 - 0.98)' }, take_profit: { price: 'close * (2.0 - 1.03)' }",
];
const SHARES: [&str; 2] = ["stop_loss: 2%, take_profit: 3%"; 2];

#[test]
fn a_file_with_a_profile_trades_as_its_peer() {
    let Some(folder) = folder() else { return };
    let bars = hourly(&folder);
    let both = ["exit: down, ", "exit: up, "];
    for (profile, golden, case, text) in [
        (
            "backtesting_py",
            include_str!("../../../../operators/kernels/tests/peers/golden/backtesting_py.csv"),
            "sma-both-open-fee-stop_target",
            pipeline("backtesting_py", both, PRICES),
        ),
        (
            "vectorbt",
            include_str!("../../../../operators/kernels/tests/peers/golden/vectorbt.csv"),
            "sma-both-close-fee-stop_target",
            pipeline("vectorbt", ["", ""], SHARES),
        ),
        (
            "backtrader",
            include_str!("../../../../operators/kernels/tests/peers/golden/backtrader.csv"),
            "sma-both-open-fee-stop_target",
            pipeline("backtrader", both, PRICES),
        ),
    ] {
        let (ours, theirs) = (ours(&text, &bars), theirs(golden, case));
        let differs = ours.iter().zip(&theirs).find(|(ours, theirs)| !agree(ours, theirs));
        assert_eq!(differs, None, "{profile}: ours, theirs");
        assert_eq!((ours.len(), theirs.len() > 60), (theirs.len(), true), "{profile}");
    }
}
