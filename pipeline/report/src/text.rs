//! The report for a terminal: warnings first, then figures in as many columns as fit, then tables.

use crate::{
    calendar::{MONTHS, minute},
    figures::{days, figure, money, percent},
    groups::{Group, groups, views},
    story::{Facts, Story},
    trades::Sums,
};
use candleflow_kernels::metrics::{CATALOGUE, MetricInfo, metric_index};
use std::fmt::Write as _;

/// Columns of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width(pub usize);

impl Default for Width {
    fn default() -> Self {
        Self(80)
    }
}

/// Narrower terminals get this.
const LEAST: usize = 60;
/// Wider lines are hard to read.
const MOST: usize = 132;

/// What was found, without the lines for programs (rows, range, run, digest).
pub fn text(facts: &Facts, story: Option<&Story>, Width(width): Width) -> String {
    let width = width.clamp(LEAST, MOST);
    let mut out = String::new();
    for warning in &facts.warnings {
        wrapped(&mut out, "! ", warning, width);
    }
    if !facts.warnings.is_empty() {
        out.push('\n');
    }
    figures(&mut out, facts, width);
    let Some(story) = story else { return out };
    if let (Some(first), Some(last)) = (story.equity.list().first(), story.equity.list().last()) {
        let (from, to) = (money(first.first), money(last.last));
        let room = width.saturating_sub(from.len() + to.len() + 10).min(80);
        let values: Vec<f64> = story.equity.list().iter().map(|b| b.last).collect();
        let _ = writeln!(out, "equity  {from} {} {to}\n", sparkline(&values, room));
    }
    months(&mut out, story);
    drawdowns(&mut out, story, width);
    let reasons: Vec<_> = story.reasons.iter().map(|(name, sums)| (name.as_str(), *sums)).collect();
    sums(&mut out, "trades by reason of exit", "reason", &reasons);
    if story.symbols.len() > 1 {
        let symbols: Vec<_> = story.symbols.iter().map(|s| (s.symbol.as_str(), s.sums)).collect();
        sums(&mut out, "trades by symbol", "symbol", &symbols);
    }
    out
}

/// Groups side by side: two columns, three where they fit. What is marked; what closing would change is one line.
fn figures(out: &mut String, facts: &Facts, width: usize) {
    let groups = groups(facts);
    if groups.is_empty() {
        return;
    }
    let most = |f: &dyn Fn(&crate::groups::Line) -> usize| {
        groups.iter().flat_map(|g| g.lines.iter().map(f)).max().unwrap_or(0)
    };
    let name = most(&|l| l.metric.name.len());
    let value = most(&|l| l.values[0].chars().count());
    let one = name + 2 + value;
    let columns = ((width + 3) / (one + 3)).clamp(1, 3);
    let block = |group: &Group| {
        let mut lines = vec![group.title.to_uppercase()];
        lines.extend(group.lines.iter().map(|l| format!("{:<name$}  {:>value$}", l.metric.name, l.values[0])));
        lines
    };
    let mut stacks: Vec<Vec<String>> = vec![Vec::new(); columns];
    for group in &groups {
        // Into the shortest stack; of equal ones the first.
        let Some(stack) = stacks.iter_mut().min_by_key(|s| s.len()) else { continue };
        if !stack.is_empty() {
            stack.push(String::new());
        }
        stack.extend(block(group));
    }
    for row in 0..stacks.iter().map(Vec::len).max().unwrap_or(0) {
        let cells = stacks.iter().map(|s| format!("{:<one$}", s.get(row).map_or("", String::as_str)));
        let line = cells.collect::<Vec<_>>().join("   ");
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push('\n');
    closed(out, facts, width);
    if let Some(deflated) = &facts.deflated {
        wrapped(out, "", &deflated.line(), width);
        out.push('\n');
    }
    library(out, facts, width);
}

/// What the run would have come to if open trades had been closed at its end.
fn closed(out: &mut String, facts: &Facts, width: usize) {
    let [_, (view, values)] = views(facts) else { return };
    let said = ["end_equity", "total_return", "trades", "profit_factor", "sharpe", "max_drawdown_pct"]
        .iter()
        .filter_map(|name| {
            let at = metric_index(name)?;
            Some(format!("{name} {}", figure(values.get(at).copied().flatten()?, CATALOGUE[at].unit)))
        });
    let said = said.collect::<Vec<_>>().join(", ");
    wrapped(out, "", &format!("With open trades {view} at the end: {said}"), width);
    out.push('\n');
}

/// The same by another library's formulas, if it was asked for.
fn library(out: &mut String, facts: &Facts, width: usize) {
    let Some((name, values)) = &facts.library else { return };
    let of = |(metric, value): (&MetricInfo, &Option<f64>)| {
        value.map(|value| format!("{} {}", metric.name, figure(value, metric.unit)))
    };
    let said = CATALOGUE.iter().zip(values).filter_map(of).collect::<Vec<_>>().join(", ");
    wrapped(out, "", &format!("By the formulas of {name}: {said}"), width);
    out.push('\n');
}

fn months(out: &mut String, story: &Story) {
    let table = story.months.table();
    if table.is_empty() {
        return;
    }
    let heads: String = MONTHS.iter().map(|m| format!(" {m:>4}")).collect();
    let _ = writeln!(out, "RETURNS BY MONTH, %\n    {heads}   year");
    for (year, values, whole) in table {
        let cells: String =
            values.iter().map(|v| format!(" {:>4}", v.map_or(String::new(), |v| short(v * 100.0)))).collect();
        let _ = writeln!(out, "{year:>4}{cells} {:>6}", short(whole * 100.0));
    }
    out.push('\n');
}

/// At most four characters up to a thousand.
fn short(percent: f64) -> String {
    let text = if percent.abs() < 9.95 { format!("{percent:.1}") } else { format!("{percent:.0}") };
    if text.bytes().all(|b| b"-0.".contains(&b)) { "0.0".to_owned() } else { text }
}

fn drawdowns(out: &mut String, story: &Story, width: usize) {
    let worst: Vec<_> = story.drawdowns.iter().take(5).collect();
    if worst.is_empty() {
        return;
    }
    let mut rows = vec![["depth", "amount", "peak", "trough", "recovered", "length"].map(str::to_owned)];
    rows.extend(worst.iter().map(|d| {
        let recovered = d.recovered.map_or_else(|| "not yet".to_owned(), minute);
        [percent(-d.depth), money(-d.amount), minute(d.peak), minute(d.trough), recovered, days(d.days())]
    }));
    *out += "WORST DRAWDOWNS\n";
    for [depth, amount, peak, trough, recovered, length] in rows {
        let line = format!("{depth:>9} {amount:>13}  {peak:<16}  {trough:<16}  {recovered:<16}");
        let _ = if width < 90 { writeln!(out, "{}", line.trim_end()) } else { writeln!(out, "{line} {length:>9}") };
    }
    out.push('\n');
}

/// A table of sums: at most 20 rows, those with the most trades first, the rest as one.
fn sums(out: &mut String, title: &str, what: &str, rows: &[(&str, Sums)]) {
    const ROWS: usize = 20;
    let mut rows: Vec<_> = rows.iter().filter(|(_, s)| s.trades > 0).collect();
    if rows.is_empty() {
        return;
    }
    rows.sort_by(|a, b| b.1.trades.cmp(&a.1.trades).then_with(|| a.0.cmp(b.0)));
    let _ = writeln!(
        out,
        "{}\n{what:<24} {:>7} {:>9} {:>14} {:>11} {:>9}",
        title.to_uppercase(),
        "trades",
        "won",
        "net",
        "mean",
        "bars"
    );
    for (name, s) in rows.iter().take(ROWS) {
        let bars = s.bars as f64 / s.trades as f64;
        let name: String = name.chars().take(24).collect();
        let _ = writeln!(
            out,
            "{name:<24} {:>7} {:>9} {:>14} {:>11} {bars:>9.1}",
            s.trades,
            s.win_rate().map_or("-".into(), percent),
            money(s.net),
            s.mean().map_or("-".into(), money),
        );
    }
    if rows.len() > ROWS {
        let _ = writeln!(out, "and {} more", rows.len() - ROWS);
    }
    out.push('\n');
}

fn wrapped(out: &mut String, mark: &str, text: &str, width: usize) {
    let mut line = mark.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            let _ = writeln!(out, "{line}");
            line = " ".repeat(mark.len());
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += word;
        empty = false;
    }
    let _ = writeln!(out, "{line}");
}

/// A line of blocks, one per slice of time.
pub fn sparkline(values: &[f64], width: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if values.is_empty() {
        return String::new();
    }
    let width = width.min(values.len()).max(1);
    let slice = |i: usize| values[(i + 1) * values.len() / width - 1];
    let shown: Vec<f64> = (0..width).map(slice).collect();
    let (low, high) = shown.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let level = |v: f64| if high > low { ((v - low) / (high - low) * 7.0).round() as usize } else { 3 };
    shown.iter().map(|v| BLOCKS[level(*v).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::tests::example;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let (facts, story) = example();
        for width in [80, 100, 120] {
            let text = text(&facts, Some(&story), Width(width));
            let widest = text.lines().max_by_key(|l| l.chars().count()).unwrap();
            assert!(widest.chars().count() <= width, "{width}: {widest}");
            assert!(text.lines().all(|l| !l.ends_with(' ')), "{text}");
        }
    }

    #[test]
    fn warnings_come_first() {
        let (facts, story) = example();
        assert!(!facts.warnings.is_empty());
        let text = text(&facts, Some(&story), Width(80));
        assert!(text.starts_with("! "), "{text}");
        for part in ["RESULT", "RETURNS BY MONTH", "WORST DRAWDOWNS", "TRADES BY REASON", "TRADES BY SYMBOL"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
