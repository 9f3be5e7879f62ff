//! Prices of a bar in one number.

use crate::indicator::compose::Map;
use crate::indicator::kernel::rows;
use crate::indicator::registry::{Class, Group, Indicator};

pub(super) const AVGPRICE: Indicator =
    Indicator::new("avgprice", Group::Price, "(high + low + close + open) / 4", |_| {
        rows(Map(|[open, high, low, close]: [f64; 4]| (high + low + close + open) / 4.0))
    })
    .inputs(&["open", "high", "low", "close"])
    .class(Class::Exact);

pub(super) const MEDPRICE: Indicator =
    Indicator::new("medprice", Group::Price, "(high + low) / 2", |_| rows(Map(median)))
        .inputs(&["high", "low"])
        .class(Class::Exact);

pub(super) const TYPPRICE: Indicator =
    Indicator::new("typprice", Group::Price, "(high + low + close) / 3", |_| rows(Map(typical)))
        .inputs(&["high", "low", "close"])
        .class(Class::Exact);

pub(super) const WCLPRICE: Indicator = Indicator::new("wclprice", Group::Price, "(high + low + 2 close) / 4", |_| {
    rows(Map(|[high, low, close]: [f64; 3]| (high + low + close * 2.0) / 4.0))
})
.inputs(&["high", "low", "close"])
.class(Class::Exact);

/// Middle of the bar.
#[inline]
pub(crate) fn median([high, low]: [f64; 2]) -> f64 {
    (high + low) / 2.0
}

/// Mean of high, low and close.
#[inline]
pub(crate) fn typical([high, low, close]: [f64; 3]) -> f64 {
    (high + low + close) / 3.0
}
