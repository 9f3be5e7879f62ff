//! Elder's force index.

use crate::indicator::compose::Change;
use crate::indicator::kernel::rows;
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::rolling::Average;

pub(super) const EFI: Indicator =
    Indicator::new("efi", Group::Volume, "exponential average of the change of close times volume", |p| {
        let force = |[close, volume]: [f64; 2], [before, _]: [f64; 2]| (close - before) * volume;
        rows(Change::new(force, Average::ema(p[0] as usize)))
    })
    .source("Elder, Trading for a Living (1993); TA-Lib 0.8")
    .inputs(&["close", "volume"])
    .params(&[Param::period("timeperiod", 13, 1)])
    .class(Class::Converging)
    .first(|p| p[0] as usize)
    .settle(|p| forget_ema(p[0]));
