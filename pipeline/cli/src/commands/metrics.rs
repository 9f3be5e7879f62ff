//! `metrics`: the statistics of a file of equity, returns or trades.
//!
//! Equity with times is cut into UTC days, and its returns are those between the last values of the days, as in a run's
//! metrics; with `--periods`, or without times, they are those between rows. Drawdowns are of every row. Rows whose value
//! is missing are left out. A statistic that has no value is there, without one.

use crate::{
    args::MetricsArgs,
    exit::usage,
    output::Output,
    talk::say,
    wiring::rows::{numbers, read},
};
use arrow::{
    array::{Array, AsArray, Float64Array, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Field, Int64Type, Schema, TimeUnit},
};
use candleflow_kernels::metrics::{STATISTICS, Series, Statistic, statistic_of};
use candleflow_schema::time;
use std::{process::ExitCode, sync::Arc};

const EQUITY: [&str; 8] =
    ["equity", "balance", "nav", "portfolio_value", "account_value", "net_worth", "cumulative_value", "value"];
const RETURNS: [&str; 7] = ["returns", "return", "ret", "daily_return", "daily_returns", "pct_change", "r"];
const PNL: [&str; 7] = ["net_pnl", "pnl", "profit", "profit_abs", "realized_pnl", "net_profit", "p&l"];
const TIMES: [&str; 8] = ["time", "date", "timestamp", "datetime", "exit_time", "close_time", "open_time", "day"];
const DAY: i64 = 86_400_000_000;

pub(super) fn metrics(args: &MetricsArgs) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let rows = read(&args.file).map_err(|e| usage(format!("cannot read {shown}: {e}")))?;
    let place = |given: &Option<String>, known: &[&str]| column(&rows, given.as_deref(), known);
    let (equity, returns, pnl) =
        (place(&args.equity, &EQUITY)?, place(&args.returns, &RETURNS)?, place(&args.pnl, &PNL)?);
    let asked = args.equity.is_some() || args.returns.is_some() || args.pnl.is_some();
    // A column that is named means that the others are not guessed.
    let keep = |place: Option<usize>, given: &Option<String>| place.filter(|_| !asked || given.is_some());
    let (equity, returns, pnl) = (keep(equity, &args.equity), keep(returns, &args.returns), keep(pnl, &args.pnl));
    if equity.is_none() && returns.is_none() && pnl.is_none() {
        return Err(usage(format!(
            "{shown}: no column is known to be equity, returns or profits, it has {}: name one with --equity, \
             --returns or --pnl",
            names(&rows)
        )));
    }
    let table = Table { rows: &rows, times: times(&rows, place(&args.time, &TIMES)?, args.time.is_some())? };
    let mut found = Found { args, lines: Vec::new() };
    if let Some(equity) = equity {
        found.equity(&table, equity)?;
    }
    if let Some(returns) = returns {
        found.returns(&table, returns, place(&args.market, &[])?)?;
    }
    if let Some(pnl) = pnl {
        let values = table.values(&[pnl], false)?;
        found.all(Series::Pnl, &[&values[0]])?;
        found.line("trades", Some(values[0].len() as f64), "rows with a profit or a loss");
    }
    found.show()?;
    Ok(ExitCode::SUCCESS)
}

fn names(rows: &RecordBatch) -> String {
    rows.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>().join(", ")
}

/// The column that was named, or the first that has one of the names.
fn column(rows: &RecordBatch, given: Option<&str>, known: &[&str]) -> anyhow::Result<Option<usize>> {
    let schema = rows.schema();
    let of = |name: &str| schema.fields().iter().position(|f| f.name().trim().eq_ignore_ascii_case(name));
    match given {
        Some(name) => match of(name) {
            Some(place) => Ok(Some(place)),
            None => Err(usage(format!("the file has no column '{name}', it has {}", names(rows)))),
        },
        None => Ok(known.iter().find_map(|name| of(name))),
    }
}

/// Times of all rows, in microseconds; none if there are none that can be read and none were asked for.
fn times(rows: &RecordBatch, place: Option<usize>, asked: bool) -> anyhow::Result<Option<Vec<i64>>> {
    let Some(place) = place else { return Ok(None) };
    let array = rows.column(place);
    let stamped = DataType::Timestamp(TimeUnit::Microsecond, None);
    let read: Vec<Option<i64>> = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().map(|t| t.and_then(|t| time::parse(t.trim()).ok())).collect(),
        DataType::Int64 => array.as_primitive::<Int64Type>().iter().map(|n| n.and_then(time::epoch)).collect(),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let micros = cast(&cast(array, &stamped)?, &DataType::Int64)?;
            micros.as_primitive::<Int64Type>().iter().collect()
        }
        _ => vec![None; array.len()],
    };
    let wrong = read.iter().position(Option::is_none);
    match (wrong, asked) {
        (None, _) => Ok(Some(read.into_iter().flatten().collect())),
        (Some(row), true) => {
            let name = rows.schema().field(place).name().clone();
            Err(usage(format!(
                "row {}: the column '{name}' is no time: write 2021-04-21T10:00:00Z or an epoch",
                row + 1
            )))
        }
        (Some(_), false) => Ok(None),
    }
}

struct Table<'r> {
    rows: &'r RecordBatch,
    times: Option<Vec<i64>>,
}

impl Table<'_> {
    /// Rows that have a value in every column, in the order of time if there is one.
    fn places(&self, columns: &[Vec<Option<f64>>], once: bool) -> anyhow::Result<Vec<usize>> {
        let mut places: Vec<usize> =
            (0..self.rows.num_rows()).filter(|row| columns.iter().all(|c| c[*row].is_some())).collect();
        if let Some(times) = &self.times {
            places.sort_by_key(|row| times[*row]);
            let twice = places.windows(2).find(|pair| times[pair[0]] == times[pair[1]]);
            if let Some(pair) = twice.filter(|_| once) {
                return Err(usage(format!(
                    "rows {} and {} have the same time {}: a series has one row per time, filter or sum them first",
                    pair[0] + 1,
                    pair[1] + 1,
                    time::format(times[pair[0]])
                )));
            }
        }
        Ok(places)
    }

    /// The values of columns in those rows.
    fn values(&self, columns: &[usize], once: bool) -> anyhow::Result<Vec<Vec<f64>>> {
        let read = columns.iter().map(|column| self.numbers(*column)).collect::<anyhow::Result<Vec<_>>>()?;
        let places = self.places(&read, once)?;
        Ok(read.iter().map(|column| places.iter().filter_map(|row| column[*row]).collect()).collect())
    }

    fn numbers(&self, column: usize) -> anyhow::Result<Vec<Option<f64>>> {
        let read = numbers(self.rows, column)?;
        match read.iter().any(Option::is_some) {
            true => Ok(read),
            false => {
                let name = self.rows.schema().field(column).name().clone();
                Err(usage(format!("the column '{name}' has no numbers")))
            }
        }
    }

    /// The last value of each UTC day, the first value of all before them. What is known at midnight is of the day before.
    fn days(&self, column: usize) -> anyhow::Result<Option<Vec<f64>>> {
        let Some(times) = &self.times else { return Ok(None) };
        let read = vec![self.numbers(column)?];
        let mut days: Vec<(i64, f64)> = Vec::new();
        let mut first = None;
        for row in self.places(&read, true)? {
            let (day, Some(value)) = ((times[row] - 1).div_euclid(DAY), read[0][row]) else { continue };
            first.get_or_insert(value);
            match days.last_mut() {
                Some((last, kept)) if *last == day => *kept = value,
                _ => days.push((day, value)),
            }
        }
        // A row a day is a series of days as it stands.
        let single = days.len() == self.places(&read, true)?.len();
        let start = first.filter(|_| !single);
        Ok(Some(start.into_iter().chain(days.into_iter().map(|(_, value)| value)).collect()))
    }
}

struct Found<'a> {
    args: &'a MetricsArgs,
    lines: Vec<(&'static str, Option<f64>, &'static str)>,
}

impl Found<'_> {
    fn equity(&mut self, table: &Table<'_>, column: usize) -> anyhow::Result<()> {
        let equity = table.values(&[column], true)?.remove(0);
        let days = if self.args.periods.is_none() { table.days(column)? } else { None };
        if let Some(days) = &days {
            let (rows, days) = (equity.len(), days.len());
            say(&format!("{rows} values of equity, returns between the {days} of its days; --periods N: between rows"));
        }
        let by_period = days.as_ref().unwrap_or(&equity);
        if let Some(row) = equity.iter().position(|value| *value <= 0.0) {
            return Err(usage(format!("equity is {} at value {}: it must be above zero", equity[row], row + 1)));
        }
        let returns: Vec<f64> = by_period.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        self.line("start_equity", equity.first().copied(), "the first value");
        self.line("end_equity", equity.last().copied(), "the last value");
        self.all(Series::Returns, &[&returns])?;
        self.all(Series::Equity, &[&equity])?;
        // The ulcer index is of the values that the returns are between.
        if let Some(ulcer) = statistic_of("ulcer_index") {
            let value = ulcer.of(&[by_period], &self.params(ulcer)?);
            let lines = self.lines.iter_mut().filter(|line| line.0 == ulcer.name);
            lines.for_each(|line| line.1 = value);
        }
        self.line("returns", Some(returns.len() as f64), "how many returns there are");
        Ok(())
    }

    fn returns(&mut self, table: &Table<'_>, column: usize, market: Option<usize>) -> anyhow::Result<()> {
        let columns: Vec<usize> = std::iter::once(column).chain(market).collect();
        let values = table.values(&columns, true)?;
        let returns = &values[0];
        if let Some(row) = returns.iter().position(|value| *value < -1.0) {
            return Err(usage(format!(
                "return {} is {}: nobody loses more than all, returns are fractions and not percent",
                row + 1,
                returns[row]
            )));
        }
        self.all(Series::Returns, &[returns])?;
        if let Some(market) = values.get(1) {
            self.all(Series::ReturnsAndMarket, &[returns, market])?;
        }
        // Money has no start here: only what is a share of it.
        let mut curve = vec![1.0];
        curve.extend(returns.iter().scan(1.0, |value, change| {
            *value *= 1.0 + change;
            Some(*value)
        }));
        for name in ["max_drawdown_pct", "ulcer_index"] {
            if let Some(statistic) = statistic_of(name) {
                let params = self.params(statistic)?;
                self.line(statistic.name, statistic.of(&[&curve], &params), statistic.formula);
            }
        }
        self.line("returns", Some(returns.len() as f64), "how many returns there are");
        Ok(())
    }

    /// Every statistic of a series.
    fn all(&mut self, series: Series, columns: &[&[f64]]) -> anyhow::Result<()> {
        // Deflating needs the number of trials, which no file tells.
        for statistic in STATISTICS.iter().filter(|s| s.series == series && s.name != "deflated_sharpe") {
            let params = self.params(statistic)?;
            self.line(statistic.name, statistic.of(columns, &params), statistic.formula);
        }
        Ok(())
    }

    fn params(&self, statistic: &Statistic) -> anyhow::Result<Vec<f64>> {
        let (periods, variant) = (self.args.periods, &self.args.variant);
        let given = statistic.params.iter().map(|param| {
            let wrong = |found: String| usage(format!("--{} must be {}, found {found}", param.name, param.range()));
            match param.name {
                "periods" => match periods.filter(|periods| !param.takes(*periods)) {
                    Some(periods) => Err(wrong(periods.to_string())),
                    None => Ok(periods),
                },
                "variant" => param.number_of(variant).map(Some).ok_or_else(|| wrong(variant.clone())),
                _ => Ok(None),
            }
        });
        Ok(statistic.bind(&given.collect::<anyhow::Result<Vec<_>>>()?)?)
    }

    /// The first line of a name stays.
    fn line(&mut self, name: &'static str, value: Option<f64>, formula: &'static str) {
        if self.lines.iter().all(|line| line.0 != name) {
            self.lines.push((name, value, formula));
        }
    }

    fn show(&self) -> anyhow::Result<()> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("metric", DataType::Utf8, false),
            Field::new("value", DataType::Float64, true),
            Field::new("formula", DataType::Utf8, false),
        ]));
        let rows = RecordBatch::try_new(
            schema.clone(),
            vec![
                Arc::new(StringArray::from_iter_values(self.lines.iter().map(|l| l.0))),
                Arc::new(self.lines.iter().map(|l| l.1).collect::<Float64Array>()),
                Arc::new(StringArray::from_iter_values(self.lines.iter().map(|l| l.2))),
            ],
        )?;
        let mut output = Output::new(self.args.format, schema, Box::new(std::io::stdout()))?;
        output.write(&rows)?;
        output.finish()?;
        Ok(())
    }
}
