use super::*;
use crate::{Overrides, canonical, read};
use proptest::prelude::*;

const BASE: &str = "\
name: p
source: { symbols: [BTCUSDT], interval: 1m }
params: { fast: 12, slow: 26 }
strategy: { long: { entry: \"close > $fast\", exit: \"close < $slow\" }, size: { equity: 10% } }
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% } }
";

fn document(block: &str) -> Document {
    read("p.yaml", &format!("{BASE}{block}"), &Overrides::default()).unwrap()
}

fn sweep(block: &str) -> Sweep {
    document(block).research.sweep.unwrap()
}

fn errors(block: &str) -> String {
    read("p.yaml", &format!("{BASE}{block}"), &Overrides::default()).unwrap_err().to_string()
}

fn texts(sweep: &Sweep, number: u64) -> Vec<String> {
    sweep.set(number).into_iter().map(|n| n.text).collect()
}

#[test]
fn sets_are_places_in_the_grid_and_the_last_parameter_moves_fastest() {
    let sweep =
        sweep("sweep: { grid: { fast: { from: 5, to: 15, step: 5 }, slow: [20, 50] }, where: \"$fast < $slow\" }");
    assert_eq!(sweep.size(), 6);
    let all: Vec<_> = (0..6).map(|n| texts(&sweep, n).join(" ")).collect();
    assert_eq!(all, ["5 20", "5 50", "10 20", "10 50", "15 20", "15 50"]);
}

#[test]
fn steps_do_not_drift() {
    let sweep =
        sweep("sweep: { grid: { fast: { from: 0.1, to: 2.0, step: 0.1 }, slow: { from: 1, to: -1, step: -5e-1 } } }");
    let fast: Vec<_> = (0..20).map(|n| sweep.axes[0].values.at(n).text).collect();
    assert_eq!(fast[2], "0.3");
    assert_eq!(fast[19], "2");
    assert_eq!(sweep.axes[0].values.at(2).value, 0.3, "0.1 + 0.1 + 0.1 would be 0.30000000000000004");
    let slow: Vec<_> = (0..5).map(|n| sweep.axes[1].values.at(n).text).collect();
    assert_eq!(slow, ["1", "0.5", "0", "-0.5", "-1"]);
}

#[test]
fn a_set_replaces_the_parameters_of_the_file() {
    let document = document("sweep: { grid: { slow: [20, 50] } }");
    let sweep = document.research.sweep.clone().unwrap();
    let set = document.with_set(&sweep, &sweep.set(1));
    assert_eq!((set.params_of("BTCUSDT")["fast"], set.params_of("BTCUSDT")["slow"]), (12.0, 50.0));
}

#[test]
fn research_is_no_part_of_what_a_run_is() {
    let plain = canonical(&document(""));
    let blocks = "sweep: { grid: { fast: [1, 2] } }
walk_forward: { train: 90d, test: 30d, choose: sharpe }
monte_carlo: { sims: 1000, seed: 7, of: returns, block: 5 }
";
    let document = document(blocks);
    assert_eq!(canonical(&document), plain);
    let walk = document.research.walk_forward.unwrap();
    assert_eq!((walk.train, walk.test, walk.step), (90 * 86_400_000_000, 30 * 86_400_000_000, 30 * 86_400_000_000));
    assert_eq!(document.research.monte_carlo.unwrap().of, Drawn::Returns);
}

#[test]
fn two_spellings_of_a_sweep_are_one_and_other_values_are_another() {
    let one = sweep("sweep: { grid: { fast: [1, 2] }, where: \"$fast  <  3\" }").canonical();
    assert_eq!(sweep("sweep:\n  where: \"$fast < 3\"\n  grid: { fast: [1.0, 2] } # same").canonical(), one);
    assert_ne!(sweep("sweep: { grid: { fast: [1, 3] }, where: \"$fast < 3\" }").canonical(), one);
}

#[test]
fn a_sweep_computes_the_metrics_that_it_names() {
    let of = |metrics: &str| sweep(&format!("sweep: {{ grid: {{ fast: [1, 2] }}{metrics} }}"));
    assert_eq!(of("").metrics, Choice::ALL);
    assert_eq!(of(", metrics: [trades, total_return]").metrics.names().collect::<Vec<_>>(), ["total_return", "trades"]);
    let sharpe = of(", metrics: [sharpe]");
    assert_eq!(sharpe.metrics.names().collect::<Vec<_>>(), ["sharpe", "skew", "kurtosis", "days"]);
    assert_eq!(of(", metrics: [trades, sharpe]").canonical(), of(", metrics: [sharpe, trades]").canonical());
    assert_ne!(sharpe.canonical(), of("").canonical());
}

#[test]
fn a_huge_grid_is_only_counted() {
    let axis = "{ from: 1, to: 1000000, step: 1 }";
    assert_eq!(sweep(&format!("sweep: {{ grid: {{ fast: {axis}, slow: {axis} }} }}")).size(), 1_000_000_000_000);
}

#[test]
fn mistakes_are_told_with_what_to_write() {
    for (block, expected) in [
        ("sweep: { where: \"$fast < 3\" }", "sweep lacks the key 'grid'"),
        ("sweep: { grid: {} }", "name at least one parameter"),
        ("sweep: { grid: { fsat: [1] } }", "grid names 'fsat', which params lacks"),
        ("sweep: { grid: { fast: [1, 2, 1.0] } }", "fast: 1.0 is listed twice"),
        ("sweep: { grid: { fast: 3 } }", "expected a list such as [5, 10]"),
        ("sweep: { grid: { fast: { from: 5, to: 50, step: 4 } } }", "end at 49, not at 50: write to: 49"),
        ("sweep: { grid: { fast: { from: 5, to: 50, step: 0 } } }", "does not get to 50 in steps of 0"),
        ("sweep: { grid: { fast: { from: 5, to: 50, step: -5 } } }", "does not get to 50"),
        ("sweep: { grid: { fast: { from: 0, to: 1, step: 1e-10 } } }", "values are too many"),
        ("sweep: { grid: { fast: { from: 0, to: 1, step: 1e-30 } } }", "at most 18 decimal places"),
        (
            "sweep: { grid: { fast: [1] }, random: { sets: 0, seed: 1 } }",
            "sets: expected a whole number from 1, found 0",
        ),
        ("sweep: { grid: { fast: [1] }, metrics: [sharp] }", "there is no metric 'sharp', did you mean 'sharpe'?"),
        ("sweep: { grid: { fast: [1] }, metrics: [] }", "name at least one"),
        ("sweep: { grid: { fast: [1] }, metrics: sharpe }", "expected a list such as [total_return, sharpe]"),
        ("sweep: { grid: { fast: [1] }, random: { sets: 5 } }", "random lacks the key 'seed'"),
        ("walk_forward: { train: 90d, test: 30d, choose: sharpe }", "add sweep: { grid: { ... } }"),
        (
            "sweep: { grid: { fast: [1] } }\nwalk_forward: { train: 90, test: 30d, choose: sharpe }",
            "a length of time such as 90d",
        ),
        (
            "sweep: { grid: { fast: [1] } }\nwalk_forward: { train: 9d, test: 3d, step: 1d, choose: sharpe }",
            "would overlap",
        ),
        ("monte_carlo: { sims: 10, seed: 1, of: trades, block: 3 }", "block: is for returns"),
        ("monte_carlo: { sims: 1e9, seed: 1 }", "sims: expected a whole number from 1 to 1000000"),
    ] {
        let text = errors(block);
        assert!(text.contains(expected), "{block}\n{text}");
    }
    let columns = "name: p\nsource: { symbols: [A], interval: 1m }\nparams: { n: 1 }\ncolumns: { a: close }\nsweep: { grid: { n: [1] } }\n";
    let text = read("p.yaml", columns, &Overrides::default()).unwrap_err().to_string();
    assert!(text.contains("sweep needs a strategy"), "{text}");
}

proptest! {
    /// Numbers and sets go to each other: counting through the axes finds every set at its place.
    #[test]
    fn numbers_count_through_the_grid(a in 1_u64..6, b in 1_u64..6, from in -50_i64..50, step in 1_i64..9) {
        let range = |count: u64| {
            let to = from + step * (count as i64 - 1);
            format!("{{ from: {from}e-2, to: {to}e-2, step: {step}e-2 }}")
        };
        let sweep = sweep(&format!("sweep: {{ grid: {{ slow: {}, fast: {} }} }}", range(a), range(b)));
        prop_assert_eq!(sweep.size(), u128::from(a * b));
        let mut number = 0;
        for i in 0..a {
            for j in 0..b {
                let values: Vec<f64> = sweep.set(number).iter().map(|n| n.value).collect();
                let expected = [i, j].map(|k| (from + step * k as i64) as f64 / 100.0);
                prop_assert_eq!(values, expected);
                number += 1;
            }
        }
    }
}
