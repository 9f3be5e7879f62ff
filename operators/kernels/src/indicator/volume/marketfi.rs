//! Market facilitation index.

use crate::indicator::compose::Map;
use crate::indicator::kernel::rows;
use crate::indicator::registry::{Class, Group, Indicator};

pub(super) const MARKETFI: Indicator = Indicator::new("marketfi", Group::Volume, "(high - low) / volume", |_| {
    rows(Map(|[high, low, volume]: [f64; 3]| if volume == 0.0 { 0.0 } else { (high - low) / volume }))
})
.source("Williams, Trading Chaos (1995); TA-Lib 0.8: 0 where nothing was traded")
.inputs(&["high", "low", "volume"])
.class(Class::Exact);
