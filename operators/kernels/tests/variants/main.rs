//! The metrics of one run as other libraries define them, against what those libraries gave.
//!
//! `variants.py` ran them on the same run, which is arithmetic and made here again, and wrote `golden.csv`;
//! `overfitting.py` computed how likely luck is from the definitions.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of it is a test")]

use candleflow_kernels::metrics::{
    BLOCKS, Metrics, ReturnBlock, Series, Variant, deflated_sharpe, metric_index, overfitting, probabilistic_sharpe,
    sharpe, statistic_of,
};
use candleflow_kernels::money::Money;
use candleflow_kernels::strategy::{EquityRow, Reason, Side, TradeRow};

const DAY: i64 = 86_400_000_000;
const DAYS: i64 = 400;
const TRADES: i64 = 60;

fn equity_row(day: i64, equity: f64) -> EquityRow {
    EquityRow {
        open_time: day * DAY,
        time: (day + 1) * DAY,
        cash: Money::ZERO,
        qty: Money::ZERO,
        price: 0,
        equity,
        drawdown: 0.0,
        exposed: true,
        is_final: false,
    }
}

/// Of `tenths` of money on an entry of `cost`.
fn trade_row(day: i64, tenths: i64, cost: i64) -> TradeRow {
    let money = |tenths: i64| Money::parse(&format!("{tenths}e-1")).unwrap();
    TradeRow {
        symbol: 0,
        time: (day + 1) * DAY,
        fill_time: None,
        open: false,
        side: Side::Long,
        entry_order: 0,
        exit_order: None,
        entry_time: day * DAY,
        entry_fill_time: None,
        entry_price: Money::ONE,
        exit_price: Money::ONE,
        qty: Money::ONE,
        cost: money(10 * cost),
        margin: money(10 * cost),
        gross: money(tenths),
        fees: Money::ZERO,
        funding: Money::ZERO,
        cover: Money::ZERO,
        net: money(tenths),
        return_pct: tenths as f64 / 10.0 / cost as f64,
        return_on_margin: 0.0,
        bars: 1,
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

fn run() -> Metrics {
    let mut metrics = Metrics::new(&[Money::parse("10000").unwrap()], 1);
    let mut equity = 10_000.0;
    for day in 0..DAYS {
        equity *= 1.0 + ((day * 7_919) % 1_000 - 480) as f64 / 20_000.0;
        metrics.equity(0, &equity_row(19_723 + day, equity));
        metrics.market(0, 100.0 + day as f64);
    }
    for place in 0..TRADES {
        let row = trade_row(19_723 + place, (place * 104_729) % 2_000 - 900, 1_000 + 10 * place);
        metrics.trade(&row).unwrap();
    }
    metrics
}

#[test]
fn every_value_is_the_librarys() {
    let metrics = run();
    let mut compared = 0;
    for line in include_str!("golden.csv").lines() {
        let words: Vec<&str> = line.split(',').collect();
        let variant = Variant::of(words[0]).unwrap();
        let values = metrics.variant_values(variant);
        let (_, ours) = values.iter().find(|(name, _)| *name == words[1]).unwrap();
        let (ours, theirs): (f64, f64) = (ours.unwrap(), words[2].parse().unwrap());
        // freqtrade rounds this one to four places.
        let bound = if (words[0], words[1]) == ("freqtrade", "sqn") { 5e-5 } else { 1e-9 * theirs.abs().max(1.0) };
        assert!((ours - theirs).abs() <= bound, "{line}: ours {ours}");
        compared += 1;
    }
    assert_eq!(compared, 63);
}

/// What a library gave, over series alone: of the days' returns, freqtrade's of the trades' profits.
#[test]
fn the_same_formulas_are_statistics_of_a_series() {
    let returns = run().daily_returns();
    let shares: Vec<f64> =
        (0..TRADES).map(|place| ((place * 104_729) % 2_000 - 900) as f64 / 10.0 / 10_000.0).collect();
    let mut compared = 0;
    for line in include_str!("golden.csv").lines() {
        let words: Vec<&str> = line.split(',').collect();
        // backtesting.py leaves the first day out of its ratios, and takes years of 365.25 days elsewhere.
        let known = ["sharpe", "sortino", "volatility", "omega", "tail_ratio", "var_95", "cvar_95", "skew", "kurtosis"];
        let of_trades = words[0] == "freqtrade" && !["sharpe", "sortino"].contains(&words[1]);
        let Some(statistic) = statistic_of(words[1]).filter(|_| known.contains(&words[1]) && !of_trades) else {
            continue;
        };
        assert_eq!(statistic.series, Series::Returns);
        let series = match words[0] {
            "freqtrade" => &shares,
            "backtesting_py" => &returns[1..],
            _ => &returns,
        };
        let given: Vec<Option<f64>> = statistic
            .params
            .iter()
            .map(|param| match param.name {
                "variant" => Some(param.number_of(words[0]).unwrap()),
                // 60 trades in the 399 days from the first bar's open to the last one's.
                "periods" if words[0] == "freqtrade" => Some(TRADES as f64 * 365.0 / (DAYS - 1) as f64),
                _ => None,
            })
            .collect();
        let ours = statistic.of(&[series], &statistic.bind(&given).unwrap()).unwrap();
        let theirs: f64 = words[2].parse().unwrap();
        assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{line}: ours {ours}");
        compared += 1;
    }
    assert_eq!(compared, 28);
}

#[test]
fn names_are_the_catalogues_and_each_variant_answers_to_its_own() {
    for variant in Variant::LIBRARIES {
        assert_eq!(Variant::of(variant.name()), Some(variant));
        let values = run().variant_values(variant);
        assert!(values.len() >= 10);
        for (place, (name, _)) in values.iter().enumerate() {
            assert!(metric_index(name).is_some(), "{name} of {variant:?}");
            assert!(values[..place].iter().all(|(other, _)| other != name), "{name} of {variant:?} twice");
        }
    }
    let house = run().variant_values(Variant::Candleflow);
    assert_eq!(house.iter().map(|(_, value)| *value).collect::<Vec<_>>(), run().values());
}

#[test]
fn a_run_without_trades_or_days_has_no_ratios() {
    let nothing = Metrics::new(&[Money::ONE], 1);
    for variant in Variant::LIBRARIES {
        for (name, value) in nothing.variant_values(variant) {
            assert!(value.is_none_or(f64::is_finite), "{name} of {variant:?}: {value:?}");
        }
    }
}

const SETS: i64 = 12;
const ROWS: i64 = 320;

/// Return of a set on a day, as `overfitting.py` makes it.
fn made_up(day: i64, set: i64) -> f64 {
    ((day * 7_919 + set * 104_729 + day * set * 31) % 1_000 - 490 + 3 * set) as f64 / 20_000.0
}

/// Overfitting and deflated Sharpe ratios against their definitions in numpy and scipy.
#[test]
fn overfitting_is_what_its_definition_gives() {
    let golden = include_str!("overfitting.csv");
    let number = |name: &str| -> f64 {
        let line = golden.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(','));
        line.unwrap().parse().unwrap()
    };
    let near = |ours: f64, name: &str| {
        let theirs = number(name);
        assert!((ours - theirs).abs() <= 1e-9, "{name}: ours {ours}, theirs {theirs}");
    };
    let mut sets = Vec::new();
    for set in 0..SETS {
        let mut blocks = [ReturnBlock::default(); BLOCKS];
        (0..ROWS).for_each(|day| blocks[(day * BLOCKS as i64 / ROWS) as usize].add(made_up(day, set)));
        sets.push(blocks);
    }
    let found = overfitting(&sets).unwrap();
    near(found.probability, "probability");
    near(found.mean_rank, "mean_rank");
    near(f64::from(found.splits), "splits");
    for set in [0, 5, 11] {
        let returns: Vec<f64> = (0..ROWS).map(|day| made_up(day, set)).collect();
        let count = ROWS as f64;
        let mean = returns.iter().sum::<f64>() / count;
        let moment = |power: i32| returns.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / count;
        let (skew, kurtosis) = (moment(3) / moment(2).powf(1.5), moment(4) / (moment(2) * moment(2)));
        let ratio = sharpe(&returns, 365.0, Variant::Candleflow).unwrap();
        let days = ROWS as usize;
        let probabilistic = probabilistic_sharpe(ratio, 0.0, days, skew, kurtosis).unwrap();
        near(probabilistic, &format!("probabilistic_{set}"));
        let deflated = deflated_sharpe(ratio, days, skew, kurtosis, SETS as u64, number("variance")).unwrap();
        near(deflated, &format!("deflated_{set}"));
    }
}
