//! `jobs`: the live runs of a running `up`, from another process.

use crate::{
    args::JobsCommand,
    exit::usage,
    output,
    settings::Settings,
    talk::{print, say},
    wiring::control::{Client, Place, Submission, find},
};
use std::process::ExitCode;

pub(super) async fn jobs(command: JobsCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let up = running(settings).await?;
    match command {
        JobsCommand::List => {
            let header = ["job", "state", "at", "to", "digest"];
            let rows = up.jobs().await?.into_iter().map(|job| {
                let end = job.digest.or(job.error).unwrap_or_default();
                [job.job, job.state, job.at.unwrap_or_default(), job.to.unwrap_or_default(), end]
            });
            print(&output::rows(&header, rows))?;
        }
        JobsCommand::Submit(args) => {
            let file = args.file.display().to_string();
            let text = std::fs::read_to_string(&args.file).map_err(|e| usage(format!("cannot read {file}: {e}")))?;
            let submission = Submission {
                file,
                text,
                set: args.set,
                symbols: args.symbols,
                from: args.from,
                to: args.to,
                warmup: args.warmup,
                job: args.job,
            };
            print(&up.submit(&submission).await?)?;
        }
        JobsCommand::Stop { job } => {
            let ended = up.stop(&job).await?;
            if let Some(error) = ended.error {
                return Err(anyhow::anyhow!("the job {job} had failed: {error}"));
            }
            say(&format!("{job} has ended"));
            print(&format!("digest  {}", ended.digest.unwrap_or_default()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn running(settings: &Settings) -> anyhow::Result<Client> {
    match find(settings).await? {
        Place::Up(client) => Ok(client),
        Place::Here(log) => {
            log.close().await;
            Err(nobody(settings))
        }
        Place::Nowhere => Err(nobody(settings)),
    }
}

fn nobody(settings: &Settings) -> anyhow::Error {
    usage(format!(
        "no 'candleflow up' runs on the embedded log {}: start one, or name its folder with --log",
        settings.log.display()
    ))
}
