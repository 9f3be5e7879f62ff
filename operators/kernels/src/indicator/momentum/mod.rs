//! Speed and strength of moves.

mod ao;
mod apo;
mod aroon;
mod bop;
mod cci;
mod cmo;
mod coppock;
mod crsi;
mod directional;
mod dpo;
mod efficiency;
mod eri;
mod fisher;
mod fosc;
mod fractal;
mod imi;
mod kst;
mod macd;
mod mfi;
mod qstick;
mod roc;
mod rsi;
mod smi;
mod squeeze;
mod stc;
mod stoch;
mod trix;
mod tsi;
mod ultosc;
mod vhf;
mod vortex;
mod wad;
mod wavetrend;
mod willr;

pub(super) use apo::{Ratio, first as pair_first, settle as pair_settle};
pub(super) use efficiency::Efficiency;
pub(super) use rsi::{Rsi, share};

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &ao::AC,
    &directional::ADX,
    &directional::ADXR,
    &ao::AO,
    &apo::APO,
    &aroon::AROON,
    &aroon::AROONOSC,
    &bop::BOP,
    &cci::CCI,
    &cmo::CMO,
    &cmo::CMOU,
    &coppock::COPPOCK,
    &dpo::DPO,
    &directional::DX,
    &efficiency::ER,
    &eri::ERI,
    &fosc::FOSC,
    &fractal::FRACTAL,
    &imi::IMI,
    &stoch::KDJ,
    &macd::MACD,
    &macd::MACDEXT,
    &macd::MACDFIX,
    &mfi::MFI,
    &directional::MINUS_DI,
    &directional::MINUS_DM,
    &roc::MOM,
    &directional::PLUS_DI,
    &directional::PLUS_DM,
    &apo::PPO,
    &qstick::QSTICK,
    &roc::ROC,
    &roc::ROCP,
    &roc::ROCR,
    &roc::ROCR100,
    &rsi::RSI,
    &smi::SMI,
    &stoch::STOCH,
    &stoch::STOCHF,
    &stoch::STOCHRSI,
    &trix::TRIX,
    &tsi::TSI,
    &ultosc::ULTOSC,
    &vhf::VHF,
    &vortex::VORTEX,
    &wad::WAD,
    &willr::WILLR,
    &crsi::CRSI,
    &fisher::FISHER,
    &kst::KST,
    &squeeze::SQUEEZE,
    &stc::STC,
    &wavetrend::WAVETREND,
];
