//! Average range of the bars.

use crate::indicator::compose::Over;
use crate::indicator::kernel::rows;
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};

pub(super) const ADR: Indicator = Indicator::new("adr", Group::Volatility, "mean of high - low", |p| {
    rows(Over::new(|[high, low]: [f64; 2]| high - low, Sma::new(p[0] as usize)))
})
.inputs(&["high", "low"])
.params(&[Param::period("timeperiod", 14, 1)])
.first(|p| p[0] as usize - 1);
