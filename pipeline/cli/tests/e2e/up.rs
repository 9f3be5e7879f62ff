//! A running `up` as other processes see it: topics and jobs through `up.json`, and what is refused beside it.

use crate::support::{Home, pause, shared};
use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(240);

const PIPELINE: &str = "
name: crossing
source: { symbols: [BTCUSDT], interval: 1m }
columns:
  fast: ema(close, 5)
  slow: ema(close, 21)
strategy:
  long: { entry: \"crossover(fast, slow)\", exit: \"crossunder(fast, slow)\" }
  size: { equity: 20% }
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% } }
sinks: [orders, trades, equity, metrics, { topic: signals.crossing }]
";

/// Waits until a command says something.
fn until(home: &Home, args: &[&str], expected: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = home.run(args);
        if said.out.contains(expected) {
            return said.out;
        }
        assert!(Instant::now() < deadline, "'{expected}' did not come: {said:?}");
        pause();
    }
}

/// An account over several symbols that is stopped has bars of some of them in hand that wait for the others: a rerun stops
/// where it stood.
#[test]
fn a_stopped_account_over_all_symbols_is_found_again() {
    let home = Home::new();
    let text = PIPELINE
        .replace("[BTCUSDT]", "[BTCUSDT, ETHUSDT, XRPUSDT]")
        .replace("{ balance", "{ scope: portfolio, balance");
    home.write("together.yaml", &text);
    let base = ["up", "together.yaml", "--exchange", "seeded:5", "--speed", "1200", "--listen", "127.0.0.1:0"];
    let _up = home.start("up", &base);
    until(&home, &["topics", "peek", "signals.crossing", "-n", "5"], "\"order\":9");
    let jobs = home.run(&["jobs", "list"]).good();
    let job = jobs.out.split_whitespace().find(|word| word.starts_with("crossing-")).expect("a job");
    let stopped = home.run(&["jobs", "stop", job]).good();
    let deadline = Instant::now() + PATIENCE;
    // Bars of the topic are in the lake some seconds later.
    loop {
        let said = home.run(&["rerun", job]);
        if said.code == 0 {
            assert!(stopped.out.contains(said.value("digest")), "{stopped:?} {said:?}");
            break;
        }
        assert!(Instant::now() < deadline, "{stopped:?} {said:?}");
        pause();
    }
}

#[test]
fn other_processes_reach_topics_and_jobs_of_a_running_up() {
    let home = Home::new();
    home.write("crossing.yaml", PIPELINE);
    home.write("other.yaml", &PIPELINE.replace("BTCUSDT", "XRPUSDT"));
    home.write("inside.yaml", &PIPELINE.replace("sinks:", "fills: { path: detail, detail: 1s }\nsinks:"));
    home.write("broken.yaml", &PIPELINE.replace("ema(close, 5)", "emma(close, 5)"));
    let nobody = home.run(&["jobs", "list"]);
    assert_eq!(nobody.code, 2, "{nobody:?}");
    assert!(nobody.err.contains("no 'candleflow up' runs"), "{nobody:?}");
    let empty = home.run(&["topics", "list"]);
    assert!(empty.code == 2 && empty.err.contains("there is no embedded log in data/log"), "{empty:?}");

    let up = home.start(
        "up",
        &[
            "up",
            "--symbols",
            "BTCUSDT",
            "--exchange",
            "seeded:5",
            "--speed",
            "600",
            "--listen",
            "127.0.0.1:0",
            "--since",
            "2024-01-10",
        ],
    );
    until(&home, &["topics", "list"], "klines.1m");
    until(&home, &["topics", "peek", "klines.1m", "-n", "1"], "\"symbol\":\"BTCUSDT\"");
    let file = home.path("data/log/up.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "the token is its user's");

    let job = home.run(&["jobs", "submit", "crossing.yaml"]).good().out.trim().to_owned();
    assert!(job.starts_with("crossing-"), "{job}");
    until(&home, &["jobs", "list"], "running");
    until(&home, &["topics", "peek", "signals.crossing", "-n", "1"], "\"action\"");
    for (args, expected) in [
        (vec!["jobs", "submit", "other.yaml"], "--symbols XRPUSDT"),
        (vec!["jobs", "submit", "inside.yaml"], "start it with --detail 1s"),
        (vec!["jobs", "submit", "broken.yaml"], "broken.yaml:5:"),
        (vec!["jobs", "stop", "nothing"], "there is no job nothing"),
        (vec!["topics", "peek", "nothing"], "there is no topic nothing"),
        (vec!["topics", "delete", "klines.1m"], "stop it first"),
        (vec!["sync", "--symbols", "BTCUSDT"], "'sync' lives inside it"),
        (vec!["exchange", "--seed", "1"], "'exchange' lives inside it"),
        (vec!["run", "crossing.yaml", "--live"], "candleflow jobs submit"),
    ] {
        let said = home.run(&args);
        assert_eq!(said.code, 2, "{args:?}: {said:?}");
        assert!(said.err.contains(expected), "{args:?}: {said:?}");
    }
    let stopped = home.run(&["jobs", "stop", &job]).good();
    let runs = home.run(&["sql", "select run_id, digest from runs", "--format", "csv"]).good();
    assert!(runs.out.contains(&format!("{job},{}", stopped.value("digest"))), "{runs:?}");
    assert!(home.run(&["jobs", "list"]).good().out.contains("finished"));

    let text = std::fs::read_to_string(&file).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let url = format!("http://127.0.0.1:{}/jobs", json["port"]);
    let refused =
        std::process::Command::new("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url]).output();
    if let Ok(refused) = refused {
        assert_eq!(String::from_utf8_lossy(&refused.stdout), "401", "without the token");
    }

    up.kill();
    assert!(file.exists(), "what a killed process leaves");
    let stale = home.run(&["jobs", "list"]);
    assert!(stale.code == 2 && stale.err.contains("no 'candleflow up' runs"), "{stale:?}");
    home.run(&["topics", "peek", "klines.1m", "-n", "1"]).good();
}

#[test]
fn a_sync_once_goes_on_through_the_topic_that_up_began() {
    let Some(folder) = shared() else { return };
    let home = Home::new();
    let file =
        |symbol: &str| folder.join(format!("klines_1m/{symbol}-1m-20210420-20210520.csv.gz")).display().to_string();
    let files = ["BTCUSDT", "ETHUSDT"].map(file);
    home.write("crossing.yaml", PIPELINE);
    let exchange = format!("replay:{}", files[0]);
    let base = ["up", "crossing.yaml", "--exchange", &exchange, "--speed", "3000", "--listen", "127.0.0.1:0"];
    let times = ["--start", "2021-04-22", "--since", "2021-04-21", "--to", "2021-04-22T01:00"];
    let args: Vec<&str> = base.into_iter().chain(times).collect();
    home.start("up", &args).end(PATIENCE).good();
    let served = home.start(
        "exchange",
        &[
            "exchange",
            "--replay",
            &files[0],
            &files[1],
            "--start",
            "2021-04-23",
            "--speed",
            "1",
            "--listen",
            "127.0.0.1:0",
        ],
    );
    let url = served.line("CANDLEFLOW_EXCHANGE=", PATIENCE);
    // One symbol that the topic has, one that it has not: the first goes on through it, the other goes to the lake alone.
    let args = ["sync", "--symbols", "BTCUSDT,ETHUSDT", "--since", "2021-04-21", "--exchange", &url];
    let said = home.start("sync", &args).end(PATIENCE).good();
    assert!(said.out.contains(" bars and "), "{said:?}");
    let eth = "select count(*), count(\"offset\") from klines_exact where symbol = 'ETHUSDT' and open_time >= '2021-04-21T00:00:00Z' and open_time < '2021-04-22T23:00:00Z'";
    assert_eq!(home.run(&["sql", eth, "--format", "csv"]).good().out.lines().nth(1), Some("2820,0"));
    let placed = "select count(*), count(\"offset\"), count(distinct open_time) from klines_exact where symbol = 'BTCUSDT' and open_time >= '2021-04-22T01:00:00Z' and open_time < '2021-04-22T23:00:00Z'";
    let rows = home.run(&["sql", placed, "--format", "csv"]).good();
    assert_eq!(rows.out.lines().nth(1), Some("1320,1320,1320"), "{rows:?}");
}
