//! Buying every symbol and holding it, and what days that are all alike come to.

use super::*;

#[test]
fn the_market_is_money_before_a_symbols_first_close() {
    // The first symbol returns 10 % and 10 %; the second begins on the second day, and doubles on the third.
    let mut metrics = Metrics::new(&[money("1000")], 2);
    let days: [(f64, f64, Option<f64>); 3] =
        [(1_000.0, 100.0, None), (1_010.0, 110.0, Some(50.0)), (1_030.0, 121.0, Some(100.0))];
    for (day, (equity, first, second)) in days.into_iter().enumerate() {
        metrics.equity(0, &equity_row(24 * day as i64, equity));
        metrics.market(0, first);
        if let Some(second) = second {
            metrics.market(1, second);
        }
    }
    // Worth of the market: 1, (1.1 + 1) / 2, (1.21 + 2) / 2.
    let theirs = [1.05 / 1.0 - 1.0, 1.605 / 1.05 - 1.0];
    let ours = [0.01, 1_030.0 / 1_010.0 - 1.0];
    let values = metrics.values();
    close(&values, "buy_and_hold_return", 0.605);
    close(&values, "buy_and_hold_max_drawdown_pct", 0.0);
    // Of two returns, the deviation is their distance by the root of two.
    let (mean, deviation) = ((theirs[0] + theirs[1]) / 2.0, (theirs[1] - theirs[0]) / 2_f64.sqrt());
    close(&values, "buy_and_hold_volatility", deviation * 365_f64.sqrt());
    close(&values, "buy_and_hold_sharpe", mean / deviation * 365_f64.sqrt());
    close(&values, "correlation", 1.0);
    let beta = (ours[1] - ours[0]) / (theirs[1] - theirs[0]);
    close(&values, "beta", beta);
    close(&values, "alpha", ((ours[0] + ours[1]) / 2.0 - beta * mean) * 365.0);
    let market: Vec<f64> = metrics.day_rows().iter().map(|row| row.market_ret.unwrap()).collect();
    assert!(market.iter().zip([0.0, theirs[0], theirs[1]]).all(|(a, b)| (a - b).abs() < 1e-12), "{market:?}");
}

#[test]
fn equal_days_have_no_deviation() {
    // The start of four days that return an eighth each, which doubles hold, and of a market that does not move.
    let mut metrics = Metrics::new(&[money("4096")], 1);
    let mut equity = 4_096.0;
    for day in 0..4 {
        equity *= 1.125;
        metrics.equity(0, &equity_row(24 * day, equity));
        metrics.market(0, 0.1);
    }
    let values = metrics.values();
    close(&values, "volatility", 0.0);
    close(&values, "buy_and_hold_volatility", 0.0);
    none(&values, &["sharpe", "skew", "kurtosis", "probabilistic_sharpe", "alpha", "beta", "correlation"]);
    none(&values, &["buy_and_hold_sharpe"]);
    // Three returns of 0.1 sum to a number whose third is another one.
    let equal = days::Returns::of(vec![0.1; 3]);
    assert_eq!((equal.deviation, equal.sharpe(), equal.skew, equal.kurtosis), (0.0, None, None, None));
    assert_eq!(days::Pair::of(&[0.1; 3], &[0.01, 0.02, 0.03]).beta(), Some(0.0));
    assert_eq!(days::Pair::of(&[0.01, 0.02, 0.03], &[0.1; 3]).beta(), None);
}

#[test]
fn the_market_is_what_it_closed_at_on_each_day() {
    let mut metrics = Metrics::new(&[money("1000")], 1);
    // The account moves by half of what the market does.
    for (day, change) in [0.0, 0.1, -0.2, 0.3, 0.1].into_iter().enumerate() {
        let equity = 1_000.0 + 500.0 * change;
        for hour in [0, 23] {
            metrics.equity(0, &equity_row(day as i64 * 24 + hour, equity));
            metrics.market(0, 100.0 * (1.0 + change));
        }
    }
    let ours = [1.05 / 1.0 - 1.0, 0.9 / 1.05 - 1.0, 1.15 / 0.9 - 1.0, 1.05 / 1.15 - 1.0];
    let theirs = [1.1 / 1.0 - 1.0, 0.8 / 1.1 - 1.0, 1.3 / 0.8 - 1.0, 1.1 / 1.3 - 1.0_f64];
    let mean = |values: &[f64; 4]| values.iter().sum::<f64>() / 4.0;
    let (a, b) = (mean(&ours), mean(&theirs));
    let covariance: f64 = ours.iter().zip(&theirs).map(|(x, y)| (x - a) * (y - b)).sum();
    let variance: f64 = theirs.iter().map(|y| (y - b) * (y - b)).sum();
    let values = metrics.values();
    close(&values, "beta", covariance / variance);
    close(&values, "alpha", (a - covariance / variance * b) * 365.0);
}
