//! Pipelines over history: the same digest however it is computed.

use crate::support::{Home, shared};

const EMA: &str = include_str!("../../../../examples/ema-cross.yaml");
const DIP: &str = include_str!("../../../../examples/dip-buyer.yaml");
const INDICATORS: &str = include_str!("../../../../examples/indicators.yaml");

fn home_with_bars(symbols: &[&str]) -> Option<Home> {
    let folder = shared()?.join("klines_1m");
    let home = Home::new();
    let files: Vec<String> =
        symbols.iter().map(|s| folder.join(format!("{s}-1m-20210420-20210520.csv.gz")).display().to_string()).collect();
    let args: Vec<&str> = std::iter::once("import").chain(files.iter().map(String::as_str)).collect();
    home.run(&args).good();
    Some(home)
}

#[test]
fn a_run_gives_the_same_digest_for_any_number_of_threads_and_again() {
    let Some(home) = home_with_bars(&["BTCUSDT", "ETHUSDT", "BTTUSDT"]) else { return };
    for (name, text) in [("ema.yaml", EMA), ("dip.yaml", DIP), ("indicators.yaml", INDICATORS)] {
        home.write(name, text);
        let run = |threads: &str| {
            home.run(&["run", name, "--from", "2021-04-22", "--to", "2021-05-10", "--threads", threads]).good()
        };
        let (one, two) = (run("1"), run("2"));
        assert_eq!(one.value("digest"), two.value("digest"), "{name}");
        assert_ne!(one.value("run"), two.value("run"));
    }
    let trades = home.run(&["sql", "select count(*), count(distinct run_id) from trades", "--format", "csv"]).good();
    let cells: Vec<u64> = trades.out.lines().nth(1).unwrap().split(',').map(|c| c.parse().unwrap()).collect();
    assert!(cells[0] > 100 && cells[1] == 4, "{trades:?}");
    let runs = home.run(&["sql", "select name, digest from runs", "--format", "csv"]).good();
    assert_eq!(runs.out.lines().count(), 7, "{runs:?}");
}

#[test]
fn rows_of_a_shorter_run_are_a_prefix_of_a_longer_one() {
    let Some(home) = home_with_bars(&["BTCUSDT", "ETHUSDT"]) else { return };
    home.write("ema.yaml", EMA);
    let run = |to: &str| home.run(&["run", "ema.yaml", "--from", "2021-04-22", "--to", to]).good();
    let (short, long) = (run("2021-05-01"), run("2021-05-10"));
    let rows = |id: &str, to: &str| {
        let sql = format!(
            "select * from trades where run_id = '{id}' and not final and time <= '{to}' order by symbol, time, exit_order, entry_order"
        );
        let said = home.run(&["sql", &sql, "--format", "csv"]).good();
        said.out.replace(id, "")
    };
    let until = "2021-05-01T00:00:00Z";
    let (a, b) = (rows(short.value("run"), until), rows(long.value("run"), until));
    assert!(a.lines().count() > 20);
    assert_eq!(a, b);
}

#[test]
fn plans_and_mistakes_are_shown() {
    let home = Home::new();
    home.write("ema.yaml", EMA);
    let plan = home.run(&["explain", "ema.yaml"]).good();
    assert!(plan.out.contains("higher     trend every 1h"), "{plan:?}");
    assert!(home.run(&["validate", "ema.yaml"]).good().out.contains("good: 2 symbols"));
    assert!(home.run(&["schema"]).good().out.contains("\"$schema\""));
    home.write(
        "bad.yaml",
        &EMA.replace("ema(close, $fast)", "emma(close, $fats)").replace("equity: 10%", "equity: 10"),
    );
    let said = home.run(&["validate", "bad.yaml"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("bad.yaml:15:19: equity: expected a percentage"), "{said:?}");
}
