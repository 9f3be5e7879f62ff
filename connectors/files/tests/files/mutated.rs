//! Sound files, mutated at random: reading never panics, and each bar that is given stands in one line of the file.

use crate::support::*;
use candleflow_schema::{Bar, decimal};
use proptest::{collection::vec, prelude::*, sample::Index};

#[derive(Debug, Clone)]
enum Mutation {
    Flip(Index, u8),
    Delete(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
    Swap(Index, Index),
    Cut(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let text = prop_oneof![
        vec(any::<u8>(), 1..6),
        prop::sample::select(vec![
            &b","[..],
            b"\n",
            b"\"",
            b"\0",
            b".",
            b"e5",
            b"E+12",
            b"-",
            b";",
            b"[",
            b"]",
            b"{",
            b"\xEF\xBB\xBF",
            b"\xE9",
            b"open_time,open,high,low,close,volume\n",
            b"null",
            b"NaN",
            b"0",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(i, b)| Mutation::Flip(i, b)),
        4 => (any::<Index>(), 1usize..40).prop_map(|(i, n)| Mutation::Delete(i, n)),
        4 => (any::<Index>(), text).prop_map(|(i, t)| Mutation::Insert(i, t)),
        2 => (any::<Index>(), 1usize..200).prop_map(|(i, n)| Mutation::Repeat(i, n)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        1 => any::<Index>().prop_map(Mutation::Cut),
    ]
}

fn mutate(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let n = bytes.len();
        match mutation {
            Mutation::Flip(i, byte) => bytes[i.index(n)] = *byte,
            Mutation::Delete(i, length) => {
                let at = i.index(n);
                bytes.drain(at..(at + length).min(n));
            }
            Mutation::Insert(i, text) => {
                let at = i.index(n);
                bytes.splice(at..at, text.iter().copied());
            }
            Mutation::Repeat(i, length) => {
                let at = i.index(n);
                let part = bytes[at..(at + length).min(n)].to_vec();
                bytes.splice(at..at, part);
            }
            Mutation::Swap(a, b) => bytes.swap(a.index(n), b.index(n)),
            Mutation::Cut(i) => bytes.truncate(i.index(n)),
        }
    }
    bytes
}

/// Whether a record has, among its cells, the time and all numbers of the bar. JSON may break a line between any two.
fn stands_in(line: &str, bar: &Bar) -> bool {
    let cells: Vec<&str> = line.split([',', ';', '|', '\t', '[', ']', '"', '{', '}', ':', ' ', '\r', '\n']).collect();
    // An epoch in any unit, with decimal places too; a double is exact to a quarter of a microsecond here.
    let is_time = |c: &&str| {
        let units = [1e6, 1e3, 1.0, 1e-3];
        c.parse::<f64>().is_ok_and(|v| units.iter().any(|unit| (v * unit - bar.open_time as f64).abs() < 1.0))
    };
    let has = |value: i128| cells.iter().any(|c| decimal::parse_quantity(c) == Ok(value));
    cells.iter().any(is_time)
        && [bar.open, bar.high, bar.low, bar.close].into_iter().all(|p| has(p.into()))
        && has(bar.volume)
        && [bar.quote_volume, bar.taker_buy_volume, bar.taker_buy_quote_volume].into_iter().flatten().all(has)
        && bar.trades.is_none_or(|n| has(i128::from(n) * decimal::SCALE))
}

fn check(name: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(read) = given(name, bytes) else { return Ok(()) };
    let text = String::from_utf8_lossy(bytes);
    let records: Vec<&str> = if text.trim_start_matches('\u{FEFF}').trim_start().starts_with('[') {
        text.split(']').collect()
    } else {
        text.split('\n').collect()
    };
    let mut before = i64::MIN;
    for bar in &read.bars {
        prop_assert!(bar.validate().is_ok());
        prop_assert!(bar.open_time > before, "{bar} is not later than the one before");
        before = bar.open_time;
        prop_assert!(records.iter().any(|r| stands_in(r, bar)), "{bar:?} does not stand in the file");
    }
    Ok(())
}

fn archive(n: i64) -> String {
    (0..n).map(|i| archive_row(i).replace("500.1", &format!("{}.1", 500 + i))).collect()
}

fn rest(n: i64) -> String {
    let rows: Vec<String> = archive(n)
        .lines()
        .map(|l| {
            let c: Vec<&str> = l.split(',').collect();
            let (a, b) = (c[1..6].join("\",\""), c[9..12].join("\",\""));
            format!("[{},\"{a}\",{},\"{}\",{},\"{b}\"]", c[0], c[6], c[7], c[8])
        })
        .collect();
    format!("[{}]", rows.join(",\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_csv_gives_no_bar_that_is_not_in_it(mutations in vec(mutation(), 1..8)) {
        check("BTCUSDT-1m.csv", &mutate(sound(30).into_bytes(), &mutations))?;
    }

    #[test]
    fn a_mutated_archive_gives_no_bar_that_is_not_in_it(mutations in vec(mutation(), 1..8)) {
        check("BTCUSDT-1m.csv", &mutate(archive(20).into_bytes(), &mutations))?;
    }

    #[test]
    fn a_mutated_rest_answer_gives_no_bar_that_is_not_in_it(mutations in vec(mutation(), 1..8)) {
        check("BTCUSDT-1m.json", &mutate(rest(20).into_bytes(), &mutations))?;
    }

    #[test]
    fn a_mutated_gzip_is_refused_or_unharmed(mutations in vec(mutation(), 1..3)) {
        let sound = given("BTCUSDT-1m.csv", sound(30)).unwrap().bars;
        let packed = mutate(gzip(crate::support::sound(30)), &mutations);
        if let Ok(read) = given("BTCUSDT-1m.csv.gz", &packed) {
            prop_assert_eq!(read.bars, sound);
        }
    }

    #[test]
    fn a_mutated_zip_never_panics(mutations in vec(mutation(), 1..4)) {
        let packed = zip(&[("BTCUSDT-1m.csv", sound(30).as_bytes())]);
        let _ = given("BTCUSDT-1m.zip", mutate(packed, &mutations));
    }

    #[test]
    fn any_bytes_give_bars_or_an_error(bytes in vec(any::<u8>(), 0..400), name in "[A-Za-z0-9_.-]{1,20}") {
        let _ = given(&format!("f{name}"), &bytes);
    }
}
