//! Layouts that users have beside the recorded ones: the same bars, written in other ways, must come out the same.

use crate::support::*;
use candleflow_files::{FileError, Layout, Options};
use candleflow_schema::{Bar, Interval, KlineRecord, Origin, json, time};

const NAME: &str = "BTCUSDT-1m.csv";

fn plain() -> Vec<Bar> {
    given(NAME, sound(200)).unwrap().bars
}

/// The rows of the sound file with each cell rewritten.
fn rewritten(f: impl Fn(&[&str]) -> String) -> String {
    rows(0..200).lines().map(|line| f(&line.split(',').collect::<Vec<_>>())).collect()
}

#[test]
fn the_same_bars_in_any_container_and_dress_are_the_same() {
    let text = sound(200);
    let bom = format!("\u{FEFF}{text}");
    let (first, second) = text.split_at(text.find("\n161888").unwrap() + 1);
    let members = [gzip(first), gzip(second)].concat();
    let twice = format!("{}\n\n{HEADER}{}", sound(100), rows(100..200));
    let dressed: Vec<(&str, Vec<u8>)> = vec![
        ("plain", text.clone().into()),
        ("crlf", text.replace('\n', "\r\n").into()),
        ("bom", bom.clone().into()),
        ("gzip", gzip(&text)),
        ("gzip of several members", members),
        ("gzip with a byte order mark", gzip(&bom)),
        ("zip", zip(&[("BTCUSDT-1m-2021-04.csv", text.as_bytes())])),
        ("blank lines", text.replace('\n', "\n\n  \n,,,,,\n").into()),
        ("semicolons", text.replace(',', ";").into()),
        ("tabs", text.replace(',', "\t").into()),
        ("pipes", text.replace(',', " | ").into()),
        ("trailing delimiter", text.replace('\n', ",\n").into()),
        ("quoted", text.lines().map(|l| format!("\"{}\"\n", l.replace(',', "\",\""))).collect::<String>().into()),
        ("header repeated", twice.into()),
        ("no line break at the end", text.trim_end().to_owned().into()),
        ("address above", format!("https://www.example.com\n# one minute\n{text}").into()),
    ];
    for (dress, content) in dressed {
        let read = given(NAME, &content).unwrap_or_else(|e| panic!("{dress}: {e}"));
        assert_eq!(read.bars, plain(), "{dress}");
        assert_eq!(read.quarantined, [], "{dress}");
    }
}

#[test]
fn the_same_times_in_any_form_are_the_same() {
    let with_time = |f: &dyn Fn(i64) -> String| {
        format!("{HEADER}{}", rewritten(|c| format!("{},{}\n", f(c[0].parse::<i64>().unwrap()), c[1..].join(","))))
    };
    let text = |ms: i64| time::format(ms * 1_000).replace('T', " ").replace('Z', "");
    for (form, content) in [
        ("seconds", with_time(&|ms| (ms / 1_000).to_string())),
        ("microseconds", with_time(&|ms| (ms * 1_000).to_string())),
        ("nanoseconds", with_time(&|ms| (ms * 1_000_000).to_string())),
        ("floats", with_time(&|ms| format!("{ms}.0"))),
        ("text", with_time(&text)),
        ("text with zone", with_time(&|ms| format!("{}+00:00", text(ms)))),
        ("iso", with_time(&|ms| time::format(ms * 1_000))),
        (
            "mixed units",
            with_time(&|ms| if ms < minute(100) / 1_000 { ms.to_string() } else { (ms * 1_000).to_string() }),
        ),
    ] {
        let read = given(NAME, &content).unwrap_or_else(|e| panic!("{form}: {e}"));
        assert_eq!(read.bars, plain(), "{form}");
    }
    let two = format!(
        "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n{}",
        rewritten(|c| {
            let text = text(c[0].parse().unwrap());
            let (date, clock) = text.split_once(' ').unwrap();
            format!("{},{clock},{}\n", date.replace('-', "."), c[1..].join(","))
        })
    );
    assert_eq!(given(NAME, &two).unwrap().bars, plain());
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let content = format!(
        ",Number of trades,Close,Low,High,Open,Date,Volume,mood\n{}",
        rewritten(|c| format!("7,12.0,{},{},{},{},{},{},good\n", c[4], c[3], c[2], c[1], c[0], c[5]))
    );
    let read = given(NAME, &content).unwrap();
    let expected: Vec<Bar> = plain().into_iter().map(|b| Bar { trades: Some(12), ..b }).collect();
    assert_eq!(read.bars, expected);
    assert_eq!(read.summary.notes, ["columns that no bar has were passed over: mood"]);
    let site = format!(
        "https://www.example.com\nUnix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount\n{}",
        rows(0..200)
            .lines()
            .rev()
            .map(|line| {
                let c: Vec<&str> = line.split(',').collect();
                let date = time::format(c[0].parse::<i64>().unwrap() * 1_000).replace('T', " ").replace('Z', "");
                let quote = c[4].parse::<f64>().unwrap() * c[5].parse::<f64>().unwrap();
                format!("{},{date},BTC/USDT,{},{},{},{},{},{quote},\n", c[0], c[1], c[2], c[3], c[4], c[5])
            })
            .collect::<String>()
    );
    let read = given("Binance_BTCUSDT_minute.csv", &site).unwrap();
    let quote = |b: &Bar| Some(i128::from(b.close) * b.volume / 100_000_000);
    let expected: Vec<Bar> = plain().into_iter().map(|b| Bar { quote_volume: quote(&b), ..b }).collect();
    assert_eq!(read.bars, expected);
    assert_eq!((read.summary.out_of_order, read.summary.quarantined), (199, 0));
}

#[test]
fn the_exchanges_own_twelve_columns_need_no_header() {
    let text: String = (0..100).map(archive_row).collect();
    let json = format!(
        "[{}]",
        text.lines()
            .map(|l| {
                let c: Vec<&str> = l.split(',').collect();
                format!(
                    "[{},\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",{},\"{}\",{},\"{}\",\"{}\",\"{}\"]",
                    c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11]
                )
            })
            .collect::<Vec<_>>()
            .join(",")
    );
    let lines = json[1..json.len() - 1].replace("],[", "]\n[");
    let pretty = json.replace(',', ",\n   ").replace('[', "[\n  ");
    let csv = given(NAME, &text).unwrap();
    assert_eq!(csv.summary.layout, Layout::Archive { delimiter: ',' });
    let bar = &csv.bars[0];
    assert_eq!(
        (bar.open, bar.high, bar.low, bar.close),
        (10_050_000_000, 10_225_000_000, 9_912_500_000, 10_000_000_000)
    );
    assert_eq!((bar.volume, bar.quote_volume, bar.trades), (500_000_000, Some(50_010_000_000), Some(7)));
    assert_eq!((bar.taker_buy_volume, bar.taker_buy_quote_volume), (Some(250_000_000), Some(25_000_000_000)));
    for (name, content, layout) in [
        ("BTCUSDT-1m.json", &json, Layout::Rest),
        ("BTCUSDT-1m.txt", &json, Layout::Rest),
        ("BTCUSDT-1m.csv", &pretty, Layout::Rest),
        ("BTCUSDT-1m.jsonl", &lines, Layout::Rest),
    ] {
        let read = given(name, content).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((read.bars, read.summary.layout), (csv.bars.clone(), layout), "{name}");
    }
    let nulls = json.replace(",\"2.50000000\",\"250.00000000\"", ",null,null");
    let read = given("BTCUSDT-1m.json", &nulls).unwrap();
    assert!(read.bars.iter().all(|b| b.taker_buy_volume.is_none() && b.quote_volume.is_some()));
}

#[test]
fn other_json_that_users_have() {
    let six = format!("[{}]", rows(0..200).lines().map(|l| format!("[{l}]")).collect::<Vec<_>>().join(", "));
    let read = given("BTC_USDT-1m.json", &six).unwrap();
    assert_eq!((read.bars, read.summary.layout), (plain(), Layout::Ohlcv));
    let object = |line: &str| {
        let c: Vec<&str> = line.split(',').collect();
        format!(
            r#"{{"volume":{},"openTime":{},"time":"x","open":"{}","high":{},"low":{},"close":{}}}"#,
            c[5], c[0], c[1], c[2], c[3], c[4]
        )
    };
    let objects: Vec<String> = rows(0..200).lines().map(object).collect();
    for content in [objects.join("\n"), format!("[{}]", objects.join(",\n"))] {
        let read = given("BTCUSDT-1m.json", content).unwrap();
        assert_eq!((read.bars, read.summary.layout), (plain(), Layout::Objects));
    }
}

#[test]
fn lines_of_a_topic_are_read_for_all_their_symbols() {
    let mut text = String::new();
    let mut expected = Vec::new();
    for n in 0..50 {
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            let open_time = minute(if symbol == "ETHUSDT" && n >= 25 { n + 10 } else { n });
            let bar = Bar {
                symbol: symbol.into(),
                origin: Origin::Stream,
                open_time,
                quote_volume: None,
                ..plain()[0].clone()
            };
            text += std::str::from_utf8(&json::encode(&KlineRecord::Bar(bar.clone()))).unwrap();
            text += "\n";
            expected.push(Bar { origin: Origin::File, ..bar });
        }
        let complete = KlineRecord::Complete { symbol: "BTCUSDT".into(), interval: Interval::M1, time: minute(n + 1) };
        text += std::str::from_utf8(&json::encode(&complete)).unwrap();
        text += "\n";
    }
    let read = given("export.jsonl", &text).unwrap();
    assert_eq!(read.bars, expected);
    assert_eq!(read.summary.layout, Layout::Topic);
    assert_eq!((read.summary.complete, read.summary.rows, read.summary.symbol()), (50, 150, None));
    let symbols: Vec<_> = read.summary.symbols.iter().map(|s| (s.symbol.as_ref(), s.bars, s.first, s.last)).collect();
    assert_eq!(symbols, [("BTCUSDT", 50, minute(0), minute(49)), ("ETHUSDT", 50, minute(0), minute(59))]);
    assert_eq!((read.summary.gaps.count, read.summary.gaps.bars), (1, 10));
    let error = given("ETHUSDT-1m.jsonl", &text).unwrap_err();
    assert!(
        matches!(&error, FileError::SymbolConflict { found, stated, by: "the file name", .. } if found == "BTCUSDT" && stated == "ETHUSDT"),
        "{error}"
    );
    let error = given("export-5m.jsonl", &text).unwrap_err();
    assert!(matches!(error, FileError::IntervalConflict { .. }), "{error}");
}

#[test]
fn the_texts_of_a_zip_are_read_in_the_order_of_their_names() {
    let (a, b) = (sound(100), format!("{HEADER}{}", rows(100..200)));
    let content = zip(&[
        ("BTCUSDT-1m-2021-05.csv", b.as_bytes()),
        ("BTCUSDT-1m-2021-04.csv", a.as_bytes()),
        ("BTCUSDT-1m-2021-04.csv.CHECKSUM", b"abc"),
    ]);
    let read = given("all.zip", &content).unwrap();
    assert_eq!(read.bars, plain());
    assert_eq!(read.summary.symbol().map(|s| s.as_ref()), Some("BTCUSDT"));
    assert!(read.summary.notes[0].contains("CHECKSUM"), "{:?}", read.summary.notes);
    let bad = a.replacen("100.5", "1x0.5", 1);
    let read = given("all.zip", zip(&[("BTCUSDT-1m-2021-04.csv", bad.as_bytes())])).unwrap();
    assert!(read.quarantined[0].source.ends_with("all.zip/BTCUSDT-1m-2021-04.csv"));
    let both = zip(&[("BTCUSDT-1m.csv", a.as_bytes()), ("ETHUSDT-1m.csv", a.as_bytes())]);
    let read = given("both.zip", &both).unwrap();
    assert_eq!(read.summary.symbols.iter().map(|s| s.bars).collect::<Vec<_>>(), [100, 100]);
    let mixed = zip(&[("BTCUSDT-1m.csv", a.as_bytes()), ("BTCUSDT-5m.csv", a.as_bytes())]);
    assert!(matches!(given("mixed.zip", &mixed), Err(FileError::IntervalConflict { .. })));
}

#[test]
fn rows_in_any_order_come_out_in_order() {
    let descending = format!("{HEADER}{}", rows((0..200).rev()));
    let shuffled = format!("{HEADER}{}", rows((0..200).map(|i| i * 77 % 200)));
    for content in [descending, shuffled] {
        let read = given(NAME, &content).unwrap();
        assert_eq!(read.bars, plain());
        assert!(read.summary.out_of_order > 0);
        let options = Options { sort_limit: 199, ..Options::default() };
        let error = given_with(NAME, content.as_bytes(), options).unwrap_err();
        assert!(matches!(error, FileError::Unsorted { rows: 200, limit: 199, .. }), "{error}");
    }
    let big = format!("{HEADER}{}", rows((0..20_000).rev()));
    let read = given(NAME, &big).unwrap();
    assert_eq!(open_times(&read), (0..20_000).collect::<Vec<_>>());
}

#[test]
fn a_bar_said_twice_counts_once_and_a_contradiction_is_quarantined() {
    for reverse in [false, true] {
        let mut lines: Vec<String> = (0..10).map(row).collect();
        lines.insert(4, row(3));
        let other = row(6).replace("106.5", "106.75");
        lines.insert(8, other.clone());
        if reverse {
            lines.reverse();
        }
        let read = given(NAME, format!("{HEADER}{}", lines.concat())).unwrap();
        assert_eq!(open_times(&read), (0..10).collect::<Vec<_>>());
        assert_eq!((read.summary.duplicates, read.summary.quarantined), (1, 1));
        let bad = &read.quarantined[0];
        // The first in the file stays, whichever that is.
        let (line, raw) = if reverse { (6, row(6)) } else { (10, other) };
        assert_eq!((bad.place, bad.raw.as_str()), (line, raw.trim_end()), "{bad:?}");
        assert!(bad.reason.contains("came before with other values"));
        assert_eq!(read.bars[6].open, if reverse { 10_675_000_000 } else { 10_650_000_000 });
    }
    let poorer = "open_time,open,high,low,close,volume,trades\n1618876800000,1,1,1,1,1,5\n1618876800000,1,1,1,1,1,\n1618876860000,1,1,1,1,1,\n";
    let read = given(NAME, poorer).unwrap();
    assert_eq!((read.summary.duplicates, read.bars[0].trades, read.bars[1].trades), (1, Some(5), None));
}

#[test]
fn who_the_bars_are_of_comes_from_the_option_then_the_rows_then_the_name() {
    let text = sound(10);
    let with = |symbol: Option<&str>, interval: Option<&str>| Options {
        symbol: symbol.map(Into::into),
        interval: interval.map(|i| i.parse().unwrap()),
        ..Options::default()
    };
    let read = given_with("bars.csv", text.as_bytes(), with(Some("ETHBTC"), None)).unwrap();
    assert_eq!((read.bars[0].symbol.as_ref(), read.bars[0].interval), ("ETHBTC", Interval::M1));
    let read = given_with(NAME, text.as_bytes(), with(Some("ETHBTC"), Some("1m"))).unwrap();
    assert_eq!(read.bars[0].symbol.as_ref(), "ETHBTC");
    let error = given_with("bars.csv", text.as_bytes(), with(None, None)).unwrap_err();
    assert!(matches!(error, FileError::NoSymbol { .. }) && error.to_string().contains("--symbol"), "{error}");
    let error = given_with(NAME, text.as_bytes(), with(None, Some("5m"))).unwrap_err();
    assert!(
        matches!(&error, FileError::IntervalConflict { found, by, .. } if found.starts_with("1m") && by == "--interval"),
        "{error}"
    );
    let error = given("BTCUSDT-1h.csv", &text).unwrap_err().to_string();
    assert!(error.contains("bars of 1m") && error.contains("the name BTCUSDT-1h.csv says 1h"), "{error}");
    let one = given("BTCUSDT.csv", format!("{HEADER}{}", row(0))).unwrap_err();
    assert!(matches!(one, FileError::NoInterval { .. }) && one.to_string().contains("--interval"), "{one}");
    assert_eq!(given(NAME, format!("{HEADER}{}", row(0))).unwrap().bars.len(), 1);
    assert_eq!(given("BTCUSDT.csv", archive_row(0)).unwrap().summary.interval, Interval::M1);
    let named = format!("symbol,{HEADER}BTC/USDT,{}BTC/USDT,{}", row(0), row(1));
    assert_eq!(given("bars.csv", &named).unwrap().bars[1].symbol.as_ref(), "BTCUSDT");
    let error = given_with("bars.csv", named.as_bytes(), with(Some("ETHUSDT"), None)).unwrap_err();
    assert!(matches!(error, FileError::SymbolConflict { by: "--symbol", .. }), "{error}");
    let swap = named.replace("BTC/USDT,", "BTC/USDT:USDT,");
    assert!(matches!(given("bars.csv", &swap), Err(FileError::Futures { .. })));
}

#[test]
fn a_reader_can_be_moved_to_another_thread() {
    fn movable<T: Send + 'static>() {}
    movable::<candleflow_files::FileReader>();
}

#[test]
fn the_origin_is_what_the_caller_says() {
    let options = Options { origin: Origin::Archive, ..Options::default() };
    let read = given_with(NAME, sound(3).as_bytes(), options).unwrap();
    assert!(read.bars.iter().all(|b| b.origin == Origin::Archive));
}

#[test]
fn a_file_longer_than_what_is_kept_is_read_twice_and_gives_the_same() {
    let n = 40_000;
    let padded = sound(n).replace('\n', &format!("{}\n", " ".repeat(2_000)));
    assert!(padded.len() > candleflow_files::TEXT_KEPT);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BTCUSDT-1m.csv.gz");
    std::fs::write(&path, gzip(&padded)).unwrap();
    let mut reader = candleflow_files::open(&path).unwrap();
    let mut next = 0;
    while let Some(chunk) = reader.next_chunk().unwrap() {
        for bar in chunk.bars {
            assert_eq!(bar.open_time, minute(next));
            next += 1;
        }
    }
    assert_eq!(next, n);
    let mut reader = candleflow_files::open(&path).unwrap();
    assert_eq!(reader.next_chunk().unwrap().unwrap().bars.len(), candleflow_files::CHUNK_ROWS);
}

#[test]
fn a_long_file_that_changes_between_the_readings_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BTCUSDT-1m.csv");
    let padded = |n| sound(n).replace('\n', &format!("{}\n", " ".repeat(2_000)));
    std::fs::write(&path, padded(40_000)).unwrap();
    let mut reader = candleflow_files::open(&path).unwrap();
    std::fs::write(&path, padded(39_000)).unwrap();
    let error = loop {
        match reader.next_chunk() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the change was not seen"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, FileError::Changed { .. }) && error.retry(), "{error}");
    assert!(reader.next_chunk().unwrap().is_none() && reader.summary().is_none());
}
