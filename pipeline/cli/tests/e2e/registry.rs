//! What the product says of itself, and the metrics of files that others wrote.

use crate::support::{Home, shared};

const PAGE: &str = include_str!("../../../../docs/indicators.md");
const EMA: &str = include_str!("../../../../examples/ema-cross.yaml");

#[test]
fn indicators_are_listed_and_shown() {
    let home = Home::new();
    let all = home.run(&["indicators", "--format", "csv"]).good();
    assert!(all.out.lines().count() > 250, "{}", all.out);
    assert!(all.out.starts_with("name,group,call,params,outputs,class,first_row,settled,state_bytes,"), "{}", all.out);
    let patterns = home.run(&["indicators", "--group", "pattern", "--format", "json"]).good();
    assert_eq!(patterns.out.lines().count(), 61);
    let first: serde_json::Value = serde_json::from_str(patterns.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["inputs"], serde_json::json!(["open", "high", "low", "close"]));
    let macd = home.run(&["indicators", "MACD"]).good();
    for line in [
        "macd(real, fastperiod = 12, slowperiod = 26, signalperiod = 9, compat = talib)",
        "parameters fastperiod: a whole number from 2 to 100000, default 12",
        "first      row 34 has the first value",
        "SQL        SELECT symbol, time, (macd(close, 12, 26, 9) OVER (PARTITION BY symbol ORDER BY time))['macd'] FROM klines",
    ] {
        assert!(macd.out.contains(line), "{line} is not in {}", macd.out);
    }
    let unknown = home.run(&["indicators", "emma"]);
    assert_eq!((unknown.code, unknown.err.trim()), (2, "error: there is no indicator 'emma', did you mean 'ema'?"));
    assert_eq!(home.run(&["indicators", "--page"]).good().out, PAGE);
    let schema: serde_json::Value = serde_json::from_str(&home.run(&["schema"]).good().out).unwrap();
    let snippets = schema["$defs"]["expression"]["defaultSnippets"].as_array().unwrap();
    assert!(snippets.iter().any(|s| s["body"] == "atr(high, low, close)"), "{snippets:?}");
}

/// The value that a row of `metrics --format csv` gives.
fn value(out: &str, name: &str) -> Option<f64> {
    let line = out.lines().find(|l| l.starts_with(&format!("{name},"))).unwrap_or_else(|| panic!("no {name} in {out}"));
    line.split(',').nth(1).unwrap().parse().ok()
}

#[test]
fn metrics_of_files() {
    let home = Home::new();
    home.write(
        "equity.csv",
        "date,equity\n2021-01-01,100\n2021-01-02,120\n2021-01-03,90\n2021-01-04,110\n2021-01-05,\n",
    );
    let equity = home.run(&["metrics", "equity.csv", "--format", "csv"]).good().out;
    let returns = [0.2, -0.25, 20.0 / 90.0];
    let mean: f64 = returns.iter().sum::<f64>() / 3.0;
    let deviation = (returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 2.0).sqrt();
    let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
    assert!(near(value(&equity, "sharpe"), mean / deviation * 365_f64.sqrt()), "{equity}");
    assert_eq!(value(&equity, "max_drawdown"), Some(30.0));
    assert!(near(value(&equity, "total_return"), 0.1), "{equity}");
    assert_eq!(value(&equity, "returns"), Some(3.0));
    let by_row = home.run(&["metrics", "equity.csv", "--format", "csv", "--periods", "252"]).good().out;
    assert!(near(value(&by_row, "sharpe"), mean / deviation * 252_f64.sqrt()), "{by_row}");

    home.write("trades.jsonl", "{\"net_pnl\": 3}\n{\"net_pnl\": -1.5}\n{\"net_pnl\": null}\n{\"net_pnl\": 2}\n");
    let trades = home.run(&["metrics", "trades.jsonl", "--format", "csv"]).good().out;
    assert!(near(value(&trades, "profit_factor"), 5.0 / 1.5), "{trades}");
    assert_eq!((value(&trades, "trades"), value(&trades, "max_win_streak")), (Some(3.0), Some(1.0)));

    home.write("returns.csv", "r,m\n0.02,0.01\n-0.02,-0.01\n0.04,0.02\n");
    let pair = home.run(&["metrics", "returns.csv", "--returns", "r", "--market", "m", "--format", "csv"]).good().out;
    assert!(near(value(&pair, "beta"), 2.0), "{pair}");
}

#[test]
fn metrics_say_what_they_cannot_read() {
    let home = Home::new();
    home.write("other.csv", "a,b\n1,2\n");
    home.write("twice.csv", "time,equity\n2021-01-01,1\n2021-01-01,2\n");
    home.write("percent.csv", "ret\n1.5\n-2.5\n");
    home.write("words.csv", "equity\nmuch\n");
    home.write("zero.csv", "equity\n5\n0\n");
    home.write("good.csv", "equity\n5\n6\n");
    for (args, expected) in [
        (vec!["other.csv"], "no column is known to be equity, returns or profits, it has a, b: name one with --equity"),
        (vec!["other.csv", "--equity", "c"], "the file has no column 'c', it has a, b"),
        (vec!["none.csv"], "cannot read none.csv"),
        (vec!["twice.csv"], "rows 1 and 2 have the same time 2021-01-01T00:00:00Z"),
        (vec!["percent.csv"], "return 2 is -2.5: nobody loses more than all, returns are fractions"),
        (vec!["words.csv"], "the column 'equity' has no numbers"),
        (vec!["zero.csv"], "equity is 0 at value 2"),
        (vec!["good.csv", "--periods", "0"], "--periods must be a number from 0.001 to 1000000000, found 0"),
        (vec!["good.csv", "--variant", "x"], "--variant must be one of candleflow (0), empyrical (1)"),
        (vec!["good.csv", "--time", "equity"], "row 1: the column 'equity' is no time"),
    ] {
        let said = home.run(&[vec!["metrics"], args.clone()].concat());
        assert!(said.code == 2 && said.err.contains(expected), "{args:?}: {said:?}");
    }
}

#[test]
fn metrics_of_a_runs_own_equity_are_those_of_the_run() {
    let Some(folder) = shared() else { return };
    let home = Home::new();
    let file = folder.join("klines_1m/BTCUSDT-1m-20210420-20210520.csv.gz").display().to_string();
    home.run(&["import", &file]).good();
    home.write("ema.yaml", EMA);
    home.run(&["run", "ema.yaml", "--symbols", "BTCUSDT", "--from", "2021-04-22", "--to", "2021-05-10"]).good();
    let sql = "select time, equity from equity where not final order by time";
    home.run(&["sql", sql, "--format", "parquet", "--output", "equity.parquet"]).good();
    let found = home.run(&["metrics", "equity.parquet", "--format", "csv"]).good().out;
    let names = ["sharpe", "sortino", "volatility", "omega", "max_drawdown", "max_drawdown_pct", "var_95"];
    let sql = format!("select {} from metrics where view = 'mark'", names.join(", "));
    let row = home.run(&["sql", &sql, "--format", "csv"]).good().out;
    let expected: Vec<f64> = row.lines().nth(1).unwrap().split(',').map(|v| v.parse().unwrap()).collect();
    for (name, expected) in names.iter().zip(expected) {
        let found = value(&found, if *name == "var_95" { "value_at_risk" } else { name }).unwrap();
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{name}: {found}, the run says {expected}");
    }
    // The same as aggregates.
    let sql =
        "select max_drawdown(equity order by time), max_drawdown_pct(equity order by time) from equity where not final";
    let row = home.run(&["sql", sql, "--format", "csv"]).good().out;
    let asked: Vec<f64> = row.lines().nth(1).unwrap().split(',').map(|v| v.parse().unwrap()).collect();
    assert_eq!(asked, [value(&found, "max_drawdown").unwrap(), value(&found, "max_drawdown_pct").unwrap()]);
}
