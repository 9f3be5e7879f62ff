//! The live runs of an `up`: those that it was started with, and those that were submitted since.
//!
//! A job ends by itself (its `--to`, an error), or is stopped: then it ends as if its input had ended. Ended jobs stay in
//! the list, at most [`ENDED`] of them.

use super::JobInfo;
use crate::{
    args::RunArgs,
    exit::usage,
    wiring::{
        report::Report,
        run::{self, Prepared},
    },
};
use candleflow_lake::Lake;
use candleflow_schema::{Interval, Micros, Symbol, time};
use candleflow_topics::Log;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// Ended jobs that are remembered; the oldest go first.
const ENDED: usize = 100;

struct Job {
    pipeline: String,
    to: Option<Micros>,
    number: u64,
    at: AtomicI64,
    stop: CancellationToken,
    /// Cancelled when `outcome` is there.
    ended: CancellationToken,
    outcome: OnceLock<anyhow::Result<Report>>,
}

/// All jobs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Jobs {
    inner: Arc<Inner>,
}

struct Inner {
    lake: Lake,
    log: Arc<dyn Log>,
    interval: Interval,
    details: BTreeSet<Interval>,
    symbols: Vec<Symbol>,
    cancel: CancellationToken,
    jobs: Mutex<BTreeMap<String, Arc<Job>>>,
}

impl Jobs {
    /// Jobs over the bars and symbols that are synced; `cancel` stops them all.
    pub(crate) fn new(
        lake: Lake,
        log: Arc<dyn Log>,
        (interval, details): (Interval, BTreeSet<Interval>),
        symbols: Vec<Symbol>,
        cancel: CancellationToken,
    ) -> Self {
        Self { inner: Arc::new(Inner { lake, log, interval, details, symbols, cancel, jobs: Mutex::default() }) }
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Job>>> {
        self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, job: &str) -> anyhow::Result<Arc<Job>> {
        let found = self.jobs().get(job).cloned();
        found.ok_or_else(|| usage(format!("there is no job {job}: see 'candleflow jobs list'")))
    }

    /// Starts a pipeline, or goes on with its job that was cut off; gives the job's name.
    pub(crate) async fn submit(&self, prepared: Prepared, args: RunArgs) -> anyhow::Result<String> {
        let job = run::name_in_up(&prepared, &self.inner.lake, &self.inner.log, &args).await?;
        self.start(prepared, RunArgs { job: Some(job), ..args })
    }

    fn start(&self, prepared: Prepared, args: RunArgs) -> anyhow::Result<String> {
        let inner = self.inner.clone();
        if prepared.interval() != inner.interval {
            return Err(usage(format!(
                "this 'up' has bars of {}, the pipeline wants {}: higher intervals are columns with 'every'",
                inner.interval,
                prepared.interval()
            )));
        }
        if let Some(detail) = prepared.detail().filter(|detail| !inner.details.contains(detail)) {
            return Err(usage(format!(
                "this 'up' has no bars of {detail}, which the pipeline's path: detail wants: start it with --detail {detail}"
            )));
        }
        let missing: Vec<String> =
            prepared.symbols().iter().filter(|s| !inner.symbols.contains(s)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            return Err(usage(format!(
                "this 'up' does not follow {}: start it with --symbols {}",
                missing.join(", "),
                missing.join(",")
            )));
        }
        let name = run::job_name(&prepared, &args)?;
        let mut jobs = self.jobs();
        if jobs.get(&name).is_some_and(|j| !j.ended.is_cancelled()) {
            return Err(usage(format!("the job {name} is running")));
        }
        let job = Arc::new(Job {
            pipeline: prepared.document.name.value.clone(),
            to: args.to,
            number: jobs.values().map(|j| j.number + 1).max().unwrap_or(0),
            at: AtomicI64::new(Micros::MIN),
            stop: inner.cancel.child_token(),
            ended: CancellationToken::new(),
            outcome: OnceLock::new(),
        });
        jobs.insert(name.clone(), job.clone());
        forget(&mut jobs);
        let (own, id) = (inner.clone(), name.clone());
        tokio::spawn(async move {
            let progress = |_: usize, at: Micros| {
                job.at.fetch_max(at, Ordering::Relaxed);
            };
            let running = run::on_topic(&prepared, &own.lake, own.log.clone(), &id, &args, &progress, job.stop.clone());
            let outcome = running.await;
            if let Err(error) = &outcome {
                tracing::error!(job = id, %error, "a job failed");
            }
            // Set once, here.
            let _ = job.outcome.set(outcome);
            job.ended.cancel();
        });
        Ok(name)
    }

    /// All jobs, in the order in which they were started.
    pub(crate) fn list(&self) -> Vec<JobInfo> {
        let mut all: Vec<_> = self.jobs().iter().map(|(name, job)| (job.number, info(name, job))).collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, info)| info).collect()
    }

    /// Ends a job as if its input had ended, and waits for it.
    pub(crate) async fn stop(&self, name: &str) -> anyhow::Result<JobInfo> {
        let job = self.find(name)?;
        job.stop.cancel();
        job.ended.cancelled().await;
        Ok(info(name, &job))
    }

    /// Whether no job is running.
    pub(crate) fn idle(&self) -> bool {
        self.jobs().values().all(|j| j.ended.is_cancelled())
    }

    /// The event time that the slowest running job has reached.
    pub(crate) fn reached(&self) -> Option<Micros> {
        let jobs = self.jobs();
        let running = jobs.values().filter(|j| !j.ended.is_cancelled());
        running.map(|j| j.at.load(Ordering::Relaxed)).min().filter(|at| *at > Micros::MIN)
    }

    /// Whether a job has failed.
    pub(crate) fn failed(&self, name: &str) -> bool {
        self.find(name).is_ok_and(|job| matches!(job.outcome.get(), Some(Err(_))))
    }

    /// Shows what a job found, or gives its error.
    pub(crate) fn show(&self, name: &str) -> anyhow::Result<()> {
        match self.find(name)?.outcome.get() {
            Some(Ok(report)) => report.show(false),
            Some(Err(error)) => Err(crate::exit::again(error)),
            None => Ok(()),
        }
    }
}

fn info(name: &str, job: &Job) -> JobInfo {
    let (state, digest, error) = match job.outcome.get() {
        None => ("running", None, None),
        Some(Ok(report)) => ("finished", Some(report.outcome.digest.to_string()), None),
        Some(Err(error)) => ("failed", None, Some(error.to_string())),
    };
    let at = Some(job.at.load(Ordering::Relaxed)).filter(|at| *at > Micros::MIN);
    JobInfo {
        job: name.to_owned(),
        pipeline: job.pipeline.clone(),
        state: state.to_owned(),
        at: at.map(time::format),
        to: job.to.map(time::format),
        digest,
        error,
    }
}

fn forget(jobs: &mut BTreeMap<String, Arc<Job>>) {
    let mut ended: Vec<_> =
        jobs.iter().filter(|(_, j)| j.ended.is_cancelled()).map(|(name, j)| (j.number, name.clone())).collect();
    ended.sort();
    for (_, name) in ended.iter().rev().skip(ENDED) {
        jobs.remove(name);
    }
}
