//! Dominant cycles, by Hilbert transforms.

mod dominant;
mod hilbert;
mod indicators;
mod msw;

pub(super) use hilbert::Hilbert;

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &indicators::HT_DCPERIOD,
    &indicators::HT_DCPHASE,
    &indicators::HT_PHASOR,
    &indicators::HT_SINE,
    &indicators::HT_TRENDLINE,
    &indicators::HT_TRENDMODE,
    &msw::MSW,
];
