//! How much of a Sharpe ratio is luck: probabilistic and deflated Sharpe ratios (Bailey and Lopez de Prado, 2012
//! and 2014), and the normal distribution that they need.

use super::{PERIODS, ratio};

const EULER: f64 = 0.577_215_664_901_532_9;

/// The standard normal distribution function.
pub fn normal_cdf(value: f64) -> f64 {
    0.5 * libm::erfc(-value / std::f64::consts::SQRT_2)
}

/// Its inverse, by bisection on [`normal_cdf`]; `None` outside of (0, 1).
pub fn normal_quantile(share: f64) -> Option<f64> {
    if !(share > 0.0 && share < 1.0) {
        return None;
    }
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if normal_cdf(middle) < share { low = middle } else { high = middle }
    }
    Some(0.5 * (low + high))
}

/// The probability that the true Sharpe ratio is above `benchmark`. Both a year; `count` daily returns with this
/// skew and kurtosis (3 for the normal distribution).
pub fn probabilistic_sharpe(sharpe: f64, benchmark: f64, count: usize, skew: f64, kurtosis: f64) -> Option<f64> {
    let (daily, other) = (sharpe / PERIODS.sqrt(), benchmark / PERIODS.sqrt());
    let error = 1.0 - skew * daily + (kurtosis - 1.0) / 4.0 * daily * daily;
    let freedom = count.checked_sub(1)? as f64;
    ratio((daily - other) * freedom.sqrt(), error.sqrt()).map(normal_cdf)
}

/// The probabilistic Sharpe ratio against the best that `trials` worthless strategies would show, whose annual
/// Sharpe ratios have this variance.
pub fn deflated_sharpe(sharpe: f64, count: usize, skew: f64, kurtosis: f64, trials: u64, variance: f64) -> Option<f64> {
    if trials < 2 {
        return probabilistic_sharpe(sharpe, 0.0, count, skew, kurtosis);
    }
    let trials = trials as f64;
    let expected = (1.0 - EULER) * normal_quantile(1.0 - 1.0 / trials)?
        + EULER * normal_quantile(1.0 - 1.0 / (trials * std::f64::consts::E))?;
    probabilistic_sharpe(sharpe, variance.sqrt() * expected, count, skew, kurtosis)
}
