//! Sweeps and what is made of them: equal to single runs, for any threads, through kill -9, and refused in time.

use crate::support::{Home, Said, ask, pause, shared};
use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

/// Long only by signals: the fast path.
const LEAN: &str = r#"
name: lean
source: { symbols: [BTCUSDT], interval: 1m }
params: { fast: 12, slow: 26 }
columns:
  fast: ema(close, $fast)
  slow: ema(close, $slow)
strategy:
  long: { entry: "crossover(fast, slow)", exit: [ "crossunder(fast, slow)", "close < fast * 0.99" ] }
  size: { equity: 50% }
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% } }
sweep: { grid: { fast: { from: 5, to: 20, step: 5 }, slow: [15, 30, 60] }, where: "$fast < $slow" }
"#;

/// Both sides, one turning into the other, with slippage: the fast path too.
const FLIP: &str = r#"
name: flip
source: { symbols: [BTCUSDT], interval: 1m }
params: { fast: 12, slow: 26 }
columns:
  fast: ema(close, $fast)
  slow: ema(close, $slow)
strategy:
  long: { entry: "crossover(fast, slow)", exit: "close < slow * 0.98" }
  short: { entry: "crossunder(fast, slow)" }
  size: { equity: 90% }
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1%, fixed: 0.2 }, slippage: { pct: 0.05% } }
sweep: { grid: { fast: [2, 5, 9], slow: [15, 30, 400] } }
"#;

/// Two symbols, both sides, stops, a higher timeframe, rules that look at the position, a parameter fixed for a symbol.
const FULL: &str = r#"
name: full
source: { symbols: [BTCUSDT, ETHUSDT], interval: 1m }
params: { fast: 12, slow: 26, hours: 50, patience: 240, band: 2, per_symbol: { ETHUSDT: { hours: 30 } } }
columns:
  fast: ema(close, $fast)
  slow: ema(close, $slow)
  unused: rsi(close, $slow)
  atr14: atr(high, low, close, 14)
  bands: bbands(close, 60, $band, $band)
  trend: { every: 1h, is: "ema(close, $hours)" }
  gap: (fast - slow) / close
strategy:
  long:
    entry: { when: "crossover(fast, slow) AND close > trend", tag: up }
    exit:
      - "crossunder(fast, slow) OR gap < -0.01"
      - { when: "position.bars > $patience OR account.drawdown > 0.2 OR close > bands.upper * 1.02", tag: impatient }
  short: { entry: "crossunder(fast, slow) AND close < trend", exit: "crossover(fast, slow)" }
  size: { equity: 10% }
  stop_loss: { distance: "$band * atr14" }
  take_profit: 4%
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% }, slippage: { pct: 0.05% }, filters: none }
sweep: { grid: { fast: [5, 12, 30], slow: [20, 50], hours: [10, 50], band: [1.5, 2] }, where: "abs($fast - $slow) > 5" }
"#;

pub(crate) fn home_with_bars() -> Option<Home> {
    let folder = shared()?.join("klines_1m");
    let home = Home::new();
    let file = |s: &str| folder.join(format!("{s}-1m-20210420-20210520.csv.gz")).display().to_string();
    home.run(&["import", &file("BTCUSDT"), &file("ETHUSDT")]).good();
    Some(home)
}

pub(crate) fn metrics_chain(said: &Said) -> String {
    let line = said.out.lines().find(|line| line.contains("metrics.final")).unwrap_or_else(|| panic!("{said:?}"));
    line.split_whitespace().last().unwrap().to_owned()
}

#[test]
fn a_set_run_alone_has_the_digest_that_it_had_in_the_sweep() {
    let Some(home) = home_with_bars() else { return };
    for (name, text, sets) in [("lean.yaml", LEAN, 10), ("flip.yaml", FLIP, 9), ("full.yaml", FULL, 24)] {
        home.write(name, text);
        let range = ["--from", "2021-04-23", "--to", "2021-04-27T12:00"];
        let sweep = home.run(&[&["sweep", name], &range[..]].concat()).good();
        assert_eq!(sweep.value("sets"), sets.to_string());
        let sql =
            format!("select distinct \"set\", digest from metrics where run_id = '{}' order by 1", sweep.value("run"));
        let stored = ask(&home, &sql);
        assert_eq!(stored.len(), sets);
        for row in stored.iter().step_by(5) {
            let alone = ["run", name, "--sweep-set", &row[0], "--dry", "--chains"];
            let alone = home.run(&[&alone[..], &range[..]].concat()).good();
            assert_eq!(metrics_chain(&alone), row[1], "{name}, set {}", row[0]);
        }
        // The block changes nothing in a plain run.
        let plain = home.run(&[&["run", name, "--dry"], &range[..]].concat()).good();
        home.write("plain.yaml", text.split("sweep:").next().unwrap());
        let without = home.run(&[&["run", "plain.yaml", "--dry"], &range[..]].concat()).good();
        assert_eq!(plain.value("digest"), without.value("digest"));
    }
}

/// The sets of a sweep over a range: number, digest, and what a query asks of them.
fn sets_of(home: &Home, name: &str, range: &[&str], columns: &str) -> Vec<Vec<String>> {
    let sweep = home.run(&[&["sweep", name], range].concat()).good();
    let run = sweep.value("run");
    ask(home, &format!("select \"set\", view, digest, {columns} from metrics where run_id = '{run}' order by 1, 2"))
}

#[test]
fn chosen_metrics_are_what_they_are_among_all_and_the_others_are_not_there() {
    let Some(home) = home_with_bars() else { return };
    let range = ["--from", "2021-04-23", "--to", "2021-04-24T12:00"];
    let chosen = "total_return, sharpe, max_drawdown_pct, trades, skew";
    for (name, text) in [("lean.yaml", LEAN), ("flip.yaml", FLIP), ("full.yaml", FULL)] {
        home.write(name, text);
        let all = sets_of(&home, name, &range, chosen);
        let few = text.replace("sweep: {", "sweep: { metrics: [trades, total_return, sharpe, max_drawdown_pct],");
        home.write(name, &few);
        let some = sets_of(&home, name, &range, &format!("{chosen}, sortino, win_rate, ambiguous_fills"));
        let values = |rows: &[Vec<String>]| rows.iter().map(|row| [&row[..2], &row[3..8]].concat()).collect::<Vec<_>>();
        assert_eq!(values(&some), values(&all), "{name}");
        assert!(some.iter().all(|row| row[8..].concat().is_empty()), "{name}: {:?}", some[0]);
        for row in some.iter().filter(|row| row[1] == "mark").step_by(7) {
            let alone = home.run(&[&["run", name, "--sweep-set", &row[0], "--dry"], &range[..]].concat()).good();
            assert_eq!(alone.value("set"), row[2], "{name}, set {}", row[0]);
        }
    }
    let refused = home.run(&["sweep", "lean.yaml", "--by", "sortino"]);
    assert!(
        refused.code == 2 && refused.err.contains("--by sortino: the sweep computes only total_return, sharpe"),
        "{refused:?}"
    );
}

/// Minutes of a made-up market.
fn made_up(minutes: i64, price: impl Fn(i64) -> i64, volume: impl Fn(i64) -> i64) -> Home {
    let home = Home::new();
    let mut rows = String::from("open_time,open,high,low,close,volume\n");
    for minute in 0..minutes {
        let (price, time) = (price(minute), 1_618_876_800_000 + minute * 60_000);
        let (open, volume) = (price - minute % 3, volume(minute));
        let _ = writeln!(rows, "{time},{open},{},{},{price},{volume}", price.max(open) + 1, price.min(open) - 1);
    }
    home.write("BTCUSDT-1m-made.csv", &rows);
    home.run(&["import", "BTCUSDT-1m-made.csv"]).good();
    home
}

/// Every set has the digest of a run of it alone; gives the digests and the trades.
pub(crate) fn every_set_is_its_run(home: &Home, name: &str, text: &str) -> Vec<Vec<String>> {
    home.write(name, text);
    let sweep = home.run(&["sweep", name]).good();
    let run = sweep.value("run");
    let sql = format!(
        "select distinct \"set\", digest, trades from metrics where view = 'mark' and run_id = '{run}' order by 1"
    );
    let stored = ask(home, &sql);
    assert_eq!((stored.len().to_string(), stored[0][2] != "0.0"), (sweep.value("sets").to_owned(), true));
    for row in &stored {
        let alone = home.run(&["run", name, "--sweep-set", &row[0], "--dry", "--chains"]).good();
        assert_eq!(metrics_chain(&alone), row[1], "{name}, set {}", row[0]);
    }
    stored
}

#[test]
fn bars_without_volume_give_what_a_run_gives() {
    let price = |minute: i64| 100 + (minute * 7919 % 37) - (minute / 40 % 23);
    let home = made_up(3_000, price, |minute| if minute % 11 == 3 || minute % 50 > 46 { 0 } else { 5 });
    let waits = every_set_is_its_run(&home, "lean.yaml", LEAN);
    every_set_is_its_run(&home, "flip.yaml", FLIP);
    let fills = LEAN.replace("sweep:", "fills: { zero_volume: fill }\nsweep:");
    assert_ne!(waits, every_set_is_its_run(&home, "fills.yaml", &fills));
}

#[test]
fn a_short_that_is_liquidated_takes_the_engine() {
    // Up and down, then three times as high within an hour.
    let price = |minute: i64| 100 + (minute % 240 - 120).abs() / 12 + (minute - 1_500).clamp(0, 60) * 4;
    let home = made_up(2_000, price, |_| 5);
    // By the first rules all sets hold a short then, by the others none does.
    let text = FLIP.replace("close < slow * 0.98", "close < 0").replace(", fixed: 0.2", "");
    let text = text.replace("slow: [15, 30, 400]", "slow: [15, 30, 1400]");
    every_set_is_its_run(&home, "flip.yaml", &text.replace("crossunder(fast, slow)", "close > 108 AND fast > slow"));
    every_set_is_its_run(&home, "flip.yaml", &text);
}

#[test]
fn a_sweep_keeps_to_the_exchanges_filters_and_pays_funding() {
    let Some(home) = home_with_bars() else { return };
    let info = shared().unwrap().join("rest/exchangeInfo-spot-2021-10.json.gz").display().to_string();
    home.run(&["import", "--as", "instruments", &info]).good();
    let mut rates = String::from("symbol,time,rate,mark_price\n");
    for day in 20..28 {
        let _ = writeln!(rates, "BTCUSDT,2021-04-{day}T08:00,0.003,50000\nETHUSDT,2021-04-{day}T16:00,-0.002,");
    }
    home.write("rates.csv", &rates);
    home.run(&["import", "--as", "funding", "rates.csv"]).good();
    let range = ["--from", "2021-04-23", "--to", "2021-04-26"];
    let mut before = Vec::new();
    let paid = "funding: { table: funding }, filters: exchange";
    for (name, text) in [
        ("filters.yaml", LEAN.replace("taker: 0.1% } }", "taker: 0.1% }, filters: exchange }")),
        ("paid.yaml", LEAN.replace("taker: 0.1% } }", &format!("taker: 0.1% }}, {paid} }}"))),
        ("both.yaml", FULL.replace("filters: none", paid)),
    ] {
        home.write(name, &text);
        let sweep = home.run(&[&["sweep", name], &range[..]].concat()).good();
        let sql =
            format!("select distinct \"set\", digest from metrics where run_id = '{}' order by 1", sweep.value("run"));
        let stored = ask(&home, &sql);
        for row in stored.iter().step_by(4) {
            let alone = home.run(&[&["run", name, "--sweep-set", &row[0], "--dry", "--chains"], &range[..]].concat());
            assert_eq!(metrics_chain(&alone.good()), row[1], "{name}, set {}", row[0]);
        }
        assert_ne!(stored, before, "{name}: funding changes what sets come to");
        before = stored;
    }
}

#[test]
fn threads_memory_and_a_second_sweep_change_nothing() {
    let Some(home) = home_with_bars() else { return };
    home.write("full.yaml", FULL);
    home.write("lean.yaml", LEAN);
    for name in ["lean.yaml", "full.yaml"] {
        let sweep = |more: &[&str]| {
            let range = ["sweep", name, "--from", "2021-04-23", "--to", "2021-04-24T12:00"];
            home.run(&[&range[..], more].concat()).good()
        };
        let one = sweep(&["--threads", "1"]);
        // With 5 MiB few sets fit into a pass.
        for more in [&["--threads", "3"][..], &["--memory", "5"], &["--threads", "2", "--by", "total_return"]] {
            assert_eq!(sweep(more).value("digest"), one.value("digest"), "{name} {more:?}");
        }
    }
    let blocks = "select run_id, count(*), count(distinct \"set\") * 16 from return_blocks group by 1";
    assert!(ask(&home, blocks).iter().all(|row| row[1] == row[2]));
}

#[test]
fn a_sweep_killed_in_the_middle_goes_on_and_ends_like_one_that_was_not() {
    let Some(home) = home_with_bars() else { return };
    let text = LEAN.replace(
        "grid: { fast: { from: 5, to: 20, step: 5 }, slow: [15, 30, 60] }",
        "grid: { fast: { from: 3, to: 33, step: 1 }, slow: { from: 35, to: 158, step: 1 } }",
    );
    home.write("lean.yaml", &text);
    let none = home.run(&["sweep", "lean.yaml", "--resume"]);
    assert!(none.code == 2 && none.err.contains("nothing to resume"), "{none:?}");
    let running = home.start("sweep", &["sweep", "lean.yaml"]);
    let committed = |home: &Home| {
        let count = home.run(&["sql", "select count(*) from metrics where view = 'mark'", "--format", "csv"]);
        count.out.lines().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while committed(&home) == 0 {
        assert!(Instant::now() < deadline, "no chunk was committed in time");
        pause();
    }
    running.kill();
    let before = committed(&home);
    let unfinished =
        ask(&home, "select count(*) from sweeps s left join runs r on s.run_id = r.run_id where r.run_id is null");
    assert_eq!(unfinished, [["1"]], "the sweep was over before it was killed");

    // What is not the same is not gone on with.
    home.write("other.yaml", &text.replace("equity: 50%", "equity: 40%"));
    let other = home.run(&["sweep", "other.yaml", "--resume"]);
    assert!(
        other.code == 2 && other.err.contains("the pipeline, its parameters or its symbols is not what it was"),
        "{other:?}"
    );
    home.write("other.yaml", &text.replace("from: 3,", "from: 4,"));
    let other = home.run(&["sweep", "other.yaml", "--resume"]);
    assert!(other.code == 2 && other.err.contains("its sweep block is not what it was"), "{other:?}");
    // Bars that came in between are not seen: the input is pinned.
    let more = shared().unwrap().join("klines_1m/BTCUSDT-1m-20230405-20230505.csv.gz").display().to_string();
    home.run(&["import", &more]).good();

    let resumed = home.run(&["sweep", "lean.yaml", "--resume"]).good();
    let sets: u64 = resumed.value("sets").parse().unwrap();
    assert_eq!((committed(&home), sets), (31 * 124, 31 * 124), "every set once");
    let computed = resumed.err.lines().find_map(|line| line.split_once(" sets in ")?.0.parse::<u64>().ok());
    assert_eq!(computed, Some(sets - before), "what was finished is not computed again: {resumed:?}");
    let whole = home.run(&["sweep", "lean.yaml", "--to", "2021-06-01"]).good();
    let digests = |id: &str| {
        ask(&home, &format!("select \"set\", view, digest from metrics where run_id = '{id}' order by 1, 2"))
    };
    assert_eq!(digests(resumed.value("run")), digests(whole.value("run")));
    assert_eq!(resumed.value("digest"), whole.value("digest"));
}

#[test]
fn what_cannot_be_swept_is_refused_before_any_work() {
    let Some(home) = home_with_bars() else { return };
    let axis = "{ from: 1, to: 1000000, step: 1 }";
    let huge = format!("sweep: {{ grid: {{ fast: {axis}, slow: {axis} }} }}");
    let file = |sweep: &str| format!("{}{sweep}\n", LEAN.split("sweep:").next().unwrap());
    for (text, args, expected) in [
        (file(&huge), vec![], "the grid has 1000000000000 sets, at most 1000000"),
        (file(&huge), vec![], "random: { sets: 1000, seed: 1 }"),
        (file("sweep: { grid: { fast: [30, 40] }, where: \"$fast < $slow\" }"), vec![], "where leaves none of 2 sets"),
        (
            file("sweep: { grid: { fast: [3, 4] }, where: \"fast < 3\" }"),
            vec![],
            "where sees parameters only: write $fast",
        ),
        (
            file("sweep: { grid: { fast: [3, 4] }, where: \"$fats < 3\" }"),
            vec![],
            "unknown parameter '$fats', did you mean",
        ),
        (file("sweep: { grid: { fast: [3, 0] } }"), vec![], "in set 1: fast = 0"),
        (file("sweep: { grid: { fast: [3, 90000] } }"), vec![], "a window is longer than the data: in set 1"),
        (file("sweep: { grid: { fast: [3, 4] } }"), vec!["--set", "fast=5"], "the sweep moves this parameter"),
        (
            file("sweep: { grid: { fast: [3, 4] } }"),
            vec!["--by", "sharp"],
            "there is no such metric, did you mean 'sharpe'",
        ),
        (file("sweep: { grid: { fast: [3, 4] } }"), vec!["--from", "2022-01-01"], "the lake has no 1m bars of BTCUSDT"),
        (file("sweep: { grid: { fast: [3, 4] } }"), vec!["--memory", "1"], "one set over"),
        (file("fills: { at: close }"), vec![], "has no sweep"),
    ] {
        home.write("bad.yaml", &text);
        let said = home.run(&[&["sweep", "bad.yaml"], &args[..]].concat());
        assert!(said.code == 2 && said.err.contains(expected), "{expected}: {said:?}");
    }
    let tables = home.run(&["sql", "select count(*) from sweeps", "--format", "csv"]);
    assert_ne!(tables.code, 0, "nothing was written: {tables:?}");
    home.write("lean.yaml", LEAN);
    let said = home.run(&["run", "lean.yaml", "--sweep-set", "6", "--dry"]);
    assert!(said.code == 2 && said.err.contains("the sweep does not run a set 6"), "{said:?}");
}

#[test]
fn drawn_sets_follow_from_the_seed_and_come_from_the_grid() {
    let Some(home) = home_with_bars() else { return };
    let axis = "{ from: 2, to: 1000001, step: 1 }";
    let file = |seed: u64| {
        let sweep = format!(
            "sweep: {{ grid: {{ fast: {axis}, slow: {axis} }}, where: \"$fast < $slow AND $slow < 3000\", random: {{ sets: 20, seed: {seed} }} }}"
        );
        format!("{}{sweep}\n", LEAN.split("sweep:").next().unwrap())
    };
    let sets = |seed: u64| {
        home.write("random.yaml", &file(seed));
        let said = home.run(&["sweep", "random.yaml", "--from", "2021-05-01", "--to", "2021-05-02"]).good();
        ask(
            &home,
            &format!(
                "select \"set\", param_fast, param_slow from metrics where run_id = '{}' and view = 'mark' order by 1",
                said.value("run")
            ),
        )
    };
    let (one, again, other) = (sets(1), sets(1), sets(2));
    assert_eq!(one, again);
    assert_ne!(one, other);
    for row in &one {
        let [set, fast, slow] = [0, 1, 2].map(|cell| row[cell].parse::<f64>().unwrap());
        assert!(fast < slow && slow < 3000.0, "{row:?}");
        assert_eq!(set, (fast - 2.0) * 1e6 + slow - 2.0, "a set is its place in the grid");
    }
}

#[test]
fn monte_carlo_and_overfitting_are_told_of_runs_and_files() {
    let Some(home) = home_with_bars() else { return };
    home.write("lean.yaml", &format!("{LEAN}monte_carlo: {{ sims: 200, seed: 7 }}\n"));
    let run = home.run(&["run", "lean.yaml", "--to", "2021-05-01"]).good();
    let draw = |more: &[&str]| home.run(&[&["monte-carlo", run.value("run"), "--format", "csv"], more].concat());
    let (one, again, other) = (draw(&[]).good(), draw(&[]).good(), draw(&["--seed", "8"]).good());
    assert_eq!(one.out, again.out);
    assert_ne!(one.out, other.out);
    let json = home.run(&["run", "lean.yaml", "--to", "2021-05-01", "--dry", "--json"]).good();
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let observed = |said: &Said, metric: &str| {
        let line = said.out.lines().find(|line| line.starts_with(&format!("{metric},"))).unwrap().to_owned();
        line.split(',').nth(1).unwrap().parse::<f64>().unwrap()
    };
    let win_rate = json["metrics"]["mark"]["win_rate"].as_f64().unwrap();
    assert!((observed(&one, "win_rate") - win_rate).abs() < 1e-12);
    // Daily returns of the equity that was kept are those of the run's own metrics.
    let returns = draw(&["--of", "returns", "--block", "3"]).good();
    for metric in ["sharpe", "total_return", "worst_day"] {
        let expected = json["metrics"]["mark"][metric].as_f64().unwrap();
        assert!((observed(&returns, metric) - expected).abs() < 1e-9, "{metric}: {returns:?}");
    }
    assert_eq!(ask(&home, "select count(distinct concat(seed, of)) from monte_carlo"), [["3"]], "each once");
    assert_eq!(home.run(&["monte-carlo", "nobody"]).code, 2);

    // The same returns of a file in both forms, one set good everywhere: no overfitting.
    let (mut wide, mut long) = (String::from("time,good,bad,worse\n"), String::from("set,time,return\n"));
    for day in 1..=64 {
        let noise = f64::from(day % 3) / 100.0;
        let returns = [("good", 0.05 + noise), ("bad", noise - 0.01), ("worse", noise - 0.02)];
        let _ = writeln!(wide, "{day},{},{},{}", returns[0].1, returns[1].1, returns[2].1);
        returns.iter().for_each(|(set, value)| {
            let _ = writeln!(long, "{set},{day},{value}");
        });
    }
    home.write("wide.csv", &wide);
    home.write("long.csv", &long);
    let (wide, long) = (home.run(&["pbo", "wide.csv"]).good(), home.run(&["pbo", "long.csv"]).good());
    assert_eq!((wide.value("pbo"), wide.value("splits")), ("0.000", "12870"));
    assert_eq!(wide.out, long.out);
    let sweep = home.run(&["sweep", "lean.yaml", "--to", "2021-05-01"]).good();
    let pbo = home.run(&["pbo", sweep.value("run")]).good();
    assert_eq!(pbo.value("pbo"), sweep.value("pbo"));
    for (of, expected) in [("nobody", "neither a file nor a sweep"), ("lean.yaml", "lean.yaml")] {
        let said = home.run(&["pbo", of]);
        assert!(said.code == 2 && said.err.contains(expected), "{said:?}");
    }
}
