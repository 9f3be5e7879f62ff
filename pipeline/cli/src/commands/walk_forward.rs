//! `walk-forward`: sets chosen in one window of time, traded in the next.

use crate::{
    args::{Format, WalkForwardArgs},
    exit::usage,
    settings::Settings,
    talk::{print, say},
    wiring::{
        self,
        research::{self, Study},
        run::announce,
    },
};
use candleflow_kernels::metrics::CATALOGUE;
use candleflow_report::figure;
use std::process::ExitCode;

pub(super) async fn walk_forward(args: WalkForwardArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    if args.memory == 0 || args.threads == Some(0) {
        return Err(usage("--memory and --threads: give at least 1"));
    }
    let study = Study::open(&args.file, &args.set, &args.symbols)?;
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    announce(&study.prepared);
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let walked = research::walk(&study, &lake, (args.from, args.to), (threads, args.memory << 20), cancel).await?;
    research::show(&walked.windows, args.format)?;
    if args.format == Format::Table {
        print("all test windows together, one after the other:")?;
        for (metric, value) in CATALOGUE.iter().zip(&walked.metrics) {
            if let Some(value) = value {
                print(&format!("  {:<24} {:>16}", metric.name, figure(*value, metric.unit)))?;
            }
        }
        print(&format!("run     {}", walked.run_id))?;
        print(&format!("digest  {}", walked.digest))?;
    }
    say(&format!("{} windows, {} sets in each train window", walked.windows.num_rows(), study.numbers.len()));
    Ok(ExitCode::SUCCESS)
}
