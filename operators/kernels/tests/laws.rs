//! The laws that hold for every indicator in the registry, on series with ties, flat stretches and NULLs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]

mod common;

use candleflow_kernels::indicator::{Class, Group, Indicator, Kernel, OutputKind, ParamKind, TULIP, lookup, registry};
use common::{Bars, Random};
use proptest::prelude::*;

const ROWS: usize = 420;

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Chunks of any length, restored anywhere, give the bits of one run over everything.
    #[test]
    fn chunks_and_restores_do_not_show(seed in any::<u64>()) {
        let bars = with_nulls(Bars::walk(seed, ROWS), seed);
        let mut random = Random(seed);
        for indicator in registry() {
            let params = draw(indicator, &mut random);
            let whole = run(indicator, &params, &bars, |_| ROWS);
            for size in [1, 2, 3, 5, 7, 13, 100] {
                let chunked = run(indicator, &params, &bars, |_| size);
                prop_assert_eq!(difference(&whole, &chunked), None, "{} {:?} in chunks of {}", indicator.name, params, size);
            }
            let mut sizes = Random(seed ^ 1);
            let restored = run_restored(indicator, &params, &bars, |_| 1 + sizes.below(90) as usize);
            prop_assert_eq!(difference(&whole, &restored), None, "{} {:?} restored", indicator.name, params);
        }
    }

    /// A row depends on the rows before it and on nothing else.
    #[test]
    fn a_prefix_of_the_input_gives_a_prefix_of_the_output(seed in any::<u64>(), rows in 1..ROWS) {
        let bars = with_nulls(Bars::walk(seed, ROWS), seed);
        let mut random = Random(seed);
        for indicator in registry() {
            let params = draw(indicator, &mut random);
            let whole = run(indicator, &params, &bars, |_| ROWS);
            let part = run_rows(indicator, &params, &bars, rows);
            let cut: Vec<Vec<f64>> = whole.iter().map(|column| column[..rows].to_vec()).collect();
            prop_assert_eq!(difference(&cut, &part), None, "{} {:?} of {} rows", indicator.name, params, rows);
        }
    }

    /// Leading NULLs are skipped; a later NULL gives NULL and changes nothing.
    #[test]
    fn a_row_with_a_null_might_as_well_not_be_there(seed in any::<u64>()) {
        let bars = with_nulls(Bars::walk(seed, ROWS), seed);
        let mut random = Random(seed);
        for indicator in registry().iter().filter(|indicator| indicator.group != Group::Logic) {
            let params = draw(indicator, &mut random);
            let whole = run(indicator, &params, &bars, |_| ROWS);
            let inputs = bars.columns(indicator.inputs);
            let kept: Vec<usize> = (0..ROWS).filter(|&row| inputs.iter().all(|input| input[row].is_finite())).collect();
            let columns: Vec<Vec<f64>> =
                inputs.iter().map(|input| kept.iter().map(|&row| input[row]).collect()).collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let mut kernel = indicator.make(&params).unwrap();
            let dense = feed(&mut kernel, &columns, indicator.outputs.len(), |_| ROWS);
            for (whole, dense) in whole.iter().zip(&dense) {
                let mut next = dense.iter();
                for (row, value) in whole.iter().enumerate() {
                    let expected = if kept.binary_search(&row).is_ok() { *next.next().unwrap() } else { f64::NAN };
                    prop_assert_eq!(value.to_bits(), expected.to_bits(), "{} row {}", indicator.name, row);
                }
            }
        }
    }
}

/// What has no value before something happens: an anchor, a trade, a turn; and prices are not in the domain of the arc
/// functions.
const WAITS: &[&str] = &[
    "acos",
    "asin",
    "bars_since",
    "highest_since",
    "lowest_since",
    "pivots",
    "value_when",
    "vwap_anchored",
    "vwap_session",
    "zigzag",
];

#[test]
fn values_start_where_the_registry_says() {
    for seed in 0..6 {
        let bars = Bars::walk(seed, ROWS);
        let mut random = Random(seed);
        for indicator in registry().iter().filter(|indicator| !WAITS.contains(&indicator.name)) {
            let params = draw(indicator, &mut random);
            let first = indicator.lookback(&params);
            for (output, column) in indicator.outputs.iter().zip(run(indicator, &params, &bars, |_| ROWS)) {
                let found = column.iter().position(|value| !value.is_nan());
                let expected = if output.kind == OutputKind::Flag { Some(0) } else { Some(first) };
                let expected = expected.filter(|&row| row < ROWS);
                assert_eq!(found, expected, "{} {params:?} {}", indicator.name, output.name);
            }
        }
    }
}

#[test]
fn outputs_hold_one_kind_of_nan_and_flags_hold_none() {
    let bars = with_nulls(Bars::walk(7, ROWS), 7);
    for indicator in registry() {
        let params = indicator.bind(&[], &[]).unwrap();
        for (output, column) in indicator.outputs.iter().zip(run(indicator, &params, &bars, |_| 100)) {
            for value in column {
                assert!(!value.is_nan() || value.to_bits() == f64::NAN.to_bits(), "{}", indicator.name);
                match output.kind {
                    OutputKind::Flag => assert!(value == 0.0 || value == 1.0, "{} {value}", indicator.name),
                    OutputKind::Integer => assert!(value.is_nan() || value.trunc() == value, "{}", indicator.name),
                    OutputKind::Real => {}
                }
            }
        }
    }
}

#[test]
fn a_state_is_bounded_versioned_and_refused_when_damaged() {
    let bars = Bars::walk(3, ROWS);
    for indicator in registry() {
        let params = indicator.bind(&[], &[]).unwrap();
        let mut kernel = indicator.make(&params).unwrap();
        let size = indicator.state_bytes(&params).unwrap();
        feed(&mut kernel, &bars.columns(indicator.inputs), indicator.outputs.len(), |_| ROWS);
        let mut bytes = Vec::new();
        kernel.save(&mut bytes);
        assert_eq!(bytes.len(), size, "{} grows", indicator.name);
        let mut fresh = indicator.make(&params).unwrap();
        fresh.load(&mut &bytes[..]).unwrap();
        let mut again = Vec::new();
        fresh.save(&mut again);
        assert_eq!(bytes, again, "{} does not come back", indicator.name);
        let mut other = bytes.clone();
        other[0] = 99;
        assert!(indicator.make(&params).unwrap().load(&mut &other[..]).is_err(), "{}", indicator.name);
        if size > 1 {
            assert!(indicator.make(&params).unwrap().load(&mut &bytes[..size - 1]).is_err(), "{}", indicator.name);
        }
    }
}

#[test]
fn periods_longer_than_the_input_give_nothing_but_nulls() {
    let bars = Bars::walk(5, 50);
    for indicator in registry().iter().filter(|indicator| indicator.group != Group::Logic) {
        let params: Vec<f64> = indicator
            .params
            .iter()
            .map(|param| if param.kind == ParamKind::Int { param.max.min(1000.0) } else { param.default })
            .collect();
        let Ok(mut kernel) = indicator.make(&params) else { continue };
        let made = feed(&mut kernel, &bars.columns(indicator.inputs), indicator.outputs.len(), |_| 50);
        if indicator.lookback(&params) >= 50 {
            assert!(made.iter().flatten().all(|value| value.is_nan()), "{}", indicator.name);
        }
    }
}

#[test]
fn the_registry_is_sound() {
    for indicator in registry() {
        let defaults = indicator.bind(&[], &[]).unwrap();
        assert!(indicator.make(&defaults).is_ok(), "{}", indicator.name);
        assert_eq!(indicator.name, indicator.name.to_lowercase());
        assert_eq!(registry().iter().filter(|other| other.name == indicator.name).count(), 1, "{}", indicator.name);
        assert!(!indicator.doc.is_empty() && !indicator.source.is_empty() && !indicator.outputs.is_empty());
        let first = indicator.lookback(&defaults);
        match indicator.class {
            Class::PathDependent => assert_eq!(indicator.warmup(&defaults), None),
            Class::Converging => assert!(indicator.warmup(&defaults).unwrap() >= first, "{}", indicator.name),
            Class::Exact | Class::Epsilon => assert_eq!(indicator.warmup(&defaults), Some(first)),
        }
        for (at, param) in indicator.params.iter().enumerate() {
            for bad in [f64::NAN, f64::INFINITY, param.min - param.min.abs() - 1.0, param.max * 2.0 + 1e9] {
                let mut params = defaults.clone();
                params[at] = bad;
                let error = indicator.bind(&params, &[]).unwrap_err().to_string();
                assert!(error.contains(param.name) && error.contains(indicator.name), "{error}");
            }
        }
        let many = vec![1.0; indicator.params.len() + 1];
        assert!(indicator.bind(&many, &[]).unwrap_err().to_string().contains(indicator.name));
    }
}

#[test]
fn all_of_talib_and_all_of_tulip_are_there() {
    for (tulip, ours) in TULIP {
        assert!(lookup(ours).is_some(), "{ours}, Tulip's {tulip}");
    }
    assert!(registry().len() >= 257, "{}", registry().len());
    assert!(lookup("BBANDS").is_some_and(|found| found.output("upperband") == found.output("upper")));
    assert!(lookup("no such thing").is_none());
}

#[test]
fn what_is_wrong_with_arguments_is_said_in_one_sentence() {
    let said = |name: &str, positional: &[f64], named: &[(&str, f64)]| {
        lookup(name).unwrap().bind(positional, named).unwrap_err().to_string()
    };
    assert_eq!(said("sma", &[0.0], &[]), "sma: timeperiod must be a whole number from 1 to 100000, got 0");
    assert_eq!(said("rsi", &[-3.0], &[]), "rsi: timeperiod must be a whole number from 2 to 100000, got -3");
    assert_eq!(said("rsi", &[f64::NAN], &[]), "rsi: timeperiod must be a whole number from 2 to 100000, got NaN");
    assert_eq!(said("ema", &[1e9], &[]), "ema: timeperiod must be a whole number from 1 to 100000, got 1000000000");
    assert_eq!(said("ema", &[2.5], &[]), "ema: timeperiod must be a whole number from 1 to 100000, got 2.5");
    assert_eq!(said("rsi", &[14.0, 3.0], &[]), "rsi takes 1 parameter (timeperiod), got 2 arguments");
    assert_eq!(
        said("macd", &[12.0], &[("fast", 3.0)]),
        "macd has no argument fast, it takes 4 parameters (fastperiod, slowperiod, signalperiod, compat)"
    );
    assert_eq!(said("macd", &[12.0], &[("fastperiod", 3.0)]), "macd: fastperiod is given twice");
    assert_eq!(said("mavp", &[9.0, 5.0], &[]), "mavp: minperiod must be at most maxperiod, got 9 and 5");
    assert_eq!(said("ema", &[9.0, 7.0], &[]), "ema: compat must be one of talib (0), tulip (1), got 7");
    let matype = lookup("ma").unwrap().params[1];
    assert_eq!((matype.number_of("KAMA"), matype.number_of("ham")), (Some(6.0), None));
    assert_eq!(lookup("macd").unwrap().bind(&[], &[("SIGNALPERIOD", 5.0)]), Ok(vec![12.0, 26.0, 5.0, 0.0]));
}

/// Parameters in range, short enough to see values.
fn draw(indicator: &Indicator, random: &mut Random) -> Vec<f64> {
    loop {
        let params: Vec<f64> = indicator
            .params
            .iter()
            .map(|param| match param.kind {
                ParamKind::Int => (param.min + random.below(30) as f64).min(param.max),
                ParamKind::Float if random.below(2) == 0 => param.default,
                ParamKind::Float => (param.default * 1.5).clamp(param.min, param.max),
                ParamKind::Choice(names) => names[random.below(names.len() as u64) as usize].1,
            })
            .collect();
        if indicator.bind(&params, &[]).is_ok() {
            return params;
        }
    }
}

/// NULLs at the start and here and there, a stretch of them, and an infinity, which counts as one.
fn with_nulls(mut bars: Bars, seed: u64) -> Bars {
    let mut random = Random(seed ^ 0xABCD);
    let leading = random.below(20) as usize;
    for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close, &mut bars.volume] {
        let rows = column.len();
        column[..leading].fill(f64::NAN);
        column[rows / 2] = f64::INFINITY;
        column[rows / 3..rows / 3 + 4].fill(-f64::NAN);
        for _ in 0..6 {
            column[random.below(rows as u64) as usize] = f64::NAN;
        }
    }
    bars
}

fn run(indicator: &Indicator, params: &[f64], bars: &Bars, size: impl FnMut(usize) -> usize) -> Vec<Vec<f64>> {
    let mut kernel = indicator.make(params).unwrap();
    feed(&mut kernel, &bars.columns(indicator.inputs), indicator.outputs.len(), size)
}

fn run_rows(indicator: &Indicator, params: &[f64], bars: &Bars, rows: usize) -> Vec<Vec<f64>> {
    let columns: Vec<&[f64]> = bars.columns(indicator.inputs).into_iter().map(|column| &column[..rows]).collect();
    feed(&mut indicator.make(params).unwrap(), &columns, indicator.outputs.len(), |_| rows)
}

/// Like [`run`], with a new kernel from the saved state after each chunk.
fn run_restored(
    indicator: &Indicator,
    params: &[f64],
    bars: &Bars,
    mut size: impl FnMut(usize) -> usize,
) -> Vec<Vec<f64>> {
    let columns = bars.columns(indicator.inputs);
    let mut kernel = indicator.make(params).unwrap();
    let mut made = vec![Vec::new(); indicator.outputs.len()];
    let mut at = 0;
    while at < bars.len() {
        let end = (at + size(at)).min(bars.len());
        let part: Vec<&[f64]> = columns.iter().map(|column| &column[at..end]).collect();
        for (all, part) in made.iter_mut().zip(feed(&mut kernel, &part, indicator.outputs.len(), |_| end - at)) {
            all.extend(part);
        }
        let mut bytes = Vec::new();
        kernel.save(&mut bytes);
        kernel = indicator.make(params).unwrap();
        let mut rest = bytes.as_slice();
        kernel.load(&mut rest).unwrap();
        assert!(rest.is_empty(), "{} leaves bytes", indicator.name);
        at = end;
    }
    made
}

/// Runs a kernel over columns in chunks.
fn feed(
    kernel: &mut Box<dyn Kernel>,
    columns: &[&[f64]],
    outputs: usize,
    mut size: impl FnMut(usize) -> usize,
) -> Vec<Vec<f64>> {
    let rows = columns[0].len();
    let mut made = vec![vec![0.0; rows]; outputs];
    let mut at = 0;
    while at < rows {
        let end = (at + size(at)).min(rows);
        let inputs: Vec<&[f64]> = columns.iter().map(|column| &column[at..end]).collect();
        let mut slices: Vec<&mut [f64]> = made.iter_mut().map(|column| &mut column[at..end]).collect();
        kernel.run(&inputs, &mut slices);
        at = end;
    }
    made
}

/// The first difference in bits, in words.
fn difference(a: &[Vec<f64>], b: &[Vec<f64>]) -> Option<String> {
    a.iter().zip(b).enumerate().find_map(|(output, (a, b))| {
        let row = a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits())?;
        Some(format!("output {output} row {row}: {:e} and {:e}", a[row], b[row]))
    })
}
