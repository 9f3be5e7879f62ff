//! Every metric of this crate. All carry the label `log` (`embedded` or `kafka`), never a key or a transactional id.

/// Counter: records appended and acknowledged.
pub const APPENDED_RECORDS: &str = "candleflow_topics_appended_records_total";
/// Counter: bytes of keys, values and headers appended and acknowledged.
pub const APPENDED_BYTES: &str = "candleflow_topics_appended_bytes_total";
/// Counter: batches that failed, by label `fault`.
pub const APPEND_FAILURES: &str = "candleflow_topics_append_failures_total";
/// Histogram: seconds from `append` to its return.
pub const APPEND_SECONDS: &str = "candleflow_topics_append_seconds";
/// Counter: writers that found themselves fenced.
pub const FENCED: &str = "candleflow_topics_fenced_total";
/// Counter: records handed to readers.
pub const READ_RECORDS: &str = "candleflow_topics_read_records_total";
/// Counter: batches cut short by a limit of bytes.
pub const READ_LIMITED: &str = "candleflow_topics_read_limited_total";
/// Counter: offsets asked for that a topic did not hold.
pub const OUT_OF_RANGE: &str = "candleflow_topics_offset_out_of_range_total";
/// Counter, embedded: commits to disk; appended batches over commits is the size of a group.
pub const COMMITS: &str = "candleflow_topics_commits_total";
/// Histogram, embedded: seconds of one commit with its fsync.
pub const COMMIT_SECONDS: &str = "candleflow_topics_commit_seconds";
/// Counter, embedded: chunks removed by retention.
pub const RETIRED_CHUNKS: &str = "candleflow_topics_retired_chunks_total";
/// Counter, embedded: records removed by compaction.
pub const COMPACTED_RECORDS: &str = "candleflow_topics_compacted_records_total";
/// Counter, embedded: appends that waited for room in the queue.
pub const QUEUE_WAITS: &str = "candleflow_topics_queue_waits_total";
/// Counter, Kafka: transactions aborted.
pub const ABORTS: &str = "candleflow_topics_transactions_aborted_total";
/// Counter, Kafka: lines of the C client's log that were not passed on.
pub const LOG_SUPPRESSED: &str = "candleflow_topics_client_log_suppressed_total";
/// Counter, Kafka: transport errors that a client reported and recovers from by itself.
pub const TRANSPORT_ERRORS: &str = "candleflow_topics_transport_errors_total";

/// Which log a number belongs to.
pub(crate) const EMBEDDED: &str = "embedded";
/// Which log a number belongs to.
pub(crate) const KAFKA: &str = "kafka";

/// Counts one `append`, however it ended.
pub(crate) fn appended<T>(
    log: &'static str,
    records: usize,
    bytes: usize,
    since: std::time::Instant,
    result: &crate::Result<T>,
) {
    metrics::histogram!(APPEND_SECONDS, "log" => log).record(since.elapsed().as_secs_f64());
    match result {
        Ok(_) => {
            metrics::counter!(APPENDED_RECORDS, "log" => log).increment(records as u64);
            metrics::counter!(APPENDED_BYTES, "log" => log).increment(bytes as u64);
        }
        Err(error) => {
            let fault = match error.fault() {
                crate::Fault::User => "user",
                crate::Fault::External => "external",
                crate::Fault::Internal => "internal",
            };
            metrics::counter!(APPEND_FAILURES, "log" => log, "fault" => fault).increment(1);
            if matches!(error, crate::Error::Fenced { .. }) {
                metrics::counter!(FENCED, "log" => log).increment(1);
            }
        }
    }
}
