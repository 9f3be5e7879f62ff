//! Qstick.

use crate::indicator::compose::Over;
use crate::indicator::kernel::rows;
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};

pub(super) const QSTICK: Indicator = Indicator::new("qstick", Group::Momentum, "mean of close - open", |p| {
    rows(Over::new(|[open, close]: [f64; 2]| close - open, Sma::new(p[0] as usize)))
})
.source("Chande and Kroll, The New Technical Trader (1994); TA-Lib 0.8")
.inputs(&["open", "close"])
.params(&[Param::period("timeperiod", 10, 1)])
.first(|p| p[0] as usize - 1);
