//! What is said to the person at the terminal, on stderr: log lines, progress, notes.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, Write},
    sync::Mutex,
    time::{Duration, Instant},
};
use tracing_subscriber::{EnvFilter, fmt};

/// Sends log lines to stderr: warnings, or more with `-v`; `CANDLEFLOW_LOG` overrides.
pub(crate) fn log(verbose: u8) {
    let level = match verbose {
        0 => "off,candleflow=warn",
        1 => "warn,candleflow=info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("CANDLEFLOW_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(verbose > 1).init();
}

/// A line on stderr.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A line on stdout.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

/// Progress of long work: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct Work {
    bar: ProgressBar,
    what: &'static str,
    plain: Option<Mutex<Instant>>,
}

/// Lines elsewhere come at most this often.
const EVERY: Duration = Duration::from_secs(5);

impl Work {
    /// Work of `total` units; 0 when nobody knows.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if total > 0 { ProgressBar::new(total) } else { ProgressBar::new_spinner() };
        let template = match total {
            0 => "{prefix:>10} {spinner} {human_pos} rows {per_sec:.dim} {wide_msg}",
            _ => "{prefix:>10} {bar:30.cyan/dim} {percent:>3}% {human_pos} rows {per_sec:.dim} {eta:.dim} {wide_msg}",
        };
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(what);
        if !terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, what, plain: (!terminal).then(|| Mutex::new(Instant::now())) }
    }

    /// How much is done, and where.
    pub(crate) fn at(&self, done: u64, message: &str) {
        self.bar.set_position(done);
        if !message.is_empty() {
            self.bar.set_message(message.to_owned());
        }
        if let Some(last) = &self.plain
            && let Ok(mut last) = last.lock()
            && last.elapsed() >= EVERY
        {
            *last = Instant::now();
            let left = match self.bar.length().filter(|total| *total > done && done > 0) {
                Some(total) => {
                    let (percent, rate) = (done * 100 / total, done as f64 / self.bar.elapsed().as_secs_f64());
                    let seconds = (total - done) as f64 / rate;
                    format!(" of {total} ({percent} %), {rate:.0} a second, {seconds:.0} s left,")
                }
                None => String::new(),
            };
            say(&format!("{}: {done}{left} rows {message}", self.what));
        }
    }

    /// Where it is, when nobody counts.
    pub(crate) fn note(&self, message: &str) {
        self.bar.set_message(message.to_owned());
        self.bar.tick();
    }

    /// Removes the bar.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
