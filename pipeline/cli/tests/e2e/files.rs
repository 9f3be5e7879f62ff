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

/// The archive of a local exchange, and of a user who fetched its files: bars with coverage, also across the outage.
#[test]
fn the_archive_brings_bars_and_what_its_files_prove_to_be_complete() {
    let Some(file) = data("klines_1m/BTCUSDT-1m-20210420-20210520.csv.gz") else { return };
    let home = Home::new();
    let serve = ["exchange", "--replay", &file, "--start", "2021-05-03", "--speed", "1", "--listen", "127.0.0.1:0"];
    let exchange = home.start("exchange", &serve);
    let url = exchange.line("CANDLEFLOW_EXCHANGE=", Duration::from_secs(120));
    let archive = |home: &Home, since: &str| {
        let from = ["import", "--archive", &url, "--symbols", "BTCUSDT", "--since", since, "--to", "2021-05-02"];
        home.run(&from)
    };
    let said = archive(&home, "2021-04-24").good();
    assert!(
        said.out.starts_with("BTCUSDT      1m 11236 bars of 2 files, 2021-04-24T00:00:00Z to 2021-05-02T00:00:00Z"),
        "{said:?}"
    );
    let why = |home: &Home| home.run(&["data", "gaps", "--symbol", "BTCUSDT", "--format", "csv"]).good().out;
    let outage = "2021-04-25T04:01:00Z,2021-04-25T08:44:00Z,284,the exchange has none";
    assert_eq!(why(&home).lines().nth(1), Some(outage));
    let again = archive(&home, "2021-04-24").good();
    assert!(again.err.contains("0 bars added, 11236 there already"), "{again:?}");
    let imported = Home::new();
    imported.run(&["import", &file]).good();
    let sums = "select count(*), sum(volume), sum(close) from klines_exact where time > '2021-04-24T00:00:00Z' and time <= '2021-05-02T00:00:00Z'";
    let rows = |home: &Home| home.run(&["sql", sums, "--format", "csv"]).good().out;
    assert_eq!(rows(&home), rows(&imported));

    // A user's own copies of the files, with their CHECKSUM beside them.
    let user = Home::new();
    let month = find(&home.path("data/archive"), "BTCUSDT-1m-2021-04.zip").unwrap();
    let bytes = std::fs::read(month).unwrap();
    std::fs::write(user.path("BTCUSDT-1m-2021-04.zip"), &bytes).unwrap();
    let sum = std::process::Command::new("sha256sum").arg(user.path("BTCUSDT-1m-2021-04.zip")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    user.write("BTCUSDT-1m-2021-04.zip.CHECKSUM", &sum);
    user.run(&["import", "BTCUSDT-1m-2021-04.zip"]).good();
    assert_eq!(why(&user).lines().nth(1), Some(outage));
    std::fs::write(user.path("BTCUSDT-1m-2021-04.zip"), &bytes[..bytes.len() - 1]).unwrap();
    let broken = user.run(&["import", "BTCUSDT-1m-2021-04.zip"]);
    assert!(broken.code == 2 && broken.err.contains("does not match the CHECKSUM"), "{broken:?}");

    for (args, expected) in [
        (vec!["import"], "required"),
        (vec!["import", "--archive", &url, "--symbols", "BTCUSDT"], "--since"),
        (vec!["import", "--archive", &url, "--since", "2021-04-24"], "--symbols"),
    ] {
        let said = home.run(&args);
        assert!(said.code == 2 && said.err.contains(expected), "{args:?}: {said:?}");
    }
}

fn find(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name) {
                return Some(found);
            }
        } else if path.file_name().is_some_and(|n| n == name) {
            return Some(path);
        }
    }
    None
}

/// Many small files become few, killed anywhere and done again; nothing is lost and nothing is there twice.
#[test]
fn an_upkeep_that_is_killed_and_run_again_loses_and_doubles_nothing() {
    let Some(folder) = data("klines_1m") else { return };
    let home = Home::new();
    for symbol in ["BTC", "ETH", "XRP", "ADA", "LTC", "EOS", "XTZ", "NEO", "BAT"] {
        home.run(&["import", &format!("{folder}/{symbol}USDT-1m-20210420-20210520.csv.gz")]).good();
    }
    let sum = "select symbol, count(*), count(distinct open_time), sum(volume) from klines_exact group by 1 order by 1";
    let rows = || home.run(&["sql", sum, "--format", "csv"]).good().out;
    let before = rows();
    for after in [50, 150, 300, 500] {
        let running = home.start("upkeep", &["data", "upkeep", "--force"]);
        let until = Instant::now() + Duration::from_millis(after);
        while Instant::now() < until {
            pause();
        }
        running.kill();
        assert_eq!(rows(), before);
    }
    let said = home.run(&["data", "upkeep", "--force"]).good();
    assert!(said.out.contains("klines"), "{said:?}");
    assert_eq!(rows(), before);
    let again = home.run(&["data", "upkeep", "--force"]).good();
    let klines = again.out.lines().find(|l| l.contains("klines")).unwrap().to_owned();
    assert!(klines.split('┆').nth(1).is_some_and(|n| n.trim() == "0"), "nothing is left to merge: {again:?}");
}
