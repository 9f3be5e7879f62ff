//! Every metric of this crate.

use metrics::counter;

/// Rows that came in.
pub(crate) fn rows_in(rows: usize) {
    counter!("candleflow_runtime_rows_in_total").increment(rows as u64);
}

/// Rows that went out, by output.
pub(crate) fn rows_out(output: &'static str, rows: usize) {
    counter!("candleflow_runtime_rows_out_total", "output" => output).increment(rows as u64);
}

/// Commits of all sinks.
pub(crate) fn commit() {
    counter!("candleflow_runtime_commits_total").increment(1);
}

/// Rows that came too late.
pub(crate) fn dropped(rows: u64) {
    counter!("candleflow_runtime_rows_dropped_total").increment(rows);
}
