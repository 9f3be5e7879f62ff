//! Sweeps over one account for all symbols, and over finer bars: every set is a run of it, for any threads and memory,
//! through kill -9, in a walk as well.

use crate::{
    support::{Home, ask, pause, shared},
    sweep::{every_set_is_its_run, home_with_bars, metrics_chain},
};
use std::time::{Duration, Instant};

/// Two symbols in one account: who is ranked higher gets the only place, and all of it depends on the money of both.
const ROTATION: &str = r#"
name: rotation
source: { symbols: [BTCUSDT, ETHUSDT], interval: 1m }
params: { fast: 5, slow: 21, band: 2, most: 1, per_symbol: { ETHUSDT: { slow: 34 } } }
columns:
  fast: ema(close, $fast)
  slow: ema(close, $slow)
  atr14: atr(high, low, close, 14)
  strength: roc(close, $slow)
  trend: { every: 1h, is: "ema(close, $fast)" }
strategy:
  long:
    entry: "crossover(fast, slow) AND close > trend"
    exit: ["crossunder(fast, slow)", "position.bars > $slow * 3 OR account.drawdown > 0.02"]
  short: { entry: "crossunder(fast, slow) AND close < trend", exit: "crossover(fast, slow)" }
  size: { equity: 60% }
  stop_loss: { distance: "$band * atr14" }
  limits: { max_positions: 1, rank: strength desc }
account: { balance: 10000, scope: portfolio, fees: { maker: 0.1%, taker: 0.1% }, slippage: { pct: 0.05% } }
sweep: { grid: { fast: [5, 12, 30], slow: [20, 50], band: [1.5, 2] } }
"#;

/// Levels inside of bars, on which finer bars decide.
const INSIDE: &str = r#"
name: inside
source: { symbols: [BTCUSDT, ETHUSDT], interval: 15m }
params: { fast: 5, slow: 21, trail: 0.4 }
columns:
  fast: ema(close, $fast)
  slow: ema(close, $slow)
  near: atr(high, low, close, 14) * $trail
strategy:
  long: { entry: "crossover(fast, slow)", exit: "crossunder(fast, slow)" }
  short: { entry: { when: "crossunder(fast, slow)", limit: "close * 1.001", expire: 4 }, exit: "crossover(fast, slow)" }
  size: { equity: 20% }
  stop_loss: { distance: near }
  trailing_stop: 0.5%
  take_profit: 0.8%
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% }, slippage: { pct: 0.02% } }
fills: { path: detail, detail: 1m }
sweep: { grid: { fast: [3, 5, 8], slow: [13, 21], trail: [0.4, 1] } }
"#;

fn one_account(text: &str) -> String {
    text.replace("account: { balance: 10000,", "account: { balance: 10000, scope: portfolio,")
}

/// Minutes of two symbols, and the bars of 15 minutes that they make up.
fn home_with_finer_bars() -> Option<Home> {
    let folder = shared()?.join("klines_1m");
    let home = Home::new();
    let mut files = Vec::new();
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        let packed = folder.join(format!("{symbol}-1m-20210420-20210520.csv.gz"));
        let output = std::process::Command::new("gzip").args(["-dc"]).arg(packed).output().expect("gzip");
        let minutes = String::from_utf8(output.stdout).expect("text");
        files.push(home.write(&format!("{symbol}-1m.csv"), &minutes));
        files.push(home.write(&format!("{symbol}-15m.csv"), &quarters(&minutes)));
    }
    let args: Vec<&str> = std::iter::once("import").chain(files.iter().map(String::as_str)).collect();
    home.run(&args).good();
    Some(home)
}

/// Bars of 15 minutes in the format of those of one.
fn quarters(minutes: &str) -> String {
    let number = |text: &str| text.parse::<f64>().unwrap();
    let mut rows: Vec<[String; 6]> = vec![["open_time", "open", "high", "low", "close", "volume"].map(str::to_owned)];
    let mut quarter = None;
    for line in minutes.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let open_time = cells[0].parse::<i64>().unwrap();
        let begins = open_time - open_time % (15 * 60_000);
        if quarter.replace(begins) != Some(begins) {
            rows.push(
                [0, 1, 2, 3, 4, 5].map(|cell| if cell == 0 { begins.to_string() } else { cells[cell].to_owned() }),
            );
            continue;
        }
        let [_, _, high, low, close, volume] = rows.last_mut().unwrap();
        if number(cells[2]) > number(high) {
            cells[2].clone_into(high);
        }
        if number(cells[3]) < number(low) {
            cells[3].clone_into(low);
        }
        cells[4].clone_into(close);
        *volume = format!("{:.8}", number(volume) + number(cells[5]));
    }
    rows.iter().map(|row| row.join(",") + "\n").collect()
}

/// A sweep over a range: the digest of every set.
fn sweep(home: &Home, name: &str, more: &[&str]) -> (Vec<Vec<String>>, String) {
    let said = home.run(&[&["sweep", name], more].concat()).good();
    let sql = format!("select distinct \"set\", digest from metrics where run_id = '{}' order by 1", said.value("run"));
    (ask(home, &sql), said.value("digest").to_owned())
}

#[test]
fn a_set_of_one_account_over_all_symbols_is_a_run_of_it() {
    let Some(home) = home_with_bars() else { return };
    home.write("rotation.yaml", ROTATION);
    let range = ["--from", "2021-04-23", "--to", "2021-04-27T12:00"];
    let (sets, digest) = sweep(&home, "rotation.yaml", &range);
    assert_eq!(sets.len(), 12);
    for row in &sets {
        let alone = ["run", "rotation.yaml", "--sweep-set", &row[0], "--dry", "--chains"];
        let alone = home.run(&[&alone[..], &range[..]].concat()).good();
        assert_eq!(metrics_chain(&alone), row[1], "set {}", row[0]);
    }
    let different: std::collections::BTreeSet<&str> = sets.iter().map(|row| row[1].as_str()).collect();
    assert!(different.len() > 6, "the sets differ in what they come to");
    for more in [&["--threads", "1"][..], &["--threads", "3"], &["--memory", "1"]] {
        assert_eq!(
            sweep(&home, "rotation.yaml", &[&range[..], more].concat()),
            (sets.clone(), digest.clone()),
            "{more:?}"
        );
    }
    home.write(
        "apart.yaml",
        &ROTATION.replace("limits: { max_positions: 1, rank: strength desc }", "").replace(", scope: portfolio", ""),
    );
    assert_ne!(sweep(&home, "apart.yaml", &range).0, sets, "one account is not two");
}

#[test]
fn a_set_over_finer_bars_is_a_run_over_them() {
    let Some(home) = home_with_finer_bars() else { return };
    let worst = INSIDE.replace("{ path: detail, detail: 1m }", "{ path: pessimistic }");
    let mut all = Vec::new();
    for (name, text) in [("inside.yaml", INSIDE.to_owned()), ("together.yaml", one_account(INSIDE))] {
        let sets = every_set_is_its_run(&home, name, &text);
        all.push(sets.into_iter().map(|row| row[1].clone()).collect::<Vec<_>>());
    }
    for (name, text) in [("worst.yaml", worst.clone()), ("worst-together.yaml", one_account(&worst))] {
        home.write(name, &text);
        all.push(sweep(&home, name, &[]).0.into_iter().map(|row| row[1].clone()).collect());
    }
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), 4, "finer bars matter, and so does the account");
    for name in ["inside.yaml", "together.yaml"] {
        let (one, few) = (sweep(&home, name, &["--threads", "1"]), sweep(&home, name, &["--memory", "130"]));
        assert_eq!(one, few, "{name}");
    }
}

#[test]
fn bars_without_finer_ones_are_told_of_once_for_all_sets() {
    let Some(home) = home_with_finer_bars() else { return };
    home.write("inside.yaml", &INSIDE.replace("detail: 1m", "detail: 5m"));
    let said = home.run(&["sweep", "inside.yaml", "--to", "2021-04-24"]).good();
    let warnings = said.err.lines().filter(|line| line.contains("bars were run pessimistically")).count();
    assert!(warnings == 1 && said.err.contains("in a set, up to"), "{said:?}");
}

#[test]
fn a_sweep_of_one_account_over_finer_bars_that_is_killed_goes_on() {
    let Some(home) = home_with_finer_bars() else { return };
    let grid = "grid: { fast: { from: 3, to: 20, step: 1 }, slow: { from: 21, to: 50, step: 1 }, trail: [0.4, 1, 2] }";
    let text = one_account(INSIDE).replace("grid: { fast: [3, 5, 8], slow: [13, 21], trail: [0.4, 1] }", grid);
    home.write("inside.yaml", &text);
    let running = home.start("sweep", &["sweep", "inside.yaml"]);
    let committed = |home: &Home| {
        let count = home.run(&["sql", "select count(*) from metrics where view = 'mark'", "--format", "csv"]);
        count.out.lines().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    let deadline = Instant::now() + Duration::from_secs(240);
    while committed(&home) == 0 {
        assert!(Instant::now() < deadline, "no chunk was committed in time");
        pause();
    }
    running.kill();
    let before = committed(&home);
    let sets = 18 * 30 * 3;
    assert!(before < sets, "the sweep was over before it was killed");
    // Finer bars that say something else came in between: they are not seen.
    let minutes = std::fs::read_to_string(home.path("BTCUSDT-1m.csv")).unwrap();
    let mut lines = minutes.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap().join(",") + "\n";
    let flat: String = lines.map(|c| [c[0], c[1], c[1], c[1], c[1], c[5]].join(",") + "\n").collect();
    home.write("BTCUSDT-1m.csv", &(head + &flat));
    home.run(&["import", "BTCUSDT-1m.csv"]).good();
    let resumed = home.run(&["sweep", "inside.yaml", "--resume", "--top", "3", "--format", "csv"]).good();
    assert_eq!(resumed.out.lines().count(), 4, "{resumed:?}");
    assert_eq!(committed(&home), sets, "every set once");
    let computed = resumed.err.lines().find_map(|line| line.split_once(" sets in ")?.0.parse::<u64>().ok());
    assert_eq!(computed, Some(sets - before), "{resumed:?}");
    home.write("BTCUSDT-1m.csv", &minutes);
    home.run(&["import", "BTCUSDT-1m.csv"]).good();
    let stored = ask(&home, "select distinct \"set\", digest from metrics order by 1");
    let last: Vec<_> = stored.iter().rev().step_by(211).collect();
    for row in [&stored[..1].iter().collect::<Vec<_>>()[..], &last].concat() {
        let alone = home.run(&["run", "inside.yaml", "--sweep-set", &row[0], "--dry", "--chains"]).good();
        assert_eq!(metrics_chain(&alone), row[1], "set {}", row[0]);
    }
}

#[test]
fn a_walk_over_one_account_trades_what_a_run_would() {
    let Some(home) = home_with_finer_bars() else { return };
    let walk = "walk_forward: { train: 7d, test: 5d, choose: total_return }\n";
    home.write("walk.yaml", &(one_account(INSIDE) + walk));
    let said = home.run(&["walk-forward", "walk.yaml", "--format", "csv"]).good();
    let rows: Vec<Vec<&str>> = said.out.lines().skip(1).map(|row| row.split(',').collect()).collect();
    assert!(rows.len() > 3, "{said:?}");
    for row in &rows {
        let (train_from, train_to, test_to, set) = (row[1], row[2], row[3], row[4]);
        let top = ["--from", train_from, "--to", train_to, "--by", "total_return", "--top", "1", "--format", "csv"];
        let best = home.run(&[&["sweep", "walk.yaml"], &top[..]].concat()).good();
        assert_eq!(best.out.lines().nth(1).unwrap().split(',').next(), Some(set), "{row:?}");
        let test = ["run", "walk.yaml", "--sweep-set", set, "--from", train_to, "--to", test_to, "--json", "--dry"];
        let test: serde_json::Value = serde_json::from_str(&home.run(&test).good().out).unwrap();
        let closed = |name: &str| test["metrics"]["closed"][name].as_f64();
        let cell = |at: usize| row[row.len() - at].parse::<f64>().ok();
        assert_eq!([cell(2), cell(1)], ["total_return", "trades"].map(closed), "{row:?}");
    }
    // The tests one after the other: the money of one account goes on.
    let overall = ask(&home, "select total_return, trades from metrics where view = 'out_of_sample'");
    let trades: f64 = rows.iter().map(|row| row[row.len() - 1].parse::<f64>().unwrap()).sum();
    let returns = rows.iter().map(|row| 1.0 + row[row.len() - 2].parse::<f64>().unwrap()).product::<f64>() - 1.0;
    assert_eq!(overall[0][1].parse::<f64>().unwrap(), trades);
    assert!((overall[0][0].parse::<f64>().unwrap() - returns).abs() < 1e-9, "{overall:?} and {returns}");
}
