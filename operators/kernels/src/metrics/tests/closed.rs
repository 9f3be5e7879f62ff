//! Closed views: the trades that a close would make, and the equity that it leaves.

use super::*;

#[test]
fn the_closed_view_counts_the_trades_that_close_would_make() {
    let metrics = four_days();
    let mut finish = Finish { equity: Some(equity_row(84, 1_080.0)), ..Finish::default() };
    finish.closed.trades.push(trade_row("-9"));
    let values = metrics.closed_view(&[finish]).unwrap().values();
    close(&values, "trades", 1.0);
    close(&values, "end_equity", 1_080.0);
    close(&values, "bars", 8.0);
    assert!((values[metric_index("best_day").unwrap()].unwrap() - 0.1).abs() < 1e-12);
}

/// A run over bars with these equities, the last of them closed at another.
fn closed_at(equities: &[f64], left: f64) -> (Metrics, Metrics) {
    let of = |equities: &[f64]| {
        let mut metrics = Metrics::new(&[money("1000")], 1);
        for (place, equity) in equities.iter().enumerate() {
            metrics.equity(0, &equity_row(place as i64 * 7, *equity));
            metrics.market(0, 100.0 + place as f64);
        }
        metrics
    };
    let last = equity_row((equities.len() as i64 - 1) * 7, left);
    let finish = Finish { equity: Some(last), ..Finish::default() };
    let closed = of(equities).closed_view(&[finish]).unwrap();
    let mut replaced = equities.to_vec();
    if let Some(last) = replaced.last_mut() {
        *last = left;
    }
    (closed, of(&replaced))
}

#[test]
fn the_closed_view_has_another_equity_at_its_last_bar_and_no_bar_more() {
    // Returns 10 %, -5 % and, closed, 1140 / 1045 - 1; the mark of 1150 is a peak that nobody had.
    let values = closed_at(&[1_100.0, 1_045.0, 1_150.0], 1_140.0).0.values();
    let returns = [0.1, -0.05, 1_140.0 / 1_045.0 - 1.0];
    let mean = returns.iter().sum::<f64>() / 3.0;
    let deviation = (returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 2.0).sqrt();
    // Three bars from hour 0 to hour 15.
    let a_year = 3.0 / (15.0 / 24.0 / 365.0_f64);
    close(&values, "sharpe_bar", mean / deviation * a_year.sqrt());
    close(&values, "avg_drawdown", 55.0);
    close(&values, "avg_drawdown_pct", 0.05);
    close(&values, "avg_drawdown_duration", 14.0 / 24.0);
    close(&values, "max_recovery", 7.0 / 24.0);
    close(&values, "time_under_water", 1.0 / 3.0);
    close(&values, "end_equity", 1_140.0);
    // A mark under water that the close lifts above the peak.
    let values = closed_at(&[1_100.0, 1_000.0], 1_110.0).0.values();
    close(&values, "max_drawdown", 0.0);
    close(&values, "time_under_water", 0.0);
}

proptest! {
    /// A closed view is the run over bars of which the last one has the equity that the close leaves.
    #[test]
    fn the_closed_view_is_the_run_with_its_last_equity_replaced(
        equities in prop::collection::vec(500_u32..1_500, 1..40), left in 500_u32..1_500,
    ) {
        let equities: Vec<f64> = equities.into_iter().map(f64::from).collect();
        let (closed, replaced) = closed_at(&equities, f64::from(left));
        let exposure = metric_index("exposure").unwrap();
        let (mut closed, mut replaced) = (closed.values(), replaced.values());
        // The helper calls a bar exposed by its equity.
        (closed[exposure], replaced[exposure]) = (None, None);
        prop_assert_eq!(closed, replaced);
    }
}
