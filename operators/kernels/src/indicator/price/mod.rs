//! One price made of several.

mod avgdev;
mod ha;
mod prices;
mod renko;

pub(super) use avgdev::Deviation;
pub(super) use prices::{median, typical};

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &avgdev::AVGDEV,
    &prices::AVGPRICE,
    &ha::HA,
    &prices::MEDPRICE,
    &prices::TYPPRICE,
    &prices::WCLPRICE,
    &renko::RENKO,
];
