//! SQL over a lake of real bars: the `.slt` files beside this one, and what they cannot say.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::needless_range_loop,
    reason = "a test that cannot go on says so by panicking"
)]

use arrow::{
    array::{
        ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
        new_null_array,
    },
    datatypes::{DataType, Decimal128Type, Field, Float64Type, Int64Type, Schema},
    util::{
        display::{ArrayFormatter, FormatOptions},
        pretty::pretty_format_batches,
    },
};
use candleflow_engine::{Limits, QueryError, Sql, query::Limit};
use candleflow_lake::{Lake, Options};
use candleflow_schema::{Bar, Defect, Interval, Origin, decimal, quarantine::Coverage, tables::MONEY, time};
use candleflow_stream::strategy::TRADES;
use flate2::read::GzDecoder;
use futures::StreamExt;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

#[path = "sql/indicators.rs"]
mod indicators;

const MINUTE: i64 = 60_000_000;

fn empty_lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path().to_str().unwrap(), Options::default()).unwrap();
    (dir, lake)
}

fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("CANDLEFLOW_SHARED").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = named.into_iter().chain(above.flat_map(|dir| [dir.join("shared"), dir.join("../shared")]));
    let found = found.into_iter().find(|dir| dir.join("data/README.md").exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "under CI nothing is skipped");
        eprintln!("skipped: no recorded market data (CANDLEFLOW_SHARED)");
    }
    found
}

/// The bars of a user's file, up to a day.
fn recorded(folder: &Path, symbol: &str, until: &str) -> Vec<Bar> {
    let path = folder.join(format!("data/klines_1m/{symbol}-1m-20210420-20210520.csv.gz"));
    let mut reader = csv::Reader::from_reader(GzDecoder::new(std::fs::File::open(path).unwrap()));
    let price = |text: &str| Defect::price("price", text).unwrap();
    let bar = |r: csv::StringRecord| Bar {
        symbol: symbol.into(),
        interval: Interval::M1,
        open_time: time::epoch(r[0].parse().unwrap()).unwrap(),
        open: price(&r[1]),
        high: price(&r[2]),
        low: price(&r[3]),
        close: price(&r[4]),
        volume: Defect::quantity("volume", &r[5]).unwrap(),
        quote_volume: None,
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::File,
    };
    let until = time::parse(until).unwrap();
    reader.records().map(|r| bar(r.unwrap())).take_while(|b| b.open_time < until).collect()
}

fn made_up(symbol: &str, minutes: std::ops::Range<i64>, close: i64) -> Vec<Bar> {
    let start = time::parse("2021-04-20").unwrap();
    let bar = |minute: i64| Bar {
        symbol: symbol.into(),
        interval: Interval::M1,
        open_time: start + minute * MINUTE,
        open: 10,
        high: close.max(1_000),
        low: 5,
        close,
        volume: 100,
        quote_volume: None,
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::File,
    };
    minutes.map(bar).collect()
}

/// Round trips of a run: symbol, entry time, exit time, quantity in units of 10^-18.
fn trades(run: &str, rows: &[(&str, &str, &str, i128)]) -> RecordBatch {
    let n = rows.len();
    let times = |pick: &dyn Fn(usize) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values((0..n).map(pick)).with_timezone("UTC"))
    };
    let column = |field: &Arc<Field>| -> ArrayRef {
        match field.name().as_str() {
            "symbol" => Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0))),
            "entry_time" => times(&|i| time::parse(rows[i].1).unwrap()),
            "time" => times(&|i| time::parse(rows[i].2).unwrap()),
            "side" => Arc::new(StringArray::from_iter_values(rows.iter().map(|_| "long"))),
            "entry_order" => Arc::new(Int64Array::from_iter_values(0..n as i64)),
            "qty" => Arc::new(
                rows.iter().map(|r| Some(r.3)).collect::<arrow::array::Decimal128Array>().with_data_type(MONEY),
            ),
            _ => new_null_array(field.data_type(), n),
        }
    };
    let mut fields: Vec<Field> = TRADES.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    let mut columns: Vec<ArrayRef> = TRADES.fields().iter().map(column).collect();
    fields.push(Field::new("run_id", DataType::Utf8, false));
    columns.push(Arc::new(StringArray::from_iter_values(rows.iter().map(|_| run))));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// A week of two markets, with what is known of them, and the trades of one run.
async fn lake_of_a_week(folder: &Path) -> (tempfile::TempDir, Lake) {
    let (dir, lake) = empty_lake();
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        lake.upsert_bars(&recorded(folder, symbol, "2021-04-27")).await.unwrap();
    }
    let (from, to) = (time::parse("2021-04-20T20:42").unwrap(), time::parse("2021-04-27").unwrap());
    let coverage = Coverage { symbol: "BTCUSDT".into(), interval: Interval::M1, from, to, evidence: "stated" };
    lake.cover(&[coverage]).await.unwrap();
    let one = 10i128.pow(18);
    let rows = [
        ("BTCUSDT", "2021-04-21T10:00:00Z", "2021-04-21T12:00:00Z", one / 2),
        ("BTCUSDT", "2021-04-22T10:00:00Z", "2021-04-23T00:30:00Z", one / 4),
        ("ETHUSDT", "2021-04-21T11:00:00Z", "2021-04-21T11:30:00Z", 3 * one),
    ];
    lake.append_rows("trades", &[trades("r1", &rows)], None).await.unwrap();
    (dir, lake)
}

/// A question of an `.slt` file, in the form that sqllogictest has made common.
struct Question {
    place: String,
    sql: String,
    expected: Expected,
}

enum Expected {
    /// `statement error TEXT`: it is refused, and the error has this text in it.
    Error(String),
    /// `query TYPES [rowsort]`: T text, I integer, R real, B truth; rows, cells parted by a space.
    Rows { types: String, sorted: bool, rows: Vec<String> },
}

fn questions(path: &Path) -> Vec<Question> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')).peekable();
    let mut found = vec![];
    while let Some((number, head)) = lines.next() {
        if head.is_empty() {
            continue;
        }
        let place = format!("{}:{}", path.file_name().unwrap().to_str().unwrap(), number + 1);
        let mut until = |end: &str| {
            let block = std::iter::from_fn(|| lines.next().map(|(_, line)| line).filter(|line| *line != end));
            block.map(str::to_owned).collect::<Vec<_>>()
        };
        let question = match (head.strip_prefix("statement error "), head.strip_prefix("query ")) {
            (Some(error), _) => {
                Question { place, sql: until("").join("\n"), expected: Expected::Error(error.to_owned()) }
            }
            (_, Some(head)) => {
                let (types, sort) = head.split_once(' ').unwrap_or((head, ""));
                let (sql, rows) = (until("----").join("\n"), until(""));
                let expected = Expected::Rows { types: types.to_owned(), sorted: sort == "rowsort", rows };
                Question { place, sql, expected }
            }
            _ => panic!("{place}: {head}"),
        };
        found.push(question);
    }
    found
}

async fn check(sql: &Sql, question: &Question) -> Result<(), String> {
    let Question { place, sql: text, expected } = question;
    let answer = match sql.query(text, Limits::default()).await {
        Ok(answer) => {
            let types: String = answer.schema().fields().iter().map(|f| letter(f.data_type())).collect();
            answer.collect().await.map(|rows| (types, rows))
        }
        Err(error) => Err(error),
    };
    match (answer, expected) {
        (Err(error), Expected::Error(text)) if error.to_string().contains(text) => Ok(()),
        (Err(error), _) => Err(format!("{place}: {error}")),
        (Ok(_), Expected::Error(_)) => Err(format!("{place}: it was answered")),
        (Ok((types, batches)), Expected::Rows { types: wanted, sorted, rows: expected }) => {
            let mut rows: Vec<String> = batches.iter().flat_map(text_rows).collect();
            if *sorted {
                rows.sort();
            }
            match &types == wanted && &rows == expected {
                true => Ok(()),
                false => Err(format!(
                    "{place}: {types}, expected {wanted}\n{}\nexpected\n{}",
                    rows.join("\n"),
                    expected.join("\n")
                )),
            }
        }
    }
}

fn letter(kind: &DataType) -> char {
    match kind {
        DataType::Int32 | DataType::Int64 | DataType::UInt64 => 'I',
        DataType::Float64 | DataType::Decimal128(..) => 'R',
        DataType::Boolean => 'B',
        _ => 'T',
    }
}

fn text_rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
    let row = |row: usize| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" ");
    (0..batch.num_rows()).map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_questions_have_their_answers() {
    let Some(folder) = shared() else { return };
    let (_dir, lake) = lake_of_a_week(&folder).await;
    let sql = Sql::open(&lake).await.unwrap();
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt")).unwrap();
    let mut files: Vec<_> = folder.map(|f| f.unwrap().path()).collect();
    files.sort();
    let questions: Vec<Question> = files.iter().flat_map(|file| questions(file)).collect();
    assert!(questions.len() > 40, "{files:?}");
    let mut wrong = vec![];
    for question in &questions {
        wrong.extend(check(&sql, question).await.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

async fn ask(sql: &Sql, text: &str) -> String {
    let batches = sql.query(text, Limits::default()).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

async fn number(sql: &Sql, text: &str) -> i64 {
    let batches = sql.query(text, Limits::default()).await.unwrap().collect().await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_lake_answers() {
    let (_dir, lake) = empty_lake();
    let sql = Sql::open(&lake).await.unwrap();
    for table in [
        "klines",
        "klines_exact",
        "coverage",
        "restated",
        "quarantine",
        "runs",
        "orders",
        "trades",
        "equity",
        "metrics",
    ] {
        let answer = sql.query(&format!("SELECT * FROM {table}"), Limits::default()).await.unwrap();
        assert!(answer.schema().fields().len() >= 5, "{table}");
        let rows: usize = answer.collect().await.unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 0, "{table}");
        assert_eq!(number(&sql, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    let shown = ask(&sql, "SHOW TABLES").await;
    assert!(shown.contains("| klines       |") && shown.contains("| trades       |"), "{shown}");
    let text = "SELECT max(close) AS m, ema(max(close), 3) OVER (ORDER BY count(*)) AS e FROM klines GROUP BY symbol";
    let answer = sql.query(text, Limits::default()).await.unwrap();
    assert_eq!((answer.schema().field(0).name().as_str(), answer.schema().field(1).name().as_str()), ("m", "e"));
    assert_eq!(answer.collect().await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    let described = ask(&sql, "DESCRIBE klines").await;
    assert!(described.contains("| close                  | Float64 "), "{described}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_query_sees_what_was_committed_and_a_running_one_does_not() {
    let (_dir, lake) = empty_lake();
    let sql = Sql::open(&lake).await.unwrap();
    let session = candleflow_engine::lake_session(&lake).await.unwrap();
    for (n, minutes) in [(10, 0..10), (25, 10..25)] {
        lake.upsert_bars(&made_up("A", minutes, 7)).await.unwrap();
        assert_eq!(number(&sql, "SELECT count(*) FROM klines").await, n);
        assert_eq!(
            number(&sql, "SELECT count(*) FROM klines_exact e JOIN klines k USING (symbol, open_time)").await,
            n
        );
        let plain = session.sql("SELECT count(*) FROM klines").await.unwrap().collect().await.unwrap();
        assert_eq!(plain[0].column(0).as_primitive::<Int64Type>().value(0), n);
    }
    let planned = sql.query("SELECT count(*), count(close) FROM klines", Limits::default()).await.unwrap();
    lake.upsert_bars(&made_up("A", 25..30, 7)).await.unwrap();
    let rows = planned.collect().await.unwrap();
    assert_eq!(rows[0].column(1).as_primitive::<Int64Type>().value(0), 25);
    lake.append_rows("notes", &[trades("r", &[("A", "2021-04-20", "2021-04-21", 1)])], None).await.unwrap();
    assert!(ask(&sql, "SHOW TABLES").await.contains("notes"), "tables made later are listed");
    assert_eq!(number(&sql, "SELECT count(*) FROM notes WHERE run_id = 'r'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn doubles_are_the_nearest_ones() {
    let (_dir, lake) = empty_lake();
    // 2^53 + 1 and its like: Arrow's cast divides a rounded integer and misses the nearest double by one place.
    let hard = [9_007_199_254_740_993i64, 36_028_797_018_963_971, 99_999_999_999_999_989, 123_456_789_012_345_677];
    for (i, close) in hard.iter().enumerate() {
        lake.upsert_bars(&made_up("A", i as i64..i as i64 + 1, *close)).await.unwrap();
    }
    let sql = Sql::open(&lake).await.unwrap();
    let text = "SELECT k.close, e.close AS exact, CAST(e.close AS DOUBLE) AS cast, sqrt(e.close) AS root, \
                e.close + 0.0 AS sum FROM klines k JOIN klines_exact e USING (symbol, open_time) ORDER BY k.open_time";
    let rows = sql.query(text, Limits::default()).await.unwrap().collect().await.unwrap();
    let rows = arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap();
    let exact = rows.column(1).as_primitive::<Decimal128Type>();
    let double = |column: usize, row: usize| rows.column(column).as_primitive::<Float64Type>().value(row).to_bits();
    let mut arrow_differs = 0;
    for row in 0..hard.len() {
        let nearest = decimal::to_f64(exact.value(row), 8);
        assert_eq!(exact.value(row), i128::from(hard[row]));
        assert_eq!(double(0, row), nearest.to_bits());
        assert_eq!(double(2, row), nearest.to_bits(), "a cast that was written");
        assert_eq!(double(3, row), libm_sqrt(nearest).to_bits(), "a cast that was implied");
        assert_eq!(double(4, row), nearest.to_bits());
        let one = arrow::compute::cast(rows.column(1), &DataType::Float64).unwrap();
        arrow_differs += usize::from(one.as_primitive::<Float64Type>().value(row).to_bits() != nearest.to_bits());
    }
    assert!(arrow_differs > 0, "these values would not tell");
    assert_eq!(rows.schema().field(2).name(), "cast");
    let named = sql.query("SELECT CAST(close AS DOUBLE) FROM klines_exact", Limits::default()).await.unwrap();
    assert_eq!(named.schema().field(0).name(), "CAST(close AS DOUBLE)", "what the query says");
}

fn libm_sqrt(x: f64) -> f64 {
    // The square root is exactly rounded everywhere.
    x.sqrt()
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_columns_reach_the_files() {
    let (_dir, lake) = empty_lake();
    let month = 31 * 1440;
    lake.upsert_bars(&[made_up("A", 0..month, 7), made_up("B", 0..10, 7)].concat()).await.unwrap();
    let sql = Sql::open(&lake).await.unwrap();
    for table in ["klines", "klines_exact"] {
        let text =
            format!("EXPLAIN SELECT close FROM {table} WHERE symbol = 'A' AND open_time < '2021-04-25T00:00:00Z'");
        let plan = ask(&sql, &text).await;
        assert!(plan.contains("bucket=2021-04") && !plan.contains("bucket=2021-05"), "{plan}");
        assert!(plan.contains("projection=[") && !plan.contains("quote_volume"), "{plan}");
        assert!(plan.contains("predicate=symbol"), "{plan}");
        let plan = ask(&sql, &format!("EXPLAIN SELECT close FROM {table} WHERE interval = '5m'")).await;
        assert!(!plan.contains("part-"), "{plan}");
    }
    let plan = ask(&sql, "EXPLAIN SELECT symbol FROM klines").await;
    assert!(!plan.contains("to_f64"), "prices that nobody asks for are not converted\n{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_query_is_refused_and_nothing_is_written() {
    let (dir, lake) = empty_lake();
    lake.upsert_bars(&made_up("A", 0..5, 7)).await.unwrap();
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("out.parquet");
    let file = file.to_str().unwrap();
    let sql = Sql::open(&lake).await.unwrap();
    let before = files_below(dir.path());
    let statements = [
        format!("COPY (SELECT 1) TO '{file}'"),
        format!("COPY klines TO '{file}' STORED AS PARQUET"),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'"),
        format!("CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '{file}'"),
        "CREATE TABLE x AS SELECT 1".into(),
        "CREATE VIEW x AS SELECT 1".into(),
        "CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN 1".into(),
        "INSERT INTO klines_exact SELECT * FROM klines_exact".into(),
        "UPDATE klines_exact SET close = 1".into(),
        "DELETE FROM klines_exact".into(),
        "TRUNCATE TABLE klines_exact".into(),
        "DROP TABLE klines".into(),
        "SET datafusion.execution.batch_size = 1".into(),
        "SET datafusion.runtime.memory_limit = '100G'".into(),
        "RESET datafusion.execution.batch_size".into(),
        "SHOW ALL".into(),
        "PREPARE p AS SELECT 1".into(),
        "EXECUTE p".into(),
        "BEGIN".into(),
        "CALL f()".into(),
        "EXPLAIN INSERT INTO klines_exact SELECT * FROM klines_exact".into(),
        "EXPLAIN CREATE TABLE x AS SELECT 1".into(),
    ];
    for text in statements {
        let refused = sql.query(&text, Limits::default()).await.err();
        assert!(matches!(refused, Some(QueryError::Refused(_))), "{text}: {refused:?}");
        let said = refused.unwrap().to_string();
        assert!(said.contains("this SQL only reads"), "{said}");
    }
    for (text, name) in [
        ("SELECT * FROM read_parquet('/etc/passwd')", "read_parquet(..)"),
        ("SELECT * FROM read_csv('x.csv')", "read_csv(..)"),
        ("SELECT * FROM '/etc/passwd'", "/etc/passwd"),
        ("SELECT * FROM 'x.parquet'", "x.parquet"),
        ("SELECT * FROM \"s3://bucket/x\"", "s3://bucket/x"),
        ("SELECT * FROM \"../../etc\".\"passwd\"", "../../etc.passwd"),
        ("EXPLAIN SELECT * FROM 'x.parquet'", "x.parquet"),
        ("SELECT (SELECT count(*) FROM 'x.parquet')", "x.parquet"),
        ("WITH a AS (SELECT * FROM read_json('x')) SELECT * FROM a", "read_json(..)"),
        ("SELECT * FROM klines k, LATERAL read_text('x') AS t", "read_text(..)"),
        ("SELECT 1 INTO x", "SELECT INTO x"),
    ] {
        let refused = sql.query(text, Limits::default()).await.err();
        assert!(matches!(&refused, Some(QueryError::Outside(n)) if n == name), "{text}: {refused:?}");
    }
    assert_eq!(
        sql.query("SELECT 1; SELECT 2", Limits::default()).await.err().unwrap().to_string(),
        "one statement is answered at a time, found 2"
    );
    for text in ["", "  ", "-- nothing", ";"] {
        assert!(matches!(sql.query(text, Limits::default()).await.err(), Some(QueryError::Statements(0))), "{text}");
    }
    assert!(matches!(sql.query("SELEC 1", Limits::default()).await.err(), Some(QueryError::Syntax(_))));
    assert_eq!(files_below(outside.path()), Vec::<PathBuf>::new());
    assert_eq!(files_below(dir.path()), before);
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named() {
    let (_dir, lake) = empty_lake();
    let sql = Sql::open(&lake).await.unwrap();
    for (text, expected) in [
        (
            "SELECT * FROM candles",
            "the lake has no table 'candles', it has coverage, equity, instruments, klines, klines_exact",
        ),
        ("SELECT * FROM other.klines", "the lake has no table 'klines'"),
        ("SELECT price FROM klines", "No field named price"),
        ("SELECT smaa(close, 3) OVER (ORDER BY time) FROM klines", "Invalid function 'smaa'"),
        ("SELECT ema(close, 0) OVER (ORDER BY time) FROM klines", "ema: timeperiod must be a whole number"),
        ("SELECT repeat('x', 1000000000)", "Invalid function 'repeat'"),
        ("SELECT 1 +", "cannot read the query"),
    ] {
        let error = match sql.query(text, Limits::default()).await {
            Err(error) => error,
            Ok(answer) => answer.collect().await.err().unwrap(),
        };
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert_eq!(error.fault(), candleflow_schema::Fault::User, "{text}");
    }
    let failed =
        sql.query("SELECT 1 / (count(*) - count(*)) FROM klines", Limits::default()).await.unwrap().collect().await;
    let failed = failed.err().unwrap();
    assert!(failed.to_string().contains("Divide by zero"), "{failed}");
}

fn limits(rows: usize, bytes: usize, millis: u64) -> Limits {
    Limits { rows, bytes, time: Duration::from_millis(millis) }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_named_when_they_are_hit() {
    let (_dir, lake) = empty_lake();
    lake.upsert_bars(&made_up("A", 0..5_000, 7)).await.unwrap();
    let sql = Sql::open(&lake).await.unwrap();
    let hit = async |text: &str, limits: Limits| match sql.query(text, limits).await {
        Err(QueryError::Limit(limit)) => limit,
        Err(error) => panic!("{error}"),
        Ok(answer) => match answer.collect().await.err().unwrap() {
            QueryError::Limit(limit) => limit,
            error => panic!("{error}"),
        },
    };
    assert_eq!(hit("SELECT * FROM klines", limits(4_999, 1 << 30, 30_000)).await, Limit::Rows(4_999));
    assert_eq!(hit("SELECT * FROM klines", limits(5_000, 1 << 16, 30_000)).await, Limit::Bytes(1 << 16));
    let fine =
        sql.query("SELECT * FROM klines", limits(5_000, 1 << 30, 30_000)).await.unwrap().collect().await.unwrap();
    assert_eq!(fine.iter().map(RecordBatch::num_rows).sum::<usize>(), 5_000);
    let long = format!("SELECT '{}'", "x".repeat(1 << 20));
    assert!(matches!(hit(&long, Limits::default()).await, Limit::Length(_)));
    let deep = format!("SELECT {}1", "1 + ".repeat(2_000));
    assert!(matches!(hit(&deep, Limits::default()).await, Limit::Operators(_)));
    let wide = format!("SELECT 1 IN ({}1)", "1, ".repeat(20_000));
    assert!(matches!(hit(&wide, Limits::default()).await, Limit::Tokens(_)));
    let nested = format!("SELECT {}1{}", "(".repeat(400), ")".repeat(400));
    assert!(matches!(sql.query(&nested, Limits::default()).await.err(), Some(QueryError::Syntax(_))));
    let allowed = format!("SELECT {}1", "1 + ".repeat(900));
    assert_eq!(number(&sql, &allowed).await, 901);
    let error = QueryError::from(Limit::Time(Duration::from_millis(1500))).to_string();
    assert_eq!(error, "limit of time: the query took longer than 1.5 s: filter by symbol and time");
}

/// Rows without a table: `n` of them.
fn rows(n: u64) -> String {
    format!("(SELECT value AS v FROM generate_series(1, {n}))")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_without_end_ends_in_time_and_leaves_its_threads() {
    let (_dir, lake) = empty_lake();
    let sql = Sql::open(&lake).await.unwrap();
    let (a, b) = (rows(100_000), rows(100_000));
    let abuses = [
        format!("SELECT count(*), sum(a.v * b.v) FROM {a} a CROSS JOIN {b} b"),
        format!("SELECT count(*) FROM {a} a JOIN {b} b ON a.v + b.v < 0"),
        format!("SELECT a.v FROM {a} a JOIN {b} b ON a.v % 2 = b.v % 2 AND a.v * b.v < 0"),
        format!("SELECT max(a.v + b.v) FROM {a} a JOIN {b} b ON a.v % 1 = b.v % 1"),
        format!("SELECT v FROM {a} a WHERE NOT EXISTS (SELECT 1 FROM {b} b WHERE a.v + b.v < 0)"),
        "WITH RECURSIVE r AS (SELECT 1 AS v UNION ALL SELECT v FROM r) SELECT count(*) FROM r".to_owned(),
        format!("SELECT a.v, count(*) FROM {a} a, {b} b, {a} c GROUP BY a.v ORDER BY 2"),
    ];
    for text in abuses {
        let started = Instant::now();
        let ended = match sql.query(&text, limits(1_000, 1 << 20, 400)).await {
            Ok(answer) => answer.collect().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(matches!(ended, Err(QueryError::Limit(Limit::Time(_)))), "{text}: {ended:?}");
        assert!(started.elapsed() < Duration::from_secs(3), "{text}: {:?}", started.elapsed());
    }
    // If any of them still held the threads, this would not be answered.
    let started = Instant::now();
    let after = sql.query("SELECT count(*) FROM klines", limits(10, 1 << 20, 5_000)).await.unwrap().collect().await;
    assert!(after.is_ok(), "{after:?} after {:?}", started.elapsed());
    // An answer that nobody waits for any longer ends as well.
    let mut dropped = sql
        .query(&format!("SELECT a.v FROM {a} a CROSS JOIN {b} b"), limits(usize::MAX, usize::MAX, 60_000))
        .await
        .unwrap();
    assert!(dropped.next().await.unwrap().unwrap().num_rows() > 0);
    drop(dropped);
    assert!(sql.query("SELECT 1", limits(10, 1 << 20, 5_000)).await.unwrap().collect().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_built_in_code_is_limited_too() {
    let (_dir, lake) = empty_lake();
    lake.upsert_bars(&made_up("A'; DROP TABLE klines", 0..10, 7)).await.unwrap();
    let sql = Sql::open(&lake).await.unwrap();
    use datafusion::prelude::{col, lit};
    let frame = sql.table("klines").await.unwrap().filter(col("symbol").eq(lit("A'; DROP TABLE klines"))).unwrap();
    let rows = sql.run(frame.clone(), limits(10, 1 << 20, 5_000)).await.unwrap().collect().await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 10);
    assert!(sql.run(frame, limits(9, 1 << 20, 5_000)).await.unwrap().collect().await.is_err());
    assert!(matches!(sql.table("nothing").await.err(), Some(QueryError::NoTable { .. })));
    let closes: Float64Array = rows[0].column_by_name("close").unwrap().as_primitive::<Float64Type>().clone();
    assert_eq!(closes.value(0), 7e-8);
}
