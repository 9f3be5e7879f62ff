//! `docs/indicators.md` and `docs/statistics.md`: the pages of all indicators and statistics, made from their lists.

use crate::{
    call::Called,
    describe::{self, Description},
};
use candleflow_kernels::metrics::{CATALOGUE, Group, STATISTICS, Series, Unit};
use std::fmt::Write as _;

const HEAD: &str = "# Indicators

This page is made from the registry by `candleflow indicators --page > docs/indicators.md`; a test fails when it is not
what the registry gives. `candleflow indicators NAME` shows one of them whole, with the range of every parameter;
`/api/indicators` gives the same to programs.

## How they are called

In a pipeline the window is implied, and calls nest. Parameters come by position or by name:

```yaml
columns:
  fast: ema(close, 12)
  wild: atr(high, low, close, timeperiod => 21)
  m: macd(close, signalperiod => 5)          # m.macd, m.signal, m.hist; also macd(close).hist, macd(close)['hist']
  twice: ema(ema(close, 12), 9)
```

In SQL they are window functions over one series in the order of its time:

```sql
SELECT symbol, time, ema(close, 12) OVER w, (macd(close, signalperiod => 5) OVER w)['hist']
FROM klines WINDOW w AS (PARTITION BY symbol ORDER BY time)
```

- The order must be there, rise, and be a time or a whole number. Two rows of one place in it are an error: they mean that
  `PARTITION BY symbol` is missing. A frame (`ROWS ...`) is refused: how many rows count is a parameter.
- A parameter is a constant. A wrong one is an error that names it and its range, before anything is read.
- A row with a NULL gives NULL and leaves the state as it was; so leading NULLs are skipped. Before its first value, an
  indicator is NULL.
- Values are the same to the last bit in a pipeline, live or over history, and in SQL, for any batches.

";

const CLASSES: &str = "## What the columns of the tables say

*First* is the first row with a value, counted from 1, *settled* the row from which values are within 1e-8 of those that a
longer history gives, *state* the bytes of a saved state; all for the defaults. *Class*:

| class | means |
|---|---|
| exact | a finite window of comparisons or elementwise arithmetic: equal to a direct computation to the last bit |
| epsilon | a finite window with sums: equal within 1e-9 |
| converging | all of the past, fading |
| path-dependent | all of the past, never fading: the first row matters for good, so there is no row from which it is settled |

## Heikin-Ashi and Renko

Both are columns with one row per bar, so rules, other indicators and higher timeframes use them as any column:

```yaml
columns:
  ha: ha(open, high, low, close)             # ha.open, ha.high, ha.low, ha.close
  smooth: ema(ha.close, 20)
  up: ha.close > ha.open
  brick: renko(close, 100)                   # brick.level, brick.direction (1, -1; 0 before the first), brick.bricks
  laid: brick.bricks <> 0                    # true on bars that laid bricks
  turned: brick.direction <> lag(brick.direction, 1)
```

Orders fill at the market's prices, never at those of Heikin-Ashi or Renko bars. A bar may lay several bricks:
`brick.bricks` counts them, with their sign. Brick sizes are in the price's unit: a size that follows the market would
move bricks that were laid already.

";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let _ = writeln!(
        page,
        "Some names are SQL's too. SQL's meaning stays where it is called as SQL does: `stddev(close) OVER (...)` is the \
         deviation of\nthe frame, `stddev(close, 20) OVER (...)` the indicator. Always the indicators are\n{}.\n\
         Functions of one row (`sqrt`, `floor`, `ln`, ...) are plain functions in SQL, without OVER.\n",
        describe::shared_names()
    );
    page += CLASSES;
    let all: Vec<Description> = describe::all().collect();
    let mut groups: Vec<&str> = Vec::new();
    for description in &all {
        if !groups.contains(&description.group.as_str()) {
            groups.push(&description.group);
        }
    }
    for group in groups {
        let some: Vec<&Description> = all.iter().filter(|d| d.group == group).collect();
        let _ = writeln!(page, "## {group} ({})\n", some.len());
        page += "| call | what it is | outputs | class | first | settled | state | source |\n";
        page += "|---|---|---|---|---:|---:|---:|---|\n";
        for d in some {
            let outputs: Vec<&str> = d.outputs.iter().map(|o| o.name).collect();
            let outputs = if outputs == ["value"] { String::new() } else { outputs.join(", ") };
            let settled = d.settled.map_or("never".to_owned(), |rows| rows.to_string());
            let _ = writeln!(
                page,
                "| `{}` | {} | {outputs} | {} | {} | {settled} | {} | {} |",
                d.usage, d.doc, d.class, d.first_row, d.state_bytes, d.source
            );
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

const STATISTICS_HEAD: &str = "# Metrics of any series

The metrics as SQL aggregates, over whatever a query has: returns, equity, profits of trades. `candleflow metrics FILE` prints
the same of a file. This page is made from the list in `operators/kernels/src/metrics/statistic.rs`; a test fails when it is
not what the list gives (`CANDLEFLOW_WRITE_DOCS=1 cargo test -p candleflow-functions page` writes it).

```sql
-- of a run's daily returns, as its report has it; and what its report has not
SELECT run_id, sharpe(daily_return), value_at_risk(daily_return, level => 0.01) FROM metrics_by_day GROUP BY run_id;

SELECT symbol, max_drawdown_pct(close ORDER BY time) FROM klines GROUP BY symbol;

SELECT symbol, profit_factor(net_pnl), max_loss_streak(net_pnl ORDER BY time, entry_order) FROM trades GROUP BY symbol;

SELECT time, sharpe(ret, 365) OVER (ORDER BY time ROWS 29 PRECEDING) FROM daily   -- of the last 30 returns
```

- Arguments come by position or by name. `periods` is how many returns a year has: 365 if nothing else is said, 252 for the
  variants `empyrical` and `quantstats`, as in those libraries.
- Where *order* is *yes*, the order is part of the question and stands inside the brackets; keys are times or whole numbers
  that rise, and two rows of one place are an error.
- Rows in which a column is NULL are left out. A statistic without a value (a zero denominator, too few rows) is NULL.
- The result has the same bits for any batches and partitions.
- `variant` follows another library: the same formulas as those of the view of that name in a run's `metrics`. Where a formula
  below names no library, they are the house's, but for backtesting.py, which compounds (`sharpe`, `sortino`, `volatility`), and
  freqtrade, whose `sharpe` and `sortino` are of profits of closed trades as shares of the balance, `periods` of them a year:
  mean * periods / 365 / deviation (ddof 0; of the losing ones for `sortino`) * sqrt(365).
  `cagr` and `calmar` have no variant: with `periods => 252` they are those of empyrical and quantstats.

";

/// The page of statistics.
pub fn statistics() -> String {
    let mut page = STATISTICS_HEAD.to_owned();
    for (series, title) in [
        (Series::Returns, "Of returns, as fractions"),
        (Series::ReturnsAndMarket, "Of returns beside those of a market"),
        (Series::Equity, "Of equity"),
        (Series::Pnl, "Of profits and losses of trades"),
    ] {
        let _ = writeln!(page, "## {title}\n\n| call | formula | order | also |\n|---|---|---|---|");
        for statistic in STATISTICS.iter().filter(|s| s.series == series) {
            let alias = if statistic.alias == statistic.name { "" } else { statistic.alias };
            let order = if statistic.ordered { "yes" } else { "" };
            let usage = Called::from(statistic).usage();
            let _ = writeln!(page, "| `{usage}` | {} | {order} | {alias} |", statistic.formula);
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

const METRICS_HEAD: &str = "# Metrics of a run

Every run with a strategy has a row of `metrics` per view: `mark`, with open trades at the last price, and `closed`, as if they
had been closed there with fee and slippage. `metrics_by_day` has a row per day, `metrics_by_symbol` those of trades and fills
per symbol. A ratio with a zero denominator is NULL. Where *better* is *less*, a sweep's `--by` and a walk-forward's `choose`
take the least; elsewhere they take the most. With `metrics: { variant: quantstats }` in the file, one more view has
what that library gives. The same formulas over any series are in [statistics.md](statistics.md).

This page is made from the catalogue in `operators/kernels/src/metrics/catalogue.rs`; a test fails when it is not what the
catalogue gives (`CANDLEFLOW_WRITE_DOCS=1 cargo test -p candleflow-functions page` writes it).

";

/// The page of a run's metrics.
pub fn metrics() -> String {
    let mut page = METRICS_HEAD.to_owned();
    for group in Group::ALL {
        let _ = writeln!(page, "## {}\n\n{}.\n", group.name(), sentence(group.convention()));
        let _ = writeln!(page, "| metric | unit | better | formula | source |\n|---|---|---|---|---|");
        for metric in CATALOGUE.iter().filter(|m| m.group == group) {
            let unit = match metric.unit {
                Unit::Money => "quote asset",
                Unit::Fraction => "fraction",
                Unit::FractionPerYear => "fraction a year",
                Unit::Ratio => "ratio",
                Unit::Probability => "probability",
                Unit::Days => "days",
                Unit::Bars => "bars",
                Unit::Count => "count",
                Unit::Number => "number",
            };
            let better = if metric.less_is_better { "less" } else { "" };
            let _ =
                writeln!(page, "| `{}` | {unit} | {better} | {} | {} |", metric.name, metric.formula, metric.source);
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_pages_in_docs_are_what_the_lists_give() {
        let pages = [
            ("indicators.md", super::page()),
            ("statistics.md", super::statistics()),
            ("metrics.md", super::metrics()),
        ];
        for (name, made) in pages {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
            if std::env::var_os("CANDLEFLOW_WRITE_DOCS").is_some() {
                std::fs::write(&path, &made).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            let difference = kept.lines().zip(made.lines()).find(|(a, b)| a != b);
            assert!(
                kept == made,
                "docs/{name} is not what the code gives, first at {difference:?}: \
                 CANDLEFLOW_WRITE_DOCS=1 cargo test -p candleflow-functions page"
            );
        }
    }
}
