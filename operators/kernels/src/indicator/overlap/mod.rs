//! Averages, bands and stops that lie over the price.

mod accbands;
mod alma;
mod bbands;
mod cksp;
mod dema;
mod donchian;
mod ema;
mod frama;
mod hma;
mod ichimoku;
mod kama;
mod kc;
mod ma;
mod mama;
mod mavp;
mod mcginley;
mod midpoint;
mod pivots;
mod rma;
mod sar;
mod sma;
mod supertrend;
mod t3;
mod trima;
mod vidya;
mod vwma;
mod wma;
mod zigzag;
mod zlema;

pub(super) use alma::weighted;
pub(super) use dema::stage;
pub(super) use ema::seeded;
pub(super) use ma::{MA_TYPES, Ma};
pub(super) use sma::Sma;
pub(super) use wma::Wma;

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &accbands::ACCBANDS,
    &bbands::BBANDS,
    &dema::DEMA,
    &donchian::DONCHIAN,
    &ema::EMA,
    &hma::HMA,
    &kama::KAMA,
    &kc::KC,
    &ma::MA,
    &mama::MAMA,
    &mavp::MAVP,
    &midpoint::MIDPOINT,
    &midpoint::MIDPRICE,
    &rma::RMA,
    &sar::SAR,
    &sar::SAREXT,
    &sma::SMA,
    &supertrend::SUPERTREND,
    &t3::T3,
    &dema::TEMA,
    &trima::TRIMA,
    &vwma::VWMA,
    &wma::WMA,
    &zlema::ZLEMA,
    &alma::ALMA,
    &cksp::CKSP,
    &frama::FRAMA,
    &ichimoku::ICHIMOKU,
    &mcginley::MCGINLEY,
    &pivots::PIVOTS,
    &vidya::VIDYA,
    &zigzag::ZIGZAG,
];
