//! Every recorded file, against numbers that another program computed.

use crate::{
    expected::{EXPECTED, Expected},
    support::{read, read_with, shared},
};
use candleflow_files::{FileError, Gap, Layout, Options};
use candleflow_schema::{Bar, Origin, time};
use std::{collections::BTreeSet, path::Path};

fn check(root: &Path, expected: &Expected) {
    let name = expected.path;
    let read = read(&root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let bars = &read.bars;
    let summary = &read.summary;
    assert_eq!(bars.len() as u64, expected.bars, "{name}");
    assert_eq!(summary.rows, expected.bars, "{name}");
    assert_eq!((summary.quarantined, summary.duplicates, summary.out_of_order), (0, 0, 0), "{name}");
    assert_eq!(summary.interval.name(), expected.interval, "{name}");
    let (first, last) = (&bars[0], &bars[bars.len() - 1]);
    assert_eq!([first.open_time, last.open_time], expected.times, "{name}");
    assert_eq!((summary.first(), summary.last()), (Some(expected.times[0]), Some(expected.times[1])), "{name}");
    let values = |b: &Bar| [b.open.into(), b.high.into(), b.low.into(), b.close.into(), b.volume];
    assert_eq!((values(first), values(last)), (expected.first, expected.last), "{name}");
    assert_eq!(bars.iter().map(|b| b.volume).sum::<i128>(), expected.volume, "{name}");
    assert_eq!(bars.iter().map(|b| i128::from(b.close)).sum::<i128>(), expected.close, "{name}");
    let sum = |f: fn(&Bar) -> Option<i128>| bars.iter().map(f).sum::<Option<i128>>();
    assert_eq!(sum(|b| b.quote_volume), expected.quote_volume, "{name}");
    assert_eq!(sum(|b| b.trades.map(i128::from)), expected.trades.map(i128::from), "{name}");
    assert_eq!(sum(|b| b.taker_buy_volume), expected.taker_buy, "{name}");
    assert_eq!(sum(|b| b.taker_buy_quote_volume), expected.taker_buy_quote, "{name}");
    assert_eq!(summary.off_grid, expected.off_grid, "{name}");
    assert_eq!(summary.zero_volume, expected.zero_volume, "{name}");
    assert_eq!([summary.gaps.count, summary.gaps.bars], expected.gaps, "{name}");
    let symbol =
        if name.contains("ADABTC") { "ADABTC" } else { name.rsplit('/').next().unwrap().split('-').next().unwrap() };
    assert_eq!(summary.symbol().map(|s| s.as_ref()), Some(symbol), "{name}");
    for (i, bar) in bars.iter().enumerate() {
        assert!(bar.validate().is_ok() && &*bar.symbol == symbol && bar.interval == summary.interval, "{name}: {bar}");
        assert!(i == 0 || bars[i - 1].open_time < bar.open_time, "{name}: {bar}");
        assert_eq!(bar.origin, Origin::File);
    }
}

#[test]
fn every_recorded_file_is_read_to_the_last_digit() {
    let Some(root) = shared() else { return };
    for expected in EXPECTED {
        check(&root, expected);
    }
}

#[test]
fn no_recorded_file_of_bars_is_left_out() {
    let Some(root) = shared() else { return };
    let mut found = BTreeSet::new();
    for folder in ["klines_1m", "klines_5m", "klines_archive_csv", "klines_other_formats", "klines_rest_json"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            found.insert(format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()));
        }
    }
    let mut known: BTreeSet<String> = EXPECTED.iter().map(|e| e.path.to_owned()).collect();
    known.insert("klines_other_formats/BTCUSDT-1h-spreadsheet-mangled.csv".into());
    known.insert("klines_other_formats/SOLUSDT-5m-usdm-futures-with-header.csv.gz".into());
    assert_eq!(found, known);
}

#[test]
fn the_layouts_are_recognised() {
    let Some(root) = shared() else { return };
    for (path, layout) in [
        ("klines_1m/BTCUSDT-1m-20210420-20210520.csv.gz", Layout::Named { delimiter: ',' }),
        ("klines_archive_csv/BTCUSDT-1h-2024-11.csv", Layout::Archive { delimiter: ',' }),
        ("klines_rest_json/BTCUSDT-4h.json.gz", Layout::Rest),
        ("klines_other_formats/nautilus_ADABTC_pipe_separated-1m-2021-11-27.csv", Layout::Archive { delimiter: '|' }),
    ] {
        assert_eq!(candleflow_files::open(root.join(path)).unwrap().layout(), layout, "{path}");
    }
}

fn at(text: &str) -> i64 {
    time::parse(text).unwrap()
}

#[test]
fn the_outage_of_april_2021_is_a_gap() {
    let Some(root) = shared() else { return };
    for (name, from, bars) in [
        ("BTCUSDT", "2021-04-25T04:01", 284),
        ("NEOUSDT", "2021-04-25T04:01", 284),
        ("LTCUSDT", "2021-04-25T04:02", 283),
    ] {
        let read = read(&root.join(format!("klines_1m/{name}-1m-20210420-20210520.csv.gz"))).unwrap();
        let gap = Gap { symbol: name.into(), from: at(from), to: at("2021-04-25T08:45"), bars };
        assert_eq!(read.summary.gaps.listed, [gap], "{name}");
    }
}

#[test]
fn the_halt_of_february_2018_is_a_gap_and_the_bars_off_the_grid_behind_it_are_kept() {
    let Some(root) = shared() else { return };
    let read = read(&root.join("klines_5m/BTCUSDT-5m-2018.csv.gz")).unwrap();
    let halt = &read.summary.gaps.listed[1];
    assert_eq!((halt.from, halt.to, halt.bars), (at("2018-02-08T00:30"), at("2018-02-09T09:58:14.789"), 401));
    let off: Vec<&Bar> = read.bars.iter().filter(|b| !b.interval.on_grid(b.open_time)).collect();
    assert_eq!(off.len(), 241);
    assert!(off.iter().all(|b| b.open_time % 300_000_000 == 194_789_000));
    assert_eq!(off[0].open_time, at("2018-02-09T09:58:14.789"));
    assert_eq!(off[240].open_time, at("2018-02-10T05:58:14.789"));
}

#[test]
fn bars_of_zero_volume_are_kept_with_the_old_price() {
    let Some(root) = shared() else { return };
    let read = read(&root.join("klines_5m/BTCUSDT-5m-2017.csv.gz")).unwrap();
    let zero: Vec<&Bar> = read.bars.iter().filter(|b| b.volume == 0).collect();
    assert_eq!(zero.len(), 874);
    assert!(zero.iter().all(|b| b.open == b.close && b.quote_volume == Some(0)));
    assert_eq!(read.bars.iter().find(|b| b.open_time == at("2017-09-26T18:55")).unwrap().volume, 1_800);
}

#[test]
fn microseconds_read_as_milliseconds_give_the_bars_of_the_archive() {
    let Some(root) = shared() else { return };
    let path = "klines_other_formats/BTCUSDT-1h-2025-microseconds-read-as-milliseconds.csv.gz";
    let mangled = read(&root.join(path)).unwrap();
    assert_eq!(mangled.summary.rescaled_times, 8_760);
    let mut compared = 0;
    for month in 1..=5 {
        let archive = read(&root.join(format!("klines_archive_csv/BTCUSDT-1h-2025-0{month}.csv"))).unwrap();
        for bar in archive.bars {
            let same = mangled.bars.iter().find(|b| b.open_time == bar.open_time).unwrap_or_else(|| panic!("{bar}"));
            assert_eq!((same.open, same.high, same.low, same.close), (bar.open, bar.high, bar.low, bar.close), "{bar}");
            assert_eq!(same.volume, bar.volume, "{bar}");
            compared += 1;
        }
    }
    assert_eq!(compared, 3_624);
}

#[test]
fn archive_and_rest_say_the_same_of_the_same_hours() {
    let Some(root) = shared() else { return };
    let rest = read(&root.join("klines_rest_json/BTCUSDT-1h.json.gz")).unwrap();
    for month in ["2024-12", "2025-01"] {
        let archive = read(&root.join(format!("klines_archive_csv/BTCUSDT-1h-{month}.csv"))).unwrap();
        let from = rest.bars.iter().position(|b| b.open_time == archive.bars[0].open_time).unwrap();
        assert_eq!(rest.bars[from..from + archive.bars.len()], archive.bars);
    }
}

#[test]
fn times_that_a_spreadsheet_rounded_are_refused() {
    let Some(root) = shared() else { return };
    let path = "klines_other_formats/BTCUSDT-1h-spreadsheet-mangled.csv";
    let error = read(&root.join(path)).unwrap_err();
    assert!(matches!(&error, FileError::MangledTime { line: 2, text, .. } if text == "1.70027E+12"), "{error}");
    let text = error.to_string();
    for part in ["spreadsheet-mangled.csv, line 2", "1.70027E+12", "formatted as text"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn futures_are_refused_unless_they_are_wanted_under_a_name_of_their_own() {
    let Some(root) = shared() else { return };
    let path = root.join("klines_other_formats/SOLUSDT-5m-usdm-futures-with-header.csv.gz");
    for options in [
        Options::default(),
        Options { symbol: Some("SOLUSDT".into()), ..Options::default() },
        Options { allow_futures: true, ..Options::default() },
    ] {
        let error = read_with(&path, options).unwrap_err();
        assert!(matches!(&error, FileError::Futures { suggestion, .. } if suggestion == "SOLUSDT_PERP"), "{error}");
        assert!(error.to_string().contains("--allow-futures --symbol SOLUSDT_PERP"), "{error}");
    }
    let options = Options { allow_futures: true, symbol: Some("SOLUSDT_PERP".into()), ..Options::default() };
    let read = read_with(&path, options).unwrap();
    assert_eq!(read.summary.symbol().map(|s| s.as_ref()), Some("SOLUSDT_PERP"));
    assert_eq!(read.bars.len(), 8_928);
    assert_eq!((read.bars[0].open_time, read.bars[8_927].open_time), (1_759_276_800_000_000, 1_761_954_900_000_000));
    assert_eq!(read.bars.iter().map(|b| b.volume).sum::<i128>(), 88_891_380_637_000_000);
    assert_eq!(read.bars.iter().map(|b| b.quote_volume.unwrap()).sum::<i128>(), 17_803_592_185_663_576_000);
    assert_eq!(read.bars.iter().map(|b| b.taker_buy_volume.unwrap()).sum::<i128>(), 43_351_911_647_000_000);
    assert_eq!(read.bars.iter().map(|b| b.trades.unwrap()).sum::<i64>(), 127_124_151);
}

#[test]
fn files_of_other_things_are_no_bars() {
    let Some(root) = shared() else { return };
    for (path, options) in [
        ("aggtrades/bbgo_2023-11-17.csv", Options { symbol: Some("FXSUSDT".into()), ..Options::default() }),
        ("account_exports/everytrade/binance_v001.csv", Options::default()),
        ("account_exports/everytrade/coinbase_v001_M.csv", Options::default()),
        ("account_exports/rotki/binance_history_EXCERPT.csv", Options::default()),
        ("rest/exchangeInfo-spot-2021-10.json.gz", Options::default()),
        ("rest/real_418_bodies.jsonl", Options::default()),
        ("rest/binance-public-data/2022-10-04_aggregate_trade_updates.csv", Options::default()),
        ("rest/binance-public-data/2022-04-21_aggregate_trade_updates.zip", Options::default()),
        ("ws/crypto-msg-parser_raw_msgs.jsonl", Options::default()),
        ("README.md", Options::default()),
    ] {
        let error = read_with(&root.join(path), options).map(|r| r.summary).unwrap_err();
        assert!(matches!(error, FileError::Layout { .. } | FileError::Empty { .. }), "{path}: {error}");
        assert!(error.to_string().contains(path.rsplit('/').next().unwrap()), "{path}: {error}");
    }
}
