//! What the C client calls back: its log, its errors, and what became of each record.
//!
//! On a broken connection the client writes hundreds of lines a second; [`limits::LOG_LINES`] of them pass in
//! [`limits::LOG_WINDOW`], the rest is counted and summed up in one line.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{NoCustomPartitioner, ProducerContext};

use crate::limits;
use crate::telemetry;

/// One client's callbacks.
pub(super) struct Context {
    /// Which client speaks: `reader`, `writer`, `metadata`.
    role: &'static str,
    window: Mutex<Window>,
    pub(super) deliveries: Deliveries,
}

#[derive(Default)]
struct Window {
    since: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

/// What to do with one line.
#[derive(Debug, PartialEq, Eq)]
enum Pass {
    /// Log it; so many were left out before it.
    After(u64),
    No,
}

impl Window {
    fn admit(&mut self, now: Instant) -> Pass {
        if self.since.is_none_or(|since| now.duration_since(since) >= limits::LOG_WINDOW) {
            self.since = Some(now);
            self.lines = 0;
        }
        if self.lines >= limits::LOG_LINES {
            self.suppressed += 1;
            return Pass::No;
        }
        self.lines += 1;
        Pass::After(std::mem::take(&mut self.suppressed))
    }
}

impl Context {
    pub(super) fn new(role: &'static str) -> Self {
        Self { role, window: Mutex::default(), deliveries: Deliveries::default() }
    }

    fn admit(&self) -> Pass {
        let pass = self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now());
        if pass == Pass::No {
            metrics::counter!(telemetry::LOG_SUPPRESSED, "log" => telemetry::KAFKA).increment(1);
        }
        pass
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let Pass::After(suppressed) = self.admit() else { return };
        match level {
            // Nothing that the client logs is lost data: it retries, and what fails in the end comes as an error.
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                tracing::warn!(client = self.role, facility, message, suppressed, "kafka client");
            }
            _ => tracing::debug!(client = self.role, facility, message, suppressed, "kafka client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error, KafkaError::Global(rdkafka::types::RDKafkaErrorCode::PartitionEOF)) {
            return;
        }
        metrics::counter!(telemetry::TRANSPORT_ERRORS, "log" => telemetry::KAFKA).increment(1);
        let Pass::After(suppressed) = self.admit() else { return };
        tracing::warn!(client = self.role, %error, reason, suppressed, "kafka client reports an error");
    }
}

impl ConsumerContext for Context {}

impl ProducerContext<NoCustomPartitioner> for Context {
    /// The record's place in its batch.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        match result {
            Ok(message) => self.deliveries.done(index, Ok(message.offset())),
            Err((error, _)) => self.deliveries.done(index, Err(error.clone())),
        }
    }
}

/// What became of the records of the one batch under way.
#[derive(Default)]
pub(super) struct Deliveries {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    offsets: Vec<i64>,
    outstanding: usize,
    failure: Option<KafkaError>,
    /// Wake the waiter when no more than this are outstanding.
    wake_at: usize,
}

impl Deliveries {
    /// Begins a batch of `records`; none of another may be outstanding.
    pub(super) fn begin(&self, records: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { offsets: vec![-1; records], ..State::default() };
    }

    /// One more record is with the client.
    pub(super) fn sent(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).outstanding += 1;
    }

    /// The client did not take it after all.
    pub(super) fn unsent(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).outstanding -= 1;
    }

    fn done(&self, index: usize, result: Result<i64, KafkaError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(offset) => {
                if let Some(slot) = state.offsets.get_mut(index) {
                    *slot = offset;
                }
            }
            Err(error) => drop(state.failure.get_or_insert(error)),
        }
        state.outstanding = state.outstanding.saturating_sub(1);
        if state.outstanding <= state.wake_at {
            self.changed.notify_all();
        }
    }

    /// Waits until at most `outstanding` records are under way; false if that takes longer than `patience`.
    pub(super) fn wait(&self, outstanding: usize, patience: Duration) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.wake_at = outstanding;
        let (_state, timeout) = self
            .changed
            .wait_timeout_while(state, patience, |state| state.outstanding > outstanding)
            .unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    pub(super) fn outstanding(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).outstanding
    }

    /// The offsets of the batch, or the first failure.
    pub(super) fn take(&self) -> Result<Vec<i64>, KafkaError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.failure.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut state.offsets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_log_lines_is_counted_not_passed() {
        let (mut window, start) = (Window::default(), Instant::now());
        let passed = (0..1_000).filter(|_| window.admit(start) != Pass::No).count();
        assert_eq!(passed, limits::LOG_LINES as usize);
        let later = start + limits::LOG_WINDOW;
        assert_eq!(window.admit(later), Pass::After(1_000 - u64::from(limits::LOG_LINES)));
        assert_eq!(window.admit(later), Pass::After(0));
    }

    #[test]
    fn a_batch_is_done_when_its_last_record_is() {
        let deliveries = Deliveries::default();
        deliveries.begin(2);
        deliveries.sent();
        deliveries.sent();
        deliveries.done(1, Ok(41));
        assert!(!deliveries.wait(0, Duration::from_millis(1)));
        assert!(deliveries.wait(1, Duration::from_millis(1)));
        deliveries.done(0, Ok(40));
        assert!(deliveries.wait(0, Duration::ZERO));
        assert_eq!(deliveries.take().unwrap(), [40, 41]);
        deliveries.begin(1);
        deliveries.sent();
        deliveries.done(0, Err(KafkaError::Canceled));
        assert!(deliveries.take().is_err());
    }
}
