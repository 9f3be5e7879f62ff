//! Broken files and broken rows, made here: each must end in the error or the reason that helps, never in wrong data.

use crate::support::*;
use candleflow_files::{FileError, LINE_LIMIT, Options};
use candleflow_schema::Fault;

const NAME: &str = "BTCUSDT-1m.csv";

fn zip_with_wrong_crc() -> Vec<u8> {
    let mut zip = zip(&[("BTCUSDT-1m.csv", sound(50).as_bytes())]);
    let directory = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    zip[directory + 16] ^= 0x55;
    zip
}

fn changed(mut content: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    content[at] = value;
    content
}

fn utf16(text: &str, mark: bool) -> Vec<u8> {
    mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// Name, content, and what the error must say.
fn broken() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let text = sound(200);
    let packed = gzip(&text);
    let n = packed.len();
    let json = format!("[{}]", (0..50).map(|i| format!("[{}]", row(i).trim_end())).collect::<Vec<_>>().join(","));
    let contracts: String =
        (0..20).map(|i| archive_row(i).replace(",500.1", ",4.2").replace(",5.0", ",5000.0")).collect();
    let swapped = format!("open_time,open,low,high,close,volume\n{}", rows(0..200));
    let garbage: Vec<u8> = (0u32..5_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    vec![
        (NAME, vec![], &["0 bytes"]),
        (NAME, b" \n\n \n".to_vec(), &["white space"]),
        (NAME, gzip(""), &["white space"]),
        (NAME, HEADER.into(), &["a header and no rows"]),
        ("BTCUSDT-1m.json", b"[ ]".to_vec(), &["empty"]),
        ("BTCUSDT-1m.csv.gz", packed[..n / 2].to_vec(), &["damaged", "after line", "download"]),
        ("BTCUSDT-1m.csv.gz", packed[..n - 1].to_vec(), &["damaged", "after line 201"]),
        ("BTCUSDT-1m.csv.gz", packed[..5].to_vec(), &["damaged", "before its first line"]),
        ("BTCUSDT-1m.csv.gz", changed(packed.clone(), n - 7, packed[n - 7] ^ 1), &["damaged", "checksum"]),
        ("BTCUSDT-1m.csv.gz", [packed.clone(), b"more".to_vec()].concat(), &["damaged", "after line 201"]),
        ("BTCUSDT-1m.csv.gz", gzip(&packed), &["a gzip inside another container", "unpack it"]),
        ("a.zip", zip_with_wrong_crc(), &["damaged", "check sum", "a.zip/BTCUSDT-1m.csv"]),
        ("a.zip", zip(&[("BTCUSDT-1m.csv", text.as_bytes())])[..600].to_vec(), &["damaged", "directory"]),
        ("a.zip", zip(&[("README", b"hello")]), &["no CSV or JSON", "README"]),
        ("a.xlsx", zip(&[("[Content_Types].xml", b"<x/>")]), &["spreadsheet", "save the sheet as CSV"]),
        ("a.zip", zip(&[("b.zip", &zip(&[("BTCUSDT-1m.csv", text.as_bytes())]))]), &["a zip inside another container"]),
        (NAME, utf16(&text, true), &["UTF-16", "UTF-8"]),
        (NAME, utf16(&text, false), &["UTF-16", "UTF-8"]),
        (NAME, garbage, &["not text"]),
        (NAME, b"PAR1\x15\x04".to_vec(), &["Parquet"]),
        (NAME, b"<!DOCTYPE html><html>".to_vec(), &["web page"]),
        (NAME, b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey".to_vec(), &["XML", "download"]),
        (NAME, text.replace('\n', "\r").into(), &["CR alone"]),
        (NAME, b"hello world\nthis is\nnot a file of bars\n".to_vec(), &["begins 'hello world'"]),
        (NAME, rows(0..5).into(), &["6 columns without a header", "name the columns in a first line"]),
        (
            NAME,
            b"id,price,qty,quote_qty,time,is_buyer_maker\n1,2,3,4,1618876800000,True\n".to_vec(),
            &["not a file of bars"],
        ),
        (NAME, b"time,open,high,low,volume\n1618876800000,1,1,1,1\n".to_vec(), &["a header without close"]),
        (
            NAME,
            b"time,open,high,low,close,vol,volume\n1618876800000,1,1,1,1,1,1\n".to_vec(),
            &["'vol' and 'volume' mean the same"],
        ),
        (NAME, contracts.into(), &["quote_volume / volume", "contracts of futures", "line 1"]),
        (NAME, text.replace("16188", "1.6188E+").into(), &["line 2", "exponent notation", "formatted as text"]),
        (
            NAME,
            text.replace(".5,", "x5,").into(),
            &["unusable rows", "line 2", "column open", "is not a decimal number"],
        ),
        ("BTCUSDT-1m.csv", text.replace(',', ";").replace('.', ",").into(), &["'100,5' is not a decimal number"]),
        (NAME, swapped.into(), &["unusable rows", "outside low and high", "columns"]),
        (
            NAME,
            format!("{text}open,high,low,close,volume,time\n{}", rows(200..210)).into(),
            &["line 202", "another header"],
        ),
        (
            NAME,
            format!("{}{HEADER}", (0..9).map(archive_row).collect::<String>()).into(),
            &["line 10", "another header"],
        ),
        (NAME, text[..text.len() - 30].into(), &["damaged", "last line is incomplete", "after line 200"]),
        (
            NAME,
            format!(
                "timestamp,date,open,high,low,close,volume\n{}",
                rows(0..9).replace("00,", "00,2021-04-19 22:00:00,")
            )
            .into(),
            &["'timestamp' and 'date' give different times"],
        ),
        ("BTCUSDT-1m.json", json[..json.len() - 1].into(), &["damaged", "not closed"]),
        ("BTCUSDT-1m.json", json[..json.len() / 2].into(), &["damaged", "JSON array"]),
        ("BTCUSDT-1m.json", format!("{json}[").into(), &["damaged", "unexpected '['"]),
        (
            "BTCUSDT-1m.json",
            br#"{"code":-1121,"msg":"Invalid symbol."}"#.to_vec(),
            &["an error answer of the exchange", "Invalid symbol"],
        ),
        ("BTCUSDT-1m.json", br#"{"data":[[1,2]]}"#.to_vec(), &["no bars"]),
        ("BTCUSDT-1m.json", b"[[1618876800,99.1,102.25,100.5,100,5]]".to_vec(), &["another shape"]),
        ("bars.csv", text.clone().into(), &["which symbol", "--symbol"]),
        ("BTCUSDT-5m.csv", text.clone().into(), &["bars of 1m", "says 5m"]),
        ("BTCUSDT.csv", format!("{HEADER}{}", rows((0..9).map(|i| i * 7))).into(), &["420 s apart", "--interval"]),
        (
            "BTCUSDT-1m-futures.csv",
            text.into(),
            &["bars of futures", "its name says 'futures'", "--symbol BTCUSDT_PERP"],
        ),
    ]
}

#[test]
fn each_broken_file_is_refused_with_what_was_found_and_what_to_do() {
    for (i, (name, content, parts)) in broken().into_iter().enumerate() {
        let error = match given(name, &content) {
            Err(error) => error,
            Ok(read) => panic!("case {i} ({parts:?}) was read: {:?}", read.summary),
        };
        let text = error.to_string();
        assert!(text.contains(name.split('/').next().unwrap()), "case {i}: {text}");
        for part in parts {
            assert!(text.contains(part), "case {i}: '{part}' is not in: {text}");
        }
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_is_the_worlds_fault_and_a_wrong_one_the_users() {
    let absent = candleflow_files::open("/nowhere/BTCUSDT-1m.csv").err().unwrap();
    assert_eq!((absent.fault(), absent.retry()), (Fault::External, false));
    assert!(absent.to_string().contains("/nowhere/BTCUSDT-1m.csv"));
    assert_eq!(given("bars.csv", sound(3)).unwrap_err().fault(), Fault::User);
}

#[test]
fn a_gzip_that_is_cut_anywhere_is_never_read_in_part() {
    let packed = gzip(sound(300));
    for length in (1..packed.len()).step_by(7) {
        let error = given("BTCUSDT-1m.csv.gz", &packed[..length]).map(|r| r.summary).unwrap_err();
        let expected = matches!(error, FileError::Damaged { .. }) || length == 1;
        assert!(expected, "{length}: {error}");
    }
}

/// What stands in one row of an otherwise sound file, and the reason that quarantine must give.
fn bad_rows() -> Vec<(Vec<u8>, &'static str)> {
    let at = minute(100) / 1_000;
    let with = |rest: &str| format!("{at},{rest}").into_bytes();
    vec![
        (with("1,2,3"), "has 4 columns, expected 6"),
        (with("1,2,1,2,3,4"), "has 7 columns, expected 6"),
        (with("1.123456789,2,1,2,3"), "column open: '1.123456789' has more than 8 decimal places"),
        (with("1,2,1,2,abc"), "column volume: 'abc' is not a decimal number"),
        (with("1,2,1,2,"), "column volume: '' is not a decimal number"),
        (with("0,2,1,2,3"), "a price is not positive"),
        (with("-1,2,1,2,3"), "a price is not positive"),
        (with("5,2,1,2,3"), "open or close lie outside low and high"),
        (with("1,2,1,2,-3"), "an amount is negative"),
        (with("99999999999,99999999999,1,2,3"), "is too large"),
        (with("\"1,2,1,2,3"), "a quote is opened and not closed"),
        (with("\"1\"2,2,1,2,3"), "behind a closing quote"),
        (with("NaN,2,1,2,3"), "column open: 'NaN' is not a decimal number"),
        (b"yesterday,1,2,1,2,3".to_vec(), "'yesterday' is not a UTC time"),
        (b",1,2,1,2,3".to_vec(), "the time is missing"),
        (b"1970-01-20 18:04:49,1,2,1,2,3".to_vec(), "outside 1990 to 2100"),
        (b"12,1,2,1,2,3".to_vec(), "outside 1990 to 2100"),
        ([with("1,2,1,2,3"), b"\xE9".to_vec()].concat(), "byte 24 is not UTF-8"),
        ([with("1,2,1,2,3"), b"\0".to_vec()].concat(), "contains a NUL byte"),
        (vec![b'9'; LINE_LIMIT + 1], "longer than 65536 bytes"),
        (vec![b','; 5 * LINE_LIMIT].into_iter().chain(*b"1").collect(), "longer than 65536 bytes"),
    ]
}

#[test]
fn a_bad_row_is_quarantined_with_its_place_reason_and_text_and_the_others_are_read() {
    for (raw, reason) in bad_rows() {
        let content = [sound(100).into_bytes(), raw.clone(), b"\r\n".to_vec(), rows(101..200).into_bytes()].concat();
        let read = given(NAME, &content).unwrap_or_else(|e| panic!("{reason}: {e}"));
        assert_eq!(read.quarantined.len(), 1, "{reason}: {:?}", read.quarantined);
        let bad = &read.quarantined[0];
        assert!(bad.reason.contains(reason), "'{reason}' is not in: {}", bad.reason);
        assert_eq!(bad.place, 102, "{reason}");
        assert!(bad.source.ends_with(NAME));
        let shown = &raw[..raw.len().min(candleflow_schema::quarantine::RAW_LIMIT)];
        assert_eq!(bad.raw, String::from_utf8_lossy(shown), "{reason}");
        assert_eq!(open_times(&read), (0..100).chain(101..200).collect::<Vec<_>>(), "{reason}");
        assert_eq!((read.summary.gaps.count, read.summary.gaps.bars), (1, 1), "{reason}");
    }
}

#[test]
fn a_close_time_must_not_contradict_the_bar() {
    let text: String = (0..20).map(archive_row).collect();
    let end = |n: i64| (minute(n) / 1_000 + 59_999).to_string();
    for (with, reason) in [
        (end(50), "is after the end of the 1m bar"),
        ((minute(3) / 1_000).to_string(), "is before the bar opens"),
        ("1.61887E+12".to_owned(), "exponent notation"),
    ] {
        let read = given(NAME, text.replacen(&end(7), &with, 1)).unwrap();
        assert_eq!(read.bars.len(), 19);
        assert!(read.quarantined[0].reason.contains(reason), "{:?}", read.quarantined);
    }
    let short = (minute(7) / 1_000 + 14_838).to_string();
    assert_eq!(given(NAME, text.replacen(&end(7), &short, 1)).unwrap().bars.len(), 20);
}

#[test]
fn a_topic_line_that_is_wrong_is_quarantined() {
    let line = |open_time: i64, low: &str| {
        format!(
            r#"{{"type":"bar","symbol":"BTCUSDT","interval":"1m","open_time":{open_time},"open":"2","high":"3","low":"{low}","close":"2","volume":"1","quote_volume":null,"trades":null,"taker_buy_volume":null,"origin":"rest"}}"#
        )
    };
    let lines = [
        line(minute(0), "1"),
        line(minute(1) / 1_000, "1"),
        line(minute(2), "2.5"),
        line(minute(3), "1").replace("\"close\"", "\"claws\""),
        "hello".to_owned(),
        line(minute(4), "1"),
    ];
    let read = given("export.jsonl", lines.join("\n")).unwrap();
    assert_eq!(open_times(&read), [0, 4]);
    let reasons: Vec<&str> = read.quarantined.iter().map(|q| q.reason.as_str()).collect();
    assert!(reasons[0].contains("not in microseconds"), "{reasons:?}");
    assert!(reasons[1].contains("outside low and high"), "{reasons:?}");
    assert!(reasons[2].contains("close"), "{reasons:?}");
    assert!(reasons[3].contains("not a record"), "{reasons:?}");
}

#[test]
fn a_file_that_may_have_lost_its_last_digits_says_so() {
    let text = sound(10);
    let read = given(NAME, text.trim_end()).unwrap();
    assert!(read.summary.notes[0].contains("line 11, the last, has no line break"), "{:?}", read.summary.notes);
    assert_eq!(given(NAME, &text).unwrap().summary.notes, Vec::<String>::new());
    let archive: String = (0..5).map(archive_row).collect();
    assert_eq!(given(NAME, archive.trim_end()).unwrap().summary.notes, Vec::<String>::new());
}

#[test]
fn more_symbols_than_anybody_has_are_refused() {
    let text: String = (0..10_001).map(|i| format!("S{i}USDT,{}", row(0))).collect();
    let error = given_with("bars.csv", format!("symbol,{HEADER}{text}").as_bytes(), Options::default()).unwrap_err();
    assert!(matches!(error, FileError::TooManySymbols { line: 10_002, .. }), "{error}");
}
