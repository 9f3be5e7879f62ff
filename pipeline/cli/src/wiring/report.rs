//! What a run found, for people and as JSON.

use crate::talk::{print, say};
use arrow::{
    array::{Array, AsArray},
    datatypes::Float64Type,
};
use candleflow_kernels::metrics::{CATALOGUE, Unit};
use candleflow_runtime::Outcome;
use candleflow_schema::time;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde_json::json;
use std::time::Duration;

/// The end of a run.
pub(crate) struct Report {
    /// Its id in the lake; none for a dry run.
    pub(crate) run_id: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) warnings: Vec<String>,
    pub(crate) elapsed: Duration,
    /// Whether it fills at the close that decided.
    pub(crate) optimistic: bool,
}

impl Report {
    /// Prints it: warnings and talk on stderr, what was found on stdout.
    pub(crate) fn show(&self, chains: bool) -> anyhow::Result<()> {
        self.warnings.iter().for_each(|w| say(&format!("warning: {w}")));
        if let Some(metrics) = self.metrics_table() {
            print(&metrics)?;
        }
        let points = self.outcome.curve.points();
        if points.len() > 1 {
            let (first, last) = (points[0], points[points.len() - 1]);
            print(&format!("equity  {:.2} {} {:.2}", first.1, sparkline(points, 60), last.1))?;
        }
        if self.optimistic {
            print("fills   at the close that decided: optimistic")?;
        }
        let rows: Vec<String> = self.outcome.rows.iter().map(|(o, n)| format!("{n} {o}")).collect();
        print(&format!("rows    {}", rows.join(", ")))?;
        if let Some((from, to)) = self.outcome.range {
            print(&format!("range   {} to {}", time::format(from), time::format(to)))?;
        }
        if chains {
            for (output, key, rows, chain) in &self.outcome.chains {
                print(&format!("chain   {output:<16} {key:<12} {rows:>9} {chain}"))?;
            }
        }
        if let Some(id) = &self.run_id {
            print(&format!("run     {id}"))?;
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

    /// Prints it as one JSON object.
    pub(crate) fn show_json(&self) -> anyhow::Result<()> {
        self.warnings.iter().for_each(|w| say(&format!("warning: {w}")));
        let metrics = self.views().into_iter().map(|(view, values)| {
            let values: serde_json::Map<_, _> =
                CATALOGUE.iter().zip(values).map(|(m, v)| (m.name.to_owned(), json!(v))).collect();
            (view, serde_json::Value::Object(values))
        });
        let range = self.outcome.range.map(|(a, b)| json!({ "from": time::format(a), "to": time::format(b) }));
        let value = json!({
            "run_id": self.run_id,
            "digest": self.outcome.digest.to_string(),
            "rows": self.outcome.rows,
            "bars": self.outcome.bars,
            "range": range,
            "metrics": metrics.collect::<serde_json::Map<_, _>>(),
            "warnings": self.warnings,
            "seconds": self.elapsed.as_secs_f64(),
        });
        print(&serde_json::to_string_pretty(&value)?)?;
        Ok(())
    }

    /// The metrics of each view: as marked, and closed.
    fn views(&self) -> Vec<(String, Vec<Option<f64>>)> {
        let Some(rows) = &self.outcome.metrics else { return Vec::new() };
        let names = rows.column(0).as_string::<i32>();
        let value = |metric: usize, row: usize| {
            let column = rows.column(metric + 1).as_primitive::<Float64Type>();
            (!column.is_null(row)).then(|| column.value(row))
        };
        let view = |row| (names.value(row).to_owned(), (0..CATALOGUE.len()).map(|m| value(m, row)).collect());
        (0..rows.num_rows()).map(view).collect()
    }

    fn metrics_table(&self) -> Option<String> {
        let views = self.views();
        let differ = views.len() > 1 && views[0].1 != views[1].1;
        let shown = if differ { &views[..] } else { views.get(..1)? };
        let mut table = Table::new();
        table.load_preset(NOTHING);
        let mut header = vec!["metric".to_owned()];
        header.extend(shown.iter().map(|(name, _)| if differ { name.clone() } else { "value".into() }));
        table.set_header(header);
        for (at, metric) in CATALOGUE.iter().enumerate() {
            if shown.iter().all(|(_, values)| values[at].is_none()) {
                continue;
            }
            let mut row = vec![metric.name.to_owned()];
            row.extend(shown.iter().map(|(_, values)| values[at].map_or("-".into(), |v| number(v, metric.unit))));
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Some(table.to_string())
    }
}

fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Money => format!("{value:.2}"),
        Unit::Fraction | Unit::FractionPerYear => format!("{:.3} %", value * 100.0),
        Unit::Count | Unit::Bars => format!("{value:.0}"),
        Unit::Days => format!("{value:.2} d"),
        _ => format!("{value:.4}"),
    }
}

/// A line of blocks, one per slice of time.
pub(crate) fn sparkline(points: &[(i64, f64)], width: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.min(points.len()).max(1);
    let slice = |i: usize| points[(i + 1) * points.len() / width - 1].1;
    let values: Vec<f64> = (0..width).map(slice).collect();
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let level = |v: f64| if high > low { ((v - low) / (high - low) * 7.0).round() as usize } else { 3 };
    values.iter().map(|v| BLOCKS[level(*v).min(7)]).collect()
}
