//! Every metric of the exchange.

use metrics::{counter, gauge};

/// A request was answered.
pub(crate) fn answered(endpoint: &'static str, status: u16) {
    counter!("candleflow_exchange_requests_total", "endpoint" => endpoint, "status" => status.to_string()).increment(1);
}

/// Frames were handed to a connection.
pub(crate) fn frames(n: usize) {
    counter!("candleflow_exchange_frames_total").increment(n as u64);
}

/// The number of open connections changed.
pub(crate) fn connections(open: usize) {
    gauge!("candleflow_exchange_connections").set(open as f64);
}

/// A connection ended.
pub(crate) fn disconnected(why: &'static str) {
    counter!("candleflow_exchange_disconnects_total", "why" => why).increment(1);
}

/// A fault was injected.
pub(crate) fn fault(kind: &'static str) {
    counter!("candleflow_exchange_faults_total", "kind" => kind).increment(1);
}
