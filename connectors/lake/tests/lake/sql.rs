//! A version of a table as DataFusion sees it.

use crate::data::{MINUTE, bar, bars, lake};
use candleflow_lake::At;
use candleflow_schema::time;
use datafusion::{arrow::util::pretty::pretty_format_batches, prelude::SessionContext};

async fn ask(context: &SessionContext, sql: &str) -> String {
    pretty_format_batches(&context.sql(sql).await.unwrap().collect().await.unwrap()).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_sees_one_version_and_only_the_files_it_needs() {
    let (_dir, lake) = lake();
    lake.upsert_bars(&[bars("A", 0..30_000), bars("B", 0..10)].concat()).await.unwrap();
    let first = lake.version("klines").await.unwrap();
    lake.upsert_bars(&[bar("A", 5, 500)]).await.unwrap();
    let context = SessionContext::new();
    context.register_table("now", lake.provider("klines", &At::Latest).await.unwrap()).unwrap();
    context.register_table("before", lake.provider("klines", &At::Version(first)).await.unwrap()).unwrap();
    let pinned = At::Files(lake.files("klines", Some(first)).await.unwrap());
    context.register_table("pinned", lake.provider("klines", &pinned).await.unwrap()).unwrap();
    for (table, close) in [("now", "0.00000500"), ("before", "0.00000011"), ("pinned", "0.00000011")] {
        let sql = format!(
            "select \"interval\", close from {table} where symbol = 'A' and open_time = timestamp '2021-04-20T00:05:00Z'"
        );
        let answer = ask(&context, &sql).await;
        assert!(answer.contains(&format!("| 1m       | {close} |")), "{table}\n{answer}");
        let answer = ask(&context, &format!("select count(*) as n, max(close) as high from {table}")).await;
        assert!(answer.contains("| 30010 |"), "{answer}");
    }
    let decimal = ask(&context, "select count(*) as n from now where close > 0.00000100").await;
    assert!(decimal.contains("| 1 "), "decimals are compared exactly, not by statistics\n{decimal}");
    let explain =
        ask(&context, "explain select close from now where symbol = 'A' and open_time < timestamp '2021-04-25'").await;
    assert!(explain.contains("bucket=2021-04") && !explain.contains("bucket=2021-05"), "{explain}");
    let explain = ask(&context, "explain select close from now where \"interval\" = '5m'").await;
    assert!(!explain.contains("part-"), "{explain}");
    let schema = context.table("now").await.unwrap().schema().to_string();
    assert!(!schema.contains("bucket") && schema.contains("interval"), "{schema}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_over_the_table_are_those_of_the_bars() {
    let (_dir, lake) = lake();
    lake.upsert_bars(&[bars("A", 0..9_000), bars("B", 0..9_000)].concat()).await.unwrap();
    let context = SessionContext::new();
    context.register_table("klines", lake.provider("klines", &At::Latest).await.unwrap()).unwrap();
    let answer = ask(
        &context,
        "select symbol, count(*) as n, sum(volume) as volume, min(time) as first from klines group by symbol order by symbol",
    )
    .await;
    let first = time::format(time::parse("2021-04-20").unwrap() + MINUTE);
    assert!(answer.contains(&format!("| A      | 9000 | 0.00900000 | {first} |")), "{answer}");
    assert!(answer.contains("| B      | 9000 |"), "{answer}");
}
