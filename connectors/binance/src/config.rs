//! Settings, each with the exchange's own rule as its default. Every span is counted on the injected clock.

use crate::{error::BinanceError, sequencer::Notice};
use candleflow_schema::{Interval, Micros, Symbol};
use std::time::Duration;
use tokio::sync::mpsc;
use url::Url;

/// How to speak to the REST endpoint.
#[derive(Debug, Clone)]
pub struct RestConfig {
    /// Where it is; `/api/v3/...` is appended.
    pub url: Url,
    /// Part of the exchange's weight limit that this process allows itself; others may share the address.
    pub share: f64,
    /// How long one request may take, its body included.
    pub timeout: Duration,
    /// How often a request is tried before its error is given to the caller.
    pub attempts: u32,
    /// A block by the exchange that lasts longer than this is an error, a shorter one is waited for.
    pub longest_wait: Duration,
    /// How long after its end a bar is taken as final.
    pub grace: Duration,
    /// Whether the injected clock is the exchange's own, as with a local exchange that runs as fast as it is read: it is
    /// then taken as it is, never synchronised.
    pub paced: bool,
    /// How many chunks of 1000 bars of one range are read at the same time.
    pub ahead: usize,
    /// Seed of all jitter.
    pub seed: u64,
}

impl RestConfig {
    /// Defaults for the endpoint at `url`.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            share: 0.7,
            timeout: Duration::from_secs(12),
            attempts: 4,
            longest_wait: Duration::from_secs(300),
            grace: Duration::from_secs(3),
            paced: false,
            ahead: 4,
            seed: 0,
        }
    }
}

/// How to speak to the stream endpoint.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// Where it is; `/stream` is appended.
    pub url: Url,
    /// Streams on one connection (the exchange allows 1024).
    pub streams_per_connection: usize,
    /// Streams in one SUBSCRIBE frame.
    pub streams_per_frame: usize,
    /// Pause between control frames: the exchange closes at more than 5 a second, its own pongs included.
    pub control_pause: Duration,
    /// How long acknowledgements may take.
    pub ack_timeout: Duration,
    /// A connection without any frame for so long is dead (the exchange pings every 20 s).
    pub heartbeat: Duration,
    /// A connection that pings but carries no data for so long is replaced.
    pub silence: Duration,
    /// Age at which a connection is replaced by a new one, before the exchange ends it at 24 h.
    pub renew_after: Duration,
    /// How long the old connection is read beside the new one.
    pub overlap: Duration,
    /// First and longest pause between attempts to connect.
    pub backoff: (Duration, Duration),
    /// Frames that may wait for the reader; what does not fit is dropped and counted, and REST fills it.
    pub buffer: usize,
    /// Whether a full buffer is waited for instead: right only for a local exchange that waits for its readers.
    pub wait_for_reader: bool,
    /// Seed of all jitter.
    pub seed: u64,
}

impl StreamConfig {
    /// Defaults for the endpoint at `url`.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            streams_per_connection: 800,
            streams_per_frame: 200,
            control_pause: Duration::from_millis(300),
            ack_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(60),
            silence: Duration::from_secs(300),
            renew_after: Duration::from_secs(23 * 3600),
            overlap: Duration::from_secs(5),
            backoff: (Duration::from_millis(500), Duration::from_secs(60)),
            buffer: 8192,
            wait_for_reader: false,
            seed: 0,
        }
    }
}

impl StreamConfig {
    /// Checks what cannot be tried again.
    ///
    /// # Errors
    /// [`BinanceError::Url`].
    pub fn check(&self) -> Result<(), BinanceError> {
        if matches!(self.url.scheme(), "ws" | "wss") {
            return Ok(());
        }
        let cause = "the address of a stream begins with ws:// or wss://".to_owned();
        Err(BinanceError::Url { url: self.url.to_string(), cause })
    }
}

/// When a sequencer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything up to this event time, at most up to now, over REST alone; then it ends.
    Once(Micros),
    /// From the past into the present, until it is cancelled.
    Follow,
}

/// What a sequencer reads, and from where.
#[derive(Debug, Clone)]
pub struct SequencerConfig {
    /// The REST endpoint.
    pub rest: RestConfig,
    /// The stream endpoint; not used by [`Mode::Once`].
    pub stream: StreamConfig,
    /// The instruments, in the exchange's upper case.
    pub symbols: Vec<Symbol>,
    /// The length of bar.
    pub interval: Interval,
    /// Event time from which a symbol is wanted that `resume` does not name (exclusive).
    pub from: Micros,
    /// When to end.
    pub mode: Mode,
    /// Ranges that are read at the same time.
    pub concurrency: usize,
    /// Where to say what is not a record; full is dropped and counted, none is only counted.
    pub notices: Option<mpsc::Sender<Notice>>,
}

impl SequencerConfig {
    /// A sequencer that follows `symbols` from the event time `from`.
    pub fn new(rest: Url, stream: Url, symbols: Vec<Symbol>, interval: Interval, from: Micros) -> Self {
        Self {
            rest: RestConfig::new(rest),
            stream: StreamConfig::new(stream),
            symbols,
            interval,
            from,
            mode: Mode::Follow,
            concurrency: 8,
            notices: None,
        }
    }

    /// For a local exchange that runs as fast as it is read: the injected clock is its own, and nothing is dropped.
    pub fn paced(mut self) -> Self {
        self.rest.paced = true;
        self.stream.wait_for_reader = true;
        self
    }
}
