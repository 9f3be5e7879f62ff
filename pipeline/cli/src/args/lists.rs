//! The arguments of commands that list what there is: bars, topics, jobs.

use super::{Format, time};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// What is there: symbol, interval, bars, first, last, coverage
    Coverage {
        /// Only this symbol
        #[arg(long)]
        symbol: Option<String>,
    },
    /// Holes between bars, and whether they are known to be the exchange's
    Gaps(GapsArgs),
    /// Merge small files, delete files that nobody needs, cut the tables' logs
    Upkeep {
        /// Do it although another process seems to be at it
        #[arg(long)]
        force: bool,
    },
    /// What is odd: off the grid, zero volume, restated, quarantined
    Quality {
        /// Only this symbol
        #[arg(long)]
        symbol: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GapsArgs {
    /// The symbol
    #[arg(long)]
    pub(crate) symbol: String,
    /// Length of bar
    #[arg(long, default_value = "1m")]
    pub(crate) interval: String,
    /// From this event time
    #[arg(long, value_parser = time)]
    pub(crate) from: Option<i64>,
    /// To this event time
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// List topics with their partitions and offsets
    List,
    /// Print records of a topic
    Peek {
        /// The topic
        topic: String,
        /// How many, per partition, from its end (or its start with --first)
        #[arg(long, short = 'n', default_value_t = 5)]
        count: usize,
        /// From the start
        #[arg(long)]
        first: bool,
    },
    /// Delete a topic with its records
    Delete {
        /// The topic
        topic: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the jobs, how far they are, and the digests of those that have ended
    List,
    /// Run a pipeline live in the running 'up'; prints the job's name
    Submit(SubmitArgs),
    /// End a job as if its input had ended; prints its digest
    Stop {
        /// Its name
        job: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SubmitArgs {
    /// The pipeline file
    pub(crate) file: PathBuf,
    /// First event time of the outputs, exclusive [default: where the topic begins]
    #[arg(long, value_parser = time)]
    pub(crate) from: Option<i64>,
    /// Last event time, inclusive [default: go on]
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
    /// Override a parameter
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Run these symbols instead
    #[arg(long, value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Bars before --from that are read: a number or 'all' [default: what explain states]
    #[arg(long)]
    pub(crate) warmup: Option<String>,
    /// Name of the job [default: the same pipeline's job that broke off, which so goes on, or a new one]
    #[arg(long)]
    pub(crate) job: Option<String>,
}
