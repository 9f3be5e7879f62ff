//! What exchanges say of instruments: stated again and again, kept once.

use crate::data::lake;
use candleflow_lake::At;
use candleflow_schema::{Instrument, Micros, Symbol, time};

fn stated(symbol: &str, day: &str, tick: i64) -> Instrument {
    Instrument {
        symbol: symbol.into(),
        valid_from: time::parse(day).unwrap(),
        base: "B".into(),
        quote: "USDT".into(),
        tick: Some(tick),
        step: Some(1_000),
        min_qty: Some(1_000),
        min_notional: None,
    }
}

async fn ticks(lake: &candleflow_lake::Lake, symbol: &str, at: &At) -> Vec<(Micros, Option<i64>)> {
    let rows = lake.instruments(&[Symbol::from(symbol)], at).await.unwrap();
    rows.iter().map(|row| (row.valid_from, row.tick)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_exchange_says_again_adds_nothing_and_what_it_changes_adds_a_row() {
    let (_dir, lake) = lake();
    assert_eq!(lake.instruments(&["BTCUSDT".into()], &At::Latest).await.unwrap(), []);
    let both = [stated("BTCUSDT", "2021-01-01", 100), stated("ETHUSDT", "2021-01-01", 10)];
    assert_eq!(lake.put_instruments(&both).await.unwrap(), 2);
    let version = lake.version("instruments").await.unwrap();
    let again = both.clone().map(|row| Instrument { valid_from: time::parse("2021-02-01").unwrap(), ..row });
    assert_eq!(lake.put_instruments(&again).await.unwrap(), 0);
    assert_eq!(lake.version("instruments").await.unwrap(), version, "nothing new is no commit");
    assert_eq!(lake.put_instruments(&[stated("BTCUSDT", "2021-03-01", 1)]).await.unwrap(), 1);
    let day = |text: &str| time::parse(text).unwrap();
    assert_eq!(
        ticks(&lake, "BTCUSDT", &At::Latest).await,
        [(day("2021-01-01"), Some(100)), (day("2021-03-01"), Some(1))]
    );
    assert_eq!(ticks(&lake, "ETHUSDT", &At::Latest).await, [(day("2021-01-01"), Some(10))]);
    assert_eq!(ticks(&lake, "BTCUSDT", &At::Version(version)).await, [(day("2021-01-01"), Some(100))]);
    assert_eq!(lake.files("instruments", None).await.unwrap().len(), 1, "the table is one file");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_at_the_same_moment_are_all_kept() {
    let (_dir, lake) = lake();
    let one = |i: i64| {
        let lake = lake.clone();
        async move { lake.put_instruments(&[stated(&format!("S{i}"), "2021-01-01", i)]).await.unwrap() }
    };
    assert_eq!(futures::future::join_all((1..9).map(one)).await, [1; 8]);
    for i in 1..9 {
        assert_eq!(ticks(&lake, &format!("S{i}"), &At::Latest).await.len(), 1, "S{i}");
    }
}
