//! What volume says.

mod ad;
mod cmf;
mod efi;
mod emv;
mod kvo;
mod marketfi;
mod nvi;
mod obv;
mod pvo;
mod pvt;
mod rvol;
mod vosc;
mod vwap;

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &ad::AD,
    &ad::ADOSC,
    &cmf::CMF,
    &efi::EFI,
    &marketfi::MARKETFI,
    &nvi::NVI,
    &obv::OBV,
    &nvi::PVI,
    &pvo::PVO,
    &pvt::PVT,
    &rvol::RVOL,
    &vwap::VWAP,
    &emv::EMV,
    &kvo::KVO,
    &vosc::VOSC,
    &vwap::VWAP_ANCHORED,
    &vwap::VWAP_SESSION,
];
