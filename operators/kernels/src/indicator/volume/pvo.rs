//! Percentage volume oscillator.

use crate::indicator::kernel::rows;
use crate::indicator::momentum::{Ratio, pair_first, pair_settle};
use crate::indicator::overlap::MA_TYPES;
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator};

pub(super) const PVO: Indicator =
    Indicator::new("pvo", Group::Volume, "fast minus slow average of volume, in percent of the slow", |p| {
        rows(Ratio::new(p))
    })
    .source("TA-Lib 0.8: exponential averages by default; 0 where the slow average is 0")
    .inputs(&["volume"])
    .params(&[
        Param::period("fastperiod", 12, 2),
        Param::period("slowperiod", 26, 2),
        Param::choice("matype", 1.0, MA_TYPES),
        COMPAT,
    ])
    .class(Class::Converging)
    .first(pair_first)
    .settle(pair_settle);
