//! The same statistics over any series of returns, and as other libraries define them.
//!
//! `periods` is how many returns a year has (365 for daily ones here). empyrical, quantstats and vectorbt share the
//! formulas of [`Variant::Candleflow`] for what is in this file; backtesting.py and freqtrade have
//! their own.

use super::{PERIODS, mean, ratio};

/// Whose formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Variant {
    /// Arithmetic means, deviations with ddof 1.
    #[default]
    Candleflow,
    /// The same.
    Empyrical,
    /// The same.
    Quantstats,
    /// The same; ask for 365 periods to get its default.
    Vectorbt,
    /// Geometric means, and a deviation of compounded returns.
    BacktestingPy,
    /// Of the profits of closed trades as shares of the balance, of which there are `periods` a year: profit a day by
    /// population deviations. What it has no figure for is the house's.
    Freqtrade,
}

impl Variant {
    /// The variant of a name in the file.
    pub fn of(name: &str) -> Option<Variant> {
        Some(match name {
            "candleflow" => Variant::Candleflow,
            "empyrical" => Variant::Empyrical,
            "quantstats" => Variant::Quantstats,
            "vectorbt" => Variant::Vectorbt,
            "backtesting_py" => Variant::BacktestingPy,
            "freqtrade" => Variant::Freqtrade,
            _ => return None,
        })
    }
}

fn average(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    sum / count
}

/// Sum of squares around the mean.
fn squares(values: &[f64]) -> f64 {
    let middle = mean(values);
    values.iter().fold(0.0, |sum, value| sum + (value - middle) * (value - middle))
}

/// Variance with ddof 1.
fn variance(returns: &[f64]) -> f64 {
    squares(returns) / (returns.len() as f64 - 1.0)
}

/// Profit a day by a population deviation of some trades, times the root of the days of a year.
fn freqtrade(returns: &[f64], periods: f64, of: &[f64]) -> Option<f64> {
    let a_day = mean(returns) * periods / PERIODS;
    ratio(a_day, (squares(of) / of.len() as f64).sqrt()).map(|value| value * PERIODS.sqrt())
}

/// `exp(mean(ln(1 + r)))`; 0 where a return is a total loss.
fn geometric_growth(returns: &[f64]) -> f64 {
    if returns.iter().any(|value| *value <= -1.0) {
        0.0
    } else {
        libm::exp(average(returns.iter().map(|value| libm::log1p(*value))))
    }
}

/// The compounded return a year.
pub fn annual_return(returns: &[f64], periods: f64) -> Option<f64> {
    let growth = geometric_growth(returns);
    (!returns.is_empty()).then(|| libm::pow(growth, periods) - 1.0).filter(|value| value.is_finite())
}

/// Deviation a year.
pub fn volatility(returns: &[f64], periods: f64, variant: Variant) -> Option<f64> {
    if returns.len() < 2 {
        return None;
    }
    let value = match variant {
        Variant::BacktestingPy => {
            let growth = geometric_growth(returns);
            let grown = libm::pow(variance(returns) + growth * growth, periods) - libm::pow(growth, 2.0 * periods);
            grown.sqrt()
        }
        _ => variance(returns).sqrt() * periods.sqrt(),
    };
    Some(value).filter(|value| value.is_finite())
}

/// Return by deviation, a year, at a risk-free rate of 0.
pub fn sharpe(returns: &[f64], periods: f64, variant: Variant) -> Option<f64> {
    match variant {
        Variant::BacktestingPy => ratio(annual_return(returns, periods)?, volatility(returns, periods, variant)?),
        Variant::Freqtrade => freqtrade(returns, periods, returns),
        _ if returns.len() < 2 => None,
        _ => ratio(mean(returns) * periods.sqrt(), variance(returns).sqrt()),
    }
}

/// Return by the root mean square of the negative returns, a year.
pub fn sortino(returns: &[f64], periods: f64, variant: Variant) -> Option<f64> {
    let downside = average(returns.iter().map(|value| value.min(0.0) * value.min(0.0))).sqrt();
    match variant {
        Variant::BacktestingPy => ratio(annual_return(returns, periods)?, downside * periods.sqrt()),
        Variant::Freqtrade => {
            let lost: Vec<f64> = returns.iter().copied().filter(|value| *value < 0.0).collect();
            freqtrade(returns, periods, &lost)
        }
        _ => ratio(mean(returns) * periods.sqrt(), downside),
    }
}

/// The compounded return a year by the deepest drawdown of the compounded returns.
pub fn calmar(returns: &[f64], periods: f64) -> Option<f64> {
    let (mut value, mut curve) = (1.0, Vec::with_capacity(returns.len() + 1));
    curve.push(value);
    for change in returns {
        value *= 1.0 + change;
        curve.push(value);
    }
    ratio(annual_return(returns, periods)?, max_drawdown(&curve)?)
}

/// The largest distance of a curve from its highest value before, as a fraction of it.
pub fn max_drawdown(curve: &[f64]) -> Option<f64> {
    let (mut peak, mut deepest) = (*curve.first()?, 0.0_f64);
    for value in curve {
        peak = peak.max(*value);
        deepest = deepest.max((peak - value) / peak);
    }
    Some(deepest).filter(|value| value.is_finite())
}

/// Sum of the gains by the sum of the losses.
pub fn omega(returns: &[f64]) -> Option<f64> {
    let (gains, losses) =
        returns.iter().fold(
            (0.0, 0.0),
            |(gains, losses), value| {
                if *value > 0.0 { (gains + value, losses) } else { (gains, losses - value) }
            },
        );
    ratio(gains, losses)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETURNS: [f64; 4] = [0.1, -0.1, 0.0, 0.1];

    #[test]
    fn the_house_formulas_by_hand() {
        let deviation = (0.0275_f64 / 3.0).sqrt();
        let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(close(sharpe(&RETURNS, 365.0, Variant::Candleflow), 0.025 / deviation * 365_f64.sqrt()));
        assert!(close(volatility(&RETURNS, 1.0, Variant::Empyrical), deviation));
        assert!(close(sortino(&RETURNS, 1.0, Variant::Quantstats), 0.5));
        assert!(close(omega(&RETURNS), 2.0));
        assert!(close(annual_return(&RETURNS, 4.0), 1.1 * 0.9 * 1.1 - 1.0));
        assert!(close(calmar(&RETURNS, 4.0), 0.089 / 0.1));
        assert!(close(max_drawdown(&[1.0, 2.0, 1.5, 3.0, 1.5]), 0.5));
    }

    #[test]
    fn backtesting_py_compounds() {
        // Its formulas for daily data of a year of 365 days, with the values worked out from the definition.
        let growth = (1.1_f64 * 0.9 * 1.1).powf(0.25);
        let year = growth.powf(4.0) - 1.0;
        let deviation = ((0.0275 / 3.0 + growth * growth).powi(4) - growth.powi(8)).sqrt();
        let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(close(volatility(&RETURNS, 4.0, Variant::BacktestingPy), deviation));
        assert!(close(sharpe(&RETURNS, 4.0, Variant::BacktestingPy), year / deviation));
        assert!(close(sortino(&RETURNS, 4.0, Variant::BacktestingPy), year / 0.05 / 2.0));
        assert_eq!(annual_return(&[0.5, -1.0], 365.0), Some(-1.0));
    }

    #[test]
    fn what_has_no_value_is_none() {
        for returns in [&[][..], &[0.0], &[0.0, 0.0, 0.0]] {
            assert_eq!(sharpe(returns, 365.0, Variant::Candleflow), None);
            assert_eq!(sortino(returns, 365.0, Variant::Candleflow), None);
            assert_eq!(omega(returns), None);
            assert_eq!(calmar(returns, 365.0), None);
        }
        assert_eq!(max_drawdown(&[]), None);
        assert_eq!(volatility(&[0.1], 365.0, Variant::Vectorbt), None);
        for of in [sharpe, sortino] {
            assert_eq!(of(&[], 365.0, Variant::Freqtrade), None);
            assert_eq!(of(&[-0.05], 365.0, Variant::Freqtrade), None);
        }
        // Two trades in two days of a year of 365: a day's profit of 0.05 by a deviation of 0.05.
        assert!((sharpe(&[0.1, 0.0], 365.0, Variant::Freqtrade).unwrap() - 365_f64.sqrt()).abs() < 1e-12);
        assert_eq!(Variant::of("empyrical"), Some(Variant::Empyrical));
        assert_eq!(Variant::of("mine"), None);
    }
}
