//! Every indicator of the registry, in SQL and in pipelines: the same values, and the same words for the same mistakes.

use super::{empty_lake, recorded, shared};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::{cast, concat_batches},
    datatypes::{DataType, Float64Type},
};
use candleflow_config::{Diagnostics, Overrides, read};
use candleflow_engine::{Binding, Limits, Sql, compile, lake_session, session};
use candleflow_kernels::indicator::{Indicator, Param, ParamKind, registry};
use candleflow_schema::tables::bars_to_batch;
use datafusion::{prelude::SessionContext, sql::parser::Statement};
use std::collections::BTreeSet;

/// Indicators whose names SQL has for aggregates and window functions.
const SQL_TOO: [&str; 8] = ["covar", "lag", "max", "min", "rank", "stddev", "sum", "var"];
const HEAD: &str = "name: a\nsource: { symbols: [BTCUSDT, ETHUSDT], interval: 1m }\ncolumns:\n";

/// What stands in the place of a column.
fn column(input: &str) -> &'static str {
    match input {
        "open" | "b" => "open",
        "high" | "real0" => "high",
        "low" | "real1" => "low",
        "volume" => "volume",
        "condition" | "anchor" => "close > open",
        "session" => "floor(close / 100.0)",
        "periods" => "floor(volume)",
        _ => "close",
    }
}

/// A call with the defaults written out.
fn call(indicator: &Indicator) -> String {
    let params = indicator.params.iter().map(|p| p.default.to_string());
    let arguments: Vec<String> = indicator.inputs.iter().map(|i| column(i).to_owned()).chain(params).collect();
    format!("{}({})", indicator.name, arguments.join(", "))
}

/// The columns of a pipeline over the bars of a symbol.
fn in_a_pipeline(session: &SessionContext, text: &str, symbol: &str, bars: &RecordBatch) -> RecordBatch {
    let document = read("p.yaml", text, &Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    let mut errors = Diagnostics::new("p.yaml");
    let compiled = compile(&document, symbol, &session.state(), &mut errors).unwrap_or_else(|| panic!("{errors}"));
    let mut chain =
        compiled.chain(&session.state(), &Binding { columns: true, from: i64::MIN, ..Binding::default() }).unwrap();
    let given = chain.process(bars.clone()).unwrap();
    given.outputs.into_iter().next().unwrap().1
}

/// The outputs of an indicator: those of a struct, or itself.
fn outputs(array: &ArrayRef) -> Vec<ArrayRef> {
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().to_vec(),
        _ => vec![array.clone()],
    }
}

/// Values by their bits; NULL is none.
fn bits(array: &dyn Array) -> Vec<Option<u64>> {
    let numbers = cast(array, &DataType::Float64).unwrap();
    numbers.as_primitive::<Float64Type>().iter().map(|v| v.map(f64::to_bits)).collect()
}

/// As DataFusion answers in a session of somebody's own, with its settings.
async fn ask(session: &SessionContext, sql: &str) -> RecordBatch {
    let state = session.state();
    let mut statement = state.sql_to_statement(sql, &datafusion::config::Dialect::PostgreSQL).unwrap();
    if let Statement::Statement(inner) = &mut statement {
        candleflow_functions::complete(inner, &state).unwrap();
    }
    let plan = state.statement_to_plan(statement).await.unwrap();
    let batches = session.execute_logical_plan(plan).await.unwrap().collect().await.unwrap();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_indicator_has_one_value_in_pipelines_and_in_sql() {
    let Some(folder) = shared() else { return };
    let (_dir, lake) = empty_lake();
    let symbols = ["BTCUSDT", "ETHUSDT"];
    let mut bars = Vec::new();
    for symbol in symbols {
        let recorded = recorded(&folder, symbol, "2021-04-22T12:00");
        lake.upsert_bars(&recorded).await.unwrap();
        bars.push(bars_to_batch(&recorded).unwrap());
    }
    let plain = session();
    for (number, some) in registry().chunks(24).enumerate() {
        let columns = some.iter().enumerate().map(|(i, indicator)| format!("  x{i}: {}\n", call(indicator)));
        let text = format!("{HEAD}{}", columns.collect::<String>());
        // Functions of one row are plain functions, without a window.
        let over = |name: &str| if plain.state().scalar_functions().contains_key(name) { "" } else { " OVER w" };
        let calls = some.iter().enumerate();
        let calls = calls.map(|(i, indicator)| format!("{}{} AS x{i}", call(indicator), over(indicator.name)));
        let sql = format!(
            "SELECT symbol, time, {} FROM klines WINDOW w AS (PARTITION BY symbol ORDER BY time) ORDER BY symbol, time",
            calls.collect::<Vec<_>>().join(", ")
        );
        // Batches and partitions of every kind, another one for each part of the registry.
        let asked = lake_session(&lake).await.unwrap();
        let (batch, partitions) = [(8_192, 1), (64, 3), (1_000, 2), (777, 5)][number % 4];
        let state = asked.state_ref();
        state.write().config_mut().options_mut().execution.batch_size =
            datafusion::config::ConfigNonZeroUsize::try_new(batch).unwrap();
        state.write().config_mut().options_mut().execution.target_partitions = partitions;
        let found = ask(&asked, &sql).await;
        let mut from = 0;
        for (symbol, bars) in symbols.into_iter().zip(&bars) {
            let expected = in_a_pipeline(&plain, &text, symbol, bars);
            let rows = expected.num_rows();
            let mut next = 3;
            for (i, indicator) in some.iter().enumerate() {
                let name = format!("x{i}");
                let whole = found.column_by_name(&name).unwrap().slice(from, rows);
                for (output, array) in indicator.outputs.iter().zip(outputs(&whole)) {
                    let same = bits(expected.column(next));
                    assert_eq!(bits(&array), same, "{symbol} {} {}", indicator.name, output.name);
                    // A price has no arc cosine; all else has values.
                    let none = ["acos", "asin"].contains(&indicator.name);
                    assert!(none || same.iter().any(Option::is_some), "{}", indicator.name);
                    next += 1;
                }
            }
            from += rows;
        }
        assert_eq!(from, found.num_rows());
    }
}

#[tokio::test]
async fn names_that_sql_has_too_are_known() {
    let bare = SessionContext::new().state();
    let taken = registry()
        .iter()
        .map(|i| i.name)
        .filter(|name| bare.aggregate_functions().contains_key(*name) || bare.window_functions().contains_key(*name));
    assert_eq!(taken.collect::<BTreeSet<_>>(), BTreeSet::from(SQL_TOO));
}

/// What a parameter does not take, as text of SQL.
fn bad(param: &Param) -> Vec<String> {
    let mut bad: Vec<String> = ["'abc'", "NULL", "close", "'1'", "close + 1", "true"].map(str::to_owned).into();
    let numbers = [0.0, -1.0, -7.5, 1.5, 1e9, 1e300, param.min - 1.0, param.max + 1.0];
    bad.extend(numbers.into_iter().filter(|n| !param.takes(*n)).map(|n| format!("{n:e}")));
    bad
}

/// Calls that cannot be made, each with what the error must say.
fn mistakes(indicator: &Indicator, name: &str, columns: &str) -> Vec<(String, String)> {
    let own = indicator.name;
    let mut mistakes = vec![
        (format!("{name}()"), format!("{own} takes")),
        (format!("{name}({columns}, nothing => 1)"), format!("{own} has no argument 'nothing'")),
        (
            format!("{name}({columns}, {} => close)", indicator.inputs[0]),
            format!("{own}: {} is given twice", indicator.inputs[0]),
        ),
    ];
    let most = indicator.params.iter().map(|p| format!(", {}", p.default)).collect::<String>();
    mistakes.push((format!("{name}({columns}{most}, 1)"), format!("{own} takes")));
    if let Some((last, _)) = indicator.inputs.split_last().filter(|(_, rest)| !rest.is_empty()) {
        let fewer = vec!["close"; indicator.inputs.len() - 1].join(", ");
        mistakes.push((format!("{name}({fewer})"), format!("{own}: {last} is missing")));
    }
    let texts = vec!["symbol"; indicator.inputs.len()].join(", ");
    let first = indicator.params.first().map_or(String::new(), |p| format!(", {}", p.default));
    mistakes.push((format!("{name}({texts}{first})"), format!("{own}: {} must be a number", indicator.inputs[0])));
    for param in indicator.params {
        for value in bad(param) {
            let call = format!("{name}({columns}, {} => {value})", param.name);
            mistakes.push((call, format!("{own}: {} must be {}", param.name, param.range())));
        }
        let twice = format!("{name}({columns}, {0} => {1}, {0} => {1})", param.name, param.default);
        mistakes.push((twice, format!("{own}: {} is given twice", param.name)));
        assert!(!matches!(param.kind, ParamKind::Int) || bad(param).len() >= 9, "{own} {}", param.name);
    }
    mistakes
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_arguments_are_named_with_their_range() {
    let (_dir, lake) = empty_lake();
    let sql = Sql::open(&lake).await.unwrap();
    let plain = session();
    let state = plain.state();
    let mut asked = 0;
    for indicator in registry() {
        let columns = indicator.inputs.iter().map(|i| column(i)).collect::<Vec<_>>().join(", ");
        // Plain functions of one row are SQL's own.
        if state.scalar_functions().contains_key(indicator.name) {
            continue;
        }
        let prefix = if SQL_TOO.contains(&indicator.name) { "ta_" } else { "" };
        for (call, expected) in mistakes(indicator, &format!("{prefix}{}", indicator.name), &columns) {
            let text = format!("SELECT {call} OVER (PARTITION BY symbol ORDER BY time) FROM klines");
            let error = sql.query(&text, Limits::default()).await.err();
            let error = error.unwrap_or_else(|| panic!("{text}: it was planned")).to_string();
            assert!(error.contains(&expected), "{text}: {error}");
            let document = read("p.yaml", &format!("{HEAD}  x: \"{call}\"\n"), &Overrides::default()).unwrap();
            let mut errors = Diagnostics::new("p.yaml");
            assert!(compile(&document, "BTCUSDT", &state, &mut errors).is_none(), "{call}: it was planned");
            let error = errors.to_string();
            assert!(error.contains(&expected) && errors.iter().count() == 1, "{call}: {error}");
            asked += 1;
        }
    }
    assert!(asked > 3_000, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_every_description_can_be_used() {
    let (_dir, lake) = empty_lake();
    let sql = Sql::open(&lake).await.unwrap();
    let plain = session();
    for description in candleflow_engine::indicators::all() {
        sql.query(&description.sql, Limits::default()).await.unwrap_or_else(|e| panic!("{}: {e}", description.sql));
        let text = format!("{HEAD}  {}\n", description.pipeline);
        let document = read("p.yaml", &text, &Overrides::default()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let mut errors = Diagnostics::new("p.yaml");
        assert!(compile(&document, "BTCUSDT", &plain.state(), &mut errors).is_some(), "{text}: {errors}");
    }
}

#[test]
fn bars_of_another_kind_are_columns() {
    let columns = "  ha: ha(open, high, low, close)\n  smooth: ema(ha.close, 3)\n  up: ha.close > ha.open\n  \
                   brick: renko(close, 0.5)\n  laid: brick.bricks <> 0\n  \
                   turned: brick.direction <> lag(brick.direction, 1)\n";
    let bars = candleflow_stream::laws::market("BTCUSDT", 3, 60);
    let rows = in_a_pipeline(&session(), &format!("{HEAD}{columns}"), "BTCUSDT", &bars);
    let number = |name: &str, row: usize| {
        rows.column_by_name(name)
            .unwrap_or_else(|| panic!("{:?}", rows.schema()))
            .as_primitive::<Float64Type>()
            .value(row)
    };
    for row in 1..60 {
        let middle = (number("ha_open", row - 1) + number("ha_close", row - 1)) / 2.0;
        assert_eq!(number("ha_open", row), middle);
        // A brick is laid only where the level moves.
        let moved = number("brick_level", row) != number("brick_level", row - 1);
        assert_eq!(rows.column_by_name("laid").unwrap().as_boolean().value(row), moved);
    }
}

#[test]
fn a_pipeline_has_one_order_and_nobody_can_turn_it_round() {
    for call in [
        "lag(close, 1) OVER (ORDER BY time DESC)",
        "ema(close, 3) OVER (PARTITION BY symbol ORDER BY time DESC)",
        "ta_max(close, 3) OVER (ORDER BY time ROWS BETWEEN CURRENT ROW AND 5 FOLLOWING)",
        "max_drawdown(close) OVER (ORDER BY time)",
    ] {
        let document = read("p.yaml", &format!("{HEAD}  x: {call}\n"), &Overrides::default()).unwrap();
        let mut errors = Diagnostics::new("p.yaml");
        assert!(compile(&document, "BTCUSDT", &session().state(), &mut errors).is_none(), "{call}");
        assert!(errors.to_string().contains("the window is implied in a pipeline, remove OVER"), "{call}: {errors}");
    }
}
