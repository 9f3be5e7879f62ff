//! Every function against TA-Lib's own values on recorded market data (`golden/generate.py` made them), and what goes
//! beyond it against its definition.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]

mod common;

use candleflow_kernels::indicator::{Class, Group, lookup};
use common::{Bars, shared};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FIRST: usize = 24;
const SPREAD: usize = 40;
const SEGMENTS: usize = 16;
const RECORD: usize = FIRST + SPREAD + 2 * SEGMENTS;

/// A line of `columns.tsv`.
struct Golden<'a> {
    function: &'a str,
    parameters: &'a str,
    inputs: Vec<&'a str>,
    series: &'a str,
    output: usize,
    first: usize,
    hash: u64,
    record: Option<&'a [f64]>,
    /// Rows on which TA-Lib's own rounding is off by more than the tolerance: there the direct computation is golden.
    corrected: usize,
}

/// Functions with such rows.
const CORRECTED: &[&str] = &["beta", "ht_dcphase", "ht_sine", "ma", "mama"];

#[test]
fn every_function_has_talibs_values() {
    let Some(checked) = check("columns") else { return };
    assert_eq!(checked.len(), 201, "functions of TA-Lib 0.8");
}

/// `golden/beyond.py` made these, with Tulip Indicators, pandas and numpy.
#[test]
fn what_talib_lacks_has_the_values_of_its_definition() {
    let Some(checked) = check("beyond") else { return };
    assert!(checked.len() > 50, "{checked:?}");
}

/// Compares every column of an index; the functions that it names.
fn check(index: &str) -> Option<BTreeSet<String>> {
    let data = shared()?.join("data");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let lines = std::fs::read_to_string(golden.join(index).with_extension("tsv")).unwrap();
    let bytes = std::fs::read(golden.join(if index == "columns" { "values.bin" } else { "beyond.bin" })).unwrap();
    let values: Vec<f64> = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let series: BTreeMap<&str, Bars> = [
        ("btc", "klines_5m/BTCUSDT-5m-2017.csv.gz"),
        ("eth", "klines_1m/ETHUSDT-1m-20210420-20210520.csv.gz"),
        ("btt", "klines_1m/BTTUSDT-1m-20210420-20210520.csv.gz"),
    ]
    .map(|(name, file)| (name, Bars::read(&data.join(file))))
    .into();

    let mut wrong = Vec::new();
    let mut checked = BTreeSet::new();
    for line in lines.lines() {
        let golden = parse(line, &values);
        let bars = &series[golden.series];
        assert!(golden.corrected * 50 < bars.len(), "{} is TA-Lib's on most rows", golden.function);
        assert!(golden.corrected == 0 || CORRECTED.contains(&golden.function), "{}", golden.function);
        if let Err(difference) = compare(&golden, bars) {
            wrong.push(format!("{} {} {}: {difference}", golden.function, golden.parameters, golden.series));
        }
        checked.insert(golden.function.to_owned());
    }
    assert!(wrong.is_empty(), "{} columns differ:\n{}", wrong.len(), wrong.join("\n"));
    Some(checked)
}

fn parse<'a>(line: &'a str, values: &'a [f64]) -> Golden<'a> {
    let cells: Vec<&str> = line.split('\t').collect();
    let record = cells[7].parse::<usize>().ok().map(|at| &values[at * RECORD..][..RECORD]);
    Golden {
        function: cells[0],
        parameters: cells[1],
        inputs: cells[2].split(',').collect(),
        series: cells[3],
        output: cells[4].parse().unwrap(),
        first: cells[5].parse().unwrap(),
        hash: u64::from_str_radix(cells[6], 16).unwrap(),
        record,
        corrected: cells[8].parse().unwrap(),
    }
}

/// One output of one function on one series.
fn compare(golden: &Golden<'_>, bars: &Bars) -> Result<(), String> {
    let indicator = lookup(golden.function).ok_or("not in the registry")?;
    let named: Vec<(&str, f64)> = golden
        .parameters
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
    let params = indicator.bind(&[], &named).map_err(|error| error.to_string())?;
    if indicator.lookback(&params) != golden.first {
        return Err(format!("first row {}, TA-Lib's is {}", indicator.lookback(&params), golden.first));
    }
    let mut outputs = vec![vec![0.0; bars.len()]; indicator.outputs.len()];
    let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    indicator.make(&params).unwrap().run(&bars.columns(&golden.inputs), &mut slices);
    let ours = &outputs[golden.output];
    if let Some(row) = ours[..golden.first].iter().position(|value| !value.is_nan()) {
        return Err(format!("{} on row {row}, before the first value", ours[row]));
    }
    if golden.hash != 0 && (indicator.class == Class::Exact || indicator.group == Group::Pattern) {
        return match hash(ours) == golden.hash {
            true => Ok(()),
            false => Err("not equal to the last bit".to_owned()),
        };
    }
    within(ours, golden.first, golden.record.unwrap())
}

/// Within 1e-9 of the value or of the median magnitude.
fn within(ours: &[f64], first: usize, record: &[f64]) -> Result<(), String> {
    let rows = ours.len() - first;
    let spread = (0..SPREAD).map(|k| FIRST + k * (rows - FIRST - 1) / (SPREAD - 1));
    let mut magnitudes: Vec<f64> = record[..FIRST + SPREAD].iter().map(|value| value.abs()).collect();
    magnitudes.retain(|value| value.is_finite());
    magnitudes.sort_by(f64::total_cmp);
    let median = magnitudes.get(magnitudes.len() / 2).copied().unwrap_or(0.0);
    for (row, &theirs) in (0..FIRST).chain(spread).zip(record) {
        let value = ours[first + row];
        let close = value == theirs
            || (value.is_nan() && theirs.is_nan())
            || (value - theirs).abs() <= 1e-9 * theirs.abs().max(median);
        if !close {
            return Err(format!("{value:e} on row {}, TA-Lib's is {theirs:e}", first + row));
        }
    }
    for (k, theirs) in record[FIRST + SPREAD..].chunks_exact(2).enumerate() {
        let part = first + k * rows / SEGMENTS..first + (k + 1) * rows / SEGMENTS;
        let finite = part.clone().filter(|&row| ours[row].is_finite());
        let (mut size, mut signed) = (0.0, 0.0);
        for row in finite {
            size += ours[row].abs();
            let minus = (row as u64).wrapping_mul(2_654_435_761) >> 16 & 1 == 0;
            signed += if minus { -ours[row] } else { ours[row] };
        }
        let tolerance = 1e-9 * theirs[0];
        if (size - theirs[0]).abs() > tolerance || (signed - theirs[1]).abs() > tolerance {
            return Err(format!("sums {size:e} {signed:e} over rows {part:?}, TA-Lib's are {theirs:?}"));
        }
    }
    Ok(())
}

fn hash(column: &[f64]) -> u64 {
    column.iter().fold(0xCBF2_9CE4_8422_2325, |digest, value| (digest ^ value.to_bits()).wrapping_mul(0x100_0000_01B3))
}
