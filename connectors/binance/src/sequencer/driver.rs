//! Runs the core: one loop that owns it, tasks that fetch, the stream, and the output, which sets the pace.
//!
//! Bounds: `concurrency` fetches at a time, [`PAGES`] pages and the stream's buffer wait for the loop. When the output
//! is slow the loop waits for it, pages wait for the loop, and stream frames are dropped; REST fills them later.

use super::{
    core::{Action, Core, Event},
    rules::Rules,
    tasks::{Told, check_symbols, fetch, persist, status},
};
use crate::{
    config::{Mode, SequencerConfig},
    error::BinanceError,
    klines::Range,
    rest::RestClient,
    stream::{self, StreamEvent},
    telemetry,
};
use candleflow_schema::{Bar, Clock, KlineRecord, Micros, Origin, Quarantined, Symbol};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// Pages that may wait for the loop.
const PAGES: usize = 8;
/// How often the core is told the time, on the exchange's clock.
const TICK: Duration = Duration::from_millis(500);
/// How often the weight limit is read again.
const DAILY: Micros = candleflow_schema::time::DAY;
/// Fetches of one symbol that may fail in a row before a run that is to end gives up.
const FAILURES: u32 = 8;

/// Something that is not a record of the output.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A bar of the stream was written that REST does not have. A value that REST tells differently is no notice but a
    /// record of the output, [`KlineRecord::Restated`].
    Gone(Bar),
    /// A bar came after the promise that it would not.
    Late(Bar),
    /// A row that cannot be used.
    Quarantined(Quarantined),
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Bars written.
    pub bars: u64,
    /// Of them, bars that the stream gave.
    pub from_stream: u64,
    /// `Complete` records written.
    pub completes: u64,
    /// Bars of the stream that REST told differently, and which were written again as restated.
    pub revisions: u64,
    /// Bars of the stream that REST does not have.
    pub gone: u64,
    /// Bars that came after the promise that they would not.
    pub late: u64,
    /// Rows that cannot be used.
    pub quarantined: u64,
    /// Fetches that failed.
    pub failed_fetches: u64,
    /// Times that a stream connection was lost.
    pub disconnects: u64,
    /// Per symbol the event time of the last record written: `resume` of the next run.
    pub known: BTreeMap<Symbol, Micros>,
    /// Symbols that ended before [`Mode::Once`]'s time: nothing newer exists though they trade.
    pub open_ended: Vec<Symbol>,
}

/// The gap-free join.
#[derive(Debug)]
pub struct Sequencer;

impl Sequencer {
    /// Writes the records of `config.symbols` that follow what `resume` says is known, until its mode ends it or it is
    /// cancelled; being cancelled is a success, and its summary says how far it got.
    ///
    /// # Errors
    /// A wrong URL or symbol name, an exchange that refuses for good, [`BinanceError::OutputClosed`].
    pub async fn run(
        config: SequencerConfig,
        clock: Arc<dyn Clock>,
        resume: BTreeMap<Symbol, Micros>,
        out: mpsc::Sender<KlineRecord>,
        cancel: CancellationToken,
    ) -> Result<Summary, BinanceError> {
        let cancel = cancel.child_token();
        let _end = cancel.clone().drop_guard();
        match Driver::start(config, clock, &resume, out, cancel).await {
            Ok(mut driver) => driver.run().await,
            Err(BinanceError::Cancelled) => Ok(Summary { known: resume, ..Summary::default() }),
            Err(error) => Err(error),
        }
    }
}

struct Driver {
    config: Arc<SequencerConfig>,
    rest: RestClient,
    core: Core,
    out: mpsc::Sender<KlineRecord>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
    slots: Arc<Semaphore>,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    stream: mpsc::Receiver<StreamEvent>,
    /// Fetches that failed in a row.
    failures: BTreeMap<Symbol, u32>,
    syncing: bool,
    limits_read_at: Micros,
    summary: Summary,
}

impl Driver {
    async fn start(
        mut config: SequencerConfig,
        clock: Arc<dyn Clock>,
        resume: &BTreeMap<Symbol, Micros>,
        out: mpsc::Sender<KlineRecord>,
        cancel: CancellationToken,
    ) -> Result<Self, BinanceError> {
        // The exchange refuses to be asked for one symbol twice.
        config.symbols.sort();
        config.symbols.dedup();
        let rest = RestClient::new(config.rest.clone(), clock.clone(), cancel.clone())?;
        let follows = config.mode == Mode::Follow;
        persist(&rest, follows, || rest.sync_time()).await?;
        let now = rest.time().now();
        let grace = config.rest.grace.as_micros() as Micros;
        let until = match config.mode {
            Mode::Once(until) => Some(until.min(now - grace)),
            Mode::Follow => None,
        };
        let known: BTreeMap<_, _> =
            config.symbols.iter().map(|s| (s.clone(), resume.get(s).copied().unwrap_or(config.from))).collect();
        let mut core = Core::new(Rules::new(config.interval, grace, until), &known);
        let statuses = persist(&rest, follows, || check_symbols(&rest, &config.symbols)).await?;
        if follows {
            config.stream.check()?;
        }
        // Before the first tick there is nothing to do.
        core.handle(Event::Status { trades: statuses, at: now }, &mut Vec::new());
        let (tell, told) = mpsc::channel(PAGES);
        let (stream_out, stream) = mpsc::channel(config.stream.buffer.max(1));
        let mut tasks = JoinSet::new();
        if follows {
            let names = stream::kline_streams(&config.symbols, config.interval);
            let streaming = stream::run(config.stream.clone(), clock, names, stream_out, cancel.clone());
            tasks.spawn(async move {
                if let Err(error) = streaming.await {
                    tracing::error!(%error, "there is no stream; REST alone serves");
                }
            });
        }
        let slots = Arc::new(Semaphore::new(config.concurrency.max(1)));
        Ok(Self {
            config: Arc::new(config),
            rest,
            core,
            out,
            cancel,
            tasks,
            slots,
            tell,
            told,
            stream,
            failures: BTreeMap::new(),
            syncing: false,
            limits_read_at: now,
            summary: Summary { known, ..Summary::default() },
        })
    }

    async fn run(&mut self) -> Result<Summary, BinanceError> {
        let period = self.rest.time().clock().wall(TICK).max(Duration::from_millis(2));
        let mut ticker = tokio::time::interval_at(Instant::now(), period);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut actions = Vec::new();
        while !self.core.done() {
            tokio::select! {
                () = self.cancel.cancelled() => break,
                _ = ticker.tick() => self.tick(&mut actions),
                Some(told) = self.told.recv() => self.take(told, &mut actions)?,
                Some(event) = self.stream.recv() => self.take_stream(event, &mut actions),
            }
            while let Some(ended) = self.tasks.try_join_next() {
                // A question that is never answered would hold its symbol up for ever.
                ended.map_err(|e| BinanceError::Internal(format!("a task of the sequencer ended: {e}")))?;
            }
            match self.act(&mut actions).await {
                Err(BinanceError::Cancelled) => break,
                done => done?,
            }
        }
        self.summary.open_ended = self.core.open_ended();
        self.cancel.cancel();
        // Fetches that wait for room in the channel end with it.
        self.told.close();
        self.tasks.shutdown().await;
        Ok(self.summary.clone())
    }

    fn tick(&mut self, actions: &mut Vec<Action>) {
        let now = self.rest.time().now();
        self.core.handle(Event::Tick { now }, actions);
        if self.rest.time().is_stale() && !self.syncing {
            self.syncing = true;
            let (rest, tell) = (self.rest.clone(), self.tell.clone());
            self.tasks.spawn(async move {
                if let Err(error) = rest.sync_time().await {
                    tracing::warn!(%error, "the exchange's clock could not be read");
                    // Asked again with the next tick otherwise; a wait of the limiter is long enough in between.
                    let _ = rest.sleep(Duration::from_secs(10)).await;
                }
                let _ = tell.send(Told::Synced).await;
            });
        }
        if now - self.limits_read_at > DAILY {
            self.limits_read_at = now;
            let symbols = self.config.symbols.clone();
            self.tasks.spawn(status(self.rest.clone(), symbols, self.tell.clone()));
        }
    }

    fn take(&mut self, told: Told, actions: &mut Vec<Action>) -> Result<(), BinanceError> {
        match told {
            Told::Synced => self.syncing = false,
            Told::Event(event, quarantined) => {
                for bad in quarantined {
                    self.quarantine(bad, "rest");
                }
                if let Event::Page { symbol, .. } = &event {
                    self.failures.remove(symbol);
                }
                self.core.handle(event, actions);
            }
            Told::FetchFailed(symbol, error) => {
                if matches!(error, BinanceError::Cancelled) {
                    return Ok(());
                }
                self.summary.failed_fetches += 1;
                let failures = self.failures.entry(symbol.clone()).or_default();
                *failures += 1;
                let ends = self.config.mode != Mode::Follow;
                if !error.retry() || (ends && *failures >= FAILURES) {
                    return Err(error);
                }
                tracing::warn!(%symbol, %error, "bars could not be read");
                self.core.handle(Event::Failed { symbol }, actions);
            }
            Told::StatusFailed(error) => {
                tracing::warn!(%error, "the symbols' status could not be read");
                self.core.handle(Event::StatusFailed, actions);
            }
        }
        Ok(())
    }

    fn take_stream(&mut self, event: StreamEvent, actions: &mut Vec<Action>) {
        match event {
            StreamEvent::Kline(update) => {
                self.core.handle(
                    Event::Stream { bar: update.bar, closed: update.closed, now: self.rest.time().now() },
                    actions,
                );
            }
            StreamEvent::Bad(bad) => self.quarantine(bad, "stream"),
            StreamEvent::Connected { shard } => tracing::info!(shard, "the stream is up"),
            StreamEvent::Disconnected { .. } => self.summary.disconnects += 1,
        }
    }

    async fn act(&mut self, actions: &mut Vec<Action>) -> Result<(), BinanceError> {
        for action in actions.drain(..) {
            match action {
                Action::Emit(record) => self.emit(record).await?,
                Action::Fetch { symbol, from, to, all } => {
                    let range = Range { symbol, interval: self.config.interval, from, to };
                    self.tasks.spawn(fetch(self.rest.clone(), range, all, self.slots.clone(), self.tell.clone()));
                }
                Action::AskStatus(symbols) => {
                    self.tasks.spawn(status(self.rest.clone(), symbols, self.tell.clone()));
                }
                Action::Revised(revision) => {
                    metrics::counter!(telemetry::REVISIONS).increment(1);
                    tracing::warn!(bar = %revision.written, gone = revision.rest.is_none(), "REST differs from what the stream said");
                    match revision.rest {
                        Some(bar) => self.emit(KlineRecord::Restated(bar)).await?,
                        None => {
                            self.summary.gone += 1;
                            notify(&self.config, Notice::Gone(revision.written));
                        }
                    }
                }
                Action::Late(bar) => {
                    metrics::counter!(telemetry::LATE).increment(1);
                    tracing::error!(%bar, "a bar appeared that REST had twice shown not to exist; it is not written");
                    self.summary.late += 1;
                    notify(&self.config, Notice::Late(bar));
                }
            }
        }
        Ok(())
    }

    async fn emit(&mut self, record: KlineRecord) -> Result<(), BinanceError> {
        let place = tokio::select! {
            () = self.cancel.cancelled() => return Err(BinanceError::Cancelled),
            place = self.out.reserve() => place.map_err(|_| BinanceError::OutputClosed)?,
        };
        self.summary.count(&record);
        place.send(record);
        Ok(())
    }

    fn quarantine(&mut self, bad: Quarantined, source: &'static str) {
        metrics::counter!(telemetry::QUARANTINED, "source" => source).increment(1);
        self.summary.quarantined += 1;
        notify(&self.config, Notice::Quarantined(bad));
    }
}

impl Summary {
    fn count(&mut self, record: &KlineRecord) {
        let (kind, origin) = match record {
            KlineRecord::Bar(bar) => ("bar", bar.origin.name()),
            KlineRecord::Restated(bar) => ("restated", bar.origin.name()),
            KlineRecord::Complete { .. } => ("complete", "rest"),
        };
        match record {
            KlineRecord::Bar(bar) => {
                self.bars += 1;
                self.from_stream += u64::from(bar.origin == Origin::Stream);
            }
            KlineRecord::Restated(_) => self.revisions += 1,
            KlineRecord::Complete { .. } => self.completes += 1,
        }
        if !matches!(record, KlineRecord::Restated(_)) {
            self.known.insert(record.symbol().clone(), record.time());
        }
        metrics::counter!(telemetry::RECORDS, "kind" => kind, "origin" => origin).increment(1);
    }
}

fn notify(config: &SequencerConfig, notice: Notice) {
    if config.notices.as_ref().is_some_and(|n| n.try_send(notice).is_err()) {
        metrics::counter!(telemetry::NOTICES_DROPPED).increment(1);
    }
}
