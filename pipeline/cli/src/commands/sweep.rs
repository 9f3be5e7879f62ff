//! `sweep`: all parameter sets of a pipeline over history.

use crate::{
    args::{Format, SweepArgs},
    exit::usage,
    settings::Settings,
    talk::{print, say},
    wiring::{
        self,
        report::optimistic,
        research::{self, Overfit, Study, Wish},
        run::announce,
    },
};
use candleflow_schema::time;
use std::process::ExitCode;

pub(super) async fn sweep(args: SweepArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    research::check_metric("--by", &args.by)?;
    let (threads, memory) = args.sets.machine()?;
    let study = Study::open(&args.file, &args.sets.set, &args.sets.symbols)?;
    let metrics = study.sweep.metrics;
    if !metrics.names().any(|name| name == args.by) {
        let names = metrics.names().collect::<Vec<_>>().join(", ");
        let text =
            format!("--by {}: the sweep computes only {names}: give one of these, or add it to sweep.metrics", args.by);
        return Err(usage(text));
    }
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    announce(&study.prepared);
    let warmup = study.warmup.map_or("all bars there are".to_owned(), |bars| format!("{bars} bars"));
    say(&format!("{} sets of {}, warm-up {warmup}", study.numbers.len(), study.sweep.size()));
    for (symbol, own) in &study.prepared.document.per_symbol {
        for axis in study.sweep.axes.iter().filter(|axis| own.contains_key(&axis.name.value)) {
            say(&format!(
                "warning: params.per_symbol fixes {} for {symbol}: the sweep does not move it there",
                axis.name.value
            ));
        }
    }
    let wish = Wish { from: args.from, to: args.to, resume: args.resume, threads, memory };
    let swept = research::sweep(&study, &lake, &wish, cancel).await?;
    let params: Vec<String> = study.sweep.axes.iter().map(|axis| axis.name.value.clone()).collect();
    let best = swept.trials.top(&lake, &swept.run_id, &args.by, args.top, &params).await?;
    research::caution(optimistic(&study.prepared.document), args.format)?;
    research::show(&best, &(1..1 + params.len()), args.format)?;
    if args.format == Format::Table {
        print(&format!("sets    {}", swept.trials.len()))?;
        if let Some(found) = Overfit::of(&research::of_sets(&lake, &swept.run_id).await?) {
            print(&format!("pbo     {}", found.line()))?;
        }
        if let Some((from, to)) = swept.range {
            print(&format!("range   {} to {}", time::format(from), time::format(to)))?;
        }
        print(&format!("run     {}", swept.run_id))?;
        print(&format!("digest  {}", swept.digest))?;
    }
    let seconds = swept.elapsed.as_secs_f64().max(1e-9);
    let (sets, rate) = (swept.computed, swept.evaluations as f64 / seconds / 1e6);
    say(&format!("{sets} sets in {seconds:.2} s, {rate:.1} million bars times sets a second"));
    Ok(ExitCode::SUCCESS)
}
