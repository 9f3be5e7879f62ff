//! `rerun`: a run again, from its pinned files; says whether it finds the same.

use crate::{
    args::RerunArgs,
    exit::{DIFFERENT, coded},
    settings::Settings,
    talk::{print, say},
    wiring::{self, report::Report, run::Stored},
};
use std::{collections::BTreeMap, process::ExitCode};

pub(super) async fn rerun(args: RerunArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let lake = wiring::lake(settings)?;
    let stored = Stored::find(&lake, &args.run_id).await?;
    let prepared = stored.prepare()?;
    let engine = env!("CARGO_PKG_VERSION");
    if stored.engine != engine {
        say(&format!(
            "{} was run by version {} of the engine, this is {engine}: a digest is only promised within one version",
            stored.run_id, stored.engine
        ));
    }
    if stored.canonical != prepared.canonical {
        say("this engine reads the pipeline file another way than the one that ran it: the digests must differ");
    }
    wiring::run::announce(&prepared);
    let cancel = wiring::interrupt();
    let report = wiring::run::again(&stored, &prepared, &lake, args.threads, args.report.is_some(), cancel).await?;
    if let Some(file) = &args.report {
        report.write_page(file)?;
    }
    let now = report.outcome.digest.to_string();
    if args.json {
        report.show_json()?;
    } else {
        if args.full {
            report.show(args.chains)?;
        } else {
            report.show_chains(args.chains)?;
            print(&format!("digest  {now}"))?;
        }
        print(&format!("then    {}", stored.digest))?;
    }
    if now == stored.digest {
        if !args.json {
            print("equal: every row is the same to the last bit")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    for line in differences(&stored, &report) {
        say(&line);
    }
    Err(coded(DIFFERENT, format!("{} finds something else now", stored.run_id)))
}

/// The outputs and symbols whose chains differ, one a line.
fn differences(stored: &Stored, report: &Report) -> Vec<String> {
    type Side = Option<(u64, String)>;
    let mut both: BTreeMap<(String, String), (Side, Side)> = BTreeMap::new();
    for (output, key, rows, chain) in &stored.chains {
        both.entry((output.clone(), key.clone())).or_default().0 = Some((*rows, chain.clone()));
    }
    for (output, key, rows, chain) in &report.outcome.chains {
        both.entry((output.clone(), key.clone())).or_default().1 = Some((*rows, chain.to_string()));
    }
    let said =
        |side: &Side| side.as_ref().map_or("no rows".into(), |(n, c)| format!("{n} rows {}", &c[..12.min(c.len())]));
    let differ = both.iter().filter(|(_, (then, now))| then != now);
    let lines: Vec<String> = differ
        .map(|((output, key), (then, now))| {
            format!("differs: {output:<14} {key:<12} then {}, now {}", said(then), said(now))
        })
        .collect();
    if lines.is_empty() { vec!["all rows are equal: only the pipeline's canonical form differs".into()] } else { lines }
}
