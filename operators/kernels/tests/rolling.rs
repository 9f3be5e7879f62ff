//! The rolling primitives against direct computation, over more rows than any of their capacities.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]

mod common;

use candleflow_kernels::indicator::lookup;
use candleflow_kernels::rolling::{
    Average, CoMoments, Cumulative, Heir, Highest, HighestAt, Lag, Lowest, Mean, Moments, Order, Sum, Weighted, Window,
};
use common::{Bars, Random};
use proptest::prelude::*;

/// Values with ties, and a spike now and then that would leave its rounding in a running sum.
fn values(seed: u64, rows: usize) -> Vec<f64> {
    let mut random = Random(seed);
    (0..rows)
        .map(|_| match random.below(40) {
            0 => 1e12,
            1 => -1e12,
            _ => random.below(16) as f64 * 0.37 + 100.0,
        })
        .collect()
}

/// Double-double sum: the direct computation.
fn exact_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut high, mut low) = (0.0f64, 0.0f64);
    for x in values {
        let sum = high + x;
        let part = sum - high;
        low += (high - (sum - part)) + (x - part);
        high = sum;
    }
    high + low
}

/// Rounding of values of this size, over a window.
fn rounding(window: &[f64]) -> f64 {
    window.iter().map(|x| x.abs()).sum::<f64>() * 1e-14
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn sums_and_extremes_are_those_of_the_window(seed in any::<u64>(), n in 1..70usize, rows in 1..600usize) {
        let x = values(seed, rows);
        let (mut sum, mut mean) = (Sum::new(n), Mean::new(n));
        let (mut high, mut low) = (Highest::new(n), Lowest::new(n));
        let (mut order, mut window) = (Order::new(n), Window::new(n));
        for row in 0..rows {
            let (total, middle) = (sum.push(x[row]), mean.push(x[row]));
            let (top, bottom) = (high.push(x[row]), low.push(x[row]));
            let sorted = order.push(x[row]).map(<[f64]>::to_vec);
            let held = window.push(x[row]).map(<[f64]>::to_vec);
            if row + 1 < n {
                prop_assert!(total.is_nan() && middle.is_nan() && top.is_nan() && bottom.is_nan() && sorted.is_none() && held.is_none());
                continue;
            }
            let part = &x[row + 1 - n..=row];
            let exact = exact_sum(part.iter().copied());
            prop_assert!((total - exact).abs() <= rounding(part));
            prop_assert!((middle - exact / n as f64).abs() <= rounding(part));
            prop_assert_eq!(top, part.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!(bottom, part.iter().copied().fold(f64::INFINITY, f64::min));
            let mut expected = part.to_vec();
            expected.sort_by(f64::total_cmp);
            prop_assert_eq!(sorted.unwrap(), expected);
            prop_assert_eq!(held.unwrap(), part.to_vec());
        }
    }

    #[test]
    fn the_held_extreme_follows_the_rule_for_ties(seed in any::<u64>(), n in 1..20usize) {
        let x = values(seed, 300);
        for heir in [Heir::Earliest, Heir::Latest] {
            let mut found = HighestAt::new(n, heir);
            let mut held = None;
            for row in 0..x.len() {
                let position = found.push(x[row]);
                if row + 1 < n {
                    prop_assert!(position.is_none());
                    continue;
                }
                let first = row + 1 - n;
                held = match held {
                    Some(at) if at >= first => Some(if x[row] >= x[at] { row } else { at }),
                    _ => {
                        let best = x[first..=row].iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let mut ties = (first..=row).filter(|&at| x[at] == best);
                        if heir == Heir::Earliest { ties.next() } else { ties.next_back() }
                    }
                };
                prop_assert_eq!(position.unwrap().row as usize, held.unwrap());
                prop_assert_eq!(position.unwrap().age as usize, row - held.unwrap());
            }
        }
    }

    #[test]
    fn moments_are_those_of_the_window(seed in any::<u64>(), n in 1..50usize) {
        let bars = Bars::walk(seed, 300);
        let (x, y) = (&bars.close, &bars.volume);
        let (mut moments, mut weighted, mut joint) = (Moments::new(n), Weighted::new(n), CoMoments::new(n));
        for row in 0..x.len() {
            let (mean, variance) = moments.push(x[row]);
            let line = weighted.push(x[row]);
            let pair = joint.push(x[row], y[row]);
            if row + 1 < n {
                prop_assert!(mean.is_nan() && variance.is_nan() && line.mean.is_nan() && pair.is_none());
                continue;
            }
            let (a, b) = (&x[row + 1 - n..=row], &y[row + 1 - n..=row]);
            let count = n as f64;
            let (ma, mb) = (exact_sum(a.iter().copied()) / count, exact_sum(b.iter().copied()) / count);
            let spread = |u: &[f64], mu: f64, v: &[f64], mv: f64| {
                exact_sum(u.iter().zip(v).map(|(u, v)| (u - mu) * (v - mv)))
            };
            let (xx, yy, xy) = (spread(a, ma, a, ma), spread(b, mb, b, mb), spread(a, ma, b, mb));
            let weights = exact_sum(a.iter().enumerate().map(|(k, x)| x * (k + 1) as f64)) / (count * (count + 1.0) / 2.0);
            let near = |ours: f64, direct: f64, size: f64| (ours - direct).abs() <= 1e-12 * size.max(1.0);
            prop_assert!(near(mean, ma, ma) && near(variance, xx / count, xx));
            prop_assert!(near(line.mean, ma, ma) && near(line.mean + line.tilt, weights, ma));
            let pair = pair.unwrap();
            prop_assert!(near(pair.xx, xx, xx) && near(pair.yy, yy, yy) && near(pair.xy, xy, (xx * yy).sqrt()));
        }
    }

    #[test]
    fn columns_have_the_bits_of_rows(seed in any::<u64>(), n in 1..80usize, cut in 0..500usize) {
        let x = values(seed, 500);
        let mut y = vec![0.0; 500];
        macro_rules! same {
            ($made:expr) => {
                let (mut rows, mut columns) = ($made, $made);
                columns.column(&x[..cut], &mut y[..cut]);
                columns.column(&x[cut..], &mut y[cut..]);
                for row in 0..x.len() {
                    prop_assert_eq!(rows.push(x[row]).to_bits(), y[row].to_bits(), "row {}", row);
                }
            };
        }
        same!(Sum::new(n));
        same!(Mean::new(n));
        same!(Average::ema(n));
        same!(Average::wilder(n));
        same!(Highest::new(n));
        same!(Lowest::new(n));
        same!(Lag::new(n - 1));
        let mut rows = Cumulative::default();
        let mut columns = Cumulative::default();
        y.copy_from_slice(&x);
        columns.column(&mut y[..cut]);
        columns.column(&mut y[cut..]);
        for row in 0..x.len() {
            prop_assert_eq!(rows.push(x[row]).to_bits(), y[row].to_bits());
        }
    }

    #[test]
    fn an_exponential_average_is_its_recursion(seed in any::<u64>(), n in 1..60usize) {
        let x = Bars::walk(seed, 400).close;
        let mut average = Average::ema(n);
        let alpha = 2.0 / (n as f64 + 1.0);
        let mut y = 0.0;
        for row in 0..x.len() {
            let ours = average.push(x[row]);
            if row + 1 < n {
                prop_assert!(ours.is_nan());
                continue;
            }
            y = if row + 1 == n { x[..n].iter().sum::<f64>() / n as f64 } else { y + alpha * (x[row] - y) };
            prop_assert!((ours - y).abs() <= 1e-12 * y.abs());
        }
    }
}

/// A price that falls from 1e5 to 1e-5 over ten million bars.
#[test]
fn sums_and_means_do_not_drift() {
    const ROWS: usize = 10_000_000;
    let step = (1e-10f64).powf(1.0 / ROWS as f64);
    let (mut price, mut random) = (1e5, Random(9));
    let mut names: Vec<_> = [("sma", 30.0), ("sum", 14.0), ("wma", 30.0), ("stddev", 20.0), ("linearreg", 14.0)]
        .map(|(name, n)| {
            let indicator = lookup(name).unwrap();
            (name, n as usize, indicator.make(&indicator.bind(&[n], &[]).unwrap()).unwrap())
        })
        .into();
    let mut total = Cumulative::default();
    let (mut high, mut low) = (0.0f64, 0.0f64);
    let mut block = vec![0.0; 4096];
    let mut y = vec![0.0; 4096];
    let mut row = 0;
    while row < ROWS {
        for x in &mut block {
            price *= step;
            *x = price * (1.0 + (random.below(1000) as f64 - 500.0) * 1e-5);
            let sum = high + *x;
            let part = sum - high;
            low += (high - (sum - part)) + (*x - part);
            high = sum;
            let ours = total.push(*x);
            assert!((ours - (high + low)).abs() <= 1e-12 * ours.abs());
        }
        row += block.len();
        for (name, n, kernel) in &mut names {
            kernel.run(&[&block], &mut [&mut y]);
            let window = &block[4096 - *n..];
            let count = *n as f64;
            let mean = exact_sum(window.iter().copied()) / count;
            let direct = match *name {
                "sum" => mean * count,
                "sma" => mean,
                "stddev" => (exact_sum(window.iter().map(|x| (x - mean) * (x - mean))) / count).sqrt(),
                _ => {
                    let weights = count * (count + 1.0) / 2.0;
                    let wma = exact_sum(window.iter().enumerate().map(|(k, x)| x * (k + 1) as f64)) / weights;
                    if *name == "wma" { wma } else { 3.0 * wma - 2.0 * mean }
                }
            };
            assert!((y[4095] - direct).abs() <= 1e-9 * direct.abs(), "{name} row {row}: {} {direct}", y[4095]);
        }
    }
}

#[test]
fn constant_input_is_exact_where_it_can_be() {
    let bars = vec![0.1; 600];
    for (name, params, expected) in [
        ("ema", vec![10.0], 0.1),
        ("dema", vec![10.0], 0.1),
        ("wma", vec![10.0], 0.1),
        ("stddev", vec![10.0], 0.0),
        ("linearreg_slope", vec![10.0], 0.0),
        ("macd", vec![], 0.0),
        ("rsi", vec![14.0], 50.0),
        ("cmo", vec![14.0], 0.0),
        ("stochrsi", vec![], 0.0),
        ("avgdev", vec![14.0], 0.0),
        ("zscore", vec![14.0], 0.0),
        ("skew", vec![14.0], 0.0),
    ] {
        let indicator = lookup(name).unwrap();
        let params = indicator.bind(&params, &[]).unwrap();
        let mut outputs = vec![vec![0.0; bars.len()]; indicator.outputs.len()];
        let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        indicator.make(&params).unwrap().run(&[&bars], &mut slices);
        for value in &outputs[0][indicator.lookback(&params)..] {
            assert!((value - expected).abs() <= 1e-16, "{name}: {value:e}");
        }
    }
}
