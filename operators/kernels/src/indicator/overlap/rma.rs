//! Wilder's moving average.

use crate::indicator::kernel::rows;
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder};
use crate::rolling::Average;

pub(super) const RMA: Indicator =
    Indicator::new("rma", Group::Overlap, "exponential average with factor 1 / timeperiod", |p| {
        rows(Average::new(1.0 / p[0], if p[1] == 0.0 { p[0] as usize } else { 1 }))
    })
    .source(
        "Wilder (1978); TA-Lib 0.8: seeded with the mean of the first timeperiod values; compat tulip: with the first",
    )
    .params(&[Param::period("timeperiod", 30, 1), COMPAT])
    .class(Class::Converging)
    .first(|p| if p[1] == 0.0 { p[0] as usize - 1 } else { 0 })
    .settle(|p| forget_wilder(p[0]));
