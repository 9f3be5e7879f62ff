use super::super::{CATALOGUE, metric_index};
use super::*;

const RETURNS: [f64; 8] = [0.02, -0.01, 0.03, -0.04, 0.0, 0.01, 0.02, -0.02];

fn value(name: &str, columns: &[&[f64]], params: &[f64]) -> Option<f64> {
    let statistic = statistic_of(name).unwrap();
    let params = if params.is_empty() { statistic.defaults() } else { params.to_vec() };
    statistic.of(columns, &params)
}

#[track_caller]
fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found}, expected {expected}");
}

/// Worked out from the definitions.
#[test]
fn returns_by_hand() {
    let mean = 0.01 / 8.0;
    let squares: f64 = RETURNS.iter().map(|r| (r - mean) * (r - mean)).sum();
    let deviation = (squares / 7.0).sqrt();
    close(value("sharpe", &[&RETURNS], &[252.0, 1.0]), mean / deviation * 252_f64.sqrt());
    close(value("volatility", &[&RETURNS], &[]), deviation * 365_f64.sqrt());
    close(value("sortino", &[&RETURNS], &[1.0, 0.0]), mean / (0.0021_f64 / 8.0).sqrt());
    close(value("omega", &[&RETURNS], &[]), 0.08 / 0.07);
    // Sorted: -0.04, -0.02, -0.01, 0, 0.01, 0.02, 0.02, 0.03; the 5th percentile lies 0.35 after the first.
    close(value("value_at_risk", &[&RETURNS], &[]), -0.04 + 0.35 * 0.02);
    close(value("cvar", &[&RETURNS], &[]), -0.04);
    close(value("cvar", &[&RETURNS], &[0.25, 0.0]), (-0.04 - 0.02) / 2.0);
    // empyrical: of the lowest (8 - 1) / 4 + 1, rounded down. quantstats: the middle of a normal distribution is its mean.
    close(value("cvar", &[&RETURNS], &[0.25, 1.0]), (-0.04 - 0.02) / 2.0);
    close(value("value_at_risk", &[&RETURNS], &[0.5, 2.0]), mean);
    close(value("tail_ratio", &[&RETURNS], &[]), (0.02 + 0.65 * 0.01) / 0.033);
    let product: f64 = RETURNS.iter().map(|r| 1.0 + r).product();
    close(value("total_return", &[&RETURNS], &[]), product - 1.0);
    close(value("cagr", &[&RETURNS], &[8.0]), product - 1.0);
    close(value("skew", &[&[1.0, 2.0, 6.0]], &[]), 6.0 / (14.0_f64 / 3.0).powf(1.5));
    close(value("kurtosis", &[&[1.0, 2.0, 3.0, 4.0]], &[]), 2.5625 / (1.25 * 1.25) - 3.0);
    assert_eq!(value("best_return", &[&RETURNS], &[]), Some(0.03));
    assert_eq!(value("worst_return", &[&RETURNS], &[]), Some(-0.04));
}

#[test]
fn a_benchmark_of_its_own_sharpe_is_a_coin() {
    let own = value("sharpe", &[&RETURNS], &[252.0, 0.0]).unwrap();
    close(value("probabilistic_sharpe", &[&RETURNS], &[252.0, own]), 0.5);
    // How many periods a year has does not change the chance that it is above zero.
    let daily = value("probabilistic_sharpe", &[&RETURNS], &[365.0, 0.0]).unwrap();
    close(value("probabilistic_sharpe", &[&RETURNS], &[1.0, 0.0]), daily);
    close(value("deflated_sharpe", &[&RETURNS], &[365.0, 1.0, 0.5]), daily);
    assert!(value("deflated_sharpe", &[&RETURNS], &[365.0, 100.0, 0.5]).unwrap() < daily);
}

#[test]
fn equity_by_hand() {
    let equity = [100.0, 120.0, 90.0, 110.0, 150.0, 105.0, 105.0];
    assert_eq!(value("max_drawdown", &[&equity], &[]), Some(45.0));
    close(value("max_drawdown_pct", &[&equity], &[]), 0.3);
    let squares = 0.25_f64 * 0.25 + (1.0 / 12.0) * (1.0 / 12.0) + 0.09 + 0.09;
    close(value("ulcer_index", &[&equity], &[]), (squares / 7.0).sqrt());
    close(value("ulcer_index", &[&equity], &[2.0]), (squares / 6.0).sqrt());
    let returns: Vec<f64> = equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    close(value("calmar", &[&returns], &[6.0]), 0.05 / 0.3);
}

#[test]
fn trades_by_hand() {
    let pnl = [3.0, -1.0, 2.0, 4.0, 0.0, -2.0, -3.0, -1.0];
    assert_eq!(value("total_pnl", &[&pnl], &[]), Some(2.0));
    assert_eq!(value("win_rate", &[&pnl], &[]), Some(0.375));
    close(value("profit_factor", &[&pnl], &[]), 9.0 / 7.0);
    assert_eq!(value("expectancy", &[&pnl], &[]), Some(0.25));
    close(value("payoff", &[&pnl], &[]), 3.0 / 1.75);
    close(value("kelly", &[&pnl], &[]), 0.375 - 0.625 / (3.0 / 1.75));
    let deviation = (pnl.iter().map(|p| (p - 0.25) * (p - 0.25)).sum::<f64>() / 7.0).sqrt();
    close(value("sqn", &[&pnl], &[]), 8_f64.sqrt() * 0.25 / deviation);
    assert_eq!(value("max_win_streak", &[&pnl], &[]), Some(2.0));
    assert_eq!(value("max_loss_streak", &[&pnl], &[]), Some(3.0));
}

#[test]
fn a_market_by_hand() {
    let market = [0.01, 0.0, 0.02, -0.03, 0.01, 0.0, 0.01, -0.02];
    let doubled: Vec<f64> = market.iter().map(|m| 2.0 * m + 0.001).collect();
    close(value("beta", &[&doubled, &market], &[]), 2.0);
    close(value("alpha", &[&doubled, &market], &[]), 0.365);
    close(value("correlation", &[&doubled, &market], &[]), 1.0);
}

#[test]
fn what_has_no_value_is_none() {
    for statistic in STATISTICS {
        let empty: Vec<&[f64]> = statistic.series.columns().iter().map(|_| &[][..]).collect();
        assert_eq!(statistic.of(&empty, &statistic.defaults()), None, "{}", statistic.name);
        let one: Vec<&[f64]> = statistic.series.columns().iter().map(|_| &[0.0][..]).collect();
        let value = statistic.of(&one, &statistic.defaults());
        assert!(value.is_none_or(f64::is_finite), "{}", statistic.name);
    }
}

#[test]
fn a_year_has_as_many_returns_as_the_variants_library_says() {
    let of = |given: &[Option<f64>]| statistic_of("sharpe").unwrap().bind(given).unwrap();
    assert_eq!(of(&[]), [365.0, 0.0]);
    assert_eq!(of(&[None, Some(1.0)]), [252.0, 1.0]);
    assert_eq!(of(&[None, Some(2.0)]), [252.0, 2.0]);
    assert_eq!(of(&[None, Some(3.0)]), [365.0, 3.0]);
    assert_eq!(of(&[Some(12.0), Some(1.0)]), [12.0, 1.0]);
    assert!(statistic_of("sharpe").unwrap().bind(&[Some(0.0)]).is_err());
    assert_eq!(statistic_of("cagr").unwrap().defaults(), [365.0]);
}

#[test]
fn what_never_changes_has_no_ratios() {
    // 0.1 has no exact double: the mean of three of them, summed and divided, is another number.
    let same = [0.1; 3];
    let market = [0.01, 0.02, 0.03];
    for name in ["sharpe", "skew", "kurtosis", "probabilistic_sharpe", "sqn"] {
        assert_eq!(value(name, &[&same], &[]), None, "{name}");
    }
    assert_eq!(value("volatility", &[&same], &[]), Some(0.0));
    for name in ["alpha", "beta", "correlation"] {
        assert_eq!(value(name, &[&market, &same], &[]), None, "{name}");
    }
    assert_eq!(value("beta", &[&same, &market], &[]), Some(0.0));
    close(value("alpha", &[&same, &market], &[]), 36.5);
    assert_eq!(value("correlation", &[&same, &market], &[]), None);
}

#[test]
fn names_are_those_of_the_catalogue() {
    let own = ["value_at_risk", "cvar", "best_return", "worst_return", "deflated_sharpe", "total_return", "total_pnl"];
    for statistic in STATISTICS {
        let known = metric_index(statistic.name).or_else(|| metric_index(statistic.alias));
        assert!(known.is_some() || own.contains(&statistic.name), "{} is not in the catalogue", statistic.name);
        let same = STATISTICS.iter().filter(|other| statistic_of(other.name).unwrap().name == statistic.name).count();
        assert_eq!(same, 1, "{}", statistic.name);
    }
    assert!(CATALOGUE.len() > 50);
}
