//! What can end a run before its time.

use candleflow_schema::{ConnectorError, Fault};
use candleflow_stream::OperatorError;

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A source or a sink failed.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// An operator failed.
    #[error("{symbol}: {error}")]
    Operator {
        /// Whose chain.
        symbol: String,
        /// What happened.
        error: OperatorError,
    },
    /// An invariant does not hold.
    #[error("{0}")]
    Internal(String),
    /// Somebody asked for it.
    #[error("the run was cancelled")]
    Cancelled,
}

impl RunError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            RunError::Connector(e) => e.fault,
            RunError::Operator { error: OperatorError::Value { .. }, .. } => Fault::User,
            RunError::Operator { .. } | RunError::Internal(_) => Fault::Internal,
            RunError::Cancelled => Fault::User,
        }
    }
}
