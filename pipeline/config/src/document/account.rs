//! The block `account` as values.

use super::Located;
use crate::diagnostics::Place;
use candleflow_kernels::strategy as kernel;

/// `account`.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Where it stands.
    pub place: Place,
    /// Balance, scope, margin, fees, slippage and when sizes are computed.
    pub terms: kernel::Account,
    /// The asset in which it is kept.
    pub quote: Located<String>,
    /// Tick, step and minimums.
    pub filters: Located<Filters>,
    /// The table of funding rates.
    pub funding: Option<Located<String>>,
}

/// `account.filters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    /// Those of the table `instruments`, by date.
    Exchange,
    /// None.
    None,
    /// These; zero where nothing was said.
    Given(kernel::Filters),
}
