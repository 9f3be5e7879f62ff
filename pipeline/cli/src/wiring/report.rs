//! What a run found: for people as text and as a page, for programs as JSON.

use crate::{
    talk::{print, say},
    wiring::{research::Among, run::Prepared},
};
use anyhow::Context;
use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::Float64Type,
};
use candleflow_config::Document;
use candleflow_kernels::{
    metrics::{CATALOGUE, Choice, deflated_sharpe, metric_index},
    strategy::{AtEnd, FillAt},
};
use candleflow_report::{Deflated, Facts, Story, Width, page, text};
use candleflow_runtime::{Outcome, last::only, outlets::metrics_digest};
use candleflow_schema::{Micros, digest::Digest, time};
use serde_json::json;
use std::{io::IsTerminal, path::Path, time::Duration};

/// Fewer trades than this say little.
const FEW_TRADES: f64 = 30.0;
/// More ambiguous fills than this share, and the path decides the result.
const MANY_AMBIGUOUS: f64 = 0.02;

/// The end of a run.
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    facts: Facts,
    story: Option<Story>,
    elapsed: Duration,
    /// The digest of the metrics that its sweep computes, where these are not all.
    of_set: Option<Digest>,
}

impl Report {
    /// Of a run that has come to its end. `run_id`: its id in the lake; none for a dry run.
    pub(crate) fn new(
        prepared: &Prepared,
        mode: &str,
        run_id: Option<String>,
        outcome: Outcome,
        story: Option<Story>,
        warnings: Vec<String>,
        elapsed: Duration,
    ) -> Self {
        let mut facts = Facts {
            name: prepared.document.name.value.clone(),
            run_id,
            mode: mode.to_owned(),
            interval: prepared.interval().name().to_owned(),
            symbols: prepared.symbols().iter().map(ToString::to_string).collect(),
            range: outcome.range,
            bars: outcome.bars,
            warnings,
            views: outcome.metrics.as_ref().map(|rows| shown(&prepared.document, rows)).unwrap_or_default(),
            deflated: None,
            library: outcome.library.as_ref().and_then(|rows| views(rows).pop()),
            rows: outcome.rows.iter().map(|(output, rows)| ((*output).to_owned(), *rows)).collect(),
            chains: outcome.chains.iter().map(|(o, k, n, d)| (o.clone(), k.clone(), *n, d.to_string())).collect(),
            digest: outcome.digest.to_string(),
            engine: format!("{} on {}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
            pipeline: prepared.text.clone(),
            set: prepared.overrides.params.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        };
        facts.warnings.extend(cautions(prepared, &facts, story.as_ref()));
        Self { outcome, facts, story, elapsed, of_set: None }
    }

    /// A set of a sweep that computes only these metrics: with the digest that the set has there.
    pub(crate) fn compared(self, choice: Option<Choice>) -> anyhow::Result<Self> {
        let rows = choice.zip(self.outcome.metrics.as_ref()).map(|(choice, rows)| only(rows, choice)).transpose()?;
        Ok(Self { of_set: rows.as_ref().map(metrics_digest).transpose()?, ..self })
    }

    /// The run is that of a set: tells what its Sharpe ratio is worth among all that were tried.
    pub(crate) fn deflate(&mut self, Among { sweep, trials, variance, .. }: Among) {
        let values = self.facts.views.first().map(|(_, values)| values);
        let value = |name: &str| values?.get(metric_index(name)?).copied().flatten();
        let moments = (value("sharpe"), value("days"), value("skew"), value("kurtosis"));
        let (Some(sharpe), Some(days), Some(skew), Some(kurtosis)) = moments else { return };
        let value = deflated_sharpe(sharpe, days as usize, skew, kurtosis + 3.0, trials, variance);
        self.facts.deflated = value.map(|value| Deflated { value, trials, variance, sweep });
    }

    /// Prints it: what was found on stdout, warnings first; how long it took on stderr.
    pub(crate) fn show(&self, chains: bool) -> anyhow::Result<()> {
        let found = text(&self.facts, self.story.as_ref(), width());
        if !found.is_empty() {
            print(found.trim_end_matches('\n'))?;
            print("")?;
        }
        let rows: Vec<String> = self.outcome.rows.iter().map(|(o, n)| format!("{n} {o}")).collect();
        if self.outcome.dropped > 0 {
            say(&format!("warning: {} bars were not later than the one before, and left out", self.outcome.dropped));
        }
        print(&format!("rows    {}", rows.join(", ")))?;
        if let Some((from, to)) = self.outcome.range {
            print(&format!("range   {} to {}", time::format(from), time::format(to)))?;
        }
        self.show_chains(chains)?;
        if let Some(id) = &self.facts.run_id {
            print(&format!("run     {id}"))?;
        }
        if let Some(digest) = &self.of_set {
            print(&format!("set     {digest}"))?;
        }
        print(&format!("digest  {}", self.outcome.digest))?;
        let seconds = self.elapsed.as_secs_f64();
        say(&format!(
            "{} bars in {seconds:.2} s, {:.0} a second",
            self.outcome.bars,
            self.outcome.bars as f64 / seconds.max(1e-9)
        ));
        Ok(())
    }

    /// Prints the digest of every output and symbol, if that is wanted.
    pub(crate) fn show_chains(&self, wanted: bool) -> anyhow::Result<()> {
        for (output, key, rows, chain) in self.outcome.chains.iter().filter(|_| wanted) {
            print(&format!("chain   {output:<16} {key:<12} {rows:>9} {chain}"))?;
        }
        Ok(())
    }

    /// Prints it as one JSON object.
    pub(crate) fn show_json(&self) -> anyhow::Result<()> {
        self.facts.warnings.iter().for_each(|w| say(&format!("warning: {w}")));
        let views = self.outcome.metrics.as_ref().map(views).unwrap_or_default();
        let metrics = views.iter().chain(&self.facts.library).map(|(view, values)| {
            let values: serde_json::Map<_, _> =
                CATALOGUE.iter().zip(values).map(|(m, v)| (m.name.to_owned(), json!(v))).collect();
            (view.clone(), serde_json::Value::Object(values))
        });
        let range = self.outcome.range.map(|(a, b)| json!({ "from": time::format(a), "to": time::format(b) }));
        let value = json!({
            "run_id": self.facts.run_id,
            "digest": self.outcome.digest.to_string(),
            "set": self.of_set.as_ref().map(ToString::to_string),
            "rows": self.outcome.rows,
            "bars": self.outcome.bars,
            "dropped": self.outcome.dropped,
            "range": range,
            "deflated_sharpe": self.facts.deflated.as_ref().map(|d| {
                json!({ "value": d.value, "trials": d.trials, "sharpe_variance": d.variance, "sweep": d.sweep })
            }),
            "metrics": metrics.collect::<serde_json::Map<_, _>>(),
            "warnings": self.facts.warnings,
            "seconds": self.elapsed.as_secs_f64(),
        });
        print(&serde_json::to_string_pretty(&value)?)?;
        Ok(())
    }

    /// Writes the page for people.
    pub(crate) fn write_page(&self, file: &Path) -> anyhow::Result<()> {
        let html = page(&self.facts, self.story.as_ref());
        std::fs::write(file, html).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("report  {}", file.display()));
        Ok(())
    }
}

/// Columns of the terminal, or of what stands in for one.
fn width() -> Width {
    let given = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let terminal = console::Term::stdout();
    let seen = || std::io::stdout().is_terminal().then(|| terminal.size_checked()).flatten();
    given.or_else(|| seen().map(|(_, columns)| usize::from(columns))).map_or_else(Width::default, Width)
}

/// The view of `metrics` that counts: open trades marked, or everything closed where `fills.at_end` closes it.
pub(crate) fn headline(document: &Document) -> &'static str {
    if document.fills.at_end == AtEnd::Mark { "mark" } else { "closed" }
}

/// What every report of a pipeline says that trades at prices it could not have had.
pub(crate) fn optimistic(document: &Document) -> Option<&'static str> {
    let at_close = document.strategy.is_some() && document.fills.at == FillAt::Close;
    at_close.then_some("optimistic: orders fill at the very close that decided them")
}

/// The metrics of the views that a reader is shown: marked and closed, or closed alone where the run closed everything.
fn shown(document: &Document, rows: &RecordBatch) -> Vec<(String, Vec<Option<f64>>)> {
    let mut views = views(rows);
    if headline(document) != "mark" {
        views.retain(|(view, _)| view == headline(document));
    }
    views
}

/// The metrics of each view.
fn views(rows: &RecordBatch) -> Vec<(String, Vec<Option<f64>>)> {
    let names = rows.column(0).as_string::<i32>();
    let value = |metric: usize, row: usize| {
        let column = rows.column(metric + 1).as_primitive::<Float64Type>();
        (!column.is_null(row)).then(|| column.value(row))
    };
    let view = |row| (names.value(row).to_owned(), (0..CATALOGUE.len()).map(|m| value(m, row)).collect());
    (0..rows.num_rows()).map(view).collect()
}

/// What a reader of the numbers must know, from the numbers themselves.
fn cautions(prepared: &Prepared, facts: &Facts, story: Option<&Story>) -> Vec<String> {
    let mut cautions = Vec::new();
    if prepared.document.strategy.is_none() {
        return cautions;
    }
    cautions.extend(optimistic(&prepared.document).map(str::to_owned));
    cautions.extend(story.and_then(ruin));
    let value = |name: &str| {
        let values = &facts.views.first()?.1;
        values.get(metric_index(name)?).copied().flatten()
    };
    let (trades, days) = (value("trades").unwrap_or(0.0), value("days").unwrap_or(0.0));
    if let Some(ambiguous) = value("ambiguous_fills").filter(|a| *a > MANY_AMBIGUOUS * 2.0 * trades.max(1.0)) {
        cautions.push(format!(
            "{ambiguous:.0} fills are ambiguous: another order of a bar's high and low would give other ones; fills.path decides"
        ));
    }
    if let Some(rejected) = value("rejected_orders").filter(|r| *r > 0.0) {
        cautions.push(format!(
            "{rejected:.0} orders were rejected: candleflow sql \"select reason, count(*) from orders where event = 'rejected' group by 1\""
        ));
    }
    if trades < FEW_TRADES {
        cautions.push(format!("{trades:.0} trades: too few for their statistics to mean much"));
    }
    if days < 30.0 {
        let word = if days < 1.5 { "day" } else { "days" };
        cautions.push(format!("{days:.0} {word}: what is annualised (cagr, volatility, ratios) means little"));
    }
    cautions
}

/// The accounts that lost everything; of many, the first.
fn ruin(story: &Story) -> Option<String> {
    const NAMED: usize = 5;
    let of = |(account, at): &(String, Micros)| format!("{account} at {}", time::format(*at));
    let mut named: Vec<String> = story.ruined.iter().take(NAMED).map(of).collect();
    if story.ruined.len() > NAMED {
        named.push(format!("{} more", story.ruined.len() - NAMED));
    }
    let what = if story.ruined.len() == 1 { "an account" } else { "accounts" };
    (!named.is_empty()).then(|| format!("ruin: {what} had nothing left and ended: {}", named.join(", ")))
}
