//! The laws, on a user's own pipeline and bars: look-ahead, warm-up, repainting, batches, snapshots, threads.
//!
//! ```text
//!  bars ──────────┬──► the whole run ───────────────────┐
//!   cut at random ├──► prefixes, every input cut ───────┤ equal, column by column
//!   cut at trades │                                     │
//!   begun later   ├──► how far columns differ ──► warm-up
//!   changed       └──► within an open bucket ──► repainting
//! ```
//! A [`Subject`] is one key of a pipeline with its bars in memory. Nothing is believed of how its columns are computed:
//! the chain is given bars and what comes out is compared. What differs is a [`Finding`], which names the first column in
//! the order of computation, because all that is built on it differs as well. The same seed gives the same cuts.

mod account;
mod look_ahead;
mod measure;
mod repaint;
mod same;
mod subject;
mod warmup;

pub use account::{Account, check_account};
pub use subject::{Cut, Subject};
pub use warmup::Warmup;

use candleflow_schema::{Micros, Symbol};
use candleflow_stream::laws::Unlawful;
use std::fmt;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// What is known at a bar does not depend on later bars.
    LookAhead,
    /// A higher timeframe shows only what has closed.
    Repainting,
    /// The stated warm-up is enough.
    Warmup,
    /// The size of batches does not matter (law 1).
    Batches,
    /// A snapshot may be taken anywhere, and is no larger than stated (laws 2 and 5).
    Snapshots,
    /// Threads and repetition do not matter (law 4).
    Threads,
}

impl Law {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Law::LookAhead => "look-ahead",
            Law::Repainting => "repainting",
            Law::Warmup => "warm-up",
            Law::Batches => "batches",
            Law::Snapshots => "snapshots",
            Law::Threads => "threads",
        }
    }
}

/// A law that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub law: Law,
    /// The symbol on which it was found.
    pub symbol: String,
    /// The column, rule or output at fault, as the user knows it.
    pub what: String,
    /// Event time of the first bar where it shows.
    pub at: Option<Micros>,
    /// What was seen.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.symbol, self.what, self.text)?;
        match self.at {
            Some(at) => write!(f, ", first at {}", candleflow_schema::time::format(at)),
            None => Ok(()),
        }
    }
}

/// What was done for a law on a symbol, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Which.
    pub law: Law,
    /// How much was compared, or why nothing was.
    pub text: String,
    /// Whether anything was.
    pub tried: bool,
}

impl Done {
    fn compared(law: Law, text: impl Into<String>) -> Self {
        Self { law, text: text.into(), tried: true }
    }
}

/// What came of checking one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The key.
    pub symbol: Symbol,
    /// What was compared, law by law.
    pub done: Vec<Done>,
    /// What does not hold.
    pub findings: Vec<Finding>,
    /// How much each column depends on where the data begin.
    pub warmups: Vec<Warmup>,
}

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Of cuts and buckets.
    pub seed: u64,
    /// Cuts at random.
    pub cuts: usize,
    /// Cuts right after orders and trades, at most.
    pub trades: usize,
    /// How many cuts of each kind are runs of their own, with every input cut.
    pub prefixes: usize,
    /// Bars of which the smallest batches are tried.
    pub small: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { seed: 7, cuts: 200, trades: 200, prefixes: 4, small: 2_000 }
    }
}

/// Checks all laws on one key.
///
/// # Errors
/// When the chain cannot be made or fails on its bars: then nothing can be said of it.
pub fn check(subject: &Subject<'_>, effort: &Effort) -> Result<Checked, String> {
    let mut checked =
        Checked { symbol: subject.symbol.clone(), done: Vec::new(), findings: Vec::new(), warmups: Vec::new() };
    let whole = match subject.observe(subject.from, None, &subject.bars, &[measure::BATCH], &[]) {
        Ok(whole) => whole,
        // A state that breaks its bound breaks it in every other check, too.
        Err(error @ Unlawful::TooLarge { .. }) => {
            checked.findings.push(subject.unlawful(&error));
            return Ok(checked);
        }
        Err(error) => return Err(error.to_string()),
    };
    look_ahead::check(subject, effort, &whole, &mut checked)?;
    repaint::check(subject, effort, &mut checked)?;
    warmup::check(subject, effort, &mut checked)?;
    same::check(subject, effort, &whole, &mut checked)?;
    Ok(checked)
}
