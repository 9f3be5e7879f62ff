//! Every metric of this crate, and the recorder that gathers those of all crates of the process.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{sync::OnceLock, time::Duration};

/// Seconds: the bounds of the buckets of every histogram that ends in `_seconds`.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The recorder of this process: made and put in place by the first call, shown by `/metrics`.
///
/// When the process has another one already, this one stays empty but for what it is given by hand.
pub fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let make = || {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS);
        // Fails only for an empty list of buckets.
        let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is in place, /metrics will be empty");
        }
        describe();
        handle
    };
    HANDLE.get_or_init(make).clone()
}

fn describe() {
    describe_counter!("candleflow_http_requests_total", "requests answered, by route, method and status");
    describe_histogram!("candleflow_http_request_seconds", "time to answer a request, by route");
    describe_counter!("candleflow_sql_queries_total", "queries, by outcome: ok, user, limit, refused, failed, busy");
    describe_histogram!("candleflow_sql_query_seconds", "time of a query from its slot to its last row");
    describe_counter!("candleflow_sql_rows_total", "rows of answers to queries");
    describe_gauge!("candleflow_sql_slots_free", "queries that could start now");
}

pub(crate) fn request(route: &str, method: &str, status: u16, took: Duration) {
    let labels = [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
    counter!("candleflow_http_requests_total", &labels).increment(1);
    histogram!("candleflow_http_request_seconds", "route" => route.to_owned()).record(took.as_secs_f64());
}

pub(crate) fn query(outcome: &'static str, rows: u64, took: Duration) {
    counter!("candleflow_sql_queries_total", "outcome" => outcome).increment(1);
    counter!("candleflow_sql_rows_total").increment(rows);
    histogram!("candleflow_sql_query_seconds").record(took.as_secs_f64());
}

pub(crate) fn slots_free(slots: usize) {
    gauge!("candleflow_sql_slots_free").set(slots as f64);
}
