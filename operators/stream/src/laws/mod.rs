//! The five laws, in one harness that every operator and every whole pipeline goes through.
//!
//! 1. Re-batching changes nothing. 2. Snapshot, drop and restore anywhere change nothing. 3. The output for a prefix is
//!    a prefix of the output, `finish` aside: no look-ahead. 4. Two runs, two threads: the same bytes. 5. No snapshot is
//!    larger than the bound that the chain states.
//!
//! [`check`] is for tests. `runtime` checks a user's own pipeline with the same parts: [`observe`] and
//! [`Observed::difference`], which names the column.

mod observed;

pub use observed::{Difference, Observed, Unlawful, observe, rows_differ};

use crate::{chain::Chain, detail};
use arrow::array::RecordBatch;
use candleflow_kernels::strategy::BarInput;
use candleflow_schema::{Bar, Interval, Origin, tables::bars_to_batch};
use std::thread;

/// Sizes of batches that are tried.
pub const SIZES: [usize; 6] = [1, 2, 3, 7, 100, usize::MAX];

/// Checks all laws on the chain that `make` gives, over `input`; `cuts` says where to snapshot and where to end a
/// prefix.
///
/// # Errors
/// Which law is broken, and how.
pub fn check(make: &(dyn Fn() -> Chain + Sync), input: &RecordBatch, cuts: &[usize]) -> Result<(), String> {
    let make = &|| Ok(make());
    let expected = observe(make, input, &[input.num_rows().max(1)], &[])?;
    let same = |got: &Observed, law: &str| match expected.difference(got) {
        Some(difference) => Err(format!("{law}: {difference}")),
        None => Ok(()),
    };
    for size in SIZES {
        let got = observe(make, input, &[size.min(input.num_rows().max(1))], &[])?;
        same(&got, &format!("law 1 (batches of {size})"))?;
    }
    let cuts: Vec<usize> = cuts.iter().map(|c| c % (input.num_rows() + 1)).collect();
    let got = observe(make, input, &[5, 1, 64], &cuts)?;
    same(&got, &format!("law 2 (snapshots at {cuts:?})"))?;
    for cut in &cuts {
        let got = observe(make, &input.slice(0, *cut), &[17], &[])?;
        if let Some(difference) = expected.begins_with(&got) {
            return Err(format!(
                "law 3: the whole input does not begin with what its first {cut} rows give: {difference}"
            ));
        }
    }
    let (one, two) = thread::scope(|scope| {
        let other = scope.spawn(|| observe(make, input, &[11], &[]));
        (
            observe(make, input, &[11], &[]),
            other.join().unwrap_or_else(|_| Err(Unlawful::Failed("a thread panicked".into()))),
        )
    });
    same(&one?, "law 4 (again)")?;
    same(&two?, "law 4 (another thread)")
}

/// Numbers that look random and are the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// Numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one, below `below`, which must not be 0.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// A made-up market for tests, the same for the same seed: holes, jumps, bars without volume, columns with NULL.
///
/// # Panics
/// Never: the bars fit their columns.
pub fn market(symbol: &str, seed: u64, rows: usize) -> RecordBatch {
    let mut seeded = Seeded::new(seed);
    let mut random = move |below| seeded.below(below);
    let minute = 60_000_000;
    let (mut price, mut open_time) = (5_000_000i64, random(40) as i64 * minute);
    let bars: Vec<Bar> = (0..rows)
        .map(|_| {
            let jump = if random(50) == 0 { 20 } else { 1 };
            let (open, close) = (price, (price + (random(201) as i64 - 100) * 300 * jump).max(1_000));
            open_time += minute * if random(40) == 0 { 1 + random(200) as i64 } else { 1 };
            price = close;
            let volume = i128::from(random(5)) * 123_456_789;
            let known = random(9) > 0;
            Bar {
                symbol: symbol.into(),
                interval: Interval::M1,
                open_time,
                open,
                high: open.max(close) + random(40) as i64 * 500,
                low: (open.min(close) - random(40) as i64 * 500).max(1),
                close,
                volume,
                quote_volume: known.then_some(volume * 3),
                trades: known.then_some(volume as i64 / 1_000),
                taker_buy_volume: known.then_some(volume / 2),
                taker_buy_quote_volume: None,
                origin: Origin::File,
            }
        })
        .collect();
    bars_to_batch(&bars).expect("bars fit their columns")
}

/// The same rows with finer bars: a third of a bar each, the higher or the lower extreme first. Some bars have none, some
/// lack one, the middle one may be without volume.
///
/// # Panics
/// Never: a market has the columns of bars.
pub fn detailed(market: &RecordBatch, seed: u64) -> RecordBatch {
    let mut seeded = Seeded::new(seed);
    let bars = detail::bars(market).expect("a market has bars");
    let lists: Vec<Vec<BarInput>> = bars
        .iter()
        .map(|bar| {
            let (open, high, low, close) = (bar.open, bar.high, bar.low, bar.close);
            let middle = i64::midpoint(open, close);
            let third = (bar.time - bar.open_time) / 3;
            let up = seeded.below(2) == 0;
            let (first, last) = match up {
                true => ([open, high, open.min(middle), middle], [middle, middle.max(close), low, close]),
                false => ([open, open.max(middle), low, middle], [middle, high, middle.min(close), close]),
            };
            let volume = (seeded.below(2) > 0).then_some(0.0);
            let finer = |i: i64, prices, volume| {
                BarInput::new(bar.open_time + i * third, bar.open_time + (i + 1) * third, prices, volume)
            };
            let all = [finer(0, first, None), finer(1, [middle; 4], volume), finer(2, last, None)];
            match seeded.below(6) {
                0 => Vec::new(),
                1 => all[1..].to_vec(),
                _ => all.to_vec(),
            }
        })
        .collect();
    detail::attach(market, &lists).expect("a list for each bar")
}
