//! The tables of the page.

use super::{escape, maybe_percent, sign, signed_money};
use crate::{
    calendar::{MONTHS, minute},
    figures::{days, figure, grouped, money, percent},
    groups::{groups, views},
    story::{Facts, Story},
    trades::Sums,
};
use candleflow_kernels::metrics::CATALOGUE;
use std::fmt::Write as _;

/// Rows of a table of symbols or reasons, at most.
const ROWS: usize = 200;

/// The heatmap of months.
pub(super) fn months(out: &mut String, story: &Story) {
    let table = story.months.table();
    if table.is_empty() {
        return;
    }
    let all = table.iter().flat_map(|(_, months, _)| months.iter().flatten());
    let most = all.fold(0.0f64, |m, v| m.max(v.abs())).max(1e-9);
    *out += "<section><h2>Returns by month</h2>\n<div class=\"scroll\"><table class=\"months\"><thead><tr><th></th>";
    MONTHS.iter().for_each(|m| {
        let _ = write!(out, "<th>{m}</th>");
    });
    *out += "<th>Year</th></tr></thead><tbody>\n";
    for (year, values, whole) in &table {
        let _ = write!(out, "<tr><th>{year}</th>");
        for value in values {
            let _ = match value {
                None => write!(out, "<td></td>"),
                Some(v) => {
                    // Strong colours for strong months, but never so strong that the text is lost.
                    let strength = (v.abs() / most).sqrt() * 0.75;
                    write!(out, "<td class=\"heat {}\" style=\"--s:{strength:.3}\">{}</td>", sign(*v), cell(*v))
                }
            };
        }
        let _ = writeln!(out, "<td class=\"{}\"><b>{}</b></td></tr>", sign(*whole), cell(*whole));
    }
    *out += "</tbody></table></div><p class=\"note\">In percent of the equity at the end of the month before.</p></section>\n";
}

fn cell(value: f64) -> String {
    let digits = if value.abs() < 0.1 { 2 } else { 1 };
    grouped(value * 100.0, digits)
}

/// The worst drawdowns.
pub(super) fn drawdowns(out: &mut String, story: &Story) {
    if story.drawdowns.is_empty() {
        return;
    }
    *out += "<section><h2>Worst drawdowns</h2>\n<div class=\"scroll\"><table><thead><tr><th>Depth</th><th>Amount</th><th>Peak</th><th>Trough</th><th>Recovered</th><th>Length</th></tr></thead><tbody>\n";
    for d in &story.drawdowns {
        let recovered = d.recovered.map_or_else(|| "not yet".to_owned(), minute);
        let _ = writeln!(
            out,
            "<tr><td class=\"down\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{recovered}</td><td>{}</td></tr>",
            percent(-d.depth),
            money(-d.amount),
            minute(d.peak),
            minute(d.trough),
            days(d.days())
        );
    }
    *out += "</tbody></table></div></section>\n";
}

/// Trades by reason and by symbol.
pub(super) fn trades(out: &mut String, story: &Story) {
    let reasons: Vec<_> = story.reasons.iter().map(|(name, s)| (name.as_str(), *s)).collect();
    sums(out, "Trades by reason of exit", "Reason", reasons);
    if story.symbols.len() > 1 {
        let symbols: Vec<_> = story.symbols.iter().map(|s| (s.symbol.as_str(), s.sums)).collect();
        sums(out, "Trades by symbol", "Symbol", symbols);
    }
}

fn sums(out: &mut String, title: &str, what: &str, mut rows: Vec<(&str, Sums)>) {
    rows.retain(|(_, s)| s.trades > 0);
    if rows.is_empty() {
        return;
    }
    rows.sort_by(|a, b| b.1.trades.cmp(&a.1.trades).then_with(|| a.0.cmp(b.0)));
    let _ = write!(
        out,
        "<section><h2>{title}</h2>\n<div class=\"scroll\"><table><thead><tr><th>{what}</th><th>Trades</th><th>Won</th><th>Net PnL</th><th>Mean</th><th>Best</th><th>Worst</th><th>Fees</th><th>Bars held</th></tr></thead><tbody>\n"
    );
    for (name, s) in rows.iter().take(ROWS) {
        let _ = writeln!(
            out,
            "<tr><th>{}</th><td>{}</td><td>{}</td>{}<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td></tr>",
            escape(name),
            grouped(s.trades as f64, 0),
            maybe_percent(s.win_rate()),
            signed_money(s.net),
            s.mean().map_or_else(|| "-".to_owned(), money),
            money(s.best),
            money(s.worst),
            money(s.fees),
            s.bars as f64 / s.trades as f64
        );
    }
    *out += "</tbody></table></div>";
    if rows.len() > ROWS {
        let _ = write!(out, "<p class=\"note\">and {} more</p>", rows.len() - ROWS);
    }
    *out += "</section>\n";
}

/// Every metric, with its formula under the pointer.
pub(super) fn metrics(out: &mut String, facts: &Facts) {
    let groups = groups(facts);
    if groups.is_empty() {
        return;
    }
    let shown = views(facts);
    *out += "<section><h2>Metrics</h2>\n<div class=\"groups\">";
    for group in groups {
        let heads: String = match shown.len() {
            1 => "<th></th>".to_owned(),
            _ => shown.iter().map(|(view, _)| format!("<th>{}</th>", escape(view))).collect(),
        };
        let _ = writeln!(out, "<table><thead><tr><th>{}</th>{heads}</tr></thead><tbody>", group.title);
        for line in group.lines {
            let cells: String = line.values.iter().map(|v| format!("<td>{v}</td>")).collect();
            let formula = escape(line.metric.formula);
            let _ = writeln!(out, "<tr title=\"{formula}\"><th>{}</th>{cells}</tr>", line.metric.name);
        }
        *out += "</tbody></table>";
    }
    if let Some((name, values)) = &facts.library {
        let _ = writeln!(
            out,
            "<table><thead><tr><th>by the formulas of {}</th><th></th></tr></thead><tbody>",
            escape(name)
        );
        for (metric, value) in CATALOGUE.iter().zip(values) {
            let Some(value) = value else { continue };
            let _ = writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", metric.name, figure(*value, metric.unit));
        }
        *out += "</tbody></table>";
    }
    *out += "</div>";
    if let Some(deflated) = &facts.deflated {
        let _ = write!(out, "<p class=\"note\">{}</p>", escape(&deflated.line()));
    }
    if shown.len() > 1 {
        *out += "<p class=\"note\"><b>mark</b>: open trades at the last close. <b>closed</b>: as if they had been closed there, with fee and slippage.</p>";
    }
    *out += "</section>\n";
}

/// Where it all comes from: run, digest, rows, pipeline.
pub(super) fn origin(out: &mut String, facts: &Facts) {
    *out += "<section><h2>How to get this again</h2>\n<dl>";
    let mut entry = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", escape(value));
        }
    };
    if let Some(id) = &facts.run_id {
        entry("Command", &format!("candleflow rerun {id}"));
    }
    entry("Digest", &facts.digest);
    entry("Mode", &facts.mode);
    entry("Engine", &facts.engine);
    entry("Set", &facts.set.join(", "));
    let rows: Vec<_> = facts.rows.iter().map(|(o, n)| format!("{} {o}", grouped(*n as f64, 0))).collect();
    entry("Rows", &rows.join(", "));
    *out += "</dl>\n";
    if !facts.chains.is_empty() {
        *out += "<details><summary>Digest of every output and symbol</summary><div class=\"scroll\"><table class=\"chains\"><tbody>\n";
        for (output, key, rows, chain) in facts.chains.iter().take(ROWS) {
            let _ = writeln!(
                out,
                "<tr><th>{}</th><td>{}</td><td>{rows}</td><td><code>{chain}</code></td></tr>",
                escape(output),
                escape(key)
            );
        }
        *out += "</tbody></table></div></details>\n";
    }
    let _ = writeln!(
        out,
        "<details open><summary>Pipeline</summary><pre>{}</pre></details></section>",
        escape(&facts.pipeline)
    );
}
