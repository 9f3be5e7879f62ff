//! One HTML page that needs nothing else: no script, font, image or style from anywhere.
//!
//! Charts are SVG that stretches with the page; their axes are text beside it, so that letters keep their size. A short
//! script of our own shows the numbers under the pointer; without it the page says the same.

mod chart;
mod charts;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

use crate::{
    calendar::minute,
    figures::{figure, grouped, money, percent},
    groups::value,
    story::{Facts, Story},
};
use candleflow_kernels::metrics::Unit;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of a run.
pub fn page(facts: &Facts, story: Option<&Story>) -> String {
    let mut out = String::new();
    let title = escape(&facts.name);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} - Candleflow</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    header(&mut out, facts);
    if !facts.warnings.is_empty() {
        out += "<section class=\"warnings\"><h2>Read this first</h2><ul>";
        facts.warnings.iter().for_each(|w| {
            let _ = write!(out, "<li>{}</li>", escape(w));
        });
        out += "</ul></section>\n";
    }
    tiles(&mut out, facts);
    let mut data = Vec::new();
    if let Some(story) = story {
        charts::equity(&mut out, story, &mut data);
        tables::months(&mut out, story);
        charts::prices(&mut out, story, &mut data);
        charts::distribution(&mut out, story, &mut data);
        tables::drawdowns(&mut out, story);
        tables::trades(&mut out, story);
    }
    tables::metrics(&mut out, facts);
    tables::origin(&mut out, facts);
    out += "</main>\n<div id=\"tip\" hidden></div>\n";
    let _ = write!(out, "<script>\nconst charts = [{}];\n{SCRIPT}</script>\n</body>\n</html>\n", data.join(",\n"));
    out
}

fn header(out: &mut String, facts: &Facts) {
    let range = facts.range.map_or(String::new(), |(a, b)| format!("{} to {} UTC", minute(a), minute(b)));
    let shown: Vec<_> = facts.symbols.iter().take(8).map(|s| escape(s)).collect();
    let more = facts.symbols.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let _ = writeln!(
        out,
        "<header><h1>{}</h1><p>{}{more} &middot; {} bars &middot; {range} &middot; {} bars read</p></header>",
        escape(&facts.name),
        shown.join(", "),
        escape(&facts.interval),
        grouped(facts.bars as f64, 0),
    );
}

/// The figures that are looked at first.
fn tiles(out: &mut String, facts: &Facts) {
    let named = [
        ("Total return", "total_return", Unit::Fraction),
        ("Buy and hold", "buy_and_hold_return", Unit::Fraction),
        ("Max drawdown", "max_drawdown_pct", Unit::Fraction),
        ("Sharpe", "sharpe", Unit::Ratio),
        ("Sortino", "sortino", Unit::Ratio),
        ("Profit factor", "profit_factor", Unit::Ratio),
        ("Win rate", "win_rate", Unit::Fraction),
        ("Trades", "trades", Unit::Count),
        ("Fees", "fees", Unit::Money),
        ("Exposure", "exposure", Unit::Fraction),
    ];
    let tile = |(title, name, unit): &(&str, &str, Unit)| {
        let value = value(facts, name)?;
        let signed = matches!(*name, "total_return" | "buy_and_hold_return");
        let class = if signed { sign(value) } else { "" };
        let text = figure(if *name == "max_drawdown_pct" { -value } else { value }, *unit);
        Some(format!("<div><span>{title}</span><b class=\"{class}\">{text}</b></div>"))
    };
    let tiles: Vec<String> = named.iter().filter_map(tile).collect();
    if !tiles.is_empty() {
        let _ = writeln!(out, "<section class=\"tiles\">{}</section>", tiles.join(""));
    }
}

/// The class of a number that is good or bad.
fn sign(value: f64) -> &'static str {
    match value {
        v if v > 0.0 => "up",
        v if v < 0.0 => "down",
        _ => "",
    }
}

/// An amount with its class.
fn signed_money(value: f64) -> String {
    format!("<td class=\"{}\">{}</td>", sign(value), money(value))
}

fn maybe_percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), percent)
}

/// Text that cannot be taken for markup.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}
