//! `path: detail`: finer bars of the lake and of their own topic decide what happens inside a bar.

use crate::{
    live::bars,
    support::{Home, Said, kafka, pause, shared},
};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(240);

const PIPELINE: &str = "
name: inside
source: { symbols: [BTCUSDT], interval: 5m }
columns:
  fast: ema(close, 5)
  slow: ema(close, 21)
strategy:
  long:  { entry: \"crossover(fast, slow)\", exit: \"crossunder(fast, slow)\" }
  short: { entry: { when: \"crossunder(fast, slow)\", limit: \"close * 1.001\", expire: 4 }, exit: \"crossover(fast, slow)\" }
  size: { equity: 20% }
  trailing_stop: 0.4%
  take_profit: 0.8%
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% }, slippage: { pct: 0.02% } }
fills: { path: detail, detail: 1m }
sinks: [orders, trades, equity, metrics]
";

const RANGE: [&str; 4] = ["--from", "2021-04-22", "--to", "2021-04-30"];

/// How many bars a run says went without finer ones.
fn without(said: &Said) -> u64 {
    let all = format!("{}\n{}", said.out, said.err);
    let line = all.lines().find(|l| l.contains("bars were run pessimistically"));
    line.map_or(0, |l| l.split_whitespace().find_map(|word| word.parse().ok()).unwrap())
}

fn csv(home: &Home, sql: &str) -> String {
    home.run(&["sql", sql, "--format", "csv"]).good().out
}

/// A real year of 5m bars, and those lines of a month of 1m bars that `keep` wants.
fn home_with(keep: impl Fn(usize) -> bool) -> Option<Home> {
    let folder = shared()?;
    let home = Home::new();
    let unpacked = |path: &str| {
        let output = std::process::Command::new("gzip").args(["-dc"]).arg(folder.join(path)).output().expect("gzip");
        String::from_utf8(output.stdout).expect("text")
    };
    let minutes = unpacked("klines_1m/BTCUSDT-1m-20210420-20210520.csv.gz");
    let kept = minutes.lines().enumerate().filter(|(i, _)| *i == 0 || keep(*i)).map(|(_, line)| line.to_owned() + "\n");
    home.write("BTCUSDT-1m-2021.csv", &kept.collect::<String>());
    let bars = folder.join("klines_5m/BTCUSDT-5m-2021.csv.gz").display().to_string();
    home.run(&["import", &bars, "BTCUSDT-1m-2021.csv"]).good();
    home.write("inside.yaml", PIPELINE);
    home.write("worst.yaml", &PIPELINE.replace("{ path: detail, detail: 1m }", "{ path: pessimistic }"));
    Some(home)
}

fn run(home: &Home, file: &str, more: &[&str]) -> Said {
    home.run(&[["run", file].as_slice(), &RANGE, more].concat()).good()
}

#[test]
fn finer_bars_of_the_lake_decide_and_the_same_run_is_the_same_again() {
    let Some(home) = home_with(|_| true) else { return };
    let one = run(&home, "inside.yaml", &["--threads", "1"]);
    let id = one.value("run");
    assert_eq!(one.value("digest"), run(&home, "inside.yaml", &["--threads", "2"]).value("digest"));
    // Between the sources of the two files, the exchange restated the high or the low of these bars.
    assert!(without(&one) < 20, "{one:?}");
    let worst = run(&home, "worst.yaml", &[]);
    let trades = |run: &str| {
        csv(
            &home,
            &format!("select entry_time, time, exit_price, qty from trades where run_id = '{run}' order by 1, 2, 3"),
        )
    };
    assert_ne!(trades(id), trades(worst.value("run")), "finer bars say more than the worst case");
    // A shorter run is a prefix.
    let short = home.run(&["run", "inside.yaml", "--from", "2021-04-22", "--to", "2021-04-25T10:00"]).good();
    let rows = |run: &str| {
        let sql = "select symbol, event, reason, time, \"order\" from orders where run_id = 'RUN' and not final and time <= '2021-04-25T10:00:00Z' order by time, \"order\", event";
        csv(&home, &sql.replace("RUN", run))
    };
    assert!(rows(id).lines().count() > 20);
    assert_eq!(rows(short.value("run")), rows(id));
    // What it read is pinned: a rerun does not see that all minutes were restated since.
    let minutes = std::fs::read_to_string(home.path("BTCUSDT-1m-2021.csv")).unwrap();
    let mut lines = minutes.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap().join(",") + "\n";
    let flat: String = lines.map(|c| [c[0], c[1], c[1], c[1], c[1], c[5]].join(",") + "\n").collect();
    home.write("BTCUSDT-1m-2021.csv", &(head + &flat));
    home.run(&["import", "BTCUSDT-1m-2021.csv"]).good();
    assert_eq!(home.run(&["rerun", id]).good().value("digest"), one.value("digest"));
    let now = run(&home, "inside.yaml", &[]);
    assert!(without(&now) > 500 && now.value("digest") != one.value("digest"), "{now:?}");
}

#[test]
fn bars_whose_finer_bars_are_missing_are_run_pessimistically_and_counted() {
    let Some(whole) = home_with(|_| true) else { return };
    let odd = without(&run(&whole, "inside.yaml", &[]));
    // Line 5001 is 2021-04-23T11:20; an hour from there on is missing.
    let home = home_with(|line| !(5_001..5_061).contains(&line)).unwrap();
    let hour = without(&run(&home, "inside.yaml", &[]));
    assert!(odd < hour && hour <= odd + 12, "{odd}, then {hour}");
    // Without any, it is the worst case in every bar in which something is held or rests.
    let none = home_with(|line| line == 1).unwrap();
    let (inside, worst) = (run(&none, "inside.yaml", &[]), run(&none, "worst.yaml", &[]));
    let held =
        csv(&none, &format!("select count(*) from equity where run_id = '{}' and qty <> 0", inside.value("run")));
    assert!(without(&inside) > held.lines().nth(1).unwrap().parse::<u64>().unwrap(), "{held}, {inside:?}");
    let trades = |run: &str| {
        csv(&none, &format!("select * from trades where run_id = '{run}' order by time, exit_order, entry_order"))
            .replace(run, "")
    };
    assert_eq!(trades(inside.value("run")), trades(worst.value("run")));
}

#[test]
fn a_check_cuts_finer_bars_with_the_bars() {
    let Some(home) = home_with(|_| true) else { return };
    let said = home.run(&["check", "inside.yaml", "--bars", "2500", "--to", "2021-05-01"]).good();
    assert!(said.out.contains("good: every law holds"), "{said:?}");
    let much = home.run(&["check", "inside.yaml", "--bars", "0"]);
    assert!(much.code == 0 || much.err.contains("take --bars"), "{much:?}");
}

#[test]
fn what_cannot_have_finer_bars_says_so() {
    let home = Home::new();
    home.write("longer.yaml", &PIPELINE.replace("detail: 1m", "detail: 15m"));
    let said = home.run(&["validate", "longer.yaml"]);
    assert!(said.code == 2 && said.err.contains("bars of 15m do not fill the source's 5m"), "{said:?}");
}

#[test]
fn a_live_run_waits_for_the_topic_of_its_finer_bars_and_is_the_run_over_history() {
    let home = Home::new();
    let Some(files) = bars(&home) else { return };
    let text = PIPELINE.replace("[BTCUSDT]", "[BTCUSDT, ETHUSDT, XRPUSDT]").replace("5m", "15m");
    home.write("inside.yaml", &text);
    let exchange = format!("replay:{}", files.join(","));
    let base = ["up", "inside.yaml", "--exchange", &exchange, "--speed", "1500", "--listen", "127.0.0.1:0"];
    let times = [
        "--start",
        "2021-04-24T20:00",
        "--since",
        "2021-04-20",
        "--from",
        "2021-04-24T20:07",
        "--to",
        "2021-04-25T12:00",
    ];
    let args = [base.as_slice(), &times, &["--faults", "all"]].concat();
    let live = home.start("up", &args).end(PATIENCE).good();
    let topics = home.run(&["topics", "list"]).good();
    assert!(topics.out.contains("klines.15m") && topics.out.contains("klines.1m"), "{topics:?}");
    let history = home.run(&["run", "inside.yaml", times[4], times[5], times[6], times[7]]).good();
    assert_eq!(live.value("digest"), history.value("digest"), "{live:?} {history:?}");
    assert_eq!(without(&history), 0, "the exchange's own bars are made of its minutes: {history:?}");
    assert_eq!(without(&live), 0, "{live:?}");
    assert_eq!(home.run(&["rerun", live.value("run")]).good().value("digest"), live.value("digest"));
    let trades = csv(&home, &format!("select count(*) from trades where run_id = '{}'", live.value("run")));
    assert!(trades.lines().nth(1).unwrap().parse::<u64>().unwrap() > 5, "{trades}");
}

/// Lengths of bar of its own keep this test apart from others on the same broker.
#[test]
fn a_live_run_over_kafka_that_is_killed_goes_on_with_the_same_finer_bars() {
    let home = Home::new();
    let (Some(files), Some(kafka)) = (bars(&home), kafka()) else { return };
    let text = PIPELINE.replace("[BTCUSDT]", "[BTCUSDT, ETHUSDT, XRPUSDT]").replace("ema(close, 21)", "ema(close, 8)");
    let text = text.replace("5m", "30m").replace("detail: 1m", "detail: 15m");
    home.write("inside.yaml", &text.replace("metrics]", "metrics, { topic: signals.inside }]"));
    for topic in ["klines.30m", "klines.15m", "signals.inside"] {
        home.run(&["--kafka", &kafka, "topics", "delete", topic]);
    }
    let (start, to) = ("2021-04-24T12:00", "2021-04-25T12:00");
    let mut args = vec!["exchange", "--speed", "3000", "--start", start, "--listen", "127.0.0.1:0", "--replay"];
    args.extend(files.iter().map(String::as_str));
    let exchange = home.start("exchange", &args);
    let url = exchange.line("CANDLEFLOW_EXCHANGE=", PATIENCE);
    let sync = |interval: &'static str| {
        let from = ["--kafka", &kafka, "sync", "--follow", "--symbols", "BTCUSDT,ETHUSDT,XRPUSDT", "--exchange", &url];
        let args = [from.as_slice(), &["--interval", interval, "--since", "2021-04-20", "--to", to]].concat();
        home.start(interval, &args)
    };
    let bars = sync("30m");
    let base = ["--kafka", &kafka, "run", "inside.yaml", "--live", "--job", "inside", "--from", start, "--to", to];
    let killed = home.start("run1", &base);
    // The finer bars come later: until then the run waits.
    let finer = sync("15m");
    let signals = || home.run(&["--kafka", &kafka, "topics", "peek", "signals.inside", "-n", "9999"]).out;
    let deadline = Instant::now() + PATIENCE;
    while signals().lines().count() < 2 {
        assert!(Instant::now() < deadline, "no signal came");
        pause();
    }
    killed.kill();
    let said = home.start("run2", &base).end(PATIENCE).good();
    bars.end(PATIENCE).good();
    finer.end(PATIENCE).good();
    let history = home.run(&["run", "inside.yaml", "--from", start, "--to", to]).good();
    assert_eq!(said.value("digest"), history.value("digest"), "{said:?} {history:?}");
    assert_eq!(home.run(&["rerun", "inside"]).good().value("digest"), said.value("digest"));
    let published = signals();
    let all: Vec<&str> = published.lines().filter_map(|l| l.split_once(' ').map(|(_, record)| record)).collect();
    let once: std::collections::BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(once.len(), all.len(), "a signal was published twice");
}
