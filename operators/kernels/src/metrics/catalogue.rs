//! Every metric by name, with its unit and formula. The order is that of the values.

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

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricInfo {
    /// Its column.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// How it is computed.
    pub formula: &'static str,
}

const fn metric(name: &'static str, unit: Unit, formula: &'static str) -> MetricInfo {
    MetricInfo { name, unit, formula }
}

/// All metrics; "the market" is buying every symbol in equal parts at its first close.
pub const CATALOGUE: &[MetricInfo] = &[
    metric("start_balance", Unit::Money, "The balance, summed over accounts."),
    metric("end_equity", Unit::Money, "Equity at the last bar."),
    metric("total_pnl", Unit::Money, "end_equity - start_balance"),
    metric("total_return", Unit::Fraction, "end_equity / start_balance - 1"),
    metric(
        "cagr",
        Unit::FractionPerYear,
        "(end_equity / start_balance)^(1 / years) - 1; years from the first open to the last close, of 365 days",
    ),
    metric("volatility", Unit::FractionPerYear, "deviation of daily returns (ddof 1) * sqrt(365)"),
    metric("sharpe", Unit::Ratio, "mean of daily returns / their deviation (ddof 1) * sqrt(365)"),
    metric(
        "sortino",
        Unit::Ratio,
        "mean of daily returns / root mean square of the negative ones (over all days) * sqrt(365)",
    ),
    metric("calmar", Unit::Ratio, "cagr / max_drawdown_pct"),
    metric("omega", Unit::Ratio, "sum of positive daily returns / sum of negative ones, without sign"),
    metric(
        "sharpe_bar",
        Unit::Ratio,
        "the Sharpe ratio of returns per bar, annualised by the bars a year of this run has",
    ),
    metric(
        "probabilistic_sharpe",
        Unit::Probability,
        "chance that the true Sharpe ratio is above 0, from skew and kurtosis (Bailey and Lopez de Prado 2012)",
    ),
    metric(
        "max_drawdown",
        Unit::Money,
        "largest distance of equity at a close from its highest value before, the balance first",
    ),
    metric("max_drawdown_pct", Unit::Fraction, "largest distance as a share of that highest value"),
    metric(
        "max_drawdown_duration",
        Unit::Days,
        "longest time from a peak to the next higher or equal equity, or to the end",
    ),
    metric("avg_drawdown_pct", Unit::Fraction, "mean depth of the drawdowns"),
    metric("avg_drawdown_duration", Unit::Days, "mean time from peak to recovery, or to the end"),
    metric("max_recovery", Unit::Days, "longest time from a trough to the recovery"),
    metric("ulcer_index", Unit::Fraction, "root mean square of the daily distance from the highest equity"),
    metric("trades", Unit::Count, "closed round trips, per entry and exit portion"),
    metric("winning_trades", Unit::Count, "those with net PnL > 0"),
    metric("losing_trades", Unit::Count, "those with net PnL < 0"),
    metric("long_trades", Unit::Count, "those of the long side"),
    metric("short_trades", Unit::Count, "those of the short side"),
    metric("win_rate", Unit::Fraction, "winning_trades / trades"),
    metric("profit_factor", Unit::Ratio, "sum of winning net PnL / sum of losing, without sign"),
    metric("expectancy", Unit::Money, "mean net PnL of a trade"),
    metric("avg_trade_pct", Unit::Fraction, "mean of net PnL / entry notional"),
    metric("avg_win", Unit::Money, "mean net PnL of winning trades"),
    metric("avg_loss", Unit::Money, "mean net PnL of losing trades"),
    metric("largest_win", Unit::Money, "largest net PnL"),
    metric("largest_loss", Unit::Money, "smallest net PnL"),
    metric("payoff", Unit::Ratio, "avg_win / avg_loss, without sign"),
    metric("kelly", Unit::Fraction, "win_rate - (1 - win_rate) / payoff"),
    metric("sqn", Unit::Ratio, "sqrt(trades) * mean net PnL / its deviation (ddof 1)"),
    metric("max_win_streak", Unit::Count, "most winning trades in a row"),
    metric("max_loss_streak", Unit::Count, "most losing trades in a row"),
    metric("avg_bars", Unit::Bars, "mean of bars held"),
    metric("exposure", Unit::Fraction, "bars in which something was held / bars"),
    metric("fees", Unit::Money, "fees of all fills"),
    metric("funding", Unit::Money, "funding paid on closed trades"),
    metric("turnover", Unit::Ratio, "notional of all fills / start_balance"),
    metric("tail_ratio", Unit::Ratio, "95th percentile of daily returns / 5th, without signs"),
    metric("var_95", Unit::Fraction, "5th percentile of daily returns"),
    metric("cvar_95", Unit::Fraction, "mean of the daily returns not above it"),
    metric("skew", Unit::Number, "third standardised moment of daily returns (population)"),
    metric("kurtosis", Unit::Number, "fourth standardised moment of daily returns, less 3 (population)"),
    metric("alpha", Unit::FractionPerYear, "(mean daily return - beta * mean of the market's) * 365"),
    metric("beta", Unit::Ratio, "covariance of daily returns with the market's / variance of the market's"),
    metric("correlation", Unit::Ratio, "correlation of daily returns with the market's"),
    metric("buy_and_hold_return", Unit::Fraction, "mean over symbols of last close / first close, less 1"),
    metric("best_day", Unit::Fraction, "largest daily return"),
    metric("worst_day", Unit::Fraction, "smallest daily return"),
    metric("best_month", Unit::Fraction, "largest return of a calendar month"),
    metric("worst_month", Unit::Fraction, "smallest return of a calendar month"),
    metric("ambiguous_fills", Unit::Count, "fills that another order of the bar's extremes would not give"),
    metric("rejected_orders", Unit::Count, "orders that the account or the exchange's filters refused"),
    metric("bars", Unit::Count, "bars with a row of equity"),
    metric("days", Unit::Count, "UTC days with a bar"),
];

/// The place of a metric in the catalogue and in every list of values.
pub fn metric_index(name: &str) -> Option<usize> {
    CATALOGUE.iter().position(|metric| metric.name == name)
}
