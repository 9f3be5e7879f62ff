//! `run`: a pipeline over history, or live on a topic.

use crate::{
    args::RunArgs,
    exit::usage,
    settings::Settings,
    talk::{Work, say},
    wiring::{
        self,
        research::{Study, among},
        run,
    },
};
use candleflow_kernels::metrics::Choice;
use candleflow_schema::time;
use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
};

pub(super) async fn run(mut args: RunArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let (mut compared, mut swept) = (None, None);
    if let Some(number) = args.sweep_set {
        let study = Study::open(&args.file, &args.set, &args.symbols)?;
        say(&format!("set {number}: {}", study.named(number)));
        args.set.extend(study.overrides(number)?);
        compared = Some(study.sweep.metrics).filter(|metrics| *metrics != Choice::ALL);
        args.warmup = Some(study.warmup.map_or("all".to_owned(), |bars| bars.to_string()));
        swept = Some(study);
    }
    let prepared = run::prepare(&args.file, &args.set, &args.symbols)?;
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    run::announce(&prepared);
    let report = if args.live {
        if args.threads.is_some() {
            return Err(usage("--threads is for runs over history"));
        }
        let log = wiring::kafka(settings, "run --live")?;
        let job = run::job_name(&prepared, &args)?;
        say(&format!("job {job}: if this process dies, the same command with --job {job} goes on"));
        let work = Work::new("live", 0);
        let bars = AtomicU64::new(0);
        let progress = |_: usize, at: i64| work.at(bars.fetch_add(1, Ordering::Relaxed) + 1, &time::format(at));
        let report = run::on_topic(&prepared, &lake, log, &job, &args, &progress, cancel).await;
        work.done();
        report?
    } else {
        run::over_history(&prepared, &lake, &args, cancel).await?
    };
    let mut report = report.compared(compared)?;
    if let Some(study) = swept.filter(|_| !args.live) {
        match among(&study, &lake, (args.from, args.to)).await? {
            Some(among) => {
                if among.is_stale {
                    say(&format!("the sweep {} read an earlier state of the bars", among.sweep));
                }
                report.deflate(among);
            }
            None => say(
                "no finished sweep of this file over this time has Sharpe ratios: without them there is no deflated one",
            ),
        }
    }
    if let Some(file) = &args.report {
        report.write_page(file)?;
    }
    if args.json {
        report.show_json()?
    } else {
        report.show(args.chains)?
    }
    Ok(ExitCode::SUCCESS)
}
