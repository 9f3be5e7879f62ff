//! Size of moves.

mod adr;
mod atr;
mod chop;
mod cvi;
mod drawdown;
mod estimators;
mod mass;
mod massi;
mod rvi;

pub(super) use atr::{Atr, TrueRange, true_range};

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &adr::ADR,
    &atr::ATR,
    &cvi::CVI,
    &massi::MASSI,
    &atr::NATR,
    &rvi::RVI,
    &atr::TRANGE,
    &chop::CHOP,
    &drawdown::DRAWDOWN,
    &mass::MASS,
    &estimators::VOLATILITY,
    &estimators::VOLATILITY_CLOSE,
    &estimators::VOLATILITY_GARMAN_KLASS,
    &estimators::VOLATILITY_PARKINSON,
    &estimators::VOLATILITY_ROGERS_SATCHELL,
    &estimators::VOLATILITY_YANG_ZHANG,
];
