//! What is made of many runs, over made-up markets in which symbols begin late, have holes, or ruin an account.

use crate::support::{Home, Said, ask, shared};
use std::fmt::Write as _;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24;

/// Hours of a symbol, those for which there is a price.
fn bars(home: &Home, symbol: &str, hours: i64, price: impl Fn(i64) -> Option<f64>) {
    let mut rows = String::from("open_time,open,high,low,close,volume\n");
    for hour in 0..hours {
        let Some(close) = price(hour) else { continue };
        // A price that jumps opens where it is then.
        let open = price(hour - 1).filter(|before| before * 2.0 > close).unwrap_or(close);
        let time = 1_730_419_200_000 + hour * HOUR;
        let (high, low) = (open.max(close) + 0.1, open.min(close) - 0.1);
        let _ = writeln!(rows, "{time},{open:.2},{high:.2},{low:.2},{close:.2},5");
    }
    let name = format!("{symbol}-1h-made.csv");
    home.write(&name, &rows);
    home.run(&["import", &name]).good();
}

/// Up and down over some hours, never twice alike.
fn waves(hour: i64, length: f64) -> f64 {
    let at = hour as f64;
    100.0 + 8.0 * (at / length).sin() + 3.0 * (at / 7.3).sin() + at / 100.0
}

/// Two symbols: one is flat for twelve days, the other begins on the 18th and has a hole from the 25th to the 29th.
fn two_symbols() -> Home {
    let home = Home::new();
    bars(&home, "BTCUSDT", 40 * DAY, |hour| Some(if hour < 12 * DAY { 100.0 } else { waves(hour, 9.0) }));
    let late = |hour: i64| (hour >= 17 * DAY && !(24 * DAY..29 * DAY).contains(&hour)).then(|| waves(hour, 13.0) / 2.0);
    bars(&home, "ETHUSDT", 40 * DAY, late);
    home
}

const CROSS: &str = r#"
name: cross
source: { symbols: [BTCUSDT, ETHUSDT], interval: 1h }
params: { fast: 3, slow: 10 }
columns:
  fast: sma(close, $fast)
  slow: sma(close, $slow)
strategy:
  long: { entry: "crossover(fast, slow)", exit: "crossunder(fast, slow)" }
  short: { entry: "crossunder(fast, slow)", exit: "crossover(fast, slow)" }
  size: { equity: 50% }
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% } }
sweep: { grid: { fast: [2, 3, 5], slow: [8, 13, 21] } }
walk_forward: { train: 7d, test: 3d, choose: sharpe }
monte_carlo: { sims: 50, seed: 7, of: returns }
"#;

/// The only number of a query.
fn number(home: &Home, sql: &str) -> f64 {
    let rows = ask(home, sql);
    rows[0][0].parse().unwrap_or_else(|_| panic!("{sql}: {rows:?}"))
}

fn json(said: &Said) -> serde_json::Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn returns_are_drawn_of_all_accounts_together_whoever_has_a_bar() {
    let home = two_symbols();
    home.write("cross.yaml", CROSS);
    let run = json(&home.run(&["run", "cross.yaml", "--json"]).good());
    let drawn = home.run(&["monte-carlo", run["run_id"].as_str().unwrap(), "--format", "csv"]).good();
    for metric in ["sharpe", "volatility", "total_return", "worst_day"] {
        let line = drawn.out.lines().find(|line| line.starts_with(&format!("{metric},"))).unwrap();
        let observed: f64 = line.split(',').nth(1).unwrap().parse().unwrap();
        let expected = run["metrics"]["mark"][metric].as_f64().unwrap();
        assert!(close(observed, expected), "{metric}: {observed} and {expected}");
    }
}

#[test]
fn a_walk_has_every_trade_and_every_day_of_its_tests() {
    walk_of("symbol", 20_000.0);
    walk_of("portfolio", 10_000.0);
}

fn walk_of(scope: &str, start: f64) {
    let home = two_symbols();
    home.write("cross.yaml", &CROSS.replace("account: {", &format!("account: {{ scope: {scope},")));
    let walked = home.run(&["walk-forward", "cross.yaml", "--format", "csv"]).good();
    let windows = ask(&home, "select \"set\", trades, total_return from walk_forward order by \"window\"");
    assert_eq!(windows.len(), 11, "40 days hold a week and eleven times three days");
    assert_eq!(windows[0], ["", "0.0", "0.0"], "nothing to choose from where nothing moved");
    assert!(windows[3..].iter().all(|row| !row[0].is_empty()), "{windows:?}");
    let trades: f64 = windows.iter().map(|row| row[1].parse::<f64>().unwrap()).sum();
    let all = |metric: &str| number(&home, &format!("select {metric} from metrics where view = 'out_of_sample'"));
    assert!(trades > 20.0 && trades == all("trades"), "{trades} trades: {windows:?}");
    // Days in which nothing was traded are days.
    assert_eq!((all("days"), number(&home, "select count(*) from walk_forward_equity")), (33.0, 33.0));
    let first = number(&home, "select equity from walk_forward_equity order by \"time\" limit 1");
    assert_eq!((first, all("start_balance")), (start, start));
    let last = number(&home, "select equity from walk_forward_equity order by \"time\" desc limit 1");
    assert_eq!(last, all("end_equity"));
    // Before the first window there is nothing to warm up with; said once.
    let warned = |start: &str| {
        let line = format!("BTCUSDT: less warm-up than wanted before {start}");
        walked.err.lines().filter(|said| said.contains(&line)).count()
    };
    assert_eq!((warned("2024-11-01"), warned("2024-11-04")), (1, 0), "{}", walked.err);
}

#[test]
fn an_account_that_is_ruined_stays_so_and_the_others_walk_on() {
    let home = Home::new();
    bars(&home, "BTCUSDT", 20 * DAY, |hour| Some(waves(hour, 9.0)));
    bars(&home, "ETHUSDT", 20 * DAY, |hour| Some(if hour < 9 * DAY { 10.0 } else { 30.0 }));
    let text = r#"
name: short
source: { symbols: [BTCUSDT, ETHUSDT], interval: 1h }
params: { level: 1000, above: 104 }
columns: { mean: "sma(close, 5)" }
strategy:
  short: { entry: "close < $level", exit: "close > $above AND close < mean" }
  size: { equity: 99% }
account: { balance: 10000, leverage: 5, margin: cross, fees: { maker: 0.1%, taker: 0.1% } }
sweep: { grid: { above: [104, 106] } }
walk_forward: { train: 5d, test: 3d, choose: total_return }
"#;
    home.write("short.yaml", text);
    let walked = home.run(&["walk-forward", "short.yaml", "--format", "csv"]).good();
    let ruined = "ruin: the account of ETHUSDT has nothing left at";
    assert_eq!(walked.err.matches(ruined).count(), 1, "{}", walked.err);
    assert_eq!(number(&home, "select count(*) from walk_forward"), 5.0);
    assert_eq!(number(&home, "select count(*) from walk_forward_equity"), 15.0, "the walk goes on for the other");
    let alone = json(&home.run(&["run", "short.yaml", "--dry", "--json"]).good());
    assert!(alone["warnings"].to_string().contains("nothing left and ended: ETHUSDT at 2024-11-10"), "{alone}");
}

#[test]
fn more_windows_than_anybody_reads_are_refused() {
    let home = Home::new();
    bars(&home, "BTCUSDT", 10_010, |hour| Some(waves(hour, 9.0)));
    let text = CROSS.replace(", ETHUSDT", "").replace("train: 7d, test: 3d", "train: 2h, test: 1h");
    home.write("cross.yaml", &text);
    let said = home.run(&["walk-forward", "cross.yaml"]);
    assert!(said.code == 2 && said.err.contains("more than 10000 windows"), "{said:?}");
}

#[test]
fn what_is_closed_at_the_end_counts_everywhere() {
    let home = two_symbols();
    home.write("cross.yaml", &CROSS.replace("sweep:", "fills: { at_end: close }\nsweep:"));
    let run = home.run(&["run", "cross.yaml"]).good();
    let of_run = |sql: &str| number(&home, &format!("{sql} where run_id = '{}'", run.value("run")));
    let trades = of_run("select count(*) from trades");
    let ended = ask(&home, "select count(*) from trades where exit_reason = 'end'");
    assert_eq!(run.value("end"), ended[0][0], "trades by reason: {}", run.out);
    let by_symbol = ask(&home, "select symbol, cast(count(*) as double) from trades group by 1 order by 1");
    assert_eq!(ask(&home, "select symbol, trades from metrics_by_symbol order by 1"), by_symbol);
    let closed = |metric: &str| of_run(&format!("select max({metric}) filter (where view = 'closed') from metrics"));
    assert_eq!(closed("trades"), trades);
    assert!(!run.out.contains("With open trades"), "{}", run.out);
    let curve = run.out.lines().find(|line| line.starts_with("equity ")).unwrap();
    let last: f64 = curve.split_whitespace().last().unwrap().replace(',', "").parse().unwrap();
    assert!((last - closed("end_equity")).abs() < 0.006, "{curve}");
    let by_day = "select last_value(equity order by day) from metrics_by_day";
    assert_eq!(of_run(by_day), closed("end_equity"));
    // Monte Carlo and the sweep's table see the same.
    let drawn = home.run(&["monte-carlo", run.value("run"), "--format", "csv"]).good();
    let observed = drawn.out.lines().find(|line| line.starts_with("total_return,")).unwrap();
    assert!(close(observed.split(',').nth(1).unwrap().parse().unwrap(), closed("total_return")));
    let sweep = home.run(&["sweep", "cross.yaml", "--by", "total_return", "--top", "1"]).good();
    let of_sets = |view: &str, what: &str| {
        let run = sweep.value("run");
        number(&home, &format!("select {what} from metrics where run_id = '{run}' and view = '{view}'"))
    };
    let top = home.run(&["sweep", "cross.yaml", "--by", "total_return", "--top", "1", "--format", "csv"]).good();
    let best: f64 = top.out.lines().nth(1).unwrap().split(',').nth(3).unwrap().parse().unwrap();
    assert_eq!(best, of_sets("closed", "max(total_return)"));
    assert_ne!(best, of_sets("mark", "max(total_return)"));
    let run = sweep.value("run");
    let variance = number(&home, &format!("select sharpe_variance from deflated where run_id = '{run}' limit 1"));
    assert!(close(variance, of_sets("closed", "var_samp(sharpe)")));
}

#[test]
fn every_report_of_fills_at_the_close_says_optimistic() {
    let home = two_symbols();
    home.write("cross.yaml", &CROSS.replace("sweep:", "fills: { at: close }\nsweep:"));
    let run = home.run(&["run", "cross.yaml"]).good();
    for args in [&["sweep", "cross.yaml"][..], &["walk-forward", "cross.yaml"], &["monte-carlo", run.value("run")]] {
        let table = home.run(args).good();
        assert!(table.out.starts_with("! optimistic: "), "{args:?}: {table:?}");
        let csv = home.run(&[args, &["--format", "csv"]].concat()).good();
        assert!(csv.err.contains("warning: optimistic: ") && !csv.out.contains("optimistic"), "{args:?}: {csv:?}");
    }
}

#[test]
fn a_set_alone_tells_what_its_sharpe_ratio_is_worth_among_all() {
    let home = two_symbols();
    home.write("cross.yaml", CROSS);
    let alone = |more: &[&str]| home.run(&[&["run", "cross.yaml", "--sweep-set", "4"], more].concat()).good();
    let before = alone(&["--json"]);
    assert!(json(&before)["deflated_sharpe"].is_null() && before.err.contains("no finished sweep"), "{before:?}");
    let sweep = home.run(&["sweep", "cross.yaml"]).good();
    let kept = "select deflated_sharpe from deflated where \"set\" = 4";
    let deflated = json(&alone(&["--json"]))["deflated_sharpe"].clone();
    assert!(close(deflated["value"].as_f64().unwrap(), number(&home, kept)), "{deflated}");
    assert_eq!((deflated["trials"].as_u64(), deflated["sweep"].as_str()), (Some(9), Some(sweep.value("run"))));
    let text = alone(&[]);
    assert!(text.out.contains("among the 9 sets of"), "{text:?}");
    // Over another time nothing is known of the others.
    assert!(json(&alone(&["--json", "--from", "2024-11-20"]))["deflated_sharpe"].is_null());
    // A sweep that computed no Sharpe ratios says nothing of how they vary: 0 would be no deflation at all.
    home.write("cross.yaml", &CROSS.replace("sweep: {", "sweep: { metrics: [total_return, trades],"));
    home.run(&["sweep", "cross.yaml", "--by", "total_return"]).good();
    assert!(json(&alone(&["--json"]))["deflated_sharpe"].is_null());
    let known = ask(&home, "select count(deflated_sharpe), count(*) from deflated");
    assert_eq!(known, [["9", "18"]], "of the first sweep only");
}

#[test]
fn overfitting_is_told_of_a_table_too() {
    let home = two_symbols();
    home.write("cross.yaml", CROSS);
    for fast in ["fast=2", "fast=5"] {
        home.run(&["run", "cross.yaml", "--set", fast]).good();
    }
    let said = home.run(&["pbo", "metrics_by_day"]).good();
    assert!(said.out.contains("over 2 sets") && said.value("splits") == "12870", "{said:?}");
    let said = home.run(&["pbo", "runs"]);
    assert!(said.code == 2 && said.err.contains("runs: returns need a column of times"), "{said:?}");
}

#[test]
fn a_walk_forward_does_not_know_what_comes() {
    let Some(folder) = shared() else { return };
    let bars = std::fs::read_to_string(folder.join("klines_archive_csv/BTCUSDT-1h-2024-11.csv")).unwrap();
    let lines: Vec<&str> = bars.lines().collect();
    let one = CROSS.replace("[BTCUSDT, ETHUSDT]", "[BTCUSDT]");
    let walk = |count: usize| {
        let home = Home::new();
        home.write("BTCUSDT-1h-2024-11.csv", &(lines[..count].join("\n") + "\n"));
        home.run(&["import", "BTCUSDT-1h-2024-11.csv"]).good();
        home.write("walk.yaml", &one);
        let said = home.run(&["walk-forward", "walk.yaml", "--format", "csv"]).good();
        (said.out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>(), home)
    };
    let (whole, home) = walk(lines.len());
    assert_eq!(whole.len(), 7, "30 days hold train and test of 10 days, and six steps of 3: {whole:?}");
    let sets: std::collections::BTreeSet<&str> = whole.iter().map(|row| row.split(',').nth(4).unwrap()).collect();
    assert!(sets.len() > 1, "the walk changes its mind: {whole:?}");
    // Cut anywhere, the windows that are left are the same to the last digit.
    for count in [lines.len() - 1, 500, 251] {
        let (cut, _) = walk(count);
        assert_eq!(cut, whole[..(count - 240) / 72 + 1], "{count} bars");
    }
    // The chosen set was the best of a sweep over the train window alone, and what it then made is a run's closed view.
    let cells: Vec<Vec<&str>> = whole.iter().map(|row| row.split(',').collect()).collect();
    for row in &cells {
        let (train_from, train_to, test_to, set) = (row[1], row[2], row[3], row[4]);
        let sweep =
            home.run(&["sweep", "walk.yaml", "--from", train_from, "--to", train_to, "--top", "1", "--format", "csv"]);
        assert_eq!(sweep.good().out.lines().nth(1).unwrap().split(',').next(), Some(set), "{row:?}");
        let test =
            home.run(&["run", "walk.yaml", "--sweep-set", set, "--from", train_to, "--to", test_to, "--json"]).good();
        let test: serde_json::Value = serde_json::from_str(&test.out).unwrap();
        let closed = |name: &str| test["metrics"]["closed"][name].as_f64();
        let cell = |at: usize| row[at].parse::<f64>().ok();
        let chosen = row.len() - 4;
        assert_eq!(
            [cell(chosen + 1), cell(chosen + 2), cell(chosen + 3)],
            ["sharpe", "total_return", "trades"].map(closed),
            "{row:?}"
        );
    }
    // The tests one after the other: their trades add up, and returns multiply up to rounding of quantities.
    let overall = ask(&home, "select total_return, trades from metrics where view = 'out_of_sample'");
    let sum: f64 = cells.iter().map(|row| row[row.len() - 1].parse::<f64>().unwrap()).sum();
    let product = cells.iter().map(|row| 1.0 + row[row.len() - 2].parse::<f64>().unwrap()).product::<f64>() - 1.0;
    assert_eq!(overall[0][1].parse::<f64>().unwrap(), sum);
    assert!((overall[0][0].parse::<f64>().unwrap() - product).abs() < 1e-9, "{overall:?} and {product}");
    let equity = ask(&home, "select equity from walk_forward_equity order by \"time\" desc limit 1");
    let end = ask(&home, "select end_equity from metrics where view = 'out_of_sample'");
    assert_eq!(equity, end);

    home.write("walk.yaml", &one.replace("train: 7d", "train: 90d"));
    let said = home.run(&["walk-forward", "walk.yaml"]);
    assert!(
        said.code == 2 && said.err.contains("a window is longer than the data: train and test take 93.0 days"),
        "{said:?}"
    );
    home.write("walk.yaml", &one.replace("choose: sharpe", "choose: sharp"));
    let said = home.run(&["walk-forward", "walk.yaml"]);
    assert!(said.code == 2 && said.err.contains("there is no such metric"), "{said:?}");
}
