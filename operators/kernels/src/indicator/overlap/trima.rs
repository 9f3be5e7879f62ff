//! Triangular moving average.

use super::Sma;
use crate::indicator::compose::Then;
use crate::indicator::kernel::rows;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};

pub(super) const TRIMA: Indicator =
    Indicator::new("trima", Group::Overlap, "mean of means: weights rise to the middle and fall", |p| {
        rows(triangle(p[0] as usize))
    })
    .params(&[Param::period("timeperiod", 30, 1)])
    .first(|p| p[0] as usize - 1);

/// The mean of means that spans `n` rows.
pub(crate) fn triangle(n: usize) -> Then<Sma, Sma> {
    let half = n.div_ceil(2);
    Then(Sma::new(half), Sma::new(n + 1 - half))
}
