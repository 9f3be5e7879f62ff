//! Statistics of a run, from equity and trades alone: one catalogue, one accumulator, one order of operations.
//!
//! ```text
//! EquityRow (total order) ─► equity ─► days, drawdowns ─┐
//! closes of the market ────► market ─► buy and hold ────┼─► values: one per entry of CATALOGUE
//! TradeRow, OrderRow ──────► trade, order ──────────────┘
//! ```
//!
//! Conventions: a bar belongs to the UTC day of its open; returns are per day from the day's last equity, the
//! starting balance first; a year has 365 of them; deviations have ddof 1; the risk-free rate is 0. What has no
//! value (a zero denominator, too few days) is `None`, never zero. State is one number per day beside fixed sums.

mod accumulator;
mod catalogue;
mod choice;
mod curve;
mod days;
mod monte_carlo;
mod overfit;
mod random;
mod series;
mod sharpe;
mod statistic;
mod trades;
mod variant;

pub use accumulator::Metrics;
pub(crate) use accumulator::{RoundTrip, Span};
pub use catalogue::{CATALOGUE, Group, MetricInfo, Unit, metric_index};
pub use choice::Choice;
pub use days::DayRow;
use days::quantile;
pub use monte_carlo::{Distribution, MAX_SIMULATIONS, MonteCarlo, MonteCarloError, PERCENTILES};
pub use overfit::{BLOCKS, Overfitting, ReturnBlock, overfitting};
pub use random::Random;
pub use series::{Variant, annual_return, calmar, max_drawdown, omega, sharpe, sortino, volatility};
pub use sharpe::{deflated_sharpe, normal_cdf, normal_quantile, probabilistic_sharpe};
pub use statistic::{STATISTICS, Series, Statistic, statistic_of};
pub use variant::Named;

/// Days a year has in every annualised figure.
pub const PERIODS: f64 = 365.0;

/// `a / b`, `None` where that is no number.
fn ratio(a: f64, b: f64) -> Option<f64> {
    let value = a / b;
    (b != 0.0 && value.is_finite()).then_some(value)
}

/// The mean. That of equal values is their value, which a sum divided by their count may miss: so what never changes
/// deviates from its mean by 0, and ratios by the deviation have no value.
fn mean(values: &[f64]) -> f64 {
    match values {
        [first, rest @ ..] if rest.iter().all(|value| value == first) => *first,
        _ => values.iter().fold(0.0, |sum, value| sum + value) / values.len() as f64,
    }
}

#[cfg(test)]
mod tests;
