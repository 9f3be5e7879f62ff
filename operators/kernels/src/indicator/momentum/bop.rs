//! Balance of power.

use crate::indicator::compose::Map;
use crate::indicator::kernel::rows;
use crate::indicator::registry::{Class, Group, Indicator};

pub(super) const BOP: Indicator =
    Indicator::new("bop", Group::Momentum, "(close - open) / (high - low)", |_| rows(Map(balance)))
        .source("Livshin (2001); TA-Lib 0.8: 0 where high is low")
        .inputs(&["open", "high", "low", "close"])
        .class(Class::Exact);

fn balance([open, high, low, close]: [f64; 4]) -> f64 {
    let range = high - low;
    if range > 0.0 { (close - open) / range } else { 0.0 }
}
