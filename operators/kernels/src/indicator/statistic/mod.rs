//! Rolling statistics.

mod beta;
mod correl;
mod hurst;
mod linearreg;
mod moments;
mod pairs;
mod percentile;
mod rank;
mod variance;

pub(super) use linearreg::Regression;

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &beta::BETA,
    &correl::CORREL,
    &linearreg::LINEARREG,
    &linearreg::LINEARREG_ANGLE,
    &linearreg::LINEARREG_INTERCEPT,
    &linearreg::LINEARREG_SLOPE,
    &percentile::PERCENTILE,
    &percentile::PERCENTRANK,
    &variance::STDDEV,
    &linearreg::TSF,
    &variance::VAR,
    &pairs::AUTOCORR,
    &pairs::COVAR,
    &hurst::FRACDIFF,
    &hurst::HURST,
    &moments::KURTOSIS,
    &rank::QUANTILE,
    &rank::RANK,
    &pairs::REGBETA,
    &moments::SKEW,
    &moments::STDERR,
    &moments::ZSCORE,
];
