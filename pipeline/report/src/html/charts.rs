//! The charts of the page, each with the numbers that the pointer shows.

use super::{
    chart::{Chart, time_ticks},
    escape,
};
use crate::{
    buckets::{Bucket, Buckets},
    figures::{grouped, money, percent, price},
    story::{Story, SymbolStory},
};
use std::fmt::Write as _;

/// More trades than this are drawn finer.
const MANY: usize = 150;
/// More symbols than this are in the tables only.
const SYMBOLS: usize = 30;

fn middle(b: &Bucket) -> f64 {
    (b.from as f64 + b.to as f64) / 2.0
}

fn bounds(series: &Buckets) -> Option<(f64, f64)> {
    Some((series.list().first()?.from as f64, series.list().last()?.to as f64))
}

/// Seconds, and low, high and last of each entry, for the script.
fn data(kind: &str, x: (f64, f64), lists: &[(&str, &Buckets)], more: &str) -> String {
    let mut out = format!("{{kind:\"{kind}\",x:[{},{}]{more},lists:[", x.0 / 1e6, x.1 / 1e6);
    for (at, (name, list)) in lists.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{{name:\"{name}\",rows:[");
        for (i, b) in list.list().iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let [low, high, last] = [b.low, b.high, b.last].map(digits);
            match list.is_whole() && b.low == b.high {
                true => write!(out, "{comma}[{},{last}]", middle(b).round() as i64 / 1_000_000),
                false => write!(out, "{comma}[{},{last},{low},{high}]", middle(b).round() as i64 / 1_000_000),
            }
            .unwrap_or_default();
        }
        out += "]}";
    }
    out + "]}"
}

/// Seven digits that count.
fn digits(value: f64) -> String {
    let text = format!("{value:.6e}");
    text.parse::<f64>().map_or(text, |v| v.to_string())
}

/// Equity with buy and hold, and the distance from the highest equity below.
pub(super) fn equity(out: &mut String, story: &Story, all: &mut Vec<String>) {
    let Some(x) = bounds(&story.equity) else { return };
    let Some((low, high)) = story.equity.range() else { return };
    let (held_low, held_high) = story.hold.range().unwrap_or((low, high));
    let ticks = time_ticks(x.0 as i64, x.1 as i64);
    let mut chart = Chart::new(x, (low.min(held_low).min(story.start), high.max(held_high).max(story.start)), 280);
    let level = format!("M{}L{}", chart.at(x.0, story.start), chart.at(x.1, story.start));
    chart.path("level", &level);
    series(&mut chart, "hold", &story.hold);
    series(&mut chart, "equity", &story.equity);
    out.push_str("<section><h2>Equity</h2><p class=\"legend\"><i class=\"equity\"></i>equity <i class=\"hold\"></i>buy and hold, in equal parts</p>\n");
    *out += &chart.finish(all.len(), &|v| short_money(v), &ticks);
    all.push(data("money", x, &[("equity", &story.equity), ("buy and hold", &story.hold)], ""));
    let (deepest, _) = story.depth.range().unwrap_or((0.0, 0.0));
    let mut chart = Chart::new(x, (deepest.min(-1e-4), 0.0), 130);
    let points: Vec<_> = story.depth.list().iter().map(|b| (middle(b), b.low, 0.0)).collect();
    chart.band("depth", &points);
    *out += "<h3>Drawdown</h3>\n";
    *out += &chart.finish(all.len(), &percent, &ticks);
    *out += &thinned(&story.equity, "bars");
    *out += "</section>\n";
    all.push(data("percent", x, &[("drawdown", &story.depth)], ""));
}

/// Last values as a line; lowest and highest as a band, where entries hold several values.
fn series(chart: &mut Chart, class: &str, of: &Buckets) {
    if !of.is_whole() {
        let band: Vec<_> = of.list().iter().map(|b| (middle(b), b.low, b.high)).collect();
        chart.band(&format!("band {class}"), &band);
    }
    chart.line(&format!("line {class}"), of.list().iter().map(|b| (b.to as f64, b.last)));
}

fn thinned(of: &Buckets, what: &str) -> String {
    if of.is_whole() {
        return String::new();
    }
    let (seen, shown) = (grouped(of.seen() as f64, 0), of.list().len());
    format!(
        "<p class=\"note\">{seen} {what} in {shown} steps; the band is from the lowest to the highest of each, none is left out.</p>\n"
    )
}

/// Price and trades of each symbol.
pub(super) fn prices(out: &mut String, story: &Story, all: &mut Vec<String>) {
    let shown: Vec<_> = story.symbols.iter().filter(|s| !s.prices.list().is_empty()).collect();
    if shown.is_empty() {
        return;
    }
    *out += "<section><h2>Price and trades</h2><p class=\"legend\"><i class=\"won\"></i>trade that won <i class=\"lost\"></i>that lost; <i class=\"dot long\"></i>long <i class=\"dot short\"></i>short entry</p>\n";
    for (at, symbol) in shown.iter().take(SYMBOLS).enumerate() {
        let open = if at < 2 { " open" } else { "" };
        let _ = writeln!(out, "<details{open}><summary>{}</summary>", escape(&symbol.symbol));
        one(out, symbol, all);
        *out += "</details>\n";
    }
    if shown.len() > SYMBOLS {
        let _ = write!(out, "<p class=\"note\">{} more symbols are in the tables below.</p>", shown.len() - SYMBOLS);
    }
    *out += "</section>\n";
}

fn one(out: &mut String, symbol: &SymbolStory, all: &mut Vec<String>) {
    let (Some(x), Some(y)) = (bounds(&symbol.prices), symbol.prices.range()) else { return };
    let mut chart = Chart::new(x, y, 300);
    series(&mut chart, "price", &symbol.prices);
    let (mut won, mut lost, mut long, mut short) = (String::new(), String::new(), String::new(), String::new());
    let mut rows = String::new();
    for (i, mark) in symbol.marks.iter().enumerate() {
        let (entry, exit) = ((mark.entry_time as f64, mark.entry_price), (mark.exit_time as f64, mark.exit_price));
        let path = if mark.net > 0.0 { &mut won } else { &mut lost };
        let _ = write!(path, "M{}L{}", chart.at(entry.0, entry.1), chart.at(exit.0, exit.1));
        let dots = if mark.long { &mut long } else { &mut short };
        let _ = write!(dots, "M{}h0", chart.at(entry.0, entry.1));
        let _ = write!(
            rows,
            "{}[{},{},{},{},{},{},{},\"{}\"]",
            if i > 0 { "," } else { "" },
            mark.entry_time / 1_000_000,
            digits(mark.entry_price),
            mark.exit_time / 1_000_000,
            digits(mark.exit_price),
            u8::from(mark.long),
            digits(mark.net),
            digits(mark.part),
            mark.reason
        );
    }
    // Many trades are drawn finer, so that the price stays to be seen.
    let many = if symbol.marks.len() > MANY { "many " } else { "" };
    for (class, path) in [("trade won", won), ("trade lost", lost), ("dot long", long), ("dot short", short)] {
        chart.path(&format!("{many}{class}"), &path);
    }
    *out += &chart.finish(all.len(), &price, &time_ticks(x.0 as i64, x.1 as i64));
    if symbol.trades > symbol.marks.len() as u64 {
        let (shown, of) = (grouped(symbol.marks.len() as f64, 0), grouped(symbol.trades as f64, 0));
        let _ = write!(out, "<p class=\"note\">The {shown} of {of} trades with the largest PnL, won or lost.</p>");
    }
    *out += &thinned(&symbol.prices, "bars");
    all.push(data("price", x, &[("price", &symbol.prices)], &format!(",trades:[{rows}]")));
}

/// How many trades came to which return.
pub(super) fn distribution(out: &mut String, story: &Story, all: &mut Vec<String>) {
    let Some(histogram) = &story.histogram else { return };
    let most = histogram.counts.iter().copied().max().unwrap_or(1) as f64;
    let to = histogram.from + histogram.width * histogram.counts.len() as f64;
    let mut chart = Chart::new((histogram.from, to), (0.0, most), 200);
    let (mut won, mut lost, mut rows) = (String::new(), String::new(), String::new());
    for (i, count) in histogram.counts.iter().enumerate() {
        let from = histogram.from + i as f64 * histogram.width;
        let (left, right) = (from + histogram.width * 0.06, from + histogram.width * 0.94);
        let path = if from + histogram.width / 2.0 > 0.0 { &mut won } else { &mut lost };
        if *count > 0 {
            let [a, b, c, d] =
                [(left, 0.0), (left, *count as f64), (right, *count as f64), (right, 0.0)].map(|(x, y)| chart.at(x, y));
            let _ = write!(path, "M{a}L{b}L{c}L{d}Z");
        }
        let _ = write!(
            rows,
            "{}[{},{},{count}]",
            if i > 0 { "," } else { "" },
            digits(from),
            digits(from + histogram.width)
        );
    }
    chart.path("bar won", &won);
    chart.path("bar lost", &lost);
    let ticks: Vec<_> = super::chart::ticks((histogram.from, to), 8)
        .into_iter()
        .map(|v| (v, percent_tick(v, histogram.width)))
        .collect();
    *out +=
        "<section><h2>Distribution of trades</h2><p class=\"legend\">Net PnL by entry notional, fees included</p>\n";
    *out += &chart.finish(all.len(), &|v| grouped(v, 0), &ticks);
    if histogram.beyond != (false, false) {
        *out += "<p class=\"note\">The outermost bars hold all trades beyond them.</p>\n";
    }
    *out += "</section>\n";
    all.push(format!("{{kind:\"bars\",x:[{},{to}],rows:[{rows}]}}", histogram.from));
}

fn percent_tick(value: f64, width: f64) -> String {
    let digits = if width >= 0.005 {
        0
    } else if width >= 0.0005 {
        1
    } else {
        2
    };
    format!("{} %", grouped(value * 100.0, digits))
}

fn short_money(value: f64) -> String {
    if value.abs() >= 100.0 { grouped(value, 0) } else { money(value) }
}
