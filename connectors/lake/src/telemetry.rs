//! Every metric of this crate.

use metrics::counter;

pub(crate) fn commit(table: &str) {
    counter!("candleflow_lake_commits_total", "table" => table.to_owned()).increment(1);
}

pub(crate) fn conflict(table: &str) {
    counter!("candleflow_lake_commit_conflicts_total", "table" => table.to_owned()).increment(1);
}

pub(crate) fn file_written(table: &str, rows: u64, bytes: u64) {
    let labels = [("table", table.to_owned())];
    counter!("candleflow_lake_files_written_total", &labels).increment(1);
    counter!("candleflow_lake_rows_written_total", &labels).increment(rows);
    counter!("candleflow_lake_bytes_written_total", &labels).increment(bytes);
}

pub(crate) fn restated(rows: u64) {
    counter!("candleflow_lake_restated_total").increment(rows);
}

pub(crate) fn compacted(table: &str, files: u64) {
    counter!("candleflow_lake_files_compacted_total", "table" => table.to_owned()).increment(files);
}

pub(crate) fn vacuumed(table: &str, files: u64) {
    counter!("candleflow_lake_files_deleted_total", "table" => table.to_owned()).increment(files);
}
