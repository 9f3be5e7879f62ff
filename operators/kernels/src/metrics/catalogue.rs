//! Every metric by name, with its unit, formula, source and convention. The order is that of the values.

use super::choice::Needs;
use super::curve::Curve;
use super::days::{Days, Returns};
use super::trades::Trades;
use super::{PERIODS, probabilistic_sharpe, ratio};
use crate::money::Money;

/// What a value is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each name says it")]
pub enum Unit {
    Money,
    Fraction,
    FractionPerYear,
    Ratio,
    Probability,
    Days,
    Bars,
    Count,
    Number,
}

/// What a metric is taken from, and so which conventions it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each name says it")]
pub enum Group {
    Account,
    Returns,
    Drawdown,
    Trades,
    Fills,
    Market,
    Bars,
}

impl Group {
    /// All of them, in the order in which reports show them.
    pub const ALL: [Group; 7] =
        [Group::Account, Group::Returns, Group::Drawdown, Group::Trades, Group::Fills, Group::Market, Group::Bars];

    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Account => "account",
            Group::Returns => "returns",
            Group::Drawdown => "drawdown",
            Group::Trades => "trades",
            Group::Fills => "fills",
            Group::Market => "market",
            Group::Bars => "bars",
        }
    }

    /// What all of its metrics have in common.
    pub const fn convention(self) -> &'static str {
        match self {
            Group::Account => "equity at the last bar's close; a year has 365 days",
            Group::Returns => {
                "returns per UTC day from the day's last equity, the starting balance first; days without a bar have none; \
                 365 a year, ddof 1, risk-free 0; `_bar`: returns per bar"
            }
            Group::Drawdown => {
                "equity at each bar's close against its highest value so far, the starting balance first"
            }
            Group::Trades => {
                "closed round trips, per entry and exit portion, net of fees and funding; a win is PnL > 0"
            }
            Group::Fills => "fills of entries and exits; fees in the quote asset",
            Group::Market => {
                "the market is every symbol bought in equal parts at its first close, money until then; returns per UTC day"
            }
            Group::Bars => "bars with a row of equity",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct MetricInfo {
    /// Its column.
    pub name: &'static str,
    /// What it is taken from.
    pub group: Group,
    /// What it is measured in.
    pub unit: Unit,
    /// How it is computed.
    pub formula: &'static str,
    /// Where the formula is from; a plain count or mean has no other.
    pub source: &'static str,
    /// Which way runs are compared by it. Every entry of the catalogue says so by its constructor.
    pub less_is_better: bool,
    pub(super) value: Value,
    /// What a run must have kept for it.
    pub(super) needs: Needs,
}

type Value = fn(&Settled<'_>) -> Option<f64>;

/// A metric of which more is better, or which is neither good nor bad.
const fn more(name: &'static str, group: Group, unit: Unit, formula: &'static str, value: Value) -> MetricInfo {
    let needs = Needs::of(group);
    MetricInfo { name, group, unit, formula, source: "definition", less_is_better: false, value, needs }
}

/// A metric of which less is better.
const fn less(name: &'static str, group: Group, unit: Unit, formula: &'static str, value: Value) -> MetricInfo {
    MetricInfo { less_is_better: true, ..more(name, group, unit, formula, value) }
}

impl MetricInfo {
    const fn source(self, source: &'static str) -> MetricInfo {
        MetricInfo { source, ..self }
    }

    const fn needs(self, needs: Needs) -> MetricInfo {
        MetricInfo { needs, ..self }
    }
}

/// What values are read from: a run whose last bar is in, with what several metrics share.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    /// With the drawdown that is not over ended.
    pub(super) curve: Curve,
    pub(super) days: &'a Days,
    pub(super) returns: Returns,
    pub(super) trades: &'a Trades,
    /// What one unit of money in the market is worth.
    pub(super) market: f64,
    /// `None` where a symbol has no close on some day.
    pub(super) market_returns: Option<Returns>,
    /// Alpha, beta, correlation.
    pub(super) against_market: (Option<f64>, Option<f64>, Option<f64>),
    /// Best and worst.
    pub(super) months: (Option<f64>, Option<f64>),
}

impl<'a> Settled<'a> {
    /// Where only some metrics are read, as far as these need it.
    pub(super) fn new(curve: &Curve, days: &'a Days, trades: &'a Trades, market: f64, needs: Needs) -> Settled<'a> {
        Settled {
            curve: curve.closed(),
            days,
            returns: days.returns(needs.sorted),
            trades,
            market,
            market_returns: needs.market.then(|| days.market_returns()).flatten(),
            against_market: if needs.market { days.against_market() } else { (None, None, None) },
            months: days.months(),
        }
    }

    fn pnl(&self) -> f64 {
        self.curve.last - self.curve.start
    }

    fn growth(&self) -> Option<f64> {
        ratio(self.curve.last, self.curve.start)
    }

    fn cagr(&self) -> Option<f64> {
        let (growth, years) = (self.growth()?, self.curve.years());
        let rate = if growth > 0.0 { libm::pow(growth, 1.0 / years) - 1.0 } else { -1.0 };
        // An hour's gain to the power of a year is no number.
        finite(rate).filter(|_| years > 0.0)
    }

    fn probabilistic(&self) -> Option<f64> {
        let Returns { skew, kurtosis, .. } = self.returns;
        probabilistic_sharpe(self.returns.sharpe()?, 0.0, self.days.len(), skew?, kurtosis?)
    }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

#[allow(clippy::unnecessary_wraps, reason = "it stands where a value may be missing")]
fn count(count: u64) -> Option<f64> {
    Some(count as f64)
}

/// All metrics; "the market" is buying every symbol in equal parts at its first close, each part money until then.
pub const CATALOGUE: &[MetricInfo] = &[
    more("start_balance", Group::Account, Unit::Money, "The balance, summed over accounts.", |s| Some(s.curve.start)),
    more("end_equity", Group::Account, Unit::Money, "Equity at the last bar.", |s| Some(s.curve.last)),
    more("total_pnl", Group::Account, Unit::Money, "end_equity - start_balance", |s| Some(s.pnl())),
    more("total_return", Group::Account, Unit::Fraction, "end_equity / start_balance - 1", |s| {
        s.growth().map(|growth| growth - 1.0)
    }),
    more(
        "cagr",
        Group::Account,
        Unit::FractionPerYear,
        "(end_equity / start_balance)^(1 / years) - 1; years from the first open to the last close, of 365 days",
        |s| s.cagr(),
    ),
    less("volatility", Group::Returns, Unit::FractionPerYear, "deviation of daily returns (ddof 1) * sqrt(365)", |s| {
        finite(s.returns.deviation * PERIODS.sqrt())
    }),
    more("sharpe", Group::Returns, Unit::Ratio, "mean of daily returns / their deviation (ddof 1) * sqrt(365)", |s| {
        s.returns.sharpe()
    })
    .source("Sharpe, \"The Sharpe ratio\", 1994"),
    more(
        "sortino",
        Group::Returns,
        Unit::Ratio,
        "mean of daily returns / root mean square of the negative ones (over all days) * sqrt(365)",
        |s| s.returns.sortino(),
    )
    .source("Sortino and Price, \"Performance measurement in a downside risk framework\", 1994"),
    more("calmar", Group::Returns, Unit::Ratio, "cagr / max_drawdown_pct", |s| {
        s.cagr().and_then(|cagr| ratio(cagr, s.curve.deepest))
    })
    .needs(Needs::DEEPEST)
    .source("Young, \"Calmar ratio: a smoother tool\", 1991 (here over the whole run)"),
    more(
        "omega",
        Group::Returns,
        Unit::Ratio,
        "sum of positive daily returns / sum of negative ones, without sign",
        |s| ratio(s.returns.gains, s.returns.losses),
    )
    .source("Keating and Shadwick, \"A universal performance measure\", 2002, threshold 0"),
    more(
        "sharpe_bar",
        Group::Returns,
        Unit::Ratio,
        "the Sharpe ratio of returns per bar, annualised by the bars a year of this run has",
        |s| s.curve.sharpe_bar(),
    )
    .needs(Needs::BAR_RETURNS)
    .source("Sharpe, \"The Sharpe ratio\", 1994"),
    more(
        "probabilistic_sharpe",
        Group::Returns,
        Unit::Probability,
        "chance that the true Sharpe ratio is above 0, from skew and kurtosis (Bailey and Lopez de Prado 2012)",
        |s| s.probabilistic(),
    )
    .source("Bailey and Lopez de Prado, \"The Sharpe ratio efficient frontier\", 2012"),
    less(
        "max_drawdown",
        Group::Drawdown,
        Unit::Money,
        "largest distance of equity at a close from its highest value before, the balance first",
        |s| Some(s.curve.deepest_amount),
    )
    .needs(Needs::DEEPEST),
    less(
        "max_drawdown_pct",
        Group::Drawdown,
        Unit::Fraction,
        "largest distance as a share of that highest value",
        |s| Some(s.curve.deepest),
    )
    .needs(Needs::DEEPEST),
    less(
        "max_drawdown_duration",
        Group::Drawdown,
        Unit::Days,
        "longest time from a peak to the next higher or equal equity, or to the end",
        |s| Some(s.curve.longest_days()),
    ),
    less("avg_drawdown_pct", Group::Drawdown, Unit::Fraction, "mean depth of the drawdowns", |s| {
        s.curve.average_depth()
    }),
    less("avg_drawdown", Group::Drawdown, Unit::Money, "mean distance of the drawdowns in money", |s| {
        s.curve.average_amount()
    }),
    less("avg_drawdown_duration", Group::Drawdown, Unit::Days, "mean time from peak to recovery, or to the end", |s| {
        s.curve.average_days()
    }),
    less("max_recovery", Group::Drawdown, Unit::Days, "longest time from a trough to the recovery", |s| {
        Some(s.curve.longest_recovery_days())
    }),
    less("avg_recovery", Group::Drawdown, Unit::Days, "mean time from a trough to the recovery", |s| {
        s.curve.average_recovery_days()
    }),
    less("time_under_water", Group::Drawdown, Unit::Fraction, "bars that close below the highest equity / bars", |s| {
        ratio(s.curve.under_water as f64, s.curve.bars as f64)
    }),
    more("recovery_factor", Group::Drawdown, Unit::Ratio, "total_pnl / max_drawdown", |s| {
        ratio(s.pnl(), s.curve.deepest_amount)
    })
    .needs(Needs::DEEPEST),
    less(
        "ulcer_index",
        Group::Drawdown,
        Unit::Fraction,
        "root mean square of the daily distance from the highest equity",
        |s| s.days.ulcer(),
    )
    .needs(Needs::NOTHING)
    .source("Martin and McCann, \"The investor's guide to Fidelity funds\", 1989"),
    more("trades", Group::Trades, Unit::Count, "closed round trips, per entry and exit portion", |s| {
        count(s.trades.count)
    })
    .needs(Needs::NOTHING),
    more("winning_trades", Group::Trades, Unit::Count, "those with net PnL > 0", |s| count(s.trades.winning)),
    less("losing_trades", Group::Trades, Unit::Count, "those with net PnL < 0", |s| count(s.trades.losing)),
    more("long_trades", Group::Trades, Unit::Count, "those of the long side", |s| count(s.trades.long))
        .needs(Needs::NOTHING),
    more("short_trades", Group::Trades, Unit::Count, "those of the short side", |s| {
        count(s.trades.count - s.trades.long)
    })
    .needs(Needs::NOTHING),
    more("win_rate", Group::Trades, Unit::Fraction, "winning_trades / trades", |s| s.trades.win_rate()),
    more("profit_factor", Group::Trades, Unit::Ratio, "sum of winning net PnL / sum of losing, without sign", |s| {
        ratio(s.trades.won.to_f64(), -s.trades.lost.to_f64())
    }),
    more("expectancy", Group::Trades, Unit::Money, "mean net PnL of a trade", |s| {
        ratio(s.trades.net.to_f64(), s.trades.count as f64)
    }),
    more("avg_trade_pct", Group::Trades, Unit::Fraction, "mean of net PnL / entry notional", |s| {
        ratio(s.trades.percent, s.trades.count as f64)
    }),
    more("best_trade_pct", Group::Trades, Unit::Fraction, "largest net PnL / entry notional", |s| {
        s.trades.best_percent
    }),
    more("worst_trade_pct", Group::Trades, Unit::Fraction, "smallest net PnL / entry notional", |s| {
        s.trades.worst_percent
    }),
    more("avg_win", Group::Trades, Unit::Money, "mean net PnL of winning trades", |s| s.trades.average_win()),
    more("avg_loss", Group::Trades, Unit::Money, "mean net PnL of losing trades", |s| s.trades.average_loss()),
    more("largest_win", Group::Trades, Unit::Money, "largest net PnL", |s| s.trades.best.map(Money::to_f64)),
    more("largest_loss", Group::Trades, Unit::Money, "smallest net PnL", |s| s.trades.worst.map(Money::to_f64)),
    more("payoff", Group::Trades, Unit::Ratio, "avg_win / avg_loss, without sign", |s| s.trades.payoff())
        .source("average win by average loss"),
    more("kelly", Group::Trades, Unit::Fraction, "win_rate - (1 - win_rate) / payoff", |s| s.trades.kelly())
        .source("Kelly, \"A new interpretation of information rate\", 1956, of win rate and payoff"),
    more("sqn", Group::Trades, Unit::Ratio, "sqrt(trades) * mean net PnL / its deviation (ddof 1)", |s| s.trades.sqn())
        .source("Tharp, \"Definitive guide to position sizing\", 2008, without a cap on trades"),
    more("max_win_streak", Group::Trades, Unit::Count, "most winning trades in a row", |s| count(s.trades.longest_win)),
    less("max_loss_streak", Group::Trades, Unit::Count, "most losing trades in a row", |s| {
        count(s.trades.longest_loss)
    }),
    more("avg_bars", Group::Trades, Unit::Bars, "mean of bars held", |s| s.trades.average_bars()[0]),
    more("avg_bars_win", Group::Trades, Unit::Bars, "mean of bars held by winning trades", |s| {
        s.trades.average_bars()[1]
    }),
    more("avg_bars_loss", Group::Trades, Unit::Bars, "mean of bars held by losing trades", |s| {
        s.trades.average_bars()[2]
    }),
    more(
        "avg_holding",
        Group::Trades,
        Unit::Days,
        "mean time from entry to exit; of a fill inside a bar, its event time",
        |s| s.trades.days_held()[0],
    ),
    more("avg_holding_win", Group::Trades, Unit::Days, "the same of winning trades", |s| s.trades.days_held()[1]),
    more("avg_holding_loss", Group::Trades, Unit::Days, "the same of losing trades", |s| s.trades.days_held()[2]),
    more("max_holding", Group::Trades, Unit::Days, "longest time from entry to exit", |s| s.trades.days_held()[3]),
    more("exposure", Group::Bars, Unit::Fraction, "bars in which something was held / bars", |s| {
        ratio(s.curve.exposed as f64, s.curve.bars as f64)
    }),
    less("fees", Group::Fills, Unit::Money, "fees of all fills", |s| Some(s.trades.fees.to_f64())),
    less("funding", Group::Fills, Unit::Money, "funding paid on closed trades", |s| Some(s.trades.funding.to_f64())),
    less("turnover", Group::Fills, Unit::Ratio, "notional of all fills / start_balance", |s| {
        ratio(s.trades.notional.to_f64(), s.curve.start)
    }),
    more("tail_ratio", Group::Returns, Unit::Ratio, "95th percentile of daily returns / 5th, without signs", |s| {
        s.returns.tail_ratio()
    })
    .needs(Needs::SORTED)
    .source("as empyrical"),
    more("var_95", Group::Returns, Unit::Fraction, "5th percentile of daily returns", |s| s.returns.quantile(0.05))
        .needs(Needs::SORTED)
        .source("historical simulation, interpolated (Hyndman and Fan, 1996, type 7)"),
    more("cvar_95", Group::Returns, Unit::Fraction, "mean of the daily returns not above it", |s| {
        s.returns.tail_mean(0.05)
    })
    .needs(Needs::SORTED)
    .source("Rockafellar and Uryasev, \"Optimization of conditional value-at-risk\", 2000"),
    more("skew", Group::Returns, Unit::Number, "third standardised moment of daily returns (population)", |s| {
        s.returns.skew
    })
    .source("Fisher's g1"),
    less(
        "kurtosis",
        Group::Returns,
        Unit::Number,
        "fourth standardised moment of daily returns, less 3 (population)",
        |s| s.returns.kurtosis.map(|kurtosis| kurtosis - 3.0),
    )
    .source("Fisher's g2"),
    more(
        "alpha",
        Group::Market,
        Unit::FractionPerYear,
        "(mean daily return - beta * mean of the market's) * 365",
        |s| s.against_market.0,
    )
    .source("Jensen, \"The performance of mutual funds\", 1968, arithmetic"),
    more(
        "beta",
        Group::Market,
        Unit::Ratio,
        "covariance of daily returns with the market's / variance of the market's",
        |s| s.against_market.1,
    )
    .source("Sharpe, \"Capital asset prices\", 1964"),
    more("correlation", Group::Market, Unit::Ratio, "correlation of daily returns with the market's", |s| {
        s.against_market.2
    })
    .source("Pearson"),
    more(
        "buy_and_hold_return",
        Group::Market,
        Unit::Fraction,
        "mean over symbols of last close / first close (1 without a close), less 1",
        |s| finite(s.market - 1.0),
    ),
    less(
        "buy_and_hold_volatility",
        Group::Market,
        Unit::FractionPerYear,
        "deviation of the market's daily returns (ddof 1) * sqrt(365)",
        |s| s.market_returns.as_ref().and_then(|returns| finite(returns.deviation * PERIODS.sqrt())),
    ),
    more(
        "buy_and_hold_sharpe",
        Group::Market,
        Unit::Ratio,
        "mean of the market's daily returns / their deviation (ddof 1) * sqrt(365)",
        |s| s.market_returns.as_ref().and_then(Returns::sharpe),
    )
    .source("Sharpe, \"The Sharpe ratio\", 1994"),
    less(
        "buy_and_hold_max_drawdown_pct",
        Group::Market,
        Unit::Fraction,
        "largest distance of the market's daily value from its highest, as a share of it",
        |s| s.days.market_drawdown(),
    ),
    more("best_day", Group::Returns, Unit::Fraction, "largest daily return", |s| s.returns.sorted.last().copied())
        .needs(Needs::SORTED),
    more("worst_day", Group::Returns, Unit::Fraction, "smallest daily return", |s| s.returns.sorted.first().copied())
        .needs(Needs::SORTED),
    more("best_month", Group::Returns, Unit::Fraction, "largest return of a calendar month", |s| s.months.0),
    more("worst_month", Group::Returns, Unit::Fraction, "smallest return of a calendar month", |s| s.months.1),
    less(
        "ambiguous_fills",
        Group::Fills,
        Unit::Count,
        "fills that another order of the bar's extremes would not give",
        |s| count(s.trades.ambiguous),
    )
    .needs(Needs::NOTHING),
    less(
        "rejected_orders",
        Group::Fills,
        Unit::Count,
        "orders that the account or the exchange's filters refused",
        |s| count(s.trades.rejected),
    )
    .needs(Needs::NOTHING),
    more("bars", Group::Bars, Unit::Count, "bars with a row of equity", |s| count(s.curve.bars)),
    more("days", Group::Bars, Unit::Count, "UTC days with a bar", |s| count(s.days.len() as u64)),
];

/// The place of a metric in the catalogue and in every list of values.
pub fn metric_index(name: &str) -> Option<usize> {
    CATALOGUE.iter().position(|metric| metric.name == name)
}
