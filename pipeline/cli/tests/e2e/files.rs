//! Files into the lake, and questions about them.

use crate::support::{Home, pause, shared};
use std::time::{Duration, Instant};

fn data(name: &str) -> Option<String> {
    Some(shared()?.join(name).display().to_string())
}

#[test]
fn importing_twice_changes_nothing_and_the_outage_is_found() {
    let Some(btc) = data("klines_1m/BTCUSDT-1m-20210420-20210520.csv.gz") else { return };
    let home = Home::new();
    let first = home.run(&["import", &btc]).good();
    assert!(first.out.contains("BTCUSDT 1m 42956 bars") || first.out.contains("BTCUSDT 1m"), "{first:?}");
    let count = |home: &Home| {
        home.run(&["sql", "select count(*), sum(volume) from klines_exact", "--format", "csv"]).good().out
    };
    let before = count(&home);
    let again = home.run(&["import", &btc]).good();
    assert!(again.out.contains("0 bars added"), "{again:?}");
    assert_eq!(count(&home), before);
    let gaps = home.run(&["data", "gaps", "--symbol", "BTCUSDT", "--interval", "1m", "--format", "csv"]).good();
    assert!(gaps.out.contains("2021-04-25T04:01:00Z,2021-04-25T08:44:00Z,284,unknown"), "{gaps:?}");
}

#[test]
fn files_that_are_broken_end_in_a_clear_error_and_good_ones_beside_them_are_imported() {
    let Some(good) = data("klines_archive_csv/BTCUSDT-1h-2024-11.csv") else { return };
    let home = Home::new();
    home.write("BTCUSDT-1h-empty.csv", "");
    let whole = std::fs::read(data("klines_1m/ADAUSDT-1m-20210420-20210520.csv.gz").unwrap()).unwrap();
    std::fs::write(home.path("ADAUSDT-1m-cut.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    let mangled = data("klines_other_formats/BTCUSDT-1h-spreadsheet-mangled.csv").unwrap();
    let said = home.run(&["import", "BTCUSDT-1h-empty.csv", "ADAUSDT-1m-cut.csv.gz", "missing.csv", &mangled, &good]);
    assert_eq!(said.code, 2, "{said:?}");
    for expected in ["BTCUSDT-1h-empty.csv", "ADAUSDT-1m-cut.csv.gz", "missing.csv", "spreadsheet-mangled"] {
        assert!(said.err.lines().any(|l| l.starts_with("error: ") && l.contains(expected)), "{expected}: {said:?}");
    }
    let rows = home.run(&["sql", "select symbol, count(*) from klines group by 1", "--format", "csv"]).good();
    assert_eq!(rows.out.lines().collect::<Vec<_>>()[1..], ["BTCUSDT,720"], "{rows:?}");
}

#[test]
fn bad_rows_are_quarantined_with_their_reason_and_the_exit_code_says_so() {
    let home = Home::new();
    let rows = "open_time,open,high,low,close,volume\n1618876800000,1,2,0.5,1.5,10\n1618876860000,1,0.9,0.5,1.5,10\n1618876920000,1,2,0.5,1.5,x\n1618876980000,1,2,0.5,1.5,10\n";
    home.write("AAAUSDT-1m-test.csv", rows);
    let said = home.run(&["import", "AAAUSDT-1m-test.csv"]);
    assert_eq!(said.code, 3, "{said:?}");
    let bad = home.run(&["sql", "select place, reason, raw from quarantine order by place", "--format", "csv"]).good();
    assert!(bad.out.contains("3,open or close lie outside low and high"), "{bad:?}");
    assert!(bad.out.contains("4,"), "{bad:?}");
    home.run(&["import", "AAAUSDT-1m-test.csv"]);
    let count = home.run(&["sql", "select count(*) from quarantine", "--format", "csv"]).good();
    assert_eq!(count.out.lines().nth(1), Some("2"), "{count:?}");
}

#[test]
fn an_import_that_is_killed_anywhere_and_run_again_loses_and_doubles_nothing() {
    let Some(folder) = data("klines_1m") else { return };
    let files: Vec<String> =
        ["BTC", "ETH", "XRP", "ADA"].map(|s| format!("{folder}/{s}USDT-1m-20210420-20210520.csv.gz")).to_vec();
    let args: Vec<&str> = std::iter::once("import").chain(files.iter().map(String::as_str)).collect();
    let whole = Home::new();
    whole.run(&args).good();
    let sum = "select symbol, count(*), count(distinct open_time), sum(volume), max(time) from klines_exact group by 1 order by 1";
    let expected = whole.run(&["sql", sum, "--format", "csv"]).good().out;
    let home = Home::new();
    for after in [300, 700, 1100, 1600, 2200] {
        let running = home.start("import", &args);
        let until = Instant::now() + Duration::from_millis(after);
        while Instant::now() < until {
            pause();
        }
        running.kill();
    }
    home.run(&args).good();
    assert_eq!(home.run(&["sql", sum, "--format", "csv"]).good().out, expected);
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let home = Home::new();
    for (args, code, expected) in [
        (vec!["sql", "select 1 from"], 2, "error"),
        (vec!["sql", "drop table klines"], 2, "error"),
        (vec!["run", "nothing.yaml"], 2, "cannot read nothing.yaml"),
        (vec!["data", "gaps", "--symbol", "X"], 2, "no 1m bars of X"),
        (vec!["run", "p.yaml", "--live"], 2, "candleflow up"),
        (vec!["exchange"], 2, "--replay"),
    ] {
        home.write("p.yaml", "name: p\nsource: { symbols: [BTCUSDT], interval: 1m }\ncolumns: { a: close }\n");
        let said = home.run(&args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.err.contains(expected), "{args:?}: {said:?}");
    }
    let said = home.run(&["run", "p.yaml"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("candleflow import"), "{said:?}");
}
