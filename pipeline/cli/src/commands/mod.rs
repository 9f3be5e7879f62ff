//! One file per command.

mod archive;
mod check;
mod data;
mod demo;
mod exchange;
mod import;
mod import_tables;
mod indicators;
mod jobs;
mod metrics;
mod monte_carlo;
mod pbo;
mod plan;
mod rerun;
mod run;
mod serve;
mod sql;
mod sweep;
mod sync;
mod topics;
mod up;
mod walk_forward;

use crate::{
    args::{Args, Command},
    settings::Settings,
};
use clap::CommandFactory;
use std::process::ExitCode;

/// Runs what was asked for.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(args.lake, args.kafka, args.log)?;
    match args.command {
        Command::Demo(args) => demo::demo(args).await,
        Command::Up(args) => up::up(args, &settings).await,
        Command::Import(args) if args.archive.is_some() => archive::archive(args, &settings).await,
        Command::Import(args) => import::import(args, &settings).await,
        Command::Sync(args) => sync::sync(args, &settings).await,
        Command::Run(args) => run::run(args, &settings).await,
        Command::Sweep(args) => sweep::sweep(args, &settings).await,
        Command::WalkForward(args) => walk_forward::walk_forward(args, &settings).await,
        Command::MonteCarlo(args) => monte_carlo::monte_carlo(args, &settings).await,
        Command::Pbo(args) => pbo::pbo(&args, &settings).await,
        Command::Rerun(args) => rerun::rerun(args, &settings).await,
        Command::Check(args) => check::check(args, &settings).await,
        Command::Explain(args) => plan::explain(&args),
        Command::Validate(args) => plan::validate(&args),
        Command::Schema => plan::schema(),
        Command::Indicators(args) => indicators::indicators(&args),
        Command::Metrics(args) => metrics::metrics(&args),
        Command::Sql(args) => sql::sql(args, &settings).await,
        Command::Data(command) => data::data(command, &settings).await,
        Command::Topics(command) => topics::topics(command, &settings).await,
        Command::Jobs(command) => jobs::jobs(command, &settings).await,
        Command::Exchange(args) => exchange::exchange(args, &settings).await,
        Command::Serve(args) => serve::serve(args, &settings).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "candleflow", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
