//! Walk-forward: a set is chosen where it cannot know what comes, and trades what comes.
//!
//! ```text
//!  ├──── train 1 ────┤── test 1 ──┤
//!         ├──── train 2 ────┤── test 2 ──┤        what the tests made, one after the other, is the result
//! ```
//! A train window is a sweep over `from < time <= to`; the best set by the metric trades the test window after it. A test
//! begins flat, with the sweep's warm-up before it and the money that the test before left in each account, and closes
//! at its last close. Nothing after a train window's end is read to choose. Windows that would end after the data are
//! left out, so that more data only adds windows. Where nothing is chosen, and for an account that has lost everything,
//! a test is time in which nothing is traded.

use super::{
    bars::{Bars, Window},
    keep::{self, Header, int, rows},
    passes::{Passes, said},
    study::Study,
    top::better,
};
use crate::{
    exit::usage,
    talk::{Work, say},
    wiring::run::{Tables, pinned},
};
use anyhow::Context;
use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::Float64Type,
};
use candleflow_config::research::WalkForward;
use candleflow_kernels::{
    metrics::{Choice, Metrics, metric_index},
    money::Money,
};
use candleflow_lake::{KLINES_TABLE, Lake};
use candleflow_runtime::{last::metrics_rows, outlets::metrics_digest, sweep::Found};
use candleflow_schema::{Micros, digest, time};
use std::{collections::BTreeMap, sync::Arc};
use tokio_util::sync::CancellationToken;

/// More windows than anybody reads.
const WINDOWS: usize = 10_000;
/// Tests close everything: what they came to is in this view.
const CLOSED: &str = "closed";

/// One step of the walk.
pub(crate) struct Step {
    train: Window,
    test: Window,
    /// The set that was chosen; none where no set has a value of the metric.
    chosen: Option<u64>,
    /// The metric in the train window, and in the test window alone.
    inside: Option<f64>,
    outside: Option<f64>,
    /// Return and trades of the test window; 0 where nothing was chosen.
    total_return: Option<f64>,
    trades: Option<f64>,
}

/// A finished walk.
pub(crate) struct Walked {
    pub(crate) run_id: String,
    pub(crate) digest: digest::Digest,
    /// Windows for people and for the lake.
    pub(crate) windows: RecordBatch,
    /// The statistics of all tests together.
    pub(crate) metrics: Vec<Option<f64>>,
}

/// Walks through the bars of the lake.
pub(crate) async fn walk(
    study: &Study,
    lake: &Lake,
    (from, to): (Option<Micros>, Option<Micros>),
    (threads, memory): (usize, u64),
    cancel: CancellationToken,
) -> anyhow::Result<Walked> {
    let Some(walk) = &study.prepared.document.research.walk_forward else {
        return Err(usage("the file has no walk_forward: add walk_forward: { train: 90d, test: 30d, choose: sharpe }"));
    };
    super::check_metric("walk_forward.choose", &walk.choose.value)?;
    let (files, version) = pinned(lake).await?;
    let bars = Bars::open(study, lake, &files, to.unwrap_or(Micros::MAX)).await?;
    let steps = steps(study, &bars, walk, from, to)?;
    let range = (steps[0].train.from, steps[steps.len() - 1].test.to);
    let header = Header::new(study, range, study.numbers.len(), version);
    let tables = Tables::now(&study.prepared, lake, None).await?;
    let statics = said(study, lake, &tables).await?;
    let mut pinned = tables.files;
    pinned.insert(KLINES_TABLE.to_owned(), files.as_ref().clone());
    lake.pin(&header.run_id, &pinned).await?;
    warn_short(study, &bars, &steps);
    // The train windows are read for nothing but what chooses.
    let choice = Choice::of([walk.choose.value.as_str()]).unwrap_or(Choice::ALL);
    let passes = Passes { study, lake, bars: &bars, statics, choice, threads, memory, cancel };
    let (steps, tests) = go(&passes, steps, walk).await?;
    let Some(tests) = tests.filter(|_| steps.iter().any(|step| step.chosen.is_some())) else {
        return Err(usage(
            "no set traded in any test window: nothing to report; choose another metric or longer windows",
        ));
    };
    let metrics = tests.values();
    let overall = metrics_rows(&[("out_of_sample", metrics.clone())])?;
    let windows = table(study, walk, &steps)?;
    write(lake, &header, &windows, &overall, &tests).await?;
    let mut chain = digest::Chain::new("walk_forward", "", &windows.schema());
    chain.update(&windows)?;
    let mut result = digest::Chain::new("metrics", "", &overall.schema());
    result.update(&overall)?;
    let pipeline = format!("{}\n{}", header.canonical, header.sweep);
    let digest = digest::of_run(&pipeline, [("metrics", "", &result), ("walk_forward", "", &chain)]);
    let count = i64::try_from(steps.len()).ok();
    keep::finish(lake, &study.prepared, &header, "walk_forward", digest, None, vec![("windows", int(count))]).await?;
    Ok(Walked { run_id: header.run_id, digest, windows, metrics })
}

/// The windows that lie inside of the data.
fn steps(
    study: &Study,
    bars: &Bars,
    walk: &WalkForward,
    from: Option<Micros>,
    to: Option<Micros>,
) -> anyhow::Result<Vec<Step>> {
    let interval = study.prepared.interval().nominal();
    let (first, last) = bars.span().ok_or_else(|| usage("the lake has no bars of these symbols before --to"))?;
    let (begin, end) = (from.unwrap_or(first - interval), last.min(to.unwrap_or(Micros::MAX)));
    let mut steps = Vec::new();
    let mut train = Window { from: begin, to: begin + walk.train };
    while train.to + walk.test <= end {
        if steps.len() == WINDOWS {
            return Err(usage(format!("walk_forward.step: the data hold more than {WINDOWS} windows: make it longer")));
        }
        let test = Window { from: train.to, to: train.to + walk.test };
        let (total_return, trades) = (Some(0.0), Some(0.0));
        steps.push(Step { train, test, chosen: None, inside: None, outside: None, total_return, trades });
        train = Window { from: if walk.anchored { begin } else { train.from + walk.step }, to: train.to + walk.step };
    }
    if steps.is_empty() {
        let days = |span: Micros| format!("{:.1} days", span as f64 / 86_400e6);
        return Err(usage(format!(
            "a window is longer than the data: train and test take {}, there are {} between {} and {}",
            days(walk.train + walk.test),
            days((end - begin).max(0)),
            time::format(begin),
            time::format(end)
        )));
    }
    bars.check(study, Window { from: begin, to: end })?;
    Ok(steps)
}

/// Says once for each beginning of a window which symbols have too few bars before it.
fn warn_short(study: &Study, bars: &Bars, steps: &[Step]) {
    let windows: BTreeMap<Micros, Window> =
        steps.iter().flat_map(|step| [step.test, step.train]).map(|window| (window.from, window)).collect();
    for (from, window) in windows {
        let short = bars.short(window, study.warmup);
        if !short.is_empty() {
            say(&format!(
                "warning: {}: less warm-up than wanted before {}: early values still depend on where the data begins",
                short.join(", "),
                time::format(from)
            ));
        }
        // Where every bar before is wanted, no later window is shorter of them.
        if study.warmup.is_none() {
            return;
        }
    }
}

/// The steps with what came of them, and the statistics of all tests together.
async fn go(
    passes: &Passes<'_>,
    mut steps: Vec<Step>,
    walk: &WalkForward,
) -> anyhow::Result<(Vec<Step>, Option<Metrics>)> {
    let study = passes.study;
    let terms = study.prepared.document.account.as_ref().context("a sweep has an account")?;
    let accounts = if study.prepared.is_portfolio() { 1 } else { study.prepared.compiled.len() };
    let balances = vec![terms.terms.balance; accounts];
    let (mut cash, mut tests) = (balances.clone(), None);
    let metric = metric_index(&walk.choose.value).context("the metric was checked")?;
    let work = Work::new("walk", steps.len() as u64);
    let count = steps.len();
    for (place, step) in steps.iter_mut().enumerate() {
        work.at(place as u64, &format!("of {count} windows, {}", time::format(step.test.from)));
        let found = passes.run(&study.numbers, step.train, &|_| ()).await?.found;
        let best = found.iter().map(|set| (set.number, value(set, study.view(), metric)));
        // Sets come by number: the first of equals stays.
        let best = best.reduce(|a, b| if better(&walk.choose.value, b.1, a.1).is_lt() { b } else { a });
        // Once with the file's balance, to be compared with the train window; once with what is left of it.
        if let Some((number, inside)) = best.filter(|(_, value)| value.is_some()) {
            (step.chosen, step.inside) = (Some(number), inside);
            let alone = passes.close(step.chosen, step.test, &balances, None).await?;
            let named = |name: &str| metric_index(name).and_then(|place| value(&alone, CLOSED, place));
            step.outside = value(&alone, CLOSED, metric);
            (step.total_return, step.trades) = (named("total_return"), named("trades"));
        }
        let after = passes.end(step.chosen, step.test, &cash, tests).await?;
        for (place, left) in after.cash.into_iter().enumerate() {
            // An account without a bar keeps what it has.
            let Some(left) = left else { continue };
            let before = std::mem::replace(&mut cash[place], left);
            if before > Money::ZERO && left <= Money::ZERO {
                let of = if accounts > 1 { format!(" of {}", study.prepared.symbols()[place]) } else { String::new() };
                let end = time::format(step.test.to);
                say(&format!("warning: ruin: the account{of} has nothing left at {end} and trades no more"));
            }
        }
        tests = Some(after.metrics);
    }
    work.done();
    Ok((steps, tests))
}

/// A metric of a set in a view.
fn value(set: &Found, view: &str, metric: usize) -> Option<f64> {
    let row = set.metrics.column(0).as_string::<i32>().iter().position(|name| name == Some(view))?;
    let column = set.metrics.column(metric + 1).as_primitive::<Float64Type>();
    (!column.is_null(row)).then(|| column.value(row))
}

/// One row a window.
fn table(study: &Study, walk: &WalkForward, steps: &[Step]) -> anyhow::Result<RecordBatch> {
    let times = |of: &dyn Fn(&Step) -> Micros| {
        Arc::new(steps.iter().map(|s| Some(of(s))).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            as ArrayRef
    };
    let floats =
        |of: &dyn Fn(&Step) -> Option<f64>| Arc::new(steps.iter().map(of).collect::<Float64Array>()) as ArrayRef;
    let ints = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("window".into(), ints((1..=steps.len()).map(|place| i64::try_from(place).ok()).collect())),
        ("train_from".into(), times(&|s| s.train.from)),
        ("train_to".into(), times(&|s| s.train.to)),
        ("test_to".into(), times(&|s| s.test.to)),
        ("set".into(), ints(steps.iter().map(|s| s.chosen.and_then(|set| i64::try_from(set).ok())).collect())),
    ];
    for (place, axis) in study.sweep.axes.iter().enumerate() {
        let of = |s: &Step| s.chosen.map(|set| study.sweep.set(set)[place].value);
        columns.push((format!("param_{}", axis.name.value), floats(&of)));
    }
    let chosen_by = vec![walk.choose.value.as_str(); steps.len()];
    columns.extend([
        ("metric".to_owned(), Arc::new(StringArray::from(chosen_by)) as ArrayRef),
        ("in_sample".to_owned(), floats(&|s| s.inside)),
        ("out_of_sample".to_owned(), floats(&|s| s.outside)),
        ("total_return".to_owned(), floats(&|s| s.total_return)),
        ("trades".to_owned(), floats(&|s| s.trades)),
    ]);
    rows(columns.iter().map(|(name, column)| (name.as_str(), column.clone())).collect())
}

/// Windows, statistics and the daily equity of all tests, each once.
async fn write(
    lake: &Lake,
    header: &Header,
    windows: &RecordBatch,
    overall: &RecordBatch,
    metrics: &Metrics,
) -> anyhow::Result<()> {
    let run_id = &header.run_id;
    let of_run = |batch: &RecordBatch| {
        let ids = Arc::new(StringArray::from(vec![run_id.as_str(); batch.num_rows()])) as ArrayRef;
        let mut columns = vec![("run_id", ids)];
        let schema = batch.schema_ref();
        columns.extend(schema.fields().iter().zip(batch.columns()).map(|(f, c)| (f.name().as_str(), c.clone())));
        rows(columns)
    };
    lake.append_rows("walk_forward", &[of_run(windows)?], Some(&format!("{run_id}/walk_forward"))).await?;
    let daily = metrics.daily();
    let days = daily.iter().map(|(day, _)| Some((day + 1) * 86_400_000_000)).collect::<TimestampMicrosecondArray>();
    let equity = rows(vec![
        ("time", Arc::new(days.with_timezone("UTC")) as ArrayRef),
        ("equity", Arc::new(daily.iter().map(|(_, equity)| Some(*equity)).collect::<Float64Array>())),
    ])?;
    lake.append_rows("walk_forward_equity", &[of_run(&equity)?], Some(&format!("{run_id}/equity"))).await?;
    let digest = Arc::new(StringArray::from(vec![metrics_digest(overall)?.to_string()])) as ArrayRef;
    let mut columns = vec![("digest", digest)];
    let schema = overall.schema_ref();
    columns.extend(schema.fields().iter().zip(overall.columns()).map(|(f, c)| (f.name().as_str(), c.clone())));
    lake.append_rows("metrics", &[of_run(&rows(columns)?)?], Some(&format!("{run_id}/metrics"))).await?;
    Ok(())
}
