//! Pipelines over history: the same digest however it is computed.

use crate::support::{Home, shared};

const EMA: &str = include_str!("../../../../examples/ema-cross.yaml");
const DIP: &str = include_str!("../../../../examples/dip-buyer.yaml");
const INDICATORS: &str = include_str!("../../../../examples/indicators.yaml");

pub(crate) fn home_with_bars(symbols: &[&str]) -> Option<Home> {
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

/// What is told by day and by symbol adds up to what is told of the whole, apart or as one account.
#[test]
fn days_and_symbols_add_up_to_the_run() {
    let Some(home) = home_with_bars(&["BTCUSDT", "ETHUSDT", "XRPUSDT", "BTTUSDT"]) else { return };
    for (name, text) in [("ema.yaml", EMA), ("rotation.yaml", ROTATION)] {
        home.write(name, text);
        let said = home.run(&["run", name, "--from", "2021-04-22", "--to", "2021-05-04"]).good();
        let row = |sql: &str| {
            let sql = sql.replace("RUN", &format!("run_id = '{}'", said.value("run")));
            let said = home.run(&["sql", &sql, "--format", "csv"]).good();
            let cells = said.out.lines().nth(1).unwrap().split(',').map(|c| c.parse().unwrap()).collect::<Vec<f64>>();
            assert!(cells.iter().all(|c| *c != 0.0), "{said:?}");
            cells
        };
        let near = |a: Vec<f64>, b: Vec<f64>| {
            let same = a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs());
            assert!(same && a.len() == b.len(), "{name}: {a:?} {b:?}");
        };
        near(
            row(
                "select sum(trades), sum(winning_trades), sum(fees), max(largest_win) from metrics_by_symbol where RUN",
            ),
            row("select trades, winning_trades, fees, largest_win from metrics where RUN and view = 'mark'"),
        );
        near(
            row("select sum(pnl), sharpe(daily_return), max(daily_return), count(*) from metrics_by_day where RUN"),
            row("select total_pnl, sharpe, best_day, days from metrics where RUN and view = 'mark'"),
        );
    }
}

#[test]
fn metrics_by_another_librarys_formulas_are_one_more_view() {
    let Some(home) = home_with_bars(&["BTCUSDT", "ETHUSDT"]) else { return };
    let run = |name: &str, text: &str| {
        home.write(name, text);
        home.run(&["run", name, "--from", "2021-04-22", "--to", "2021-05-04"]).good()
    };
    let plain = run("plain.yaml", EMA);
    let said = run("empyrical.yaml", &format!("{EMA}metrics: {{ variant: empyrical }}\n"));
    assert_eq!(plain.value("digest"), said.value("digest"), "what happened is the same");
    assert!(said.out.contains("By the formulas of empyrical: total_return"), "{said:?}");
    let of = |sql: &str| {
        let sql = sql.replace("RUN", &format!("run_id = '{}'", said.value("run")));
        home.run(&["sql", &sql, "--format", "csv"]).good().out.lines().nth(1).map(str::to_owned)
    };
    let theirs = "select sharpe, sortino, trades is null from metrics where view = 'empyrical' and RUN";
    let ours = "select sharpe(daily_return, variant => 'empyrical'), sortino(daily_return, variant => 'empyrical'), true from metrics_by_day where RUN";
    assert!(of(theirs).is_some_and(|values| values.ends_with("true") && values.starts_with('-')));
    assert_eq!(of(theirs), of(ours));
    assert_eq!(of("select count(*) from metrics where RUN").as_deref(), Some("3"));
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

#[test]
fn a_window_longer_than_the_data_is_refused_before_any_work() {
    let Some(home) = home_with_bars(&["BTCUSDT"]) else { return };
    let alone = EMA.replace("BTCUSDT, ETHUSDT", "BTCUSDT");
    home.write("long.yaml", &alone.replace("ETHUSDT: { fast: 8 }", "BTCUSDT: { fast: 42916 }"));
    let said = home.run(&["run", "long.yaml", "--to", "2021-05-20"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("the column 'fast' has its first value after 42915 bars, and BTCUSDT has"), "{said:?}");
    assert!(!home.path("data/lake/runs").exists(), "nothing was written");
}

const ROTATION: &str = include_str!("../../../../examples/rotation.yaml");

#[test]
fn one_account_over_all_symbols_gives_the_same_digest_for_any_number_of_threads() {
    let Some(home) = home_with_bars(&["BTCUSDT", "ETHUSDT", "XRPUSDT", "BTTUSDT"]) else { return };
    home.write("rotation.yaml", ROTATION);
    let run = |threads: &str| {
        home.run(&["run", "rotation.yaml", "--from", "2021-04-22", "--to", "2021-05-04", "--threads", threads]).good()
    };
    let digests = ["1", "2", "5"].map(|threads| run(threads).value("digest").to_owned());
    assert!(digests.iter().all(|d| *d == digests[0]), "{digests:?}");
    let csv = |sql: &str| home.run(&["sql", sql, "--format", "csv"]).good().out;
    // One row of equity per event time, of all symbols together; never more positions than allowed.
    assert_eq!(csv("select distinct symbol from equity").lines().nth(1), Some("*"));
    assert_eq!(
        csv("select max(n) from (select count(*) n from equity group by run_id, time)").lines().nth(1),
        Some("1")
    );
    let held = "select max(open) from (select t.run_id, t.time, count(distinct o.symbol) as open from (select distinct run_id, time from trades) t join trades o on o.run_id = t.run_id and o.entry_time < t.time and t.time < o.time group by 1, 2)";
    assert_eq!(csv(held).lines().nth(1), Some("1"), "beside the one that closes");
    let apart = home.write("apart.yaml", &ROTATION.replace("USDT, ETH", "USDT, ETHBTC, ETH"));
    let said = home.run(&["validate", &apart]);
    assert!(said.code == 2 && said.err.contains("ETHBTC is not quoted in USDT"), "{said:?}");
}

#[test]
fn the_exchanges_filters_and_funding_come_from_tables_of_the_lake() {
    let Some(home) = home_with_bars(&["BTCUSDT"]) else { return };
    let text = "
name: held
source: { symbols: [BTCUSDT], interval: 1m }
strategy: { long: { entry: \"close > 0\" }, size: { equity: 50% } }
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% }, filters: exchange, funding: { table: funding } }
";
    home.write("held.yaml", text);
    let run = || home.run(&["run", "held.yaml", "--from", "2021-04-22T07:00", "--to", "2021-04-24"]);
    let said = run();
    assert!(said.code == 2 && said.err.contains("import --as instruments"), "{said:?}");
    let info = shared().unwrap().join("rest/exchangeInfo-spot-2021-10.json.gz").display().to_string();
    let refused = home.run(&["import", "--as", "funding", &info]);
    assert_eq!(refused.code, 2, "{refused:?}");
    let taken = home.run(&["import", "--as", "instruments", &info]).good();
    assert!(taken.out.contains("1695 instruments"), "{taken:?}");
    assert!(home.run(&["import", "--as", "instruments", &info]).good().out.contains(" 0 with news"));
    let said = run();
    assert!(said.code == 2 && said.err.contains("no table funding"), "{said:?}");
    home.write("rates.csv", "symbol,time,rate,mark_price\nBTCUSDT,2021-04-22T08:00,0.0001,50000\nBTCUSDT,2021-04-22T16:00:00.007,-0.0002,\n");
    for added in ["2 payments added", "0 payments added"] {
        assert!(home.run(&["import", "--as", "funding", "rates.csv"]).good().out.contains(added));
    }
    let said = run().good();
    assert!(said.out.contains("older than what is known of the exchange's filters"), "{said:?}");
    let sql = "select t.qty, t.qty * 0.0001 * 50000 - t.qty * 0.0002 * k.close as due, t.funding from trades t, klines k where k.time = '2021-04-22T16:00:00Z'";
    let row = home.run(&["sql", sql, "--format", "csv"]).good().out;
    let cells: Vec<f64> = row.lines().nth(1).unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert!(
        cells[0] > 0.0 && (cells[0] * 1e6).fract().min(1.0 - (cells[0] * 1e6).fract()) < 1e-6,
        "whole steps: {row}"
    );
    assert!((cells[1] - cells[2]).abs() < 1e-9 && cells[2] != 0.0, "{row}");
}
