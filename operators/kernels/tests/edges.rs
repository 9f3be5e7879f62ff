//! Every indicator of the registry at the edges: shortest periods, constant prices, no volume, long series, bad arguments.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]

mod common;

use candleflow_kernels::indicator::{Class, Indicator, OutputKind, ParamKind, lookup, registry};
use common::Bars;

/// All outputs over all bars, `size` rows at a time, with a new kernel from the saved state after row `cut`.
fn run(indicator: &Indicator, params: &[f64], bars: &Bars, size: usize, cut: usize) -> Vec<Vec<f64>> {
    let inputs = bars.columns(indicator.inputs);
    let mut kernel = indicator.make(params).unwrap();
    let mut made = vec![vec![0.0; bars.len()]; indicator.outputs.len()];
    let mut at = 0;
    while at < bars.len() {
        let end = (at + size).min(if at < cut { cut } else { bars.len() });
        let x: Vec<&[f64]> = inputs.iter().map(|input| &input[at..end]).collect();
        let mut y: Vec<&mut [f64]> = made.iter_mut().map(|output| &mut output[at..end]).collect();
        kernel.run(&x, &mut y);
        at = end;
        if at == cut {
            let mut bytes = Vec::new();
            kernel.save(&mut bytes);
            kernel = indicator.make(params).unwrap();
            kernel.load(&mut bytes.as_slice()).unwrap();
        }
    }
    made
}

fn whole(indicator: &Indicator, params: &[f64], bars: &Bars) -> Vec<Vec<f64>> {
    run(indicator, params, bars, bars.len(), 0)
}

fn same_bits(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The least that every parameter takes; `None` where these do not fit each other.
fn least(indicator: &Indicator) -> Option<Vec<f64>> {
    let least = |param: &candleflow_kernels::indicator::Param| match param.kind {
        ParamKind::Int => param.min,
        ParamKind::Float | ParamKind::Choice(_) => param.default,
    };
    let params: Vec<f64> = indicator.params.iter().map(least).collect();
    indicator.bind(&params, &[]).ok()
}

#[test]
fn the_shortest_periods_are_taken_and_give_numbers() {
    let bars = Bars::walk(11, 300);
    for indicator in registry() {
        let Some(params) = least(indicator) else { panic!("{} has parameters that do not fit", indicator.name) };
        let made = whole(indicator, &params, &bars);
        assert!(same_bits(&made, &run(indicator, &params, &bars, 1, 150)), "{} {params:?}", indicator.name);
        for (output, column) in indicator.outputs.iter().zip(&made) {
            let finite = column.iter().all(|value| !value.is_infinite());
            assert!(finite || OVERFLOW.contains(&indicator.name), "{} {}", indicator.name, output.name);
        }
    }
}

/// What has no finite value for prices around 100, or, as its source says, after a bar without volume.
const OVERFLOW: &[&str] = &["cosh", "exp", "rvol", "sinh"];

/// An average of one value is the value.
#[test]
fn an_average_of_one_bar_is_that_bar() {
    let bars = Bars::walk(12, 200);
    for name in ["sma", "ema", "wma", "rma", "dema", "tema", "trima", "t3", "ma", "hma", "zlema", "kama"] {
        let indicator = lookup(name).unwrap();
        let Ok(params) = indicator.bind(&[1.0], &[]) else { continue };
        let [column] = whole(indicator, &params, &bars).try_into().unwrap();
        assert_eq!(column, bars.close, "{name}");
    }
}

/// Bars that never move, with a volume, or moving bars without one.
fn still(volume: f64, rows: usize) -> Bars {
    let mut bars = Bars::walk(13, rows);
    for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close] {
        column.fill(100.1);
    }
    bars.volume.fill(volume);
    bars
}

/// Outputs that count rows, or look at what is not constant here.
const COUNTS: &[&str] = &["maxindex", "minindex", "minmaxindex", "mavp"];

#[test]
fn constant_prices_give_constants_and_never_infinities() {
    for volume in [5.0, 0.0] {
        let bars = still(volume, 400);
        for indicator in registry() {
            let params = indicator.bind(&[], &[]).unwrap();
            let made = whole(indicator, &params, &bars);
            assert!(same_bits(&made, &run(indicator, &params, &bars, 7, 203)), "{}", indicator.name);
            let finite = made.iter().flatten().all(|value| !value.is_infinite());
            assert!(finite || OVERFLOW.contains(&indicator.name), "{} is infinite", indicator.name);
            let windowed = matches!(indicator.class, Class::Exact | Class::Epsilon);
            if !windowed || COUNTS.contains(&indicator.name) {
                continue;
            }
            let first = indicator.lookback(&params);
            for (output, column) in indicator.outputs.iter().zip(&made) {
                let value = column[first];
                let alike = |other: &f64| {
                    (value.is_nan() && other.is_nan()) || (value - other).abs() <= 1e-9 * value.abs().max(1e-3)
                };
                if output.kind != OutputKind::Flag && indicator.inputs.iter().all(|&input| !changes(input)) {
                    assert!(column[first..].iter().all(alike), "{} {}: {value}", indicator.name, output.name);
                }
            }
        }
    }
}

/// Inputs that are not constant in a series of constant bars.
fn changes(input: &str) -> bool {
    matches!(input, "periods" | "session" | "anchor" | "condition")
}

#[test]
fn bars_without_volume_have_values_without_infinities() {
    let mut bars = Bars::walk(14, 400);
    bars.volume.fill(0.0);
    for indicator in registry().iter().filter(|indicator| indicator.inputs.contains(&"volume")) {
        let params = indicator.bind(&[], &[]).unwrap();
        let made = whole(indicator, &params, &bars);
        assert!(same_bits(&made, &run(indicator, &params, &bars, 5, 111)), "{}", indicator.name);
        assert!(made.iter().flatten().all(|value| !value.is_infinite()), "{}", indicator.name);
    }
}

#[test]
fn a_series_longer_than_every_capacity_is_the_same_in_one_piece_and_in_many() {
    let bars = Bars::walk(15, 20_000);
    for indicator in registry() {
        let params = indicator.bind(&[], &[]).unwrap();
        let made = whole(indicator, &params, &bars);
        let one = run(indicator, &params, &bars, 1, 9_999);
        assert!(same_bits(&made, &one), "{} bar by bar", indicator.name);
        let odd = run(indicator, &params, &bars, 1_009, 12_345);
        assert!(same_bits(&made, &odd), "{} in odd pieces", indicator.name);
    }
}

/// Long windows have forms of their own: around the lengths where one form gives way to another.
#[test]
fn windows_of_every_length_are_the_same_in_one_piece_and_in_many() {
    let bars = Bars::walk(16, 700);
    for n in [2.0_f64, 3.0, 7.0, 8.0, 9.0, 16.0, 20.0, 21.0, 31.0, 63.0, 64.0, 65.0, 127.0, 128.0, 129.0, 257.0] {
        for indicator in registry() {
            let change = |param: &candleflow_kernels::indicator::Param| match param.kind {
                ParamKind::Int => n.clamp(param.min, param.max),
                ParamKind::Float | ParamKind::Choice(_) => param.default,
            };
            let params: Vec<f64> = indicator.params.iter().map(change).collect();
            if indicator.bind(&params, &[]).is_err() {
                continue;
            }
            let made = whole(indicator, &params, &bars);
            let one = run(indicator, &params, &bars, 1, 350);
            assert!(same_bits(&made, &one), "{} {params:?} bar by bar", indicator.name);
            let odd = run(indicator, &params, &bars, 37, 401);
            assert!(same_bits(&made, &odd), "{} {params:?} in odd pieces", indicator.name);
        }
    }
}

#[test]
fn a_bad_argument_is_named_with_its_range() {
    for indicator in registry() {
        let defaults = indicator.bind(&[], &[]).unwrap();
        for (at, param) in indicator.params.iter().enumerate() {
            let fraction = param.default + 0.5;
            let tried = [0.0, -1.0, -1e9, 1e9, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, fraction];
            for bad in tried.into_iter().filter(|&value| !param.takes(value)) {
                let mut params = defaults.clone();
                params[at] = bad;
                let said = indicator.bind(&params, &[]).unwrap_err().to_string();
                let expected = format!("{}: {} must be {}, got {bad}", indicator.name, param.name, param.range());
                assert_eq!(said, expected);
                assert_eq!(indicator.bind(&[], &[(param.name, bad)]).unwrap_err().to_string(), expected);
                assert_eq!(indicator.make(&params).err().unwrap().to_string(), expected);
            }
            assert_eq!(param.number_of("not a word"), None);
        }
        let many = [defaults, vec![1.0]].concat();
        let said = indicator.bind(&many, &[]).unwrap_err().to_string();
        let counted = said.starts_with(&format!("{} takes ", indicator.name)) && said.ends_with("arguments");
        assert!(counted, "{said}");
        let unknown = indicator.bind(&[], &[("no_such", 1.0)]).unwrap_err().to_string();
        assert!(unknown.contains("no_such") && unknown.contains(indicator.name), "{unknown}");
    }
}

/// What quants expect beyond TA-Lib, under the name that it has here.
#[test]
fn what_talib_lacks_is_there() {
    let names = "ichimoku pivots vwap_session vwap_anchored volatility_close volatility_parkinson \
        volatility_garman_klass volatility_rogers_satchell volatility_yang_zhang zscore rank quantile skew kurtosis \
        autocorr correl beta regbeta drawdown hurst fracdiff ha renko bars_since value_when highest_since lowest_since \
        crossany crossover crossunder emv fisher kvo mass msw vosc vidya decay edecay stderr alma frama kst mcginley \
        chop crsi stc cksp wavetrend squeeze zigzag";
    for name in names.split_whitespace() {
        let indicator = lookup(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(!indicator.source.is_empty() && !indicator.doc.is_empty(), "{name}");
    }
    let methods = lookup("pivots").unwrap().params;
    assert!(
        methods
            .iter()
            .any(|param| ["classic", "fibonacci", "camarilla"].iter().all(|word| param.number_of(word).is_some()))
    );
}

/// The way travelled and the way made good may both be infinite where no price and no step is.
#[test]
fn an_efficiency_of_steps_that_overflow_is_the_same_in_one_piece_and_in_many() {
    let mut bars = Bars::walk(17, 600);
    for (row, price) in [(200, 1.2e308), (201, 0.0), (202, -1.2e308)] {
        bars.close[row] = price;
    }
    for (name, params) in [("er", [2.0]), ("er", [10.0]), ("kama", [2.0]), ("kama", [30.0])] {
        let indicator = lookup(name).unwrap();
        let made = whole(indicator, &params, &bars);
        assert!(same_bits(&made, &run(indicator, &params, &bars, 1, 300)), "{name} {params:?} bar by bar");
        assert!(same_bits(&made, &run(indicator, &params, &bars, 101, 201)), "{name} {params:?} in odd pieces");
    }
    let er = whole(lookup("er").unwrap(), &[2.0], &bars);
    assert_eq!(er[0][202], 1.0, "all the way in one direction");
}
