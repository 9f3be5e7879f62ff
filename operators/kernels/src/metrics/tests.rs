//! Hand-checked statistics, and the laws of the accumulator.

use super::*;
use crate::money::Money;
use crate::strategy::{EquityRow, Finish, Reason, Side, TradeRow};
use proptest::prelude::*;

mod closed;
mod market;

const HOUR: i64 = 3_600_000_000;

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn equity_row(hour: i64, equity: f64) -> EquityRow {
    EquityRow {
        open_time: hour * HOUR,
        time: (hour + 1) * HOUR,
        cash: Money::ZERO,
        qty: Money::ZERO,
        price: 0,
        equity,
        drawdown: 0.0,
        exposed: equity != 1_000.0,
        is_final: false,
    }
}

fn trade_row(net: &str) -> TradeRow {
    TradeRow {
        symbol: 0,
        time: 0,
        fill_time: None,
        open: false,
        side: Side::Long,
        entry_order: 1,
        exit_order: Some(2),
        entry_time: 0,
        entry_fill_time: None,
        entry_price: money("100"),
        exit_price: money("100"),
        qty: money("1"),
        cost: money("100"),
        margin: money("100"),
        gross: money(net),
        fees: Money::ZERO,
        funding: Money::ZERO,
        cover: Money::ZERO,
        net: money(net),
        return_pct: money(net).to_f64() / 100.0,
        return_on_margin: 0.0,
        bars: 3,
        mae: Money::ZERO,
        mfe: Money::ZERO,
        entry_reason: Reason::Signal,
        exit_reason: Reason::Signal,
        entry_rule: 0,
        entry_tag: None,
        exit_tag: None,
        ambiguous: false,
        partial: false,
        gap: false,
        is_final: false,
    }
}

#[track_caller]
fn close(values: &[Option<f64>], name: &str, expected: f64) {
    let value = values[metric_index(name).unwrap()].unwrap_or(f64::NAN);
    assert!((value - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{name}: {value} is not {expected}");
}

#[track_caller]
fn none(values: &[Option<f64>], names: &[&str]) {
    for name in names {
        assert_eq!(values[metric_index(name).unwrap()], None, "{name}");
    }
}

/// Four days of two bars each; last equities 1100, 990, 990, 1089: returns 10 %, -10 %, 0, 10 %.
fn four_days() -> Metrics {
    let mut metrics = Metrics::new(&[money("1000")], 1);
    let equities = [1_050.0, 1_100.0, 880.0, 990.0, 1_000.0, 990.0, 1_000.0, 1_089.0];
    for (place, equity) in equities.into_iter().enumerate() {
        metrics.equity(0, &equity_row(place as i64 * 12, equity));
        metrics.market(0, 100.0 + place as f64);
    }
    metrics
}

#[test]
fn every_metric_has_a_name_of_its_own_and_a_value_in_its_place() {
    let values = four_days().values();
    assert_eq!(values.len(), CATALOGUE.len());
    let mut names: Vec<&str> = CATALOGUE.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CATALOGUE.len());
    assert!(CATALOGUE.iter().all(|metric| !metric.formula.is_empty()));
}

#[test]
fn four_days_by_hand() {
    let values = four_days().values();
    close(&values, "total_pnl", 89.0);
    close(&values, "total_return", 0.089);
    // Mean 0.025; squares 0.005625, 0.015625, 0.000625, 0.005625 sum to 0.0275.
    let deviation = (0.0275_f64 / 3.0).sqrt();
    close(&values, "volatility", deviation * 365_f64.sqrt());
    close(&values, "sharpe", 0.025 / deviation * 365_f64.sqrt());
    close(&values, "sortino", 0.025 / 0.05 * 365_f64.sqrt());
    close(&values, "omega", 2.0);
    // From hour 0 to hour 85: 85 / 24 / 365 years.
    let years = 85.0 / 24.0 / 365.0;
    let cagr = 1.089_f64.powf(1.0 / years) - 1.0;
    assert!((values[metric_index("cagr").unwrap()].unwrap() / cagr - 1.0).abs() < 1e-9);
    close(&values, "max_drawdown", 220.0);
    close(&values, "max_drawdown_pct", 0.2);
    close(&values, "max_drawdown_duration", 3.0);
    close(&values, "avg_drawdown_pct", 0.2);
    close(&values, "max_recovery", 0.0);
    close(&values, "ulcer_index", ((0.01 + 0.01 + 0.0001) / 4.0_f64).sqrt());
    close(&values, "best_day", 0.1);
    close(&values, "worst_day", -0.1);
    close(&values, "best_month", 0.089);
    close(&values, "buy_and_hold_return", 0.07);
    close(&values, "var_95", -0.085);
    close(&values, "cvar_95", -0.1);
    close(&values, "tail_ratio", 0.1 / 0.085);
    close(&values, "exposure", 6.0 / 8.0);
    close(&values, "bars", 8.0);
    close(&values, "days", 4.0);
    none(&values, &["win_rate", "profit_factor", "expectancy", "avg_win", "largest_loss", "payoff", "sqn", "kelly"]);
}

#[test]
fn trades_by_hand() {
    let mut metrics = four_days();
    for net in ["30", "10", "-20", "0", "-5", "-5"] {
        metrics.trade(&trade_row(net)).unwrap();
    }
    let mut open = trade_row("1000");
    open.open = true;
    metrics.trade(&open).unwrap();
    let values = metrics.values();
    for (name, expected) in [
        ("trades", 6.0),
        ("winning_trades", 2.0),
        ("losing_trades", 3.0),
        ("win_rate", 2.0 / 6.0),
        ("profit_factor", 40.0 / 30.0),
        ("expectancy", 10.0 / 6.0),
        ("avg_win", 20.0),
        ("avg_loss", -10.0),
        ("payoff", 2.0),
        ("largest_win", 30.0),
        ("largest_loss", -20.0),
        ("kelly", 2.0 / 6.0 - (4.0 / 6.0) / 2.0),
        ("max_win_streak", 2.0),
        ("max_loss_streak", 2.0),
        ("avg_bars", 3.0),
        ("avg_trade_pct", 0.1 / 6.0),
    ] {
        close(&values, name, expected);
    }
    let mean: f64 = 10.0 / 6.0;
    let squares: f64 = 900.0 + 100.0 + 400.0 + 50.0;
    close(&values, "sqn", 6_f64.sqrt() * mean / ((squares - 6.0 * mean * mean) / 5.0).sqrt());
}

#[test]
fn what_is_always_the_same_has_no_deviation() {
    // 0.1 has no exact double: sums of its squares less the square of its mean are what rounding left.
    let mut metrics = four_days();
    for _ in 0..3 {
        metrics.trade(&trade_row("0.1")).unwrap();
    }
    none(&metrics.values(), &["sqn"]);
    assert_eq!(metrics.trades.deviation(), 0.0);
    for _ in 0..3 {
        metrics.trade(&trade_row("-0.1")).unwrap();
    }
    assert_eq!(metrics.trades.losing_deviation(), 0.0);
    close(&metrics.values(), "sqn", 0.0);
    assert_eq!(statistic_of("sqn").unwrap().of(&[&[0.1, 0.1, 0.1]], &[]), None);
    // Bars that return 1/8 each.
    let mut grows = Metrics::new(&[money("4096")], 1);
    let mut equity = 4_096.0;
    for hour in 0..4 {
        equity *= 1.125;
        grows.equity(0, &equity_row(hour, equity));
    }
    none(&grows.values(), &["sharpe_bar"]);
    // One bar without a return makes a deviation: 1/8 four times and 0.
    grows.equity(0, &equity_row(4, equity));
    let (mean, deviation) = (0.1, (4.0 * 0.025 * 0.025 + 0.01_f64).sqrt() / 2.0);
    close(&grows.values(), "sharpe_bar", mean / deviation * (365.0 * 24.0_f64).sqrt());
}

#[test]
fn an_account_without_money_returns_nothing() {
    let mut metrics = Metrics::new(&[money("1000")], 1);
    for (day, equity) in [(0, 1_000.0), (1, 0.0), (2, 0.0), (3, 0.0)] {
        metrics.equity(0, &equity_row(24 * day, equity));
    }
    assert_eq!(metrics.daily_returns(), [0.0, -1.0, 0.0, 0.0]);
    let values = metrics.values();
    close(&values, "volatility", 0.5 * 365_f64.sqrt());
    close(&values, "sharpe", -0.5 * 365_f64.sqrt());
    assert_eq!(metrics.day_rows().last().unwrap().ret, Some(0.0));
    let blocks = metrics.return_blocks(0, 4 * 86_400_000_000);
    let sums: Vec<f64> = blocks.iter().map(|block| block.sum).collect();
    assert_eq!((sums.iter().sum::<f64>(), blocks.iter().map(|block| block.count).sum::<u64>()), (-1.0, 4));
}

#[test]
fn nothing_happened_is_none_or_zero() {
    let values = Metrics::new(&[money("1000")], 1).values();
    close(&values, "total_return", 0.0);
    close(&values, "max_drawdown_pct", 0.0);
    none(&values, &["cagr", "sharpe", "sortino", "volatility", "calmar", "exposure", "beta", "buy_and_hold_return"]);
    let mut flat = Metrics::new(&[money("1000")], 1);
    for hour in 0..72 {
        flat.equity(0, &equity_row(hour, 1_000.0));
    }
    let values = flat.values();
    none(&values, &["sharpe", "sortino", "calmar", "omega", "tail_ratio", "skew"]);
    close(&values, "volatility", 0.0);
    close(&values, "exposure", 0.0);
}

#[test]
fn daily_returns_fall_into_sixteen_blocks_of_time() {
    let metrics = four_days();
    let blocks = metrics.return_blocks(0, 4 * 24 * HOUR);
    let counts: Vec<u64> = blocks.iter().map(|block| block.count).collect();
    assert_eq!(counts, [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    assert!((blocks[4].sum + 0.1).abs() < 1e-12 && (blocks[4].squares - 0.01).abs() < 1e-12);
    // Days outside go to the ends.
    let blocks = metrics.return_blocks(24 * HOUR, 2 * 24 * HOUR);
    assert_eq!((blocks[0].count, blocks[15].count), (2, 2));
}

#[test]
fn accounts_are_summed_at_their_last_marks() {
    let mut both = Metrics::new(&[money("1000"), money("500")], 2);
    let mut one = Metrics::new(&[money("1500")], 1);
    for (hour, a, b) in
        [(0, 1_010.0, Some(490.0)), (12, 1_020.0, None), (24, 990.0, Some(600.0)), (36, 1_000.0, Some(610.0))]
    {
        both.equity(0, &equity_row(hour, a));
        if let Some(b) = b {
            both.equity(1, &equity_row(hour, b));
        }
        one.equity(0, &equity_row(hour, a + b.unwrap_or(490.0)));
    }
    let (both, one) = (both.values(), one.values());
    for name in ["end_equity", "sharpe", "max_drawdown", "max_drawdown_pct", "bars", "best_day"] {
        close(&both, name, one[metric_index(name).unwrap()].unwrap());
    }
}

#[test]
fn sharpe_ratios_are_deflated_by_the_number_of_trials() {
    assert!((normal_cdf(0.0) - 0.5).abs() < 1e-15);
    assert!((normal_cdf(1.959_963_984_540_054) - 0.975).abs() < 1e-12);
    assert!((normal_quantile(0.975).unwrap() - 1.959_963_984_540_054).abs() < 1e-9);
    assert_eq!(normal_quantile(1.0), None);
    // The example of Bailey and Lopez de Prado (2014): annual Sharpe 2.5 over 1250 daily returns of a 250-day year,
    // 100 trials of variance 1/2, skew -3, kurtosis 10 give 0.9004. Here a year has 365 days: rescaled.
    let scale = (365.0_f64 / 250.0).sqrt();
    let value = deflated_sharpe(2.5 * scale, 1250, -3.0, 10.0, 100, 0.5 * scale * scale).unwrap();
    assert!((value - 0.9004).abs() < 5e-4, "{value}");
    let alone = probabilistic_sharpe(2.5, 0.0, 1250, -3.0, 10.0).unwrap();
    assert!(alone > value);
}

proptest! {
    /// Restored anywhere, the accumulator goes on as if nothing had happened; drawdowns agree with a naive oracle.
    #[test]
    fn snapshots_change_nothing_and_drawdowns_are_right(
        equities in prop::collection::vec((1_i64..30, 1_u32..3_000), 1..80), cut: prop::sample::Index, accounts in 1_usize..3,
    ) {
        let balances = vec![money("1000"); accounts];
        let (mut whole, mut first) = (Metrics::new(&balances, accounts), Metrics::new(&balances, accounts));
        let cut = cut.index(equities.len());
        let (mut hour, mut peak, mut deepest) = (0, 1_000.0_f64, 0.0_f64);
        for (place, (step, equity)) in equities.iter().enumerate() {
            hour += step;
            for account in 0..accounts {
                whole.equity(account, &equity_row(hour, f64::from(*equity)));
                first.equity(account, &equity_row(hour, f64::from(*equity)));
                whole.market(account, f64::from(*equity));
                first.market(account, f64::from(*equity));
            }
            let equity = f64::from(*equity);
            peak = peak.max(equity);
            deepest = deepest.max((peak - equity) / peak);
            if place == cut {
                let bytes = first.save();
                first = Metrics::new(&balances, accounts);
                first.load(&bytes).unwrap();
                prop_assert_eq!(first.save(), bytes);
            }
        }
        prop_assert_eq!(first.save(), whole.save());
        let values = whole.values();
        let found = values[metric_index("max_drawdown_pct").unwrap()].unwrap();
        prop_assert!((found - deepest).abs() < 1e-15);
        prop_assert!(values.iter().flatten().all(|value| value.is_finite()));
    }
}

#[test]
fn drawdowns_and_holding_times_by_hand() {
    // Equity by the hour: 1000 | 1100 1050 1100 (over: 50 deep, back an hour after its trough) 990 880 (open, 220 deep).
    let mut metrics = Metrics::new(&[money("1000")], 1);
    for (hour, equity) in [1_100.0, 1_050.0, 1_100.0, 990.0, 880.0].into_iter().enumerate() {
        metrics.equity(0, &equity_row(hour as i64, equity));
        metrics.market(0, [100.0, 120.0, 90.0, 90.0, 108.0][hour]);
    }
    for (net, hours) in [("10", 2), ("-4", 6), ("6", 4)] {
        let mut row = trade_row(net);
        (row.entry_time, row.time) = (0, hours * HOUR);
        (row.entry_fill_time, row.fill_time) = (Some(HOUR), None);
        row.bars = hours as u32;
        metrics.trade(&row).unwrap();
    }
    let values = metrics.values();
    let day = 24.0;
    for (name, expected) in [
        ("avg_drawdown", (50.0 + 220.0) / 2.0),
        ("avg_drawdown_pct", (50.0 / 1_100.0 + 0.2) / 2.0),
        ("avg_recovery", 1.0 / day),
        ("max_recovery", 1.0 / day),
        ("time_under_water", 3.0 / 5.0),
        ("recovery_factor", -120.0 / 220.0),
        ("avg_holding", (1.0 + 5.0 + 3.0) / 3.0 / day),
        ("avg_holding_win", 2.0 / day),
        ("avg_holding_loss", 5.0 / day),
        ("max_holding", 5.0 / day),
        ("avg_bars_win", 3.0),
        ("avg_bars_loss", 6.0),
        ("best_trade_pct", 0.1),
        ("worst_trade_pct", -0.04),
        ("buy_and_hold_return", 0.08),
        ("buy_and_hold_max_drawdown_pct", 0.0),
    ] {
        close(&values, name, expected);
    }
}

#[test]
fn days_have_rows_of_their_own() {
    let rows = four_days().day_rows();
    let numbers: Vec<(f64, f64)> = rows.iter().map(|row| (row.equity, row.pnl)).collect();
    assert_eq!(numbers, [(1_100.0, 100.0), (990.0, -110.0), (990.0, 0.0), (1_089.0, 99.0)]);
    let days: Vec<i64> = rows.iter().map(|row| row.day).collect();
    assert_eq!(days, [0, 1, 2, 3]);
    let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
    assert!(near(rows[0].ret, 0.1) && near(rows[1].ret, -0.1) && near(rows[1].drawdown, 0.1));
    assert!(
        near(rows[3].drawdown, 0.01) && near(rows[0].market_ret, 0.01) && near(rows[1].market_ret, 103.0 / 101.0 - 1.0)
    );
    assert_eq!(four_days().daily_returns().len(), 4);
}

#[test]
fn symbols_have_statistics_of_their_own() {
    let mut metrics = Metrics::new(&[money("1000")], 2);
    for (symbol, net) in [(0, "10"), (1, "-3"), (0, "-2"), (1, "-5")] {
        let mut row = trade_row(net);
        row.symbol = symbol;
        metrics.trade(&row).unwrap();
    }
    let (first, second, both) = (metrics.symbol_values(0), metrics.symbol_values(1), metrics.values());
    for (name, a, b, all) in [("trades", 2.0, 2.0, 4.0), ("expectancy", 4.0, -4.0, 0.0), ("win_rate", 0.5, 0.0, 0.25)] {
        close(&first, name, a);
        close(&second, name, b);
        close(&both, name, all);
    }
    none(&first, &["sharpe", "total_return", "bars", "max_drawdown"]);
    // Of one symbol they are the run's.
    let alone = four_days();
    let place = metric_index("trades").unwrap();
    assert_eq!(alone.symbol_values(0)[place], alone.values()[place]);
    let bytes = metrics.save();
    let mut again = Metrics::new(&[money("1000")], 2);
    again.load(&bytes).unwrap();
    assert_eq!(again.symbol_values(1), second);
}

#[test]
fn every_metric_says_where_it_is_from_and_what_it_follows() {
    for metric in CATALOGUE {
        assert!(!metric.source.is_empty() && !metric.group.convention().is_empty(), "{}", metric.name);
    }
    for group in Group::ALL {
        assert!(CATALOGUE.iter().any(|metric| metric.group == group), "{}", group.name());
    }
}

/// What is called after a loss, a distance from a peak, a cost or an unfilled wish is better when there is less of it.
/// Values that carry their sign (`avg_loss`, `var_95`) are better when there is more.
#[test]
fn what_hurts_is_better_when_there_is_less_of_it() {
    let hurts = |name: &str| {
        let words = ["drawdown", "recovery", "under_water", "ulcer", "volatility", "losing", "loss_streak", "fees"];
        let others = ["funding", "turnover", "ambiguous", "rejected", "kurtosis"];
        name != "recovery_factor" && words.iter().chain(&others).any(|word| name.contains(word))
    };
    for metric in CATALOGUE {
        assert_eq!(metric.less_is_better, hurts(metric.name), "{}", metric.name);
    }
}
