//! Live runs through the local exchange: the same digest as history, in one process and in three, whatever breaks.

use crate::support::{Home, kafka, shared};
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// Bars of some symbols; the last symbol stops trading between `FROM` and `TO`.
pub(crate) fn bars(home: &Home) -> Option<Vec<String>> {
    bars_of(home, ["BTCUSDT", "ETHUSDT", "XRPUSDT"])
}

fn bars_of(home: &Home, symbols: [&str; 3]) -> Option<Vec<String>> {
    let folder = shared()?.join("klines_1m");
    let mut files = Vec::new();
    for (symbol, rows) in symbols.into_iter().zip([9_000, 9_000, 6_250]) {
        let packed = folder.join(format!("{symbol}-1m-20210420-20210520.csv.gz"));
        let output = std::process::Command::new("gzip").args(["-dc"]).arg(packed).output().expect("gzip");
        let text = String::from_utf8(output.stdout).expect("text");
        let head: Vec<&str> = text.lines().take(rows + 1).collect();
        files.push(home.write(&format!("{symbol}-1m.csv"), &(head.join("\n") + "\n")));
    }
    Some(files)
}

pub(crate) const PIPELINE: &str = "
name: parity
source: { symbols: [BTCUSDT, ETHUSDT, XRPUSDT], interval: 1m }
columns:
  fast: ema(close, 5)
  slow: ema(close, 21)
  trend: { every: 15m, is: \"sma(close, 4)\" }
strategy:
  long:  { entry: \"crossover(fast, slow) AND close > trend\", exit: \"crossunder(fast, slow) OR position.bars > 90\" }
  short: { entry: \"crossunder(fast, slow)\", exit: \"crossover(fast, slow)\" }
  size: { equity: 20% }
  stop_loss: 1%
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% }, slippage: { pct: 0.02% } }
sinks: [orders, trades, equity, metrics, { topic: signals.parity }]
";

pub(crate) const SINCE: &str = "2021-04-20";
pub(crate) const START: &str = "2021-04-25T00:00";
pub(crate) const FROM: &str = "2021-04-25T02:00";
const TO: &str = "2021-04-25T12:00";

/// The digest over the imported bars.
fn by_import(files: &[String], home: &Home) -> String {
    let other = Home::new();
    let files: Vec<String> = files.iter().map(|f| home.path(f).display().to_string()).collect();
    let mut args = vec!["import", "--complete"];
    args.extend(files.iter().map(String::as_str));
    other.run(&args).good();
    other.write("parity.yaml", PIPELINE);
    let said = other.run(&["run", "parity.yaml", "--from", FROM, "--to", TO]).good();
    assert!(said.out.contains(" trades"), "{said:?}");
    said.value("digest").to_owned()
}

/// Volume and number of bars of the lake, by symbol, up to `TO`.
fn klines(home: &Home) -> String {
    let sql = format!(
        "select symbol, count(*), count(distinct open_time), sum(volume), sum(close) from klines_exact where time <= '{TO}:00Z' group by 1 order by 1"
    );
    home.run(&["sql", &sql, "--format", "csv"]).good().out
}

/// How many signals were published, none of them twice.
fn published_once(peeked: &str) -> usize {
    let mut once: Vec<&str> = peeked.lines().filter_map(|l| l.split_once(' ').map(|(_, record)| record)).collect();
    let count = once.len();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), count, "a signal was published twice");
    count
}

#[test]
fn one_process_with_every_fault_gives_the_digest_of_the_import() {
    let home = Home::new();
    let Some(files) = bars(&home) else { return };
    let expected = by_import(&files, &home);
    home.write("parity.yaml", PIPELINE);
    let exchange = format!("replay:{}", files.join(","));
    let up = home.start(
        "up",
        &[
            "up",
            "parity.yaml",
            "--exchange",
            &exchange,
            "--speed",
            "1500",
            "--start",
            START,
            "--since",
            SINCE,
            "--from",
            FROM,
            "--to",
            TO,
            "--faults",
            "all",
            "--listen",
            "127.0.0.1:0",
        ],
    );
    let said = up.end(PATIENCE).good();
    assert_eq!(said.value("digest"), expected, "{said:?}");
    let imported = Home::new();
    let paths: Vec<String> = files.iter().map(|f| home.path(f).display().to_string()).collect();
    let mut args = vec!["import"];
    args.extend(paths.iter().map(String::as_str));
    imported.run(&args).good();
    assert_eq!(klines(&home), klines(&imported));
    let signals = home.run(&["topics", "peek", "signals.parity", "-n", "1"]).good();
    assert!(signals.out.contains("\"action\":"), "{signals:?}");
    // A rerun takes what the topic said, also after every bar was restated.
    let id = said.value("run");
    assert_eq!(home.run(&["rerun", id]).good().value("digest"), expected);
    for file in &files {
        let text = std::fs::read_to_string(home.path(file)).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let head = lines.next().unwrap().join(",");
        // Each bar closes at its open now.
        let rows = lines.map(|c| [c[0], c[1], c[2], c[3], c[1], c[5]].join(","));
        home.write(file, &std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n"));
    }
    let args: Vec<&str> = std::iter::once("import").chain(files.iter().map(String::as_str)).collect();
    home.run(&args).good();
    assert_eq!(home.run(&["rerun", id]).good().value("digest"), expected, "the topic said otherwise");
    let anew = home.run(&["run", "parity.yaml", "--from", FROM, "--to", TO]).good();
    assert_ne!(anew.value("digest"), expected, "the bars did change");
}

/// One account over three symbols, whose records share a partition of the topic: the last one stops trading, and only its
/// `complete` records let the others go on.
const PORTFOLIO: &str = "
name: rotation
source: { symbols: [BTCUSDT, DASHUSDT, DOTUSDT], interval: 1m }
params: { fast: 5, slow: 21, per_symbol: { DASHUSDT: { fast: 8 } } }
columns:
  fast: ema(close, $fast)
  slow: ema(close, $slow)
  strength: roc(close, 30)
strategy:
  long: { entry: \"crossover(fast, slow)\", exit: [\"crossunder(fast, slow)\", \"position.bars > $slow * 3\"] }
  size: { equity: 45% }
  stop_loss: 1%
  limits: { max_positions: 2, rank: strength desc }
account: { balance: 10000, scope: portfolio, filters: exchange, fees: { maker: 0.1%, taker: 0.1% } }
sinks: [orders, trades, equity, columns, metrics, { topic: signals.rotation }]
";

/// All digests that a command printed, sorted.
pub(crate) fn digests(said: &crate::support::Said) -> Vec<String> {
    let digest = |line: &str| line.strip_prefix("digest").map(|rest| rest.trim().to_owned());
    let mut all: Vec<String> = said.out.lines().filter_map(digest).collect();
    all.sort();
    all
}

#[test]
fn several_symbols_in_one_partition_one_of_which_stops_trading_apart_and_as_a_portfolio() {
    let home = Home::new();
    let Some(files) = bars_of(&home, ["BTCUSDT", "DASHUSDT", "DOTUSDT"]) else { return };
    home.write("apart.yaml", &PIPELINE.replace("ETHUSDT, XRPUSDT", "DASHUSDT, DOTUSDT"));
    home.write("rotation.yaml", PORTFOLIO);
    let exchange = format!("replay:{}", files.join(","));
    let args = [
        "up",
        "apart.yaml",
        "rotation.yaml",
        "--exchange",
        &exchange,
        "--speed",
        "1500",
        "--start",
        START,
        "--since",
        SINCE,
        "--from",
        FROM,
        "--to",
        TO,
        "--faults",
        "all",
        "--listen",
        "127.0.0.1:0",
    ];
    let live = home.start("up", &args).end(PATIENCE).good();
    let live = digests(&live);
    assert_eq!(live.len(), 2);
    let over = |file: &str| home.run(&["run", file, "--from", FROM, "--to", TO]).good();
    let (apart, rotation) = (over("apart.yaml"), over("rotation.yaml"));
    let mut history = [digests(&apart), digests(&rotation)].concat();
    history.sort();
    assert_eq!(live, history, "{apart:?} {rotation:?}");
    assert!(rotation.out.contains(" trades"), "{rotation:?}");
    let said = home.run(&["topics", "peek", "klines.1m", "-n", "100000"]).good();
    for word in ["BTCUSDT", "DASHUSDT", "DOTUSDT", "complete"] {
        assert!(said.out.contains(word), "no {word} in the topic");
    }
    let sql = "select max(time) < timestamp '2021-04-25T12:00:00' from klines where symbol = 'DOTUSDT'";
    assert!(home.run(&["sql", sql, "--format", "csv"]).good().out.contains("true"), "DOTUSDT did not stop");
}

/// An `up` that is killed goes on with its jobs when it is started again: the same run, and each signal once.
#[test]
fn an_up_that_is_killed_goes_on_with_its_jobs() {
    let home = Home::new();
    let Some(files) = bars(&home) else { return };
    home.write("parity.yaml", PIPELINE);
    let mut args = vec!["exchange", "--speed", "1500", "--start", START, "--listen", "127.0.0.1:0", "--replay"];
    args.extend(files.iter().map(String::as_str));
    let exchange = home.start("exchange", &args);
    let url = exchange.line("CANDLEFLOW_EXCHANGE=", PATIENCE);
    let to = "2021-04-25T11:00";
    let base = ["up", "parity.yaml", "--exchange", &url, "--since", SINCE, "--from", FROM];
    let args: Vec<&str> = base.into_iter().chain(["--to", to, "--listen", "127.0.0.1:0"]).collect();
    let killed = home.start("up1", &args);
    let signals = || home.run(&["topics", "peek", "signals.parity", "-n", "9999"]).out;
    let deadline = std::time::Instant::now() + PATIENCE;
    while signals().lines().count() < 5 {
        assert!(std::time::Instant::now() < deadline, "no signal came");
        crate::support::pause();
    }
    killed.kill();
    let said = home.start("up2", &args).end(PATIENCE).good();
    let history = home.run(&["run", "parity.yaml", "--from", FROM, "--to", to]).good();
    assert_eq!(said.value("digest"), history.value("digest"), "{said:?} {history:?}");
    let count = published_once(&signals());
    let placed = format!("select count(*) from orders where run_id = '{}' and event = 'placed'", said.value("run"));
    let placed = home.run(&["sql", &placed, "--format", "csv"]).good();
    assert_eq!(placed.out.lines().nth(1), Some(count.to_string().as_str()), "each order has its signal");
    let unfinished = "select count(distinct run_id) from orders where run_id not in (select run_id from runs)";
    assert_eq!(home.run(&["sql", unfinished, "--format", "csv"]).good().out.lines().nth(1), Some("0"));
}

/// A symbol that had stopped before it was synced first: all that the topic has of it says that there is nothing.
#[test]
fn a_symbol_that_had_stopped_before_holds_nobody_up() {
    let home = Home::new();
    let Some(files) = bars(&home) else { return };
    let stopped = home.path(&files[2]);
    let text = std::fs::read_to_string(&stopped).unwrap();
    let before: Vec<&str> = text.lines().take(5_001).collect();
    std::fs::write(&stopped, before.join("\n") + "\n").unwrap();
    home.write("parity.yaml", PIPELINE);
    let (exchange, to) = (format!("replay:{}", files.join(",")), "2021-04-25T03:00");
    let base = ["up", "parity.yaml", "--exchange", &exchange, "--speed", "1500", "--start", START, "--since", SINCE];
    let more = ["--from", "2021-04-24", "--to", to, "--listen", "127.0.0.1:0"];
    let args: Vec<&str> = base.into_iter().chain(more).collect();
    let said = home.start("up", &args).end(PATIENCE).good();
    let history = home.run(&["run", "parity.yaml", "--from", "2021-04-24", "--to", to]).good();
    assert_eq!(said.value("digest"), history.value("digest"), "{said:?} {history:?}");
    let sql = "select max(time) < timestamp '2021-04-25' from klines where symbol = 'XRPUSDT'";
    assert!(home.run(&["sql", sql, "--format", "csv"]).good().out.contains("true"));
}

#[test]
fn three_processes_over_kafka_give_the_digest_of_the_import() {
    let home = Home::new();
    let (Some(files), Some(kafka)) = (bars(&home), kafka()) else { return };
    let expected = by_import(&files, &home);
    home.write("parity.yaml", PIPELINE);
    // Topics of an earlier test on the same broker would be taken for this one's.
    for topic in ["klines.1m", "signals.parity"] {
        home.run(&["--kafka", &kafka, "topics", "delete", topic]);
    }
    let mut args = vec!["exchange", "--speed", "1500", "--start", START, "--listen", "127.0.0.1:0", "--replay"];
    args.extend(files.iter().map(String::as_str));
    let exchange = home.start("exchange", &args);
    let url = exchange.line("CANDLEFLOW_EXCHANGE=", PATIENCE);
    let sync_args = [
        "--kafka",
        &kafka,
        "sync",
        "--follow",
        "--symbols",
        "BTCUSDT,ETHUSDT,XRPUSDT",
        "--exchange",
        &url,
        "--since",
        SINCE,
        "--to",
        TO,
    ];
    let first = home.start("sync1", &sync_args);
    let run = home.start("run", &["--kafka", &kafka, "run", "parity.yaml", "--live", "--from", FROM, "--to", TO]);
    // The first sync is killed under way; the second goes on where the topic says that it was.
    let until = std::time::Instant::now() + Duration::from_secs(8);
    while std::time::Instant::now() < until {
        crate::support::pause();
    }
    first.kill();
    let second = home.start("sync2", &sync_args);
    let said = run.end(PATIENCE).good();
    assert_eq!(said.value("digest"), expected, "{said:?}");
    second.end(PATIENCE).good();
    let history = home.run(&["run", "parity.yaml", "--from", FROM, "--to", TO]).good();
    assert_eq!(history.value("digest"), expected, "{history:?}");
}

#[test]
fn a_second_sync_fences_the_first() {
    let home = Home::new();
    let (Some(files), Some(kafka)) = (bars(&home), kafka()) else { return };
    // A length of bar of its own keeps this test apart from others on the same broker.
    let mut args = vec!["exchange", "--speed", "600", "--start", START, "--listen", "127.0.0.1:0", "--replay"];
    args.extend(files.iter().map(String::as_str));
    let exchange = home.start("exchange", &args);
    let url = exchange.line("CANDLEFLOW_EXCHANGE=", PATIENCE);
    let sync = |name: &str, extra: &[&str]| {
        let mut args = vec![
            "--kafka",
            &kafka,
            "sync",
            "--follow",
            "--symbols",
            "BTCUSDT",
            "--interval",
            "3m",
            "--exchange",
            &url,
            "--since",
            START,
        ];
        args.extend_from_slice(extra);
        home.start(name, &args)
    };
    let first = sync("first", &["--no-copy"]);
    let deadline = std::time::Instant::now() + PATIENCE;
    while !home.run(&["--kafka", &kafka, "topics", "peek", "klines.3m", "-n", "1"]).out.contains("BTCUSDT") {
        assert!(std::time::Instant::now() < deadline, "the first sync wrote nothing");
        crate::support::pause();
    }
    let _second = sync("second", &["--no-copy"]);
    assert_eq!(first.end(PATIENCE).code, 4);
}

/// What the stream told wrongly is corrected by REST through the topic: the live run keeps what it was told, `klines` end
/// as the exchange's own, and every value that lost is in `restated` with the place that it had in the topic.
#[test]
fn bars_that_the_stream_told_wrongly_are_restated_through_the_topic() {
    let home = Home::new();
    let Some(files) = bars(&home) else { return };
    home.write("parity.yaml", PIPELINE);
    let exchange = format!("replay:{}", files.join(","));
    let faults = r#"{"seed":3,"frames":{"revise":0.2}}"#;
    let base = ["up", "parity.yaml", "--exchange", &exchange, "--speed", "1500", "--start", START, "--since", SINCE];
    let more = ["--from", FROM, "--to", TO, "--faults", faults, "--listen", "127.0.0.1:0"];
    let args: Vec<&str> = base.into_iter().chain(more).collect();
    let said = home.start("up", &args).end(PATIENCE).good();
    let number = |sql: &str| {
        let said = home.run(&["sql", sql, "--format", "csv"]).good();
        said.out.lines().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or_else(|| panic!("{said:?}"))
    };
    let restated = number("select count(*) from restated");
    assert!(restated > 10, "{said:?}");
    let whole =
        "select count(*) from restated where origin = 'stream' and replaced_by = 'rest' and \"offset\" is not null";
    assert_eq!(number(whole), restated, "what lost is what the topic gave");
    // All but the last bars, which REST has not been asked about again, are what the exchange has.
    let imported = Home::new();
    let paths: Vec<String> = files.iter().map(|f| home.path(f).display().to_string()).collect();
    let mut args = vec!["import"];
    args.extend(paths.iter().map(String::as_str));
    imported.run(&args).good();
    let rows = |home: &Home| {
        let sql = "select symbol, count(*), sum(volume), sum(close) from klines_exact where time <= '2021-04-25T10:00:00Z' group by 1 order by 1";
        home.run(&["sql", sql, "--format", "csv"]).good().out
    };
    assert_eq!(rows(&home), rows(&imported));
}

/// A live run that is killed goes on under its job's name: the same digest, and each signal once.
#[test]
fn a_live_run_that_is_killed_goes_on_from_what_it_had_recorded() {
    let home = Home::new();
    let (Some(files), Some(kafka)) = (bars(&home), kafka()) else { return };
    home.write("parity.yaml", &PIPELINE.replace("1m", "5m").replace("signals.parity", "signals.again"));
    for topic in ["klines.5m", "signals.again"] {
        home.run(&["--kafka", &kafka, "topics", "delete", topic]);
    }
    let mut args = vec!["exchange", "--speed", "3000", "--start", START, "--listen", "127.0.0.1:0", "--replay"];
    args.extend(files.iter().map(String::as_str));
    let exchange = home.start("exchange", &args);
    let url = exchange.line("CANDLEFLOW_EXCHANGE=", PATIENCE);
    let symbols = "BTCUSDT,ETHUSDT,XRPUSDT";
    let from = ["--kafka", &kafka, "sync", "--follow", "--symbols", symbols, "--interval", "5m", "--exchange", &url];
    let sync: Vec<&str> = from.into_iter().chain(["--since", SINCE, "--to", TO]).collect();
    let sync = home.start("sync", &sync);
    let base = ["--kafka", &kafka, "run", "parity.yaml", "--live", "--job", "again", "--from", FROM];
    let first: Vec<&str> = base.into_iter().chain(["--to", "2021-04-25T08:00"]).collect();
    let last: Vec<&str> = base.into_iter().chain(["--to", TO]).collect();
    let killed = home.start("run1", &last);
    let deadline = std::time::Instant::now() + PATIENCE;
    let signals = || home.run(&["--kafka", &kafka, "topics", "peek", "signals.again", "-n", "9999"]).out;
    while signals().lines().count() < 2 {
        assert!(std::time::Instant::now() < deadline, "no signal came");
        crate::support::pause();
    }
    killed.kill();
    let record = home.path("data/lake/_jobs/again/handover.json");
    let recorded = std::fs::read_to_string(&record).unwrap();
    let said = home.start("run2", &last).end(PATIENCE).good();
    assert_eq!(said.value("run"), "again");
    assert_eq!(std::fs::read_to_string(&record).unwrap(), recorded, "decided once");
    sync.end(PATIENCE).good();
    let history = home.run(&["run", "parity.yaml", "--from", FROM, "--to", TO]).good();
    assert_eq!(said.value("digest"), history.value("digest"), "{said:?} {history:?}");
    let placed = home.run(&[
        "sql",
        "select count(*) from orders where run_id = 'again' and event = 'placed'",
        "--format",
        "csv",
    ]);
    let count = published_once(&signals());
    assert_eq!(placed.good().out.lines().nth(1), Some(count.to_string().as_str()), "each order has its signal");
    let again = home.run(&first);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.err.contains("the job again has ended"), "{again:?}");
    let rows = "select count(*), count(distinct \"order\") from orders where run_id = 'again' group by symbol, event having count(*) > count(distinct \"order\")";
    let doubled = home.run(&["sql", rows, "--format", "csv"]).good();
    assert_eq!(doubled.out.lines().count(), 1, "{doubled:?}");
}
