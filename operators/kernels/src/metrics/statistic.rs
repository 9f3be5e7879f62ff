//! The metrics as functions of a series that somebody has: returns, equity, or the profits of trades.
//!
//! [`STATISTICS`] is the list that SQL aggregates and `candleflow metrics` read. A statistic takes columns of numbers
//! without NULL, of one length, and one value per parameter; it gives `None` where there is no value. Where it says
//! [`Statistic::ordered`], the order of the rows is part of the question; elsewhere only rounding depends on it.

use super::days::{Pair, Returns, quantile};
use super::{Variant, annual_return, calmar, deflated_sharpe, omega, probabilistic_sharpe, ratio};
use crate::indicator::{Param, ParamError, params};

/// What the rows of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Series {
    /// Returns of equal periods, as fractions.
    Returns,
    /// Returns, and those of a market over the same periods.
    ReturnsAndMarket,
    /// Values of an account.
    Equity,
    /// Profits and losses of trades, in money.
    Pnl,
}

impl Series {
    /// The columns, by name.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Series::Returns => &["ret"],
            Series::ReturnsAndMarket => &["ret", "market"],
            Series::Equity => &["equity"],
            Series::Pnl => &["pnl"],
        }
    }
}

/// One metric over any series.
#[derive(Debug, Clone, Copy)]
pub struct Statistic {
    /// Its name, that of the catalogue where the catalogue has it.
    pub name: &'static str,
    /// Another name, or the same.
    pub alias: &'static str,
    /// What it is computed of.
    pub series: Series,
    /// Parameters, in order.
    pub params: &'static [Param],
    /// Whether the order of the rows changes its meaning.
    pub ordered: bool,
    /// How it is computed.
    pub formula: &'static str,
    compute: fn(&[&[f64]], &[f64]) -> Option<f64>,
}

impl Statistic {
    /// Its value over rows without NULL; `params` within their ranges, one per parameter.
    pub fn of(&self, columns: &[&[f64]], params: &[f64]) -> Option<f64> {
        (self.compute)(columns, params).filter(|value| value.is_finite())
    }

    /// The values of all parameters that nobody gave.
    pub fn defaults(&self) -> Vec<f64> {
        self.complete(&[])
    }

    /// One value per parameter, in order and within its range, from those that were given.
    ///
    /// # Errors
    /// The first that is out of its range.
    pub fn bind(&self, given: &[Option<f64>]) -> Result<Vec<f64>, ParamError> {
        params::bind(self.name, self.params, &self.complete(given), &[])
    }

    /// A year has as many returns as the library of the variant takes it to have, if nothing else is said.
    fn complete(&self, given: &[Option<f64>]) -> Vec<f64> {
        let given = |place: usize| given.get(place).copied().flatten();
        let named = |name: &str| self.params.iter().position(|param| param.name == name);
        let periods = named(VARIANT.name)
            .map_or(super::PERIODS, |place| variant(given(place).unwrap_or(self.params[place].default)).periods());
        let value = |(place, param): (usize, &Param)| {
            given(place).unwrap_or(if param.name == PERIODS.name { periods } else { param.default })
        };
        self.params.iter().enumerate().map(value).collect()
    }

    const fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = alias;
        self
    }

    const fn params(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }
}

const fn statistic(
    name: &'static str,
    series: Series,
    formula: &'static str,
    compute: fn(&[&[f64]], &[f64]) -> Option<f64>,
) -> Statistic {
    Statistic { name, alias: name, series, params: &[], ordered: false, formula, compute }
}

/// Returns a year.
const PERIODS: Param = Param::float("periods", super::PERIODS, 1e-3, 1e9);
/// Whose formula.
const VARIANT: Param = Param::choice(
    "variant",
    0.0,
    &[
        ("candleflow", 0.0),
        ("empyrical", 1.0),
        ("quantstats", 2.0),
        ("vectorbt", 3.0),
        ("backtesting_py", 4.0),
        ("freqtrade", 5.0),
    ],
);
/// Share of the returns that lie in the tail.
const LEVEL: Param = Param::float("level", 0.05, 0.0, 1.0);
const ANNUAL: &[Param] = &[PERIODS, VARIANT];
const TAIL: &[Param] = &[LEVEL, VARIANT];

fn variant(number: f64) -> Variant {
    match number as u8 {
        1 => Variant::Empyrical,
        2 => Variant::Quantstats,
        3 => Variant::Vectorbt,
        4 => Variant::BacktestingPy,
        5 => Variant::Freqtrade,
        _ => Variant::Candleflow,
    }
}

/// All of them, returns first.
pub const STATISTICS: &[Statistic] = &[
    statistic("sharpe", Series::Returns, "mean / deviation (ddof 1) * sqrt(periods)", |x, p| {
        super::sharpe(x[0], p[0], variant(p[1]))
    })
    .params(ANNUAL),
    statistic(
        "sortino",
        Series::Returns,
        "mean / root mean square of the negative ones (over all) * sqrt(periods)",
        |x, p| super::sortino(x[0], p[0], variant(p[1])),
    )
    .params(ANNUAL),
    statistic("volatility", Series::Returns, "deviation (ddof 1) * sqrt(periods)", |x, p| {
        super::volatility(x[0], p[0], variant(p[1]))
    })
    .params(ANNUAL),
    statistic("cagr", Series::Returns, "product of (1 + ret) to the power of periods / count, less 1", |x, p| {
        annual_return(x[0], p[0])
    })
    .params(&[PERIODS]),
    statistic("total_return", Series::Returns, "product of (1 + ret), less 1", |x, _| total_return(x[0])),
    statistic("calmar", Series::Returns, "cagr / the deepest drawdown of the compounded returns", |x, p| {
        calmar(x[0], p[0])
    })
    .params(&[PERIODS])
    .ordered(),
    statistic("omega", Series::Returns, "sum of positive returns / sum of negative ones, without sign", |x, _| {
        omega(x[0])
    }),
    statistic("tail_ratio", Series::Returns, "95th percentile / 5th, without signs", |x, _| {
        let returns = Returns::of(x[0].to_vec());
        ratio(returns.quantile(0.95)?.abs(), returns.quantile(0.05)?.abs())
    }),
    statistic(
        "value_at_risk",
        Series::Returns,
        "quantile of the returns, by linear interpolation; quantstats: of a normal distribution with their mean and deviation",
        |x, p| {
            let returns = Returns::of(x[0].to_vec());
            match variant(p[1]) {
                Variant::Quantstats => returns.normal_quantile(p[0]),
                _ => quantile(&returns.sorted, p[0]),
            }
        },
    )
    .params(TAIL)
    .alias("var_95"),
    statistic(
        "cvar",
        Series::Returns,
        "mean of the returns that are not above value_at_risk; quantstats: of a normal distribution; empyrical, vectorbt: of \
         the lowest (count - 1) * level + 1, rounded down",
        |x, p| {
            let returns = Returns::of(x[0].to_vec());
            match variant(p[1]) {
                Variant::Quantstats => returns.normal_tail_mean(p[0]),
                Variant::Empyrical | Variant::Vectorbt => returns.lowest_mean(p[0]),
                _ => returns.tail_mean(p[0]),
            }
        },
    )
    .params(TAIL)
    .alias("cvar_95"),
    statistic(
        "skew",
        Series::Returns,
        "third standardised moment (population); quantstats: of a sample",
        |x, p| {
            let returns = Returns::of(x[0].to_vec());
            if variant(p[0]) == Variant::Quantstats { returns.sample_skew() } else { returns.skew }
        },
    )
    .params(&[VARIANT]),
    statistic(
        "kurtosis",
        Series::Returns,
        "fourth standardised moment, less 3 (population); quantstats: of a sample",
        |x, p| {
            let returns = Returns::of(x[0].to_vec());
            let excess = returns.kurtosis.map(|value| value - 3.0);
            if variant(p[0]) == Variant::Quantstats { returns.sample_kurtosis() } else { excess }
        },
    )
    .params(&[VARIANT]),
    statistic(
        "probabilistic_sharpe",
        Series::Returns,
        "chance that the true Sharpe ratio is above the benchmark, both a year (Bailey and Lopez de Prado 2012)",
        |x, p| {
            let daily = ratio(super::sharpe(x[0], p[0], Variant::Candleflow)?, p[0].sqrt())?;
            lucky(x[0], |count, skew, kurtosis| {
                let year = super::PERIODS.sqrt();
                probabilistic_sharpe(daily * year, p[1] / p[0].sqrt() * year, count, skew, kurtosis)
            })
        },
    )
    .params(&[PERIODS, Param::float("benchmark", 0.0, -1e9, 1e9)]),
    statistic(
        "deflated_sharpe",
        Series::Returns,
        "the same against the best of `trials` worthless strategies, whose Sharpe ratios a year have `variance` \
         (Bailey and Lopez de Prado 2014)",
        |x, p| {
            let daily = ratio(super::sharpe(x[0], p[0], Variant::Candleflow)?, p[0].sqrt())?;
            lucky(x[0], |count, skew, kurtosis| {
                let variance = p[2] / p[0] * super::PERIODS;
                deflated_sharpe(daily * super::PERIODS.sqrt(), count, skew, kurtosis, p[1] as u64, variance)
            })
        },
    )
    .params(&[PERIODS, Param::int("trials", 1, 1, 1_000_000_000), Param::float("variance", 0.5, 0.0, 1e9)]),
    statistic("best_return", Series::Returns, "the largest return", |x, _| x[0].iter().copied().max_by(f64::total_cmp)),
    statistic("worst_return", Series::Returns, "the smallest return", |x, _| {
        x[0].iter().copied().min_by(f64::total_cmp)
    }),
    statistic("alpha", Series::ReturnsAndMarket, "(mean return - beta * mean of the market's) * periods", |x, p| {
        Pair::of(x[0], x[1]).alpha().map(|alpha| alpha * p[0])
    })
    .params(&[PERIODS]),
    statistic("beta", Series::ReturnsAndMarket, "covariance with the market / variance of the market", |x, _| {
        Pair::of(x[0], x[1]).beta()
    }),
    statistic("correlation", Series::ReturnsAndMarket, "correlation with the market", |x, _| {
        Pair::of(x[0], x[1]).correlation()
    }),
    statistic("max_drawdown", Series::Equity, "largest distance from the highest value before", |x, _| {
        drawdowns(x[0]).map(|(peak, value)| peak - value).max_by(f64::total_cmp)
    })
    .ordered(),
    statistic("max_drawdown_pct", Series::Equity, "largest distance as a share of that highest value", |x, _| {
        drawdowns(x[0]).map(|(peak, value)| (peak - value) / peak).max_by(f64::total_cmp)
    })
    .ordered(),
    statistic(
        "ulcer_index",
        Series::Equity,
        "root mean square of the distance from the highest value before, as a share of it; quantstats: over count - 1",
        |x, p| {
            let squares = drawdowns(x[0]).map(|(peak, value)| (peak - value) / peak * ((peak - value) / peak));
            let fewer = if variant(p[0]) == Variant::Quantstats { 1.0 } else { 0.0 };
            ratio(sum(squares), x[0].len() as f64 - fewer).map(f64::sqrt)
        },
    )
    .params(&[VARIANT])
    .ordered(),
    statistic("total_pnl", Series::Pnl, "sum", |x, _| (!x[0].is_empty()).then(|| sum(x[0].iter().copied()))),
    statistic("win_rate", Series::Pnl, "share of those above 0", |x, _| {
        ratio(wins(x[0]).count() as f64, x[0].len() as f64)
    }),
    statistic("profit_factor", Series::Pnl, "sum of those above 0 / sum of those below, without sign", |x, _| {
        ratio(sum(wins(x[0])), -sum(losses(x[0])))
    }),
    statistic("expectancy", Series::Pnl, "mean", |x, _| ratio(sum(x[0].iter().copied()), x[0].len() as f64)),
    statistic("avg_win", Series::Pnl, "mean of those above 0", |x, _| average(wins(x[0]))),
    statistic("avg_loss", Series::Pnl, "mean of those below 0", |x, _| average(losses(x[0]))),
    statistic("payoff", Series::Pnl, "avg_win / avg_loss, without sign", |x, _| payoff(x[0])),
    statistic("kelly", Series::Pnl, "win_rate - (1 - win_rate) / payoff", |x, _| {
        let rate = ratio(wins(x[0]).count() as f64, x[0].len() as f64)?;
        ratio(1.0 - rate, payoff(x[0])?).map(|lost| rate - lost)
    }),
    statistic("sqn", Series::Pnl, "sqrt(count) * mean / deviation (ddof 1)", |x, _| {
        super::sharpe(x[0], x[0].len() as f64, Variant::Candleflow)
    }),
    statistic("max_win_streak", Series::Pnl, "most above 0 in a row", |x, _| streak(x[0], |pnl| pnl > 0.0)).ordered(),
    statistic("max_loss_streak", Series::Pnl, "most below 0 in a row", |x, _| streak(x[0], |pnl| pnl < 0.0)).ordered(),
];

/// The statistic with this name, upper or lower case.
pub fn statistic_of(name: &str) -> Option<&'static Statistic> {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    STATISTICS.iter().find(|known| same(known.name) || same(known.alias))
}

/// A variant's formula over returns, with their count, skew and kurtosis (3 for the normal distribution).
fn lucky(returns: &[f64], formula: impl Fn(usize, f64, f64) -> Option<f64>) -> Option<f64> {
    let moments = Returns::of(returns.to_vec());
    formula(returns.len(), moments.skew?, moments.kurtosis?)
}

fn total_return(returns: &[f64]) -> Option<f64> {
    (!returns.is_empty()).then(|| returns.iter().fold(1.0, |value, change| value * (1.0 + change)) - 1.0)
}

/// For each value, the highest one so far and the value.
fn drawdowns(equity: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    let mut peak = f64::NEG_INFINITY;
    equity.iter().map(move |value| {
        peak = peak.max(*value);
        (peak, *value)
    })
}

fn wins(pnl: &[f64]) -> impl Iterator<Item = f64> {
    pnl.iter().copied().filter(|value| *value > 0.0)
}

fn losses(pnl: &[f64]) -> impl Iterator<Item = f64> {
    pnl.iter().copied().filter(|value| *value < 0.0)
}

fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    ratio(sum, count)
}

fn payoff(pnl: &[f64]) -> Option<f64> {
    ratio(average(wins(pnl))?, -average(losses(pnl))?)
}

fn streak(pnl: &[f64], counts: impl Fn(f64) -> bool) -> Option<f64> {
    let (mut run, mut longest) = (0_u64, 0);
    for value in pnl {
        run = if counts(*value) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    (!pnl.is_empty()).then_some(longest as f64)
}

#[cfg(test)]
mod tests;
