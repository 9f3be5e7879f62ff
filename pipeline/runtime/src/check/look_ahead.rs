//! Look-ahead: what a run says up to a moment must be what it says there in the end.
//!
//! At every cut the chain has been given the bars up to it and no other. Then it must have given exactly the rows that the
//! whole run has up to that event time: the same values, none more, none fewer. One pass meets all cuts, because a chain
//! only knows what it was given; some cuts are runs of their own, in which everything else that the chain reads (joined
//! tables, funding, finer bars) ends at the cut as well. Cuts lie at random, and right after orders and trades: that is
//! where a look at the next bar pays.

use super::{Checked, Cut, Done, Effort, Law, Subject, measure::BATCH};
use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::TimestampMicrosecondType,
};
use candleflow_schema::Micros;
use candleflow_stream::{
    Output,
    laws::{Difference, Observed, Seeded, rows_differ},
};
use std::collections::{BTreeMap, BTreeSet};

/// Differences of one cause are told once; of several, at most so many.
const TOLD: usize = 5;

pub(super) fn check(
    subject: &Subject<'_>,
    effort: &Effort,
    whole: &Observed,
    checked: &mut Checked,
) -> Result<(), String> {
    let times = subject.times()?;
    let places = Places::find(effort, &whole.rows, &times, subject.from, &subject.arrivals);
    let cuts = places.all();
    let mut found: BTreeMap<String, (Difference, usize)> = BTreeMap::new();
    for (difference, cut) in in_one_pass(subject, whole, &times, &cuts)? {
        keep(&mut found, difference, cut);
    }
    let own = places.own(effort.prefixes);
    for cut in &own {
        let until = times[cut - 1];
        let prefix = (subject.prefix)(*cut, until)?;
        let seen = subject.observe(subject.from, Some(until), &prefix, &[BATCH], &[])?;
        if let Some(difference) = compare(whole, &seen.rows, until) {
            keep(&mut found, difference, *cut);
        }
    }
    let columns = whole.rows.get(&Output::Columns).map_or(0, |c| c.num_columns().saturating_sub(3));
    let rows = |output| whole.rows.get(&output).map_or(0, RecordBatch::num_rows);
    let text = format!(
        "{} cuts, {} of them runs of their own: {columns} columns and expressions, {} orders, {} trades",
        cuts.len(),
        own.len(),
        rows(Output::Orders),
        rows(Output::Trades)
    );
    checked.done.push(Done::compared(Law::LookAhead, text));
    report(subject, whole, found, checked);
    Ok(())
}

/// Columns at fault come in the order of computation: the first is the cause, the rest may only be built on it.
fn report(
    subject: &Subject<'_>,
    whole: &Observed,
    found: BTreeMap<String, (Difference, usize)>,
    checked: &mut Checked,
) {
    let place = |d: &Difference| {
        let columns = whole.rows.get(&Output::Columns).map(RecordBatch::schema);
        let column = d.column.as_ref().and_then(|c| columns.and_then(|s| s.index_of(c).ok()));
        (d.output != Some(Output::Columns), column.unwrap_or(usize::MAX), d.time)
    };
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|(d, _)| place(d));
    for (difference, cut) in found.into_iter().take(TOLD) {
        let text = match difference.column {
            Some(_) => format!("is another one without the bars after the first {cut}: it looks ahead"),
            None => format!("are other ones without the bars after the first {cut}: they depend on later bars"),
        };
        checked.findings.push(subject.finding(Law::LookAhead, &difference, text));
    }
}

/// The earliest of each column or output.
fn keep(found: &mut BTreeMap<String, (Difference, usize)>, difference: Difference, cut: usize) {
    let name = format!("{:?} {:?}", difference.output, difference.column);
    found.entry(name).or_insert((difference, cut));
}

/// Where to cut, as numbers of bars given, each list rising.
pub(super) struct Places {
    random: Vec<usize>,
    /// Right after orders and trades.
    trades: Vec<usize>,
    /// Right before and right after something arrives that is no bar.
    arrivals: Vec<usize>,
}

impl Places {
    pub(super) fn find(
        effort: &Effort,
        whole: &BTreeMap<Output, RecordBatch>,
        times: &[Micros],
        from: Micros,
        arrivals: &[Micros],
    ) -> Self {
        let first = times.partition_point(|t| *t <= from);
        let mut seeded = Seeded::new(effort.seed);
        let mut random = BTreeSet::new();
        for _ in 0..if first < times.len() { effort.cuts } else { 0 } {
            random.insert(first + 1 + seeded.below((times.len() - first) as u64) as usize);
        }
        let mut trades = BTreeSet::new();
        for output in [Output::Orders, Output::Trades] {
            let Some(rows) = whole.get(&output) else { continue };
            let revealed = rows.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
            trades.extend(
                revealed.into_iter().flat_map(|t| t.values().iter().map(|t| times.partition_point(|x| x <= t))),
            );
        }
        let around = |at: &Micros| [times.partition_point(|t| t < at), times.partition_point(|t| t < at) + 1];
        let arrivals: BTreeSet<usize> = arrivals.iter().flat_map(around).collect();
        let mut some = |places: BTreeSet<usize>| {
            let mut places: Vec<usize> = places.into_iter().filter(|cut| (1..=times.len()).contains(cut)).collect();
            while places.len() > effort.trades {
                places.swap_remove(seeded.below(places.len() as u64) as usize);
            }
            places.sort_unstable();
            places
        };
        let (trades, arrivals) = (some(trades), some(arrivals));
        Self { random: random.into_iter().collect(), trades, arrivals }
    }

    pub(super) fn all(&self) -> Vec<usize> {
        let all: BTreeSet<usize> =
            [&self.random, &self.trades, &self.arrivals].into_iter().flatten().copied().collect();
        all.into_iter().collect()
    }

    /// Those that are runs of their own: of every kind at most `each`, the last among them.
    pub(super) fn own(&self, each: usize) -> Vec<usize> {
        let kinds = [&self.random, &self.trades, &self.arrivals];
        let own: BTreeSet<usize> = kinds.into_iter().flat_map(|cuts| spread(cuts, each)).collect();
        own.into_iter().collect()
    }
}

/// Some of a list, from its beginning to its end.
fn spread(cuts: &[usize], most: usize) -> Vec<usize> {
    let most = most.min(cuts.len());
    (0..most).map(|i| cuts[(i + 1) * cuts.len() / most - 1]).collect()
}

/// Gives the bars up to each cut, and compares what has come so far.
fn in_one_pass(
    subject: &Subject<'_>,
    whole: &Observed,
    times: &[Micros],
    cuts: &[usize],
) -> Result<Vec<(Difference, usize)>, String> {
    let mut chain = (subject.make)(Cut { from: subject.from, until: None })?;
    let mut given: BTreeMap<Output, usize> = BTreeMap::new();
    let (mut at, mut found) = (0, Vec::new());
    for cut in cuts {
        let mut parts: BTreeMap<Output, Vec<RecordBatch>> = BTreeMap::new();
        while at < *cut {
            let n = BATCH.min(cut - at);
            let outputs = chain.process(subject.bars.slice(at, n)).map_err(|e| e.to_string())?.outputs;
            outputs.into_iter().for_each(|(output, rows)| parts.entry(output).or_default().push(rows));
            at += n;
        }
        for (output, rows) in &whole.rows {
            let seen = given.entry(*output).or_default();
            for part in parts.remove(output).unwrap_or_default() {
                let n = part.num_rows().min(rows.num_rows() - (*seen).min(rows.num_rows()));
                found.extend(differs(*output, &rows.slice((*seen).min(rows.num_rows()), n), &part).map(|d| (d, *cut)));
                *seen += part.num_rows();
            }
            let due = until(rows, times[cut - 1]);
            if *seen != due {
                let row = (*seen).min(due);
                found.push((missing(*output, rows, row), *cut));
                // What is late or early is told once.
                *seen = due;
            }
        }
    }
    Ok(found)
}

/// What a prefix gave against what the whole run has up to its end.
fn compare(whole: &Observed, prefix: &BTreeMap<Output, RecordBatch>, end: Micros) -> Option<Difference> {
    let order = [Output::Columns, Output::Orders, Output::Trades, Output::Equity];
    order.into_iter().find_map(|output| {
        let rows = whole.rows.get(&output);
        let due = rows.map_or(0, |rows| until(rows, end));
        match (rows, prefix.get(&output)) {
            (None, None) => None,
            (Some(rows), None) => (due > 0).then(|| missing(output, rows, 0)),
            (None, Some(part)) => Some(missing(output, part, 0)),
            (Some(rows), Some(part)) => {
                let n = part.num_rows().min(rows.num_rows());
                let late = || (part.num_rows() != due).then(|| missing(output, rows, due.min(part.num_rows())));
                differs(output, &rows.slice(0, n), &part.slice(0, n)).or_else(late)
            }
        }
    })
}

/// Rows up to an event time.
fn until(rows: &RecordBatch, time: Micros) -> usize {
    let times = rows.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    times.map_or(rows.num_rows(), |t| t.values().partition_point(|t| *t <= time))
}

fn missing(output: Output, rows: &RecordBatch, row: usize) -> Difference {
    let time = candleflow_schema::tables::time_of(rows, row);
    Difference { output: Some(output), last: false, column: None, row, time }
}

/// The first column that differs over the rows that both have.
fn differs(output: Output, whole: &RecordBatch, part: &RecordBatch) -> Option<Difference> {
    let n = whole.num_rows().min(part.num_rows());
    rows_differ(output, &whole.slice(0, n), &part.slice(0, n), false)
}
