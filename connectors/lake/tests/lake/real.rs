//! What the real market does to a table: an outage that leaves bars off the grid, and an exchange that restates.

use crate::data::{count, lake, minutes_of_2021, shared};
use candleflow_lake::{At, Counts, GapKind, Lake, Range};
use candleflow_schema::{Bar, Defect, Interval, Origin, Symbol, quarantine::Coverage, time};
use flate2::read::GzDecoder;
use std::fs::File;

const ALL: Range = Range { from: 0, to: i64::MAX };

fn five_minutes() -> Interval {
    "5m".parse().unwrap()
}

/// A year of five-minute bars of BTCUSDT.
fn year(year: i32) -> Option<Vec<Bar>> {
    let path = shared()?.join(format!("data/klines_5m/BTCUSDT-5m-{year}.csv.gz"));
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let symbol = Symbol::from("BTCUSDT");
    let price = |text: &str| Defect::price("price", text).unwrap();
    let bar = |r: csv::StringRecord| Bar {
        symbol: symbol.clone(),
        interval: five_minutes(),
        open_time: time::parse(&r[0]).unwrap(),
        open: price(&r[1]),
        high: price(&r[2]),
        low: price(&r[3]),
        close: price(&r[4]),
        volume: Defect::quantity("volume", &r[5]).unwrap(),
        quote_volume: Some(Defect::quantity("quote_volume", &r[6]).unwrap()),
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::Archive,
    };
    Some(reader.records().map(|r| bar(r.unwrap())).collect())
}

async fn cover(lake: &Lake, bars: &[Bar]) {
    let claim = Coverage {
        symbol: "BTCUSDT".into(),
        interval: five_minutes(),
        from: bars[0].open_time,
        to: bars[bars.len() - 1].time(),
        evidence: "archive",
    };
    lake.cover(&[claim]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_off_the_grid_are_no_holes() {
    let Some(bars) = year(2018) else { return };
    let (_dir, lake) = lake();
    lake.upsert_bars(&bars).await.unwrap();
    assert!(bars.iter().filter(|b| !b.interval.on_grid(b.open_time)).count() > 200, "after the halt of 2018-02-08");
    cover(&lake, &bars).await;
    let gaps = lake.gaps(&"BTCUSDT".into(), five_minutes(), ALL, &At::Latest).await.unwrap();
    let halt = gaps.iter().find(|g| time::format(g.from) == "2018-02-08T00:30:00Z").unwrap();
    assert_eq!(time::format(halt.to), "2018-02-09T10:03:14.789Z", "the first bar behind is known then");
    assert!(gaps.iter().all(|g| g.kind == GapKind::Exchange));
    let expected: Vec<_> = bars
        .windows(2)
        .filter(|pair| pair[1].open_time - pair[0].time() >= 300_000_000)
        .map(|pair| (pair[0].time(), pair[1].time()))
        .collect();
    assert_eq!(gaps.iter().map(|g| (g.from, g.to)).collect::<Vec<_>>(), expected);
    assert!(gaps.len() < 20, "{} holes", gaps.len());
    let extents = lake.extents(five_minutes(), &At::Latest).await.unwrap();
    assert_eq!((extents.len(), extents[0].bars), (1, bars.len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exchange_restates_its_history() {
    let (Some(minutes), Some(archive)) = (minutes_of_2021(20), year(2021)) else { return };
    let minutes = minutes.into_iter().find(|bars| &*bars[0].symbol == "BTCUSDT").unwrap();
    // What REST said in 2021, five minutes at a time, without quote volumes.
    let fives: Vec<Bar> = minutes
        .chunk_by(|a, b| five_minutes().open_of(a.open_time) == five_minutes().open_of(b.open_time))
        .filter(|five| five.len() == 5)
        .map(|five| Bar {
            interval: five_minutes(),
            high: five.iter().map(|b| b.high).max().unwrap(),
            low: five.iter().map(|b| b.low).min().unwrap(),
            close: five[4].close,
            volume: five.iter().map(|b| b.volume).sum(),
            origin: Origin::Rest,
            ..five[0].clone()
        })
        .collect();
    let (_dir, lake) = lake();
    assert_eq!(lake.upsert_bars(&fives).await.unwrap().added, fives.len() as u64);
    let counts = lake.upsert_bars(&archive).await.unwrap();
    eprintln!("{} bars of REST, then {} of the archive: {counts:?}", fives.len(), archive.len());
    assert_eq!(counts.added + counts.filled + counts.restated, archive.len() as u64);
    assert_eq!(counts.restated, 16, "bars of 2021-04-22 and 23");
    assert_eq!(counts.filled, fives.len() as u64 - 16, "each other one got its quote volume");
    let losers = lake.read_rows("restated", &At::Latest).await.unwrap();
    assert_eq!(count(&losers), 16);
    let losers = candleflow_schema::tables::batch_to_bars(&losers[0], five_minutes()).unwrap();
    for loser in &losers {
        assert!(fives.contains(loser), "as REST said it: {loser}");
        let winner = archive.iter().find(|b| b.open_time == loser.open_time).unwrap();
        assert_eq!((loser.open, loser.close), (winner.open, winner.close));
        assert_ne!((loser.high, loser.low, loser.volume), (winner.high, winner.low, winner.volume));
    }
    assert_eq!(
        losers
            .iter()
            .filter(|l| {
                let winner = archive.iter().find(|b| b.open_time == l.open_time).unwrap();
                (l.high, l.low) != (winner.high, winner.low)
            })
            .count(),
        5
    );
    let again = lake.upsert_bars(&archive).await.unwrap();
    assert_eq!(again, Counts { same: archive.len() as u64, ..Counts::default() });
}
