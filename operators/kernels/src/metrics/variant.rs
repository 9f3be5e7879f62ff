//! The metrics of a run as other libraries define them, under the names of the catalogue.
//!
//! A variant gives what its library has and leaves out what it has not. Returns are those of UTC days for all of them.
//! Where a library has a number for "no value" (freqtrade's -100, infinities), this has none. Each formula is held by
//! values that the library itself gave (`tests/variants`).

use super::catalogue::Settled;
use super::choice::Needs;
use super::days::Returns;
use super::{Metrics, Variant, annual_return, normal_quantile, omega, ratio, sharpe, sortino, volatility};

/// Name and value.
pub type Named = (&'static str, Option<f64>);

impl Variant {
    /// Every variant that is a library's.
    pub const LIBRARIES: [Variant; 5] =
        [Variant::BacktestingPy, Variant::Empyrical, Variant::Quantstats, Variant::Vectorbt, Variant::Freqtrade];

    /// The name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Variant::Candleflow => "candleflow",
            Variant::Empyrical => "empyrical",
            Variant::Quantstats => "quantstats",
            Variant::Vectorbt => "vectorbt",
            Variant::BacktestingPy => "backtesting_py",
            Variant::Freqtrade => "freqtrade",
        }
    }

    /// How many daily returns a year has, if nothing else is said.
    pub const fn periods(self) -> f64 {
        match self {
            Variant::Empyrical | Variant::Quantstats => 252.0,
            _ => 365.0,
        }
    }
}

impl Metrics {
    /// What the library of this variant gives; the whole catalogue for the house's own.
    pub fn variant_values(&self, variant: Variant) -> Vec<Named> {
        let run = self.settled();
        let settled = Settled::new(&run.curve, &run.days, &run.trades, f64::NAN, Needs::EVERYTHING);
        let returns = run.days.returns_in_order();
        match variant {
            Variant::Candleflow => super::CATALOGUE.iter().map(|metric| metric.name).zip(self.values()).collect(),
            Variant::Empyrical => of_returns(&settled, &returns, variant),
            Variant::Quantstats => quantstats(&settled, &returns),
            Variant::Vectorbt => {
                let mut values = of_returns(&settled, &returns, variant);
                values.extend(money_of_trades(&settled));
                values
            }
            Variant::BacktestingPy => backtesting_py(&settled, &returns),
            Variant::Freqtrade => freqtrade(&settled),
        }
    }
}

/// The deepest distance of compounded returns from their highest value, 1 at first.
fn compounded_drawdown(returns: &[f64]) -> f64 {
    let (mut value, mut peak, mut deepest) = (1.0_f64, 1.0_f64, 0.0_f64);
    for change in returns {
        value *= 1.0 + change;
        peak = peak.max(value);
        deepest = deepest.max((peak - value) / peak);
    }
    deepest
}

/// What libraries make of the moments and the tail of returns. What is no finite number is `None`.
impl Returns {
    /// Of a normal distribution with this mean and deviation.
    pub(super) fn normal_quantile(&self, share: f64) -> Option<f64> {
        finite(self.mean + normal_quantile(share)? * self.deviation)
    }

    /// The mean of its lowest share.
    pub(super) fn normal_tail_mean(&self, share: f64) -> Option<f64> {
        let z = normal_quantile(share)?;
        let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
        finite(self.mean - self.deviation * density / share)
    }

    /// Mean of the lowest share: of the first `(n - 1) * share + 1`, rounded down.
    pub(super) fn lowest_mean(&self, share: f64) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        let lowest = &self.sorted[..=(last as f64 * share) as usize];
        ratio(lowest.iter().fold(0.0, |sum, value| sum + value), lowest.len() as f64)
    }

    /// As pandas has it.
    pub(super) fn sample_skew(&self) -> Option<f64> {
        let count = self.sorted.len() as f64;
        finite(self.skew? * (count * (count - 1.0)).sqrt() / (count - 2.0))
    }

    /// As pandas has it, in excess of three.
    pub(super) fn sample_kurtosis(&self) -> Option<f64> {
        let count = self.sorted.len() as f64;
        finite((count - 1.0) / ((count - 2.0) * (count - 3.0)) * ((count + 1.0) * (self.kurtosis? - 3.0) + 6.0))
    }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// What empyrical and vectorbt share.
fn of_returns(settled: &Settled<'_>, returns: &[f64], variant: Variant) -> Vec<Named> {
    let (periods, deepest) = (variant.periods(), compounded_drawdown(returns));
    let growth = annual_return(returns, periods);
    vec![
        ("total_return", Some(returns.iter().fold(1.0, |value, change| value * (1.0 + change)) - 1.0)),
        ("cagr", growth),
        ("volatility", volatility(returns, periods, variant)),
        ("sharpe", sharpe(returns, periods, variant)),
        ("sortino", sortino(returns, periods, variant)),
        ("calmar", growth.and_then(|growth| ratio(growth, deepest))),
        ("omega", omega(returns)),
        ("max_drawdown_pct", Some(deepest)),
        ("tail_ratio", settled.returns.tail_ratio()),
        ("var_95", settled.returns.quantile(0.05)),
        ("cvar_95", settled.returns.lowest_mean(0.05)),
    ]
}

/// Skew and kurtosis as pandas has them, and a normal distribution's value at risk.
fn quantstats(settled: &Settled<'_>, returns: &[f64]) -> Vec<Named> {
    let (periods, deepest) = (Variant::Quantstats.periods(), compounded_drawdown(returns));
    let growth = annual_return(returns, periods);
    let (count, r) = (returns.len() as f64, &settled.returns);
    let (mut value, mut peak, mut squares) = (1.0_f64, 1.0_f64, 0.0);
    for change in returns {
        value *= 1.0 + change;
        peak = peak.max(value);
        squares += (1.0 - value / peak) * (1.0 - value / peak);
    }
    vec![
        ("total_return", Some(value - 1.0)),
        ("cagr", growth),
        ("volatility", volatility(returns, periods, Variant::Quantstats)),
        ("sharpe", sharpe(returns, periods, Variant::Quantstats)),
        ("sortino", sortino(returns, periods, Variant::Quantstats)),
        ("calmar", growth.and_then(|growth| ratio(growth, deepest))),
        ("omega", omega(returns)),
        ("max_drawdown_pct", Some(deepest)),
        ("ulcer_index", ratio(squares, count - 1.0).map(f64::sqrt)),
        ("tail_ratio", r.tail_ratio()),
        ("var_95", r.normal_quantile(0.05)),
        ("cvar_95", r.normal_tail_mean(0.05)),
        ("skew", r.sample_skew()),
        ("kurtosis", r.sample_kurtosis()),
        ("best_day", r.sorted.last().copied()),
        ("worst_day", r.sorted.first().copied()),
    ]
}

/// What vectorbt says of closed trades, all in money.
fn money_of_trades(settled: &Settled<'_>) -> Vec<Named> {
    let trades = settled.trades;
    vec![
        ("trades", Some(trades.count as f64)),
        ("win_rate", trades.win_rate()),
        ("profit_factor", ratio(trades.won.to_f64(), -trades.lost.to_f64())),
        ("expectancy", ratio(trades.net.to_f64(), trades.count as f64)),
        ("sqn", trades.sqn()),
        ("avg_trade_pct", ratio(trades.percent, trades.count as f64)),
        ("best_trade_pct", trades.best_percent),
        ("worst_trade_pct", trades.worst_percent),
    ]
}

/// Geometric means over days after the first, years of 365.25 days between the first and the last bar, a profit
/// factor of returns.
fn backtesting_py(settled: &Settled<'_>, returns: &[f64]) -> Vec<Named> {
    let (variant, curve, trades) = (Variant::BacktestingPy, &settled.curve, settled.trades);
    let later = returns.get(1..).unwrap_or_default();
    let growth = annual_return(later, variant.periods());
    let years = curve.span_of_opens() / 86_400e6 / 365.25;
    let total = ratio(curve.last, curve.first);
    let cagr = total.map(|total| libm::pow(total, 1.0 / years) - 1.0).filter(|value| years > 0.0 && value.is_finite());
    vec![
        ("total_return", total.map(|total| total - 1.0)),
        ("cagr", cagr),
        ("volatility", volatility(later, variant.periods(), variant)),
        ("sharpe", sharpe(later, variant.periods(), variant)),
        ("sortino", sortino(later, variant.periods(), variant)),
        ("calmar", growth.and_then(|growth| ratio(growth, curve.deepest))),
        ("max_drawdown_pct", Some(curve.deepest)),
        ("trades", Some(trades.count as f64)),
        ("win_rate", trades.win_rate()),
        ("best_trade_pct", trades.best_percent),
        ("worst_trade_pct", trades.worst_percent),
        ("avg_trade_pct", trades.geometric()),
        ("profit_factor", trades.percent_factor()),
        ("sqn", trades.sqn()),
        ("kelly", trades.kelly()),
    ]
}

/// Ratios of the profit of closed trades a day, in shares of the balance; drawdown of closed profit.
fn freqtrade(settled: &Settled<'_>) -> Vec<Named> {
    let (curve, trades) = (&settled.curve, settled.trades);
    let days = (curve.span_of_opens() / 86_400e6).floor();
    let (a_day, year) = (trades.net.to_f64() / curve.start / days.max(1.0), Variant::Freqtrade.periods().sqrt());
    let of = |spread: f64| ratio(a_day, spread / curve.start).map(|value| value * year);
    let depth = trades.closed_drawdown(curve.start);
    let end = (curve.start + trades.net.to_f64()) / curve.start;
    let cagr = libm::pow(end, 365.0 / days) - 1.0;
    vec![
        ("total_return", Some(end - 1.0)),
        ("cagr", Some(cagr).filter(|value| value.is_finite())),
        ("sharpe", of(trades.deviation())),
        ("sortino", of(trades.losing_deviation())),
        ("calmar", depth.and_then(|depth| ratio(a_day * 100.0, depth)).map(|value| value * year)),
        ("max_drawdown", Some(trades.closed_amount())),
        ("max_drawdown_pct", depth),
        ("trades", Some(trades.count as f64)),
        ("win_rate", trades.win_rate()),
        ("profit_factor", ratio(trades.won.to_f64(), -trades.lost.to_f64())),
        ("expectancy", ratio(trades.net.to_f64(), trades.count as f64)),
        ("sqn", trades.sqn()),
    ]
}
