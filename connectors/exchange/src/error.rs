//! What can be wrong with a market or with the start of the exchange.

use candleflow_schema::{Defect, Interval, Symbol};
use std::{io, net::SocketAddr};

/// Why bars do not make a market.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    /// There is nothing to replay.
    #[error("the market has no bars")]
    Empty,
    /// A bar that cannot be.
    #[error("bar {bar}: {defect}")]
    Defect {
        /// The bar.
        bar: String,
        /// What is wrong with it.
        defect: Defect,
    },
    /// A bar that is not later than the one before it of the same symbol.
    #[error("bar {bar} is not later than the bar before it; give each symbol's bars in rising order, each once")]
    Order {
        /// The bar.
        bar: String,
    },
    /// Bars of two lengths in one market.
    #[error("bar {bar} is {found} long, the market's bars are {expected}; give bars of one interval")]
    Interval {
        /// The bar.
        bar: String,
        /// Its length.
        found: Interval,
        /// The length of all bars before it.
        expected: Interval,
    },
    /// A name that cannot stand in a stream's name or in JSON.
    #[error("'{0}' cannot be a symbol: 1 to 50 letters, digits, '-', '_' or '.', none of a to z")]
    Symbol(Symbol),
    /// More than is sensibly held in memory.
    #[error("the market has more than {0} bars; raise the limit or replay a shorter range")]
    TooMany(usize),
    /// The caller's source of bars failed.
    #[error("reading the bars of the market: {0}")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the exchange cannot start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// It would be reachable from other machines without having been told so.
    #[error("{0} is reachable from other machines; listen on a loopback address or allow remote clients")]
    NotLoopback(SocketAddr),
    /// A setting out of its range.
    #[error("{name} is {value}: {rule}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The address is taken or not ours.
    #[error("listening on {addr}: {cause}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The accept loop failed.
    #[error("serving: {0}")]
    Serve(#[source] io::Error),
    /// A task of the exchange panicked.
    #[error("a task of the exchange ended abnormally: {0}")]
    Task(String),
}
