//! A run again, after everything around it has changed.

use crate::support::{Home, shared};
use candleflow_lake::{At, CompactRule, Lake, Options, Pinned, UpkeepRule};
use candleflow_schema::{Clock, Micros, SystemClock, time::DAY};
use std::{path::Path, sync::Arc, time::Duration};

const PIPELINE: &str = include_str!("../../../../examples/ema-cross.yaml");
const RANGE: [&str; 4] = ["--from", "2021-04-23", "--to", "2021-04-27"];

/// A clock that is weeks ahead: all that was ever replaced is old.
struct Later;

impl Clock for Later {
    fn now(&self) -> Micros {
        SystemClock.now() + 30 * DAY
    }

    fn wall(&self, span: Duration) -> Duration {
        span
    }
}

/// Rows of a real file, each close as `change` makes it, as another file.
fn file(home: &Home, name: &str, folder: &Path, rows: usize, change: impl Fn(usize, f64) -> f64) -> String {
    let packed = folder.join("BTCUSDT-1m-20210420-20210520.csv.gz");
    let output = std::process::Command::new("gzip").args(["-dc"]).arg(packed).output().expect("gzip");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines = text.lines();
    let mut out = lines.next().expect("a header").to_owned() + "\n";
    for (i, line) in lines.take(rows).enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let (high, low) = (cells[2].parse::<f64>().unwrap(), cells[3].parse::<f64>().unwrap());
        let close = change(i, cells[4].parse().unwrap()).clamp(low, high);
        cells[4] = format!("{close:.2}");
        out += &(cells.join(",") + "\n");
    }
    home.write(name, &out)
}

/// Merges, deletes and trims all that can be.
fn upkeep(home: &Home) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lake = Lake::open(
            home.path("data/lake").to_str().unwrap(),
            Options { clock: Arc::new(Later), ..Options::default() },
        );
        let rule = UpkeepRule {
            compact: CompactRule { small: u64::MAX, least: 2, most: 512 },
            grace: 0,
            ..UpkeepRule::default()
        };
        let done = lake.unwrap().upkeep(&rule).await.unwrap();
        (done["klines"].vacuumed.files, done["klines"].log_entries)
    })
}

#[test]
fn a_rerun_finds_the_same_after_the_exchange_restated_its_history() {
    let Some(shared) = shared() else { return };
    let (home, folder) = (Home::new(), shared.join("klines_1m"));
    let name = "BTCUSDT-1m-2021.csv";
    // In two parts, so that there is something to merge.
    file(&home, name, &folder, 4_000, |_, close| close);
    home.run(&["import", name]).good();
    file(&home, name, &folder, 10_000, |_, close| close);
    home.run(&["import", name]).good();
    home.write("p.yaml", PIPELINE);
    let args =
        [["run", "p.yaml", "--symbols", "BTCUSDT", "--set", "fast=9", "--warmup", "500"].as_slice(), &RANGE].concat();
    let first = home.run(&args).good();
    let (id, digest) = (first.value("run"), first.value("digest"));
    assert_eq!(home.run(&["rerun", id]).good().value("digest"), digest);

    // Every bar says something else now, the files that said it are merged, and what is old is gone.
    file(&home, name, &folder, 10_000, |i, close| close + if i % 2 == 0 { 3.5 } else { -4.25 });
    let said = home.run(&["import", name]).good();
    assert!(said.err.contains("restated") || said.out.contains("restated"), "{said:?}");
    upkeep(&home);
    std::fs::remove_file(home.path("p.yaml")).unwrap();
    let again = home.run(&["rerun", id, "--threads", "1"]).good();
    assert_eq!(again.value("digest"), digest, "{again:?}");
    assert_eq!(again.value("then"), digest);
    home.write("p.yaml", PIPELINE);
    let anew = home.run(&args).good();
    assert_ne!(anew.value("digest"), digest, "the bars did change");

    // Without the pin the old files go, and a rerun says so instead of reading others.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lake = Lake::open(home.path("data/lake").to_str().unwrap(), Options::default()).unwrap();
        // The files of another version under this run's name: what comes out must be told apart.
        let files = lake.files("klines", None).await.unwrap();
        lake.pin(id, &Pinned::from([("klines".to_owned(), files.to_vec())])).await.unwrap();
    });
    let other = home.run(&["rerun", id]);
    assert_eq!(other.code, 5, "{other:?}");
    assert!(other.err.contains("differs: equity") && other.err.contains("BTCUSDT"), "{other:?}");
    runtime.block_on(async {
        let lake = Lake::open(home.path("data/lake").to_str().unwrap(), Options::default()).unwrap();
        lake.unpin(id).await.unwrap();
        assert!(!lake.read_rows("runs", &At::Latest).await.unwrap().is_empty());
    });
    let gone = home.run(&["rerun", id]);
    assert_eq!(gone.code, 2, "{gone:?}");
    assert!(gone.err.contains("no longer pinned"), "{gone:?}");
    let (deleted, _) = upkeep(&home);
    assert!(deleted > 0, "vacuum takes what no pin holds");
    let none = home.run(&["rerun", "nobody"]);
    assert!(none.code == 2 && none.err.contains("the lake has no run nobody"), "{none:?}");
}

#[test]
fn a_run_that_fails_or_is_dry_pins_nothing() {
    let Some(shared) = shared() else { return };
    let (home, folder) = (Home::new(), shared.join("klines_1m"));
    file(&home, "BTCUSDT-1m-2021.csv", &folder, 3_000, |_, close| close);
    home.run(&["import", "BTCUSDT-1m-2021.csv"]).good();
    home.write("p.yaml", PIPELINE);
    home.run(&["run", "p.yaml", "--symbols", "BTCUSDT", "--dry"]).good();
    assert!(!home.path("data/lake/_pins").exists());
    assert_eq!(home.run(&["run", "p.yaml", "--symbols", "BTCUSDT", "--from", "2022-01-01"]).code, 2);
    assert!(!home.path("data/lake/_pins").exists());
    let page = home.run(&["run", "p.yaml", "--symbols", "BTCUSDT", "--report", "r.html"]).good();
    assert!(home.path("data/lake/_pins").join(format!("{}.json", page.value("run"))).exists());
    let html = std::fs::read_to_string(home.path("r.html")).unwrap();
    assert!(html.contains(page.value("digest")) && html.contains("Price and trades"));
    // A rerun writes the same page, to the last byte.
    home.run(&["rerun", page.value("run"), "--report", "again.html"]).good();
    let again = std::fs::read_to_string(home.path("again.html")).unwrap();
    let without_warnings = |page: &str| page.split("Price and trades").nth(1).unwrap().to_owned();
    assert_eq!(without_warnings(&html), without_warnings(&again));
}

#[test]
fn a_rerun_reads_filters_and_funding_as_they_were() {
    let Some(home) = crate::pipeline::home_with_bars(&["BTCUSDT"]) else { return };
    let info = |step: &str, at: i64| {
        format!(
            r#"{{"timezone":"UTC","serverTime":{at},"rateLimits":[],"exchangeFilters":[],"symbols":[{{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01"}},{{"filterType":"LOT_SIZE","minQty":"{step}","maxQty":"9000","stepSize":"{step}"}}]}}]}}"#
        )
    };
    home.write("info.json", &info("0.001", 1_600_000_000_000));
    home.write("rates.csv", "symbol,time,rate,mark_price\nBTCUSDT,2021-04-22T16:00:00Z,0.0001,50000\n");
    home.run(&["import", "--as", "instruments", "info.json"]).good();
    home.run(&["import", "--as", "funding", "rates.csv"]).good();
    let account = "account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% }, filters: exchange, funding: { table: funding } }";
    let text = "name: held\nsource: { symbols: [BTCUSDT], interval: 1m }\nstrategy: { long: { entry: \"close > open\", max_bars: 2000 }, size: { equity: 50% } }\n";
    home.write("held.yaml", &format!("{text}{account}\n"));
    let run = || home.run(&["run", "held.yaml", "--from", "2021-04-22", "--to", "2021-04-24"]).good();
    let first = run();
    let (id, digest) = (first.value("run"), first.value("digest"));
    assert_eq!(home.run(&["rerun", id]).good().value("digest"), digest);
    // Both tables say more now, and the files that said it are merged and gone.
    home.write("info2.json", &info("0.1", 1_500_000_000_000));
    home.write("rates2.csv", "symbol,time,rate,mark_price\nBTCUSDT,2021-04-23T08:00:00Z,0.01,50000\n");
    home.run(&["import", "--as", "instruments", "info2.json"]).good();
    home.write("info3.json", &info("0.1", 1_600_000_000_000));
    home.run(&["import", "--as", "instruments", "info3.json"]).good();
    home.run(&["import", "--as", "funding", "rates2.csv"]).good();
    upkeep(&home);
    let again = home.run(&["rerun", id]).good();
    assert_eq!(again.value("digest"), digest);
    assert!(!format!("{again:?}").contains("did not pin"), "{again:?}");
    assert_ne!(run().value("digest"), digest);
}
