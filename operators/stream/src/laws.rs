//! The five laws, in one harness that every operator and every whole pipeline goes through.
//!
//! 1. Re-batching changes nothing. 2. Snapshot, drop and restore anywhere change nothing. 3. The output for a prefix is
//!    a prefix of the output, `finish` aside: no look-ahead. 4. Two runs, two threads: the same bytes. 5. No snapshot is
//!    larger than the bound that the chain states.

use crate::{
    chain::Chain,
    operator::{Given, Output, Step},
};
use arrow::{array::RecordBatch, compute::concat_batches};
use candleflow_kernels::strategy::Finish;
use candleflow_schema::{Bar, Interval, Origin, tables::bars_to_batch};
use std::{collections::BTreeMap, thread};

/// Sizes of batches that are tried.
const SIZES: [usize; 6] = [1, 2, 3, 7, 100, usize::MAX];

/// All rows of every output, and of it those that came from `finish`.
#[derive(Debug, PartialEq)]
struct Outcome {
    rows: BTreeMap<Output, RecordBatch>,
    last: BTreeMap<Output, RecordBatch>,
    steps: Vec<Step>,
    finish: Option<Finish>,
}

/// Checks all laws on the chain that `make` gives, over `input`; `cuts` says where to snapshot and where to end a
/// prefix.
///
/// # Errors
/// Which law is broken, and how.
pub fn check(make: &(dyn Fn() -> Chain + Sync), input: &RecordBatch, cuts: &[usize]) -> Result<(), String> {
    let expected = run(make, input, &[input.num_rows().max(1)], &[])?;
    for size in SIZES {
        let got = run(make, input, &[size.min(input.num_rows().max(1))], &[])?;
        same(&expected, &got).map_err(|e| format!("law 1 (batches of {size}): {e}"))?;
    }
    let cuts: Vec<usize> = cuts.iter().map(|c| c % (input.num_rows() + 1)).collect();
    let got = run(make, input, &[5, 1, 64], &cuts)?;
    same(&expected, &got).map_err(|e| format!("law 2 (snapshots at {cuts:?}): {e}"))?;
    for cut in &cuts {
        let got = run(make, &input.slice(0, *cut), &[17], &[])?;
        if got.steps != expected.steps[..got.steps.len().min(expected.steps.len())] {
            return Err(format!("law 3: the account over the first {cut} rows is not where the whole one begins"));
        }
        for (output, rows) in &got.rows {
            let whole = &expected.rows[output];
            if rows.num_rows() > whole.num_rows() || *rows != whole.slice(0, rows.num_rows()) {
                return Err(format!(
                    "law 3: the first {cut} rows give {output} that the whole input does not begin with"
                ));
            }
        }
    }
    let (one, two) = thread::scope(|scope| {
        let other = scope.spawn(|| run(make, input, &[11], &[]));
        (run(make, input, &[11], &[]), other.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    });
    same(&expected, &one?).map_err(|e| format!("law 4 (again): {e}"))?;
    same(&expected, &two?).map_err(|e| format!("law 4 (another thread): {e}"))
}

fn same(expected: &Outcome, got: &Outcome) -> Result<(), String> {
    if let Some(step) =
        (0..expected.steps.len().max(got.steps.len())).find(|i| expected.steps.get(*i) != got.steps.get(*i))
    {
        return Err(format!("the account differs from bar {step} on"));
    }
    if expected.finish != got.finish {
        return Err("the account differs at the end".into());
    }
    for (what, a, b) in [("rows", &expected.rows, &got.rows), ("final rows", &expected.last, &got.last)] {
        for output in Output::ALL {
            let (Some(x), Some(y)) = (a.get(&output), b.get(&output)) else {
                if a.contains_key(&output) != b.contains_key(&output) {
                    return Err(format!("{what} of {output} exist only once"));
                }
                continue;
            };
            if x != y {
                let row = (0..x.num_rows().min(y.num_rows())).find(|i| x.slice(*i, 1) != y.slice(*i, 1));
                return Err(format!(
                    "{what} of {output} differ: {} rows and {} rows, first at {row:?}",
                    x.num_rows(),
                    y.num_rows()
                ));
            }
        }
    }
    Ok(())
}

fn run(make: &dyn Fn() -> Chain, input: &RecordBatch, sizes: &[usize], cuts: &[usize]) -> Result<Outcome, String> {
    let mut chain = make();
    let mut rows = Given::default();
    let (mut at, mut sizes) = (0, sizes.iter().cycle());
    while at < input.num_rows() {
        let next_cut = cuts.iter().filter(|c| **c > at).min().copied().unwrap_or(usize::MAX);
        let size = (*sizes.next().unwrap_or(&1)).min(input.num_rows() - at).min(next_cut - at);
        rows.append(chain.process(input.slice(at, size)).map_err(|e| e.to_string())?);
        at += size;
        if cuts.contains(&at) {
            let bytes = chain.snapshot();
            chain = make();
            chain.restore(&bytes).map_err(|e| format!("law 2: {e}"))?;
            if chain.snapshot() != bytes {
                return Err("law 2: a restored chain saves other bytes".into());
            }
        }
        let (size, bound) = (chain.snapshot().len(), chain.state_bound());
        if size > bound {
            return Err(format!("law 5: {size} bytes of state, {bound} were stated"));
        }
    }
    let last = chain.finish().map_err(|e| e.to_string())?;
    Ok(Outcome { rows: gather(rows.outputs)?, last: gather(last.outputs)?, steps: rows.steps, finish: last.finish })
}

fn gather(rows: Vec<(Output, RecordBatch)>) -> Result<BTreeMap<Output, RecordBatch>, String> {
    let mut by_output: BTreeMap<Output, Vec<RecordBatch>> = BTreeMap::new();
    rows.into_iter().filter(|(_, b)| b.num_rows() > 0).for_each(|(o, b)| by_output.entry(o).or_default().push(b));
    let concat = |(output, batches): (Output, Vec<RecordBatch>)| {
        concat_batches(&batches[0].schema(), &batches).map(|b| (output, b)).map_err(|e| e.to_string())
    };
    by_output.into_iter().map(concat).collect()
}

/// A made-up market for tests, the same for the same seed: holes, jumps, bars without volume, columns with NULL.
///
/// # Panics
/// Never: the bars fit their columns.
pub fn market(symbol: &str, seed: u64, rows: usize) -> RecordBatch {
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    };
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
