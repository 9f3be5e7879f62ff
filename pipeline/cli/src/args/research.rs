//! The arguments of commands over many runs: sweeps, walks, draws.

use super::{Format, time};
use crate::exit::usage;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Which sets of a file are computed, and with how much of the machine: what a sweep and a walk share.
#[derive(Debug, ClapArgs)]
pub(crate) struct SetsArgs {
    /// Override a parameter that the sweep does not move
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Run these symbols instead
    #[arg(long, value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Sets that are computed at the same time [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
    /// MiB that sets may take together; more sets then go in several passes over the bars
    #[arg(long, default_value_t = 1024)]
    memory: u64,
}

impl SetsArgs {
    /// Sets at the same time, and the bytes that sets may take together.
    pub(crate) fn machine(&self) -> anyhow::Result<(usize, u64)> {
        if self.memory == 0 || self.threads == Some(0) {
            return Err(usage("--memory and --threads: give at least 1"));
        }
        let threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        Ok((threads, self.memory.saturating_mul(1 << 20)))
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SweepArgs {
    /// The pipeline file, with a block sweep
    pub(crate) file: PathBuf,
    /// First event time, exclusive [default: all there is]
    #[arg(long, value_parser = time)]
    pub(crate) from: Option<i64>,
    /// Last event time, inclusive [default: all there is]
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
    #[command(flatten)]
    pub(crate) sets: SetsArgs,
    /// Go on with the last unfinished sweep of this file, or with the one of this id
    #[arg(long, value_name = "RUN_ID", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "absent, without a value, with one")]
    pub(crate) resume: Option<Option<String>>,
    /// Show so many of the best sets
    #[arg(long, default_value_t = 10)]
    pub(crate) top: usize,
    /// The metric that they are the best by
    #[arg(long, default_value = "sharpe")]
    pub(crate) by: String,
    /// How to print the best sets
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WalkForwardArgs {
    /// The pipeline file, with blocks sweep and walk_forward
    pub(crate) file: PathBuf,
    /// Where the first train window begins, exclusive [default: the first bar]
    #[arg(long, value_parser = time)]
    pub(crate) from: Option<i64>,
    /// Last event time that may be read, inclusive [default: the last bar]
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
    #[command(flatten)]
    pub(crate) sets: SetsArgs,
    /// How to print the windows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MonteCarloArgs {
    /// The id of a run; its file's block monte_carlo says what is drawn, and the flags override it
    pub(crate) run_id: String,
    /// How many histories
    #[arg(long)]
    pub(crate) sims: Option<u32>,
    /// The same seed draws the same histories
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// What is drawn
    #[arg(long, value_enum)]
    pub(crate) of: Option<Of>,
    /// Days that are drawn together, for returns
    #[arg(long)]
    pub(crate) block: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Of {
    /// Closed trades, one by one
    Trades,
    /// Daily returns, in blocks
    Returns,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PboArgs {
    /// The id of a sweep, or a file (CSV, JSON lines, Parquet) or table of returns: rows set,time,return, or a column per set
    pub(crate) of: String,
}
