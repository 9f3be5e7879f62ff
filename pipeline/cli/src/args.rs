//! The arguments of every command.

mod lists;
mod research;

pub(crate) use lists::{DataCommand, GapsArgs, JobsCommand, TopicsCommand};
pub(crate) use research::{MonteCarloArgs, Of, PboArgs, SweepArgs, WalkForwardArgs};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf};

/// Market research and live markets in one dataflow: the same pipeline gives the same bytes live and over history.
#[derive(Debug, Parser)]
#[command(name = "candleflow", version, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Args {
    /// Folder or s3://bucket/prefix of the lake [default: data/lake]
    #[arg(long, global = true, env = "CANDLEFLOW_LAKE")]
    pub(crate) lake: Option<String>,
    /// Brokers of Kafka (host:port,...); without them topics live in the embedded log
    #[arg(long, global = true, env = "CANDLEFLOW_KAFKA")]
    pub(crate) kafka: Option<String>,
    /// Folder of the embedded log [default: data/log]
    #[arg(long, global = true, env = "CANDLEFLOW_LOG_DIR")]
    pub(crate) log: Option<PathBuf>,
    /// Say more on stderr; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "Settings: flags, then CANDLEFLOW_* environment variables, then candleflow.toml in this folder.
Exit codes: 0 done, 1 failed, 2 wrong arguments, file or setting, 3 done but bad input was quarantined,
4 another process took over, 5 a check found a difference, 130 interrupted.

Try it: candleflow demo";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at once: a made-up market, live and over history, with equal digests
    Demo(DemoArgs),
    /// Run everything on this machine in one process: exchange, sync, jobs, API, with the embedded log
    Up(UpArgs),
    /// Bring files of bars into the lake
    Import(ImportArgs),
    /// Bring bars of the exchange into topics and the lake, once or for good
    Sync(SyncArgs),
    /// Run a pipeline over history, or live with --live
    Run(RunArgs),
    /// Run every parameter set of a pipeline's sweep, and compare them
    Sweep(SweepArgs),
    /// Choose a set in one window of time and trade it in the next, again and again
    WalkForward(WalkForwardArgs),
    /// Draw other histories from the trades or returns of a run: how far its metrics are luck
    MonteCarlo(MonteCarloArgs),
    /// The probability that the best of many sets is the best by chance
    Pbo(PboArgs),
    /// Run a stored run again from its pinned files, and say whether it finds the same
    Rerun(RerunArgs),
    /// Prove on your own bars that a pipeline does not look ahead, repaint, or depend on batches and threads
    Check(CheckArgs),
    /// Show the plan of a pipeline: operators, warm-up, size of state
    Explain(FileArgs),
    /// Check a pipeline file; all errors at once
    Validate(FileArgs),
    /// Print the JSON Schema of pipeline files
    Schema,
    /// List the indicators, or show one
    Indicators(IndicatorsArgs),
    /// Metrics of any file of equity, returns or trades
    Metrics(MetricsArgs),
    /// Ask the lake with SQL
    Sql(SqlArgs),
    /// What bars the lake has, where holes are, and what is odd
    #[command(subcommand)]
    Data(DataCommand),
    /// List, show or delete topics
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// List, submit and stop the live runs of a running 'up'
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Serve a local exchange that speaks Binance's protocol: replayed or made-up markets, faults on request
    Exchange(ExchangeArgs),
    /// Serve the HTTP API over the lake
    Serve(ServeArgs),
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Seed of the made-up market
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Keep the data in this folder instead of a temporary one
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Minutes of market that happen live
    #[arg(long, default_value_t = 600)]
    pub(crate) minutes: i64,
    /// Market seconds per second
    #[arg(long, default_value_t = 3000.0)]
    pub(crate) speed: f64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UpArgs {
    /// Pipelines to run live; more can come with 'candleflow jobs submit'
    pub(crate) pipelines: Vec<PathBuf>,
    /// Symbols to follow beside those of the pipelines
    #[arg(long, value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Length of bar, where no pipeline says it
    #[arg(long, default_value = "1m")]
    pub(crate) interval: String,
    /// Lengths of finer bars to follow beside them, for pipelines with 'path: detail' that come later
    #[arg(long, value_delimiter = ',')]
    pub(crate) detail: Vec<String>,
    /// The exchange: a URL such as https://api.binance.com, or a local one: replay:FILE,FILE or replay:lake or seeded:SEED
    #[arg(long, default_value = "https://api.binance.com")]
    pub(crate) exchange: String,
    #[command(flatten)]
    pub(crate) market: MarketArgs,
    /// First event time of the runs' outputs, exclusive [default: where the topic begins]
    #[arg(long, value_parser = time)]
    pub(crate) from: Option<i64>,
    /// End the runs at this event time, and then all of it [default: go on until Ctrl-C]
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
    /// Where history begins that is not in the lake yet [default: 30 days ago]
    #[arg(long, value_parser = time)]
    pub(crate) since: Option<i64>,
    /// Address of the HTTP API
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}

/// How a local exchange shows its market.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct MarketArgs {
    /// Market seconds per second
    #[arg(long, default_value_t = 60.0)]
    pub(crate) speed: f64,
    /// Market time at which it starts; bars before are history [default: after the first tenth]
    #[arg(long, value_parser = time)]
    pub(crate) start: Option<i64>,
    /// Faults as JSON, or 'all'
    #[arg(long)]
    pub(crate) faults: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// Files: CSV, JSON, gzip, zip, recognised by content
    #[arg(required_unless_present = "archive", conflicts_with = "archive")]
    pub(crate) files: Vec<PathBuf>,
    /// What the files hold: bars, instruments (answers of exchangeInfo), or funding (rates, as CSV or JSON)
    #[arg(long = "as", value_enum, default_value_t = ImportAs::Bars, conflicts_with = "archive")]
    pub(crate) holds: ImportAs,
    /// Fetch months and days of bars from the exchange's bulk archive, instead of files
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "https://data.binance.vision")]
    pub(crate) archive: Option<String>,
    /// Symbols to fetch from the archive
    #[arg(long, value_delimiter = ',', requires = "archive")]
    pub(crate) symbols: Vec<String>,
    /// Where the bars of the archive begin; event time, exclusive
    #[arg(long, value_parser = time, requires = "archive")]
    pub(crate) since: Option<i64>,
    /// Where they end, inclusive [default: the newest that the archive has]
    #[arg(long, value_parser = time, requires = "archive")]
    pub(crate) to: Option<i64>,
    /// Folder that keeps the archive's files [default: data/archive]
    #[arg(long, requires = "archive")]
    pub(crate) cache: Option<PathBuf>,
    /// Symbol of all bars, where the file does not say
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// Interval of all bars, where the file does not say
    #[arg(long)]
    pub(crate) interval: Option<String>,
    /// State that the files hold all bars of their range: holes in them are the exchange's
    #[arg(long)]
    pub(crate) complete: bool,
    /// Import bars of futures under --symbol
    #[arg(long)]
    pub(crate) allow_futures: bool,
}

/// What files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportAs {
    Bars,
    Instruments,
    Funding,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SyncArgs {
    /// Instruments
    #[arg(long, required = true, value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Length of bar
    #[arg(long, default_value = "1m")]
    pub(crate) interval: String,
    /// Where history begins that is not known yet [default: 30 days ago]
    #[arg(long, value_parser = time)]
    pub(crate) since: Option<i64>,
    /// Go on: new bars into the topic as they close
    #[arg(long)]
    pub(crate) follow: bool,
    /// REST address of the exchange
    #[arg(long, default_value = "https://api.binance.com", env = "CANDLEFLOW_EXCHANGE")]
    pub(crate) exchange: String,
    /// WebSocket address of the exchange [default: Binance's, or that of a local exchange]
    #[arg(long, env = "CANDLEFLOW_STREAM")]
    pub(crate) stream: Option<String>,
    /// Do not copy the topic's bars into the lake
    #[arg(long)]
    pub(crate) no_copy: bool,
    /// End when every symbol is known up to this event time
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
}

#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct RunArgs {
    /// The pipeline file
    pub(crate) file: PathBuf,
    /// First event time of the outputs, exclusive [default: all there is; live: where the topic begins]
    #[arg(long, value_parser = time)]
    pub(crate) from: Option<i64>,
    /// Last event time, inclusive [default: all there is; live: go on]
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
    /// Run on the topic as bars close; history before it comes from the lake
    #[arg(long)]
    pub(crate) live: bool,
    /// Name of the live run; under the name of one that broke off, that one goes on [default: the pipeline's name and the time]
    #[arg(long, requires = "live")]
    pub(crate) job: Option<String>,
    /// Override a parameter
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Run these symbols instead
    #[arg(long, value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Run this set of the file's sweep, with the warm-up of the sweep
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["live", "warmup"])]
    pub(crate) sweep_set: Option<u64>,
    /// Bars before --from that are read: a number or 'all' [default: what explain states]
    #[arg(long)]
    pub(crate) warmup: Option<String>,
    /// Symbols that are computed at the same time [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Compute and print only: write nothing to the lake
    #[arg(long)]
    pub(crate) dry: bool,
    /// Print the digest of every output and symbol
    #[arg(long)]
    pub(crate) chains: bool,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page for people to this file: charts, tables, warnings, all in one
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RerunArgs {
    /// The run, as the table 'runs' names it
    pub(crate) run_id: String,
    /// Symbols that are computed at the same time [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Print the report that 'run' prints, too
    #[arg(long)]
    pub(crate) full: bool,
    /// Print the digest of every output and symbol
    #[arg(long)]
    pub(crate) chains: bool,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the run's page to this file
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// The pipeline file
    pub(crate) file: PathBuf,
    /// Bars up to this event time are warm-up [default: what the columns need, at most a third of the bars]
    #[arg(long, value_parser = time)]
    pub(crate) from: Option<i64>,
    /// Last event time, inclusive [default: all there is]
    #[arg(long, value_parser = time)]
    pub(crate) to: Option<i64>,
    /// The last bars of each symbol that are used; 0: all
    #[arg(long, default_value_t = 50_000)]
    pub(crate) bars: usize,
    /// Override a parameter
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Check these symbols instead
    #[arg(long, value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Where cuts lie
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Symbols that are checked at the same time [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FileArgs {
    /// The pipeline file
    pub(crate) file: PathBuf,
    /// Override a parameter
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Only this symbol
    #[arg(long)]
    pub(crate) symbol: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct IndicatorsArgs {
    /// Show all there is to know about this one
    pub(crate) name: Option<String>,
    /// Only of this family: overlap, momentum, volatility, volume, statistic, price, math, cycle, pattern, logic
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Print the page docs/indicators.md
    #[arg(long, conflicts_with_all = ["name", "group"])]
    pub(crate) page: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MetricsArgs {
    /// CSV with a header, JSON lines or Parquet, recognised by content
    pub(crate) file: PathBuf,
    /// Column of the account's value [default: equity, balance, nav, ...]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) equity: Option<String>,
    /// Column of returns, as fractions [default: returns, return, ret, ...]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) returns: Option<String>,
    /// Column of profits and losses, a row per trade [default: pnl, net_pnl, profit, ...]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) pnl: Option<String>,
    /// Column of a market's returns, for alpha, beta and correlation
    #[arg(long, value_name = "COLUMN", requires = "returns")]
    pub(crate) market: Option<String>,
    /// Column of time [default: time, date, timestamp, ...]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// Returns a year; equity is then taken row by row [default: 365, of the last equity of each day; 252 with empyrical and quantstats]
    #[arg(long)]
    pub(crate) periods: Option<f64>,
    /// Whose formulas: candleflow, empyrical, quantstats, vectorbt, backtesting_py, freqtrade
    #[arg(long, default_value = "candleflow")]
    pub(crate) variant: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SqlArgs {
    /// The statement; '-' reads it from stdin
    pub(crate) sql: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write to this file instead of stdout
    #[arg(long, short)]
    pub(crate) output: Option<PathBuf>,
    /// Most rows (0: no limit)
    #[arg(long, default_value_t = 0)]
    pub(crate) limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// With a header
    Csv,
    /// One object a line
    Json,
    /// Arrow IPC stream
    Arrow,
    /// Parquet file
    Parquet,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExchangeArgs {
    /// Replay these files, or 'lake' for the bars of the lake
    #[arg(long, num_args = 1.., conflicts_with = "seed")]
    pub(crate) replay: Vec<String>,
    /// Make up a market from this seed
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Symbols: of the made-up market, or those of the replay to show
    #[arg(long, value_delimiter = ',')]
    pub(crate) symbols: Vec<String>,
    /// Length of bar of the market
    #[arg(long, default_value = "1m")]
    pub(crate) interval: String,
    /// Bars of a made-up market, per symbol
    #[arg(long, default_value_t = 200_000)]
    pub(crate) bars: usize,
    #[command(flatten)]
    pub(crate) market: MarketArgs,
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9443")]
    pub(crate) listen: SocketAddr,
    /// End when the market is over
    #[arg(long)]
    pub(crate) stop_at_end: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}

/// A UTC time, as people write it.
fn time(text: &str) -> Result<i64, String> {
    candleflow_schema::time::parse(text)
}
