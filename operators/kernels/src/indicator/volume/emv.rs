//! Ease of movement.

use crate::indicator::compose::{Change, Same};
use crate::indicator::kernel::rows;
use crate::indicator::params::Param;
use crate::indicator::price::median;
use crate::indicator::registry::{Group, Indicator};

pub(super) const EMV: Indicator =
    Indicator::new("emv", Group::Volume, "change of the median price times the range, over volume / scale", |p| {
        let scale = p[0];
        let ease = move |[high, low, volume]: [f64; 3], [high_before, low_before, _]: [f64; 3]| {
            let moved = median([high, low]) - median([high_before, low_before]);
            if volume == 0.0 { 0.0 } else { moved * (high - low) / (volume / scale) }
        };
        rows(Change::new(ease, Same))
    })
    .source("Arms; Tulip Indicators; 0 where nothing was traded")
    .inputs(&["high", "low", "volume"])
    .params(&[Param::float("scale", 10_000.0, 1e-12, 1e18)])
    .first(|_| 1);
