//! `check`: the laws on a user's own pipeline and bars.

use crate::{
    args::CheckArgs,
    exit::{DIFFERENT, coded},
    settings::Settings,
    talk::{print, say},
    wiring::{self, check, run},
};
use candleflow_runtime::check::{Checked, Effort, Finding, Law, Warmup};
use candleflow_schema::{Micros, time};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde_json::json;
use std::process::ExitCode;

const LAWS: [Law; 6] = [Law::LookAhead, Law::Repainting, Law::Warmup, Law::Batches, Law::Snapshots, Law::Threads];

pub(super) async fn check(args: CheckArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let prepared = run::prepare(&args.file, &args.set, &args.symbols)?;
    let lake = wiring::lake(settings)?;
    run::announce(&prepared);
    let window = check::Window { from: args.from, to: args.to.unwrap_or(Micros::MAX), bars: args.bars };
    let loaded = check::load(&prepared, &lake, &window).await?;
    for (symbol, one) in prepared.symbols().iter().zip(&loaded) {
        let (rows, (first, last)) = (one.bars.num_rows(), one.range);
        say(&format!(
            "{symbol}: {rows} bars, {} to {}, {} of them warm-up",
            time::format(first),
            time::format(last),
            one.warm
        ));
    }
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let effort = Effort { seed: args.seed, ..Effort::default() };
    let checked = tokio::task::block_in_place(|| {
        let mut checked = check::all(&prepared, &loaded, &effort, threads)?;
        checked.extend(check::account(&prepared, &loaded, &effort)?);
        anyhow::Ok(checked)
    })?;
    let together = check::threads(&prepared, &loaded, threads).await?;
    let findings: Vec<&Finding> = checked.iter().flat_map(|c| &c.findings).chain(&together).collect();
    if args.json {
        show_json(&checked, &findings)?;
    } else {
        show(&checked, &findings)?;
    }
    match findings.len() {
        0 => Ok(ExitCode::SUCCESS),
        1 => Err(coded(DIFFERENT, "one law does not hold")),
        n => Err(coded(DIFFERENT, format!("{n} laws do not hold"))),
    }
}

fn show(checked: &[Checked], findings: &[&Finding]) -> anyhow::Result<()> {
    for one in checked {
        print(&one.symbol)?;
        for law in LAWS {
            let Some(done) = one.done.iter().find(|d| d.law == law) else { continue };
            let broken = findings.iter().any(|f| f.law == law && f.symbol == *one.symbol);
            let said = match (broken, done.tried) {
                (true, _) => "BROKEN",
                (false, true) => "holds",
                (false, false) => "unknown",
            };
            print(&format!("  {:<10}  {said:<7}  {}", law.name(), done.text))?;
        }
        if !one.warmups.is_empty() {
            print(&format!("\n{}", warmups(&one.warmups)))?;
        }
        print("")?;
    }
    for finding in findings {
        print(&format!("{}: {finding}", finding.law.name()))?;
    }
    if findings.is_empty() {
        let all = checked.iter().flat_map(|one| &one.done).all(|done| done.tried);
        print(if all { "good: every law holds" } else { "good: every law that could be tried holds" })?;
    }
    Ok(())
}

/// How much each column depends on where the data begin.
fn warmups(warmups: &[Warmup]) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table.set_header(["  warm-up of", "measured", "stated", "off after the stated"]);
    let bars = |bars: usize| format!("{bars} bars");
    for w in warmups {
        let measured = w.measured.map_or_else(|| format!("over {}", w.tried), bars);
        let stated = w.stated.map_or_else(|| "all there are".into(), bars);
        let off = match (w.off, w.stated) {
            (Some(off), _) => format!("{off:.0e}"),
            (None, Some(_)) => "not enough bars to say".into(),
            (None, None) => "-".into(),
        };
        table.add_row([format!("  {}", w.column), measured, stated, off]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let needed = warmups.iter().filter_map(|w| w.measured).max().unwrap_or(0);
    let never = warmups.iter().filter(|w| w.measured.is_none()).count();
    let never = if never > 0 { format!("; {never} columns need more than could be tried") } else { String::new() };
    let lines: Vec<String> = table.to_string().lines().map(|l| l.trim_end().to_owned()).collect();
    format!("{}\n  a run must skip {needed} bars until all values are settled{never}", lines.join("\n"))
}

fn show_json(checked: &[Checked], findings: &[&Finding]) -> anyhow::Result<()> {
    let symbols = checked.iter().map(|one| {
        let done = |tried: bool| -> serde_json::Map<_, _> {
            let of = one.done.iter().filter(|d| d.tried == tried);
            of.map(|d| (d.law.name().to_owned(), json!(d.text))).collect()
        };
        let warmups = one.warmups.iter().map(|w| {
            json!({ "column": w.column, "measured": w.measured, "stated": w.stated, "off": w.off, "tried": w.tried })
        });
        let (checked, unknown) = (done(true), done(false));
        json!({ "symbol": &*one.symbol, "checked": checked, "unknown": unknown, "warmup": warmups.collect::<Vec<_>>() })
    });
    let findings = findings.iter().map(|f| {
        json!({ "law": f.law.name(), "symbol": f.symbol, "what": f.what, "at": f.at.map(time::format), "text": f.text })
    });
    let value = json!({
        "good": findings.len() == 0,
        "symbols": symbols.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
    });
    print(&serde_json::to_string_pretty(&value)?)?;
    Ok(())
}
