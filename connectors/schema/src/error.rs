//! What the runtime asks of every error of a connector: whose fault it is, and whether trying again can help.

use std::{error::Error, fmt};

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The user's: a wrong name, a wrong setting. The text says what to do.
    User,
    /// The world's: network, disk, exchange.
    External,
    /// Ours: an invariant does not hold.
    Internal,
}

/// An error of a source or a sink, with the two answers that the runtime needs.
#[derive(Debug)]
pub struct ConnectorError {
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether the same call may succeed later.
    pub retry: bool,
    cause: Box<dyn Error + Send + Sync>,
}

impl ConnectorError {
    /// Wraps a cause.
    pub fn new(fault: Fault, retry: bool, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { fault, retry, cause: cause.into() }
    }

    /// A mistake of the user; never worth a retry.
    pub fn user(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Fault::User, false, cause)
    }

    /// A broken invariant; never worth a retry.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Fault::Internal, false, cause)
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for ConnectorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}
