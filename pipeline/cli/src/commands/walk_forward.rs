//! `walk-forward`: sets chosen in one window of time, traded in the next.

use crate::{
    args::{Format, WalkForwardArgs},
    settings::Settings,
    talk::{print, say},
    wiring::{
        self,
        report::optimistic,
        research::{self, Study},
        run::announce,
    },
};
use candleflow_kernels::metrics::CATALOGUE;
use candleflow_report::figure;
use std::process::ExitCode;

pub(super) async fn walk_forward(args: WalkForwardArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let machine = args.sets.machine()?;
    let study = Study::open(&args.file, &args.sets.set, &args.sets.symbols)?;
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    announce(&study.prepared);
    let walked = research::walk(&study, &lake, (args.from, args.to), machine, cancel).await?;
    research::caution(optimistic(&study.prepared.document), args.format)?;
    let first = walked.windows.num_columns() - 5 - study.sweep.axes.len();
    research::show(&walked.windows, &(first..first + study.sweep.axes.len()), args.format)?;
    if args.format == Format::Table {
        print("all test windows together, one after the other:")?;
        let width = CATALOGUE.iter().map(|metric| metric.name.len()).max().unwrap_or(0);
        for (metric, value) in CATALOGUE.iter().zip(&walked.metrics) {
            if let Some(value) = value {
                print(&format!("  {:<width$}  {:>14}", metric.name, figure(*value, metric.unit)))?;
            }
        }
        print(&format!("run     {}", walked.run_id))?;
        print(&format!("digest  {}", walked.digest))?;
    }
    say(&format!("{} windows, {} sets in each train window", walked.windows.num_rows(), study.numbers.len()));
    Ok(ExitCode::SUCCESS)
}
