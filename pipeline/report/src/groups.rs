//! The metrics in groups, as a reader looks for them. A metric that no group names stands in the last one.

use crate::{figures::figure, story::Facts};
use candleflow_kernels::metrics::{CATALOGUE, MetricInfo};

const NAMED: [(&str, &[&str]); 5] = [
    (
        "result",
        &[
            "start_balance",
            "end_equity",
            "total_pnl",
            "total_return",
            "cagr",
            "buy_and_hold_return",
            "alpha",
            "beta",
            "correlation",
            "best_month",
            "worst_month",
            "best_day",
            "worst_day",
        ],
    ),
    (
        "risk",
        &[
            "max_drawdown_pct",
            "max_drawdown",
            "max_drawdown_duration",
            "max_recovery",
            "avg_drawdown_pct",
            "avg_drawdown_duration",
            "volatility",
            "ulcer_index",
            "var_95",
            "cvar_95",
            "tail_ratio",
            "skew",
            "kurtosis",
        ],
    ),
    ("ratios", &["sharpe", "sharpe_bar", "sortino", "calmar", "omega", "probabilistic_sharpe", "sqn", "kelly"]),
    (
        "trades",
        &[
            "trades",
            "winning_trades",
            "losing_trades",
            "long_trades",
            "short_trades",
            "win_rate",
            "profit_factor",
            "expectancy",
            "payoff",
            "avg_trade_pct",
            "avg_win",
            "avg_loss",
            "largest_win",
            "largest_loss",
            "max_win_streak",
            "max_loss_streak",
            "avg_bars",
        ],
    ),
    (
        "costs and data",
        &["fees", "funding", "turnover", "exposure", "ambiguous_fills", "rejected_orders", "bars", "days"],
    ),
];

/// A metric with its value in each view that is shown.
pub struct Line {
    /// The metric.
    pub metric: &'static MetricInfo,
    /// Its values as text, `-` where there is none.
    pub values: Vec<String>,
}

/// A group with its metrics that have a value.
pub struct Group {
    /// What it is called.
    pub title: &'static str,
    /// Its metrics.
    pub lines: Vec<Line>,
}

/// The views that differ: one, or `mark` and `closed`.
pub fn views(facts: &Facts) -> &[(String, Vec<Option<f64>>)] {
    match facts.views.as_slice() {
        [one, two, ..] if one.1 == two.1 => &facts.views[..1],
        views => views,
    }
}

/// All metrics that have a value, in groups.
pub fn groups(facts: &Facts) -> Vec<Group> {
    let shown = views(facts);
    let line = |at: usize| {
        let value = |values: &Vec<Option<f64>>| {
            values.get(at).copied().flatten().map_or_else(|| "-".to_owned(), |v| figure(v, CATALOGUE[at].unit))
        };
        let any = shown.iter().any(|(_, values)| values.get(at).copied().flatten().is_some());
        any.then(|| Line { metric: &CATALOGUE[at], values: shown.iter().map(|(_, v)| value(v)).collect() })
    };
    let place = |name: &&str| CATALOGUE.iter().position(|m| m.name == *name);
    let mut left: Vec<bool> = vec![true; CATALOGUE.len()];
    let mut groups = Vec::new();
    for (title, names) in NAMED {
        let places: Vec<usize> = names.iter().filter_map(place).collect();
        places.iter().for_each(|at| left[*at] = false);
        groups.push(Group { title, lines: places.into_iter().filter_map(line).collect() });
    }
    let others = (0..CATALOGUE.len()).filter(|at| left[*at]).filter_map(line).collect();
    groups.push(Group { title: "more", lines: others });
    groups.retain(|g| !g.lines.is_empty());
    groups
}

/// A metric's value as it is marked.
pub(crate) fn value(facts: &Facts, name: &str) -> Option<f64> {
    let at = candleflow_kernels::metrics::metric_index(name)?;
    facts.views.first()?.1.get(at).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_stands_in_one_group() {
        assert!(NAMED.iter().flat_map(|(_, names)| *names).all(|name| CATALOGUE.iter().any(|m| m.name == *name)));
        let facts = Facts { views: vec![("mark".into(), vec![Some(1.0); CATALOGUE.len()])], ..Facts::default() };
        let mut names: Vec<_> = groups(&facts).iter().flat_map(|g| g.lines.iter().map(|l| l.metric.name)).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CATALOGUE.len());
    }

    #[test]
    fn what_has_no_value_is_left_out_and_equal_views_are_one() {
        let mut values = vec![None; CATALOGUE.len()];
        values[0] = Some(1.0);
        let facts =
            Facts { views: vec![("mark".into(), values.clone()), ("closed".into(), values)], ..Facts::default() };
        let groups = groups(&facts);
        assert_eq!((groups.len(), groups[0].lines.len(), groups[0].lines[0].values.len()), (1, 1, 1));
    }
}
