//! What can go wrong, and the two answers that the runtime needs: whose fault, and whether to try again.

use candleflow_schema::{ConnectorError, Fault, Micros, time};

/// An error of this connector. Texts never hold a query string longer than the one that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BinanceError {
    /// The caller ended it.
    #[error("cancelled")]
    Cancelled,
    /// Whoever reads the records has gone.
    #[error("nobody reads the records any more")]
    OutputClosed,
    /// A URL cannot be used.
    #[error(
        "'{url}' cannot be used: {cause}; write something like https://api.binance.com or wss://stream.binance.com:9443"
    )]
    Url {
        /// What was given.
        url: String,
        /// Why not.
        cause: String,
    },
    /// No whole answer came.
    #[error("{request} failed: {cause}")]
    Transport {
        /// Method and address.
        request: String,
        /// What the transport says.
        cause: String,
    },
    /// No answer came in time.
    #[error("{request} was not answered within {seconds} s")]
    Timeout {
        /// Method and address.
        request: String,
        /// The limit.
        seconds: u64,
    },
    /// The exchange answered with its own error.
    #[error("{request} was answered with HTTP {status}, code {code}: {msg}")]
    Api {
        /// Method and address.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: i64,
        /// The text, which is not stable.
        msg: String,
    },
    /// Somebody on the way answered.
    #[error("{request} was answered with HTTP {status}: {text}")]
    Http {
        /// Method and address.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        text: String,
    },
    /// The answer is not what was asked for.
    #[error("{request} was answered with a body that cannot be read: {cause}")]
    Body {
        /// Method and address.
        request: String,
        /// Where reading stopped.
        cause: String,
    },
    /// The exchange does not serve this place.
    #[error(
        "{request} was refused with HTTP 451: the exchange does not serve this location from that host; try https://data-api.binance.vision"
    )]
    Location {
        /// Method and address.
        request: String,
    },
    /// The exchange wants no requests from this address for longer than a caller would wait.
    #[error("the exchange accepts no requests from this address before {}{}", time::format(*until), if *banned { " (banned)" } else { "" })]
    Limited {
        /// When it will.
        until: Micros,
        /// Whether it is a ban (HTTP 418) rather than a limit (429) or a firewall (403).
        banned: bool,
    },
    /// The stream endpoint refused a subscription or the connection.
    #[error("the stream {url} failed: {cause}")]
    Stream {
        /// The endpoint.
        url: String,
        /// What it said.
        cause: String,
    },
    /// Names that the exchange does not know.
    #[error("the exchange has no symbol {}; names are upper case, such as BTCUSDT", names.join(", "))]
    UnknownSymbols {
        /// The names.
        names: Vec<String>,
    },
    /// A file of the archive or of its cache cannot be read or written.
    #[error("{what} '{path}': {cause}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: String,
        /// The operating system's answer.
        cause: String,
    },
    /// An invariant does not hold.
    #[error("internal: {0}")]
    Internal(String),
}

impl BinanceError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Url { .. } | Self::UnknownSymbols { .. } | Self::Location { .. } => Fault::User,
            Self::Api { code: -1100 | -1120 | -1121 | -1122, .. } | Self::Http { status: 404, .. } => Fault::User,
            Self::Api { code: -1199..=-1101, .. } | Self::Internal(_) => Fault::Internal,
            _ => Fault::External,
        }
    }

    /// Whether the same call may succeed later.
    pub fn retry(&self) -> bool {
        match self {
            Self::Transport { .. }
            | Self::Timeout { .. }
            | Self::Body { .. }
            | Self::Limited { .. }
            | Self::Stream { .. } => true,
            Self::Api { status, code, .. } => {
                *status >= 500 || matches!(code, -1000 | -1001 | -1003 | -1006 | -1007 | -1008 | -1021 | -1034)
            }
            Self::Http { status, .. } => *status >= 500 || matches!(status, 403 | 408 | 418 | 429),
            _ => false,
        }
    }
}

impl From<BinanceError> for ConnectorError {
    fn from(error: BinanceError) -> Self {
        ConnectorError::new(error.fault(), error.retry(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_whose_fault_and_whether_to_retry() {
        let api = |status, code| BinanceError::Api { request: "GET /x".into(), status, code, msg: "m".into() };
        let http = |status| BinanceError::Http { request: "GET /x".into(), status, text: "t".into() };
        for (error, fault, retry) in [
            (api(400, -1121), Fault::User, false),
            (api(400, -1102), Fault::Internal, false),
            (api(400, -1021), Fault::External, true),
            (api(503, -1008), Fault::External, true),
            (api(400, -1016), Fault::External, false),
            (http(502), Fault::External, true),
            (http(404), Fault::User, false),
            (BinanceError::Location { request: "GET /x".into() }, Fault::User, false),
            (BinanceError::Limited { until: 0, banned: true }, Fault::External, true),
            (BinanceError::Cancelled, Fault::External, false),
        ] {
            assert_eq!((error.fault(), error.retry()), (fault, retry), "{error}");
            let common = ConnectorError::from(error.clone());
            assert_eq!((common.fault, common.retry, common.to_string()), (fault, retry, error.to_string()));
        }
    }

    #[test]
    fn a_ban_names_its_end() {
        let text = BinanceError::Limited { until: 1_660_090_423_228_000, banned: true }.to_string();
        assert_eq!(text, "the exchange accepts no requests from this address before 2022-08-10T00:13:43.228Z (banned)");
    }
}
