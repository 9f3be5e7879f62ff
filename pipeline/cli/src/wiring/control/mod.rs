//! How other processes talk to a running `up`, which alone may open the embedded log.
//!
//! ```text
//!  data/log/up.json   { port, token, pid }      written by `up`, for its user only
//!  other process ─► is the folder locked? ─ no ─► nobody is there: up.json is stale; open the log itself
//!                                         └ yes ─► http://127.0.0.1:port with the token: topics, jobs
//! ```

mod client;
mod file;
mod jobs;
mod server;
mod topics;

pub(crate) use client::{Client, Place, find, refuse_beside_up};
pub(crate) use jobs::Jobs;
pub(crate) use server::serve;
pub(crate) use topics::{PeekedRecord, TopicPart, list, peek};

use serde::{Deserialize, Serialize};

/// A pipeline to be run live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Submission {
    /// The name of its file, for messages.
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) set: Vec<String>,
    pub(crate) symbols: Vec<String>,
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    pub(crate) warmup: Option<String>,
    pub(crate) job: Option<String>,
}

/// A job, as `jobs list` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobInfo {
    pub(crate) job: String,
    pub(crate) pipeline: String,
    /// `running`, `finished`, `failed`.
    pub(crate) state: String,
    /// The event time that it has reached.
    pub(crate) at: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) error: Option<String>,
}

/// A mistake of whoever asked, or a failure here.
#[derive(Debug, Serialize, Deserialize)]
struct Refusal {
    error: String,
    /// The exit code for whoever asked.
    code: u8,
}
