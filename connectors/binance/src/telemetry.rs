//! Every metric of this crate.

/// REST requests sent, by `path` and `status`.
pub const REQUESTS: &str = "candleflow_binance_requests_total";
/// REST requests tried again, by `path`.
pub const RETRIES: &str = "candleflow_binance_retries_total";
/// Weight that the exchange or we count in this minute, whichever is more.
pub const WEIGHT_USED: &str = "candleflow_binance_weight_used";
/// Times that the exchange told us to stop (429, 418, 403), by `status`.
pub const BLOCKED: &str = "candleflow_binance_blocked_total";
/// Connections opened, by `why`: first, lost, renewed.
pub const CONNECTIONS: &str = "candleflow_binance_stream_connections_total";
/// Frames received, by `kind`.
pub const FRAMES: &str = "candleflow_binance_stream_frames_total";
/// Updates dropped because the reader was too slow.
pub const DROPPED: &str = "candleflow_binance_stream_dropped_total";
/// Records written, by `kind` (bar, restated, complete) and `origin`.
pub const RECORDS: &str = "candleflow_binance_records_total";
/// Bars of the stream that REST later told differently.
pub const REVISIONS: &str = "candleflow_binance_revisions_total";
/// Bars that came after a promise that they would not: data lost, somebody must act.
pub const LATE: &str = "candleflow_binance_late_total";
/// Rows that cannot be used, by `source`: rest, stream, archive.
pub const QUARANTINED: &str = "candleflow_binance_quarantined_total";
/// Enum values and filters that are newer than this program, by `what`.
pub const UNKNOWN: &str = "candleflow_binance_unknown_total";
/// Notices that nobody had room for.
pub const NOTICES_DROPPED: &str = "candleflow_binance_notices_dropped_total";
/// Archive files, by `result`: read, missing, not_listed, rejected.
pub const ARCHIVE_FILES: &str = "candleflow_binance_archive_files_total";
