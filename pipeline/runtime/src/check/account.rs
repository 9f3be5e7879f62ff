//! The laws on an account over several symbols, where the rows of their chains meet.
//!
//! All symbols have been given their bars up to a cut and are complete up to it; then the account must have given exactly the
//! rows that it has up to there in the whole run. Cuts are those of [`super::look_ahead`]. Which symbol comes first, how many bars at a time, and where its state is
//! saved must not matter.

use super::{Checked, Cut, Done, Effort, Finding, Law, look_ahead::Places, measure::BATCH};
use arrow::{
    array::{AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::TimestampMicrosecondType,
};
use candleflow_schema::Micros;
use candleflow_stream::{
    Chain, Given, Output, Portfolio, columns,
    laws::{Difference, Seeded, rows_differ},
    portfolio::ALL,
};
use std::collections::{BTreeMap, BTreeSet};

/// Places at which the state is saved.
const SNAPSHOTS: usize = 8;

/// The account of a pipeline.
pub struct Account<'a> {
    /// Fresh chains of its symbols, and the account behind them.
    pub make: &'a (dyn Fn(Cut) -> Result<(Vec<Chain>, Portfolio), String> + Sync),
    /// The bars of each symbol, as sources give them.
    pub bars: Vec<RecordBatch>,
    /// Of a symbol the first so many of them, as sources give them that end at an event time.
    pub prefix: &'a (dyn Fn(usize, usize, Micros) -> Result<RecordBatch, String> + Sync),
    /// Event times at which the account is given something that is no bar: funding.
    pub arrivals: Vec<Micros>,
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
}

type Rows = BTreeMap<Output, RecordBatch>;

/// Checks look-ahead, batches and snapshots on it.
///
/// # Errors
/// When it cannot be made or fails on its bars.
pub fn check_account(account: &Account<'_>, effort: &Effort) -> Result<Checked, String> {
    let mut checked = Checked { symbol: ALL.into(), done: Vec::new(), findings: Vec::new(), warmups: Vec::new() };
    let times = account.bars.iter().map(times).collect::<Result<Vec<_>, _>>()?;
    let all: BTreeSet<Micros> = times.iter().flatten().copied().filter(|t| *t > account.from).collect();
    let all: Vec<Micros> = all.into_iter().collect();
    let ends: Vec<usize> = times.iter().map(Vec::len).collect();
    let whole = Run::new(account, None, account.bars.clone())?.feed(&ends, BATCH, false, &[])?.ended()?;
    let cuts = Places::find(effort, &whole, &all, account.from, &account.arrivals);

    let places = |cut: Micros| times.iter().map(|t| t.partition_point(|t| *t <= cut)).collect::<Vec<_>>();
    let mut pass = Run::new(account, None, account.bars.clone())?;
    for cut in cuts.all().into_iter().map(|n| all[n - 1]) {
        pass = pass.feed(&places(cut), BATCH, false, &[])?;
        pass.complete(cut)?;
        look(&whole, &pass.rows()?, cut, &mut checked);
    }
    let own = cuts.own(effort.prefixes);
    for cut in own.iter().map(|n| all[n - 1]) {
        let prefixes = places(cut).into_iter().enumerate().map(|(key, n)| (account.prefix)(key, n, cut));
        let mut run = Run::new(account, Some(cut), prefixes.collect::<Result<_, _>>()?)?;
        run = run.feed(&places(cut), BATCH, false, &[])?;
        run.complete(cut)?;
        look(&whole, &run.rows()?, cut, &mut checked);
    }
    let (cuts, runs, mut seeded) = (cuts.all(), own.len(), Seeded::new(effort.seed));
    let count = |output| whole.get(&output).map_or(0, RecordBatch::num_rows);
    let (orders, trades) = (count(Output::Orders), count(Output::Trades));
    let text = format!(
        "{} cuts of all symbols, {runs} of them runs of their own: {orders} orders, {trades} trades",
        cuts.len()
    );
    checked.done.push(Done::compared(Law::LookAhead, text));

    for (size, backwards) in [(7, false), (100, true), (BATCH, true)] {
        let got = Run::new(account, None, account.bars.clone())?.feed(&ends, size, backwards, &[])?.ended()?;
        if let Some(found) = differ(&whole, &got) {
            checked.findings.push(finding(
                Law::Batches,
                &found,
                format!("differ in batches of {size}, or with another symbol first"),
            ));
        }
    }
    let text = "batches of 7, 100 and 8192, the last symbol first".to_owned();
    checked.done.push(Done::compared(Law::Batches, text));

    let bars: usize = ends.iter().sum();
    let saves: BTreeSet<usize> = (0..SNAPSHOTS).map(|_| seeded.below(bars.max(1) as u64) as usize).collect();
    let saved = Run::new(account, None, account.bars.clone())?.feed(
        &ends,
        97,
        false,
        &saves.into_iter().collect::<Vec<_>>(),
    )?;
    if let Some((size, bound)) = saved.too_large {
        let text = format!("has {size} bytes, {bound} were stated");
        let what = "the state of the account".to_owned();
        checked.findings.push(Finding { law: Law::Snapshots, symbol: ALL.to_owned(), what, at: None, text });
    }
    if let Some(found) = differ(&whole, &saved.ended()?) {
        checked.findings.push(finding(Law::Snapshots, &found, "differ after a snapshot was restored".to_owned()));
    }
    checked.done.push(Done::compared(Law::Snapshots, format!("saved and restored at {SNAPSHOTS} places")));
    Ok(checked)
}

fn times(bars: &RecordBatch) -> Result<Vec<Micros>, String> {
    let time = columns::find("check", &bars.schema(), "time").map_err(|e| e.to_string())?;
    Ok(columns::times("check", bars, time).map_err(|e| e.to_string())?.to_vec())
}

/// The account at work.
struct Run<'a> {
    account: &'a Account<'a>,
    cut: Cut,
    bars: Vec<RecordBatch>,
    chains: Vec<Chain>,
    portfolio: Portfolio,
    /// Bars given, by symbol.
    at: Vec<usize>,
    given: BTreeMap<Output, Vec<RecordBatch>>,
    too_large: Option<(usize, usize)>,
}

impl<'a> Run<'a> {
    fn new(account: &'a Account<'a>, until: Option<Micros>, bars: Vec<RecordBatch>) -> Result<Self, String> {
        let cut = Cut { from: account.from, until };
        let (chains, portfolio) = (account.make)(cut)?;
        let at = vec![0; bars.len()];
        Ok(Self { account, cut, bars, chains, portfolio, at, given: BTreeMap::new(), too_large: None })
    }

    /// Gives every symbol its bars up to a place, `size` at a time in turn; saves the state after so many bars in all.
    fn feed(mut self, to: &[usize], size: usize, backwards: bool, saves: &[usize]) -> Result<Self, String> {
        let mut order: Vec<usize> = (0..to.len()).collect();
        if backwards {
            order.reverse();
        }
        let mut fed = 0;
        while self.at.iter().zip(to).any(|(at, to)| at < to) {
            for key in order.iter().copied() {
                let n = size.min(to[key].saturating_sub(self.at[key]));
                let rows = self.bars[key].slice(self.at[key], n);
                self.at[key] += n;
                for rows in self.chains[key].process(rows).map_err(|e| e.to_string())?.rows {
                    let given = self.portfolio.push(key, &rows).map_err(|e| e.to_string())?;
                    self.take(given);
                }
                if saves.iter().any(|save| (fed..fed + n).contains(save)) {
                    self.save()?;
                }
                fed += n;
            }
        }
        Ok(self)
    }

    /// What was given when no symbol brings anything more.
    fn ended(mut self) -> Result<Rows, String> {
        self.complete(Micros::MAX)?;
        self.rows()
    }

    fn complete(&mut self, time: Micros) -> Result<(), String> {
        for key in 0..self.chains.len() {
            let given = self.portfolio.complete(key, time).map_err(|e| e.to_string())?;
            self.take(given);
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), String> {
        let bytes = self.portfolio.snapshot();
        let bound = self.portfolio.state_bound(self.at.iter().sum());
        if bytes.len() > bound {
            self.too_large = Some((bytes.len(), bound));
        }
        self.portfolio = (self.account.make)(self.cut)?.1;
        self.portfolio.restore(&bytes).map_err(|e| e.to_string())
    }

    fn take(&mut self, given: Given) {
        for (output, rows) in given.outputs {
            self.given.entry(output).or_default().push(rows);
        }
    }

    fn rows(&self) -> Result<Rows, String> {
        let concat = |(output, parts): (&Output, &Vec<RecordBatch>)| {
            concat_batches(&parts[0].schema(), parts).map(|rows| (*output, rows)).map_err(|e| e.to_string())
        };
        self.given.iter().map(concat).collect()
    }
}

/// What a prefix gave against what the whole run has up to its end.
fn look(whole: &Rows, prefix: &Rows, cut: Micros, checked: &mut Checked) {
    if checked.findings.iter().any(|f| f.law == Law::LookAhead) {
        return;
    }
    let upto = |(output, rows): (&Output, &RecordBatch)| {
        let times = rows.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let n = times.map_or(rows.num_rows(), |t| t.values().partition_point(|t| *t <= cut));
        (n > 0).then(|| (*output, rows.slice(0, n)))
    };
    let due: Rows = whole.iter().filter_map(upto).collect();
    if let Some(found) = differ(&due, prefix) {
        checked.findings.push(finding(
            Law::LookAhead,
            &found,
            "are other ones without later bars of its symbols".to_owned(),
        ));
    }
}

fn differ(a: &Rows, b: &Rows) -> Option<Difference> {
    let outputs: BTreeSet<Output> = a.keys().chain(b.keys()).copied().collect();
    outputs.into_iter().find_map(|output| match (a.get(&output), b.get(&output)) {
        (Some(a), Some(b)) => rows_differ(output, a, b, false),
        (Some(rows), None) | (None, Some(rows)) => {
            let time = candleflow_schema::tables::time_of(rows, 0);
            Some(Difference { output: Some(output), last: false, column: None, row: 0, time })
        }
        (None, None) => None,
    })
}

fn finding(law: Law, found: &Difference, text: String) -> Finding {
    let output = found.output.map_or("the account", Output::name);
    let what = match &found.column {
        Some(column) => format!("{column} of {output} of the account"),
        None => format!("rows of {output} of the account"),
    };
    Finding { law, symbol: ALL.to_owned(), what, at: found.time, text }
}
