//! Bars in, bars out: the rules of restatement, order, versions, and a month of the real market.

use crate::data::{MINUTE, bar, bars, count, drain, lake, minutes_of_2021, open, stored};
use arrow::{
    array::{Array, AsArray},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use candleflow_lake::{At, CopyProgress, Counts, Error, GapKind, Order, Place, Range, Read, Span};
use candleflow_schema::{
    Bar, Interval, Origin, Quarantined, Source, Symbol,
    quarantine::Coverage,
    tables::{self, batch_to_bars},
    time,
};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_topic_said_first_is_heard_after_any_restatement() {
    let (_dir, lake) = lake();
    let said = |closes: &[(i64, i64, i64)]| {
        let bars: Vec<Bar> =
            closes.iter().map(|(m, close, _)| Bar { origin: Origin::Stream, ..bar("A", *m, *close) }).collect();
        let places: Vec<_> = closes.iter().map(|(_, _, o)| Some(Place { partition: 0, offset: *o })).collect();
        (bars, places)
    };
    // History, then the topic, which says minute 3 twice.
    lake.upsert_bars(&bars("A", 0..2)).await.unwrap();
    for copied in [said(&[(2, 11, 5), (3, 12, 6), (4, 13, 7)]), said(&[(3, 99, 9)])] {
        let mut writer = lake.klines_writer().await.unwrap();
        writer.push_placed(&copied.0, &copied.1).await.unwrap();
        writer.commit().await.unwrap();
    }
    // Restated by the archive: minute 0, which never was in the topic, minute 4, which was; minute 5 is new.
    lake.upsert_bars(&[bar("A", 0, 77), bar("A", 4, 78), bar("A", 5, 79), bar("B", 3, 80)]).await.unwrap();
    let closes = |bars: Vec<Bar>| bars.iter().map(|b| b.close).collect::<Vec<_>>();
    let heard = lake.heard(&"A".into(), Interval::M1, 0, i64::MAX).await.unwrap();
    assert_eq!(closes(heard), [11, 12, 13]);
    let from = bar("A", 2, 0).time();
    let heard = lake.heard(&"A".into(), Interval::M1, from, from + MINUTE).await.unwrap();
    assert_eq!(closes(heard), [12], "after the first, up to the second");
    assert_eq!(closes(stored(&lake, &["A"]).await), [77, 11, 11, 99, 78, 79], "the table itself has the latest");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_of_restatement_hold_in_the_table() {
    let (_dir, lake) = lake();
    let with = |minute: i64, close: i64, trades: Option<i64>, origin: Origin| Bar {
        trades,
        origin,
        ..bar("A", minute, close)
    };
    let first =
        [with(0, 11, None, Origin::Rest), with(1, 11, Some(7), Origin::Rest), with(2, 11, Some(7), Origin::Rest)];
    assert_eq!(lake.upsert_bars(&first).await.unwrap(), Counts { added: 3, ..Counts::default() });
    let before = lake.version("klines").await.unwrap();

    assert_eq!(lake.upsert_bars(&first).await.unwrap(), Counts { same: 3, ..Counts::default() });
    assert_eq!(lake.version("klines").await.unwrap(), before, "the same again makes no commit");

    let second = [
        with(0, 11, Some(5), Origin::Archive), // fills
        with(1, 11, None, Origin::Archive),    // says less
        with(2, 12, None, Origin::Archive),    // restates, and keeps the number of trades
        with(3, 11, Some(1), Origin::Archive), // new
    ];
    let counts = Counts { added: 1, same: 1, restated: 1, filled: 1 };
    assert_eq!(lake.upsert_bars(&second).await.unwrap(), counts);
    let stands = [
        with(0, 11, Some(5), Origin::Rest),
        with(1, 11, Some(7), Origin::Rest),
        with(2, 12, Some(7), Origin::Archive),
        with(3, 11, Some(1), Origin::Archive),
    ];
    // A reader of bars does not see their origin.
    let unseen = |bars: &[Bar]| bars.iter().map(|b| Bar { origin: Origin::File, ..b.clone() }).collect::<Vec<_>>();
    assert_eq!(stored(&lake, &["A"]).await, unseen(&stands));
    let rows = lake.read_rows("klines", &At::Latest).await.unwrap();
    let mut all: Vec<Bar> = rows.iter().flat_map(|r| batch_to_bars(r, Interval::M1).unwrap()).collect();
    all.sort_by_key(|b| b.open_time);
    assert_eq!(all, stands, "with their origins");

    let losers = lake.read_rows("restated", &At::Latest).await.unwrap();
    assert_eq!(count(&losers), 1);
    assert_eq!(batch_to_bars(&losers[0], Interval::M1).unwrap(), [first[2].clone()]);
    let by = losers[0].column_by_name("replaced_by").unwrap();
    assert_eq!(arrow::array::AsArray::as_string::<i32>(by).value(0), "archive");

    assert_eq!(lake.upsert_bars(&second).await.unwrap(), Counts { same: 4, ..Counts::default() });
    assert_eq!(count(&lake.read_rows("restated", &At::Latest).await.unwrap()), 1);
    let old = lake.read_rows("klines", &At::Version(before)).await.unwrap();
    assert_eq!(count(&old), 3, "the version before is as it was");
}

/// A topic gave a bar, and later another value of it: whoever copies the two again from a place before them would make
/// the first value stand again, so progress is committed with the bars, and who does not expect it is turned away.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_copied_is_not_copied_again_and_a_former_owner_is_turned_away() {
    let (_dir, lake) = lake();
    let app = "copy/klines.1m/x/0";
    let progress = |expected, next| vec![CopyProgress { app: app.to_owned(), expected, next }];
    let told = Bar { origin: Origin::Stream, ..bar("A", 1, 11) };
    let restated = Bar { origin: Origin::Rest, ..bar("A", 1, 12) };
    assert_eq!(lake.copy_progress(app).await.unwrap(), None);

    let mut writer = lake.klines_writer().await.unwrap();
    writer.push_placed(std::slice::from_ref(&told), &[Some(Place { partition: 0, offset: 4 })]).await.unwrap();
    writer.commit_with(progress(None, 5)).await.unwrap();
    writer.push(&[restated]).await.unwrap();
    let counts = writer.commit_with(progress(Some(5), 6)).await.unwrap();
    assert_eq!(counts, Counts { added: 1, restated: 1, ..Counts::default() });
    assert_eq!(lake.copy_progress(app).await.unwrap(), Some(6));

    let mut zombie = lake.klines_writer().await.unwrap();
    zombie.push_placed(std::slice::from_ref(&told), &[Some(Place { partition: 0, offset: 4 })]).await.unwrap();
    let refused = zombie.commit_with(progress(Some(5), 5)).await.unwrap_err();
    assert!(matches!(refused, Error::Fenced { found: Some(6), .. }), "{refused}");
    assert_eq!(stored(&lake, &["A"]).await[0].close, 12, "the restated value stands");
    let losers = lake.read_rows("restated", &At::Latest).await.unwrap();
    assert_eq!(batch_to_bars(&losers[0], Interval::M1).unwrap(), [told]);
    let offset = losers[0].column_by_name("offset").unwrap().as_primitive::<Int64Type>();
    assert_eq!((count(&losers), offset.value(0)), (1, 4), "the value of the topic is known by its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_of_a_job_is_recorded_once() {
    let (_dir, lake) = lake();
    assert_eq!(lake.job_record::<i64>("ema-1", "handover").await.unwrap(), None);
    assert!(lake.record_once("ema-1", "handover", &1).await.unwrap());
    assert!(!lake.record_once("ema-1", "handover", &2).await.unwrap(), "the first holds");
    assert_eq!(lake.job_record("ema-1", "handover").await.unwrap(), Some(1));
    assert!(lake.record_once("ema-2", "handover", &3).await.unwrap(), "another job decides for itself");
    lake.keep_record("ema-1", "state", &4).await.unwrap();
    lake.keep_record("ema-1", "state", &5).await.unwrap();
    assert_eq!(lake.job_record("ema-1", "state").await.unwrap(), Some(5));
    assert!(matches!(lake.record_once("../ema", "handover", &1).await, Err(Error::Name(_))));
    assert!(!lake.tables().await.unwrap().iter().any(|t| t.contains("jobs")), "they are no table");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_from_a_topic_keeps_its_place() {
    let (_dir, lake) = lake();
    lake.upsert_bars(&bars("A", 0..3)).await.unwrap();
    let mut writer = lake.klines_writer().await.unwrap();
    let place = |offset| Some(Place { partition: 1, offset });
    writer.push_placed(&bars("A", 2..5), &[place(70), place(71), place(73)]).await.unwrap();
    assert_eq!(writer.finish().await.unwrap(), Counts { added: 2, filled: 1, ..Counts::default() });
    let rows = lake.read_rows("klines", &At::Latest).await.unwrap();
    let mut places: Vec<(i64, Option<i64>)> = vec![];
    for rows in &rows {
        let column =
            |name: &str| arrow::compute::cast(rows.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Int64);
        let (times, offsets) = (column("open_time").unwrap(), column("offset").unwrap());
        let (times, offsets) = (times.as_primitive::<Int64Type>(), offsets.as_primitive::<Int64Type>());
        places.extend((0..rows.num_rows()).map(|i| (times.value(i), offsets.is_valid(i).then(|| offsets.value(i)))));
    }
    places.sort_unstable();
    let offsets: Vec<_> = places.into_iter().map(|(_, offset)| offset).collect();
    assert_eq!(offsets, [None, None, Some(70), Some(71), Some(73)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_that_is_filled_later_is_read_in_order() {
    let (_dir, lake) = lake();
    let whole = bars("A", 0..20_000);
    lake.upsert_bars(&[&whole[..5_000], &whole[9_000..]].concat()).await.unwrap();
    lake.upsert_bars(&whole[7_000..9_000]).await.unwrap();
    lake.upsert_bars(&bars("B", 0..100)).await.unwrap();
    lake.upsert_bars(&whole[5_000..7_000]).await.unwrap();
    assert_eq!(stored(&lake, &["A"]).await, whole);
    assert_eq!(stored(&lake, &["B"]).await, bars("B", 0..100));
    assert_eq!(stored(&lake, &["C"]).await, []);
    // Overlapping both what is there and what is not.
    let counts = lake.upsert_bars(&bars("A", 19_990..20_010)).await.unwrap();
    assert_eq!(counts, Counts { added: 10, same: 10, ..Counts::default() });
    assert_eq!(stored(&lake, &["A"]).await, bars("A", 0..20_010));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_goes_on_where_it_stopped() {
    let (_dir, lake) = lake();
    let symbols: Vec<Symbol> = ["B", "A", "C"].map(Symbol::from).into();
    lake.upsert_bars(&[bars("A", 0..9_000), bars("B", 3..8_500), bars("C", 8_990..9_100)].concat()).await.unwrap();
    let read = Read::of(Interval::M1, &symbols, 0, i64::MAX);
    for order in [Order::BySymbol, Order::Total] {
        let mut source = lake.source(&read, order, None).await.unwrap();
        let mut positions = vec![(source.position(), 0)];
        let mut batches = vec![];
        while let Some(candleflow_schema::Input::Rows(rows)) = source.next().await.unwrap() {
            batches.push(rows);
            positions.push((source.position(), count(&batches)));
        }
        let all = arrow::compute::concat_batches(&tables::BARS, &batches).unwrap();
        let bars = batch_to_bars(&all, Interval::M1).unwrap();
        let rank = |b: &Bar| symbols.iter().position(|s| *s == b.symbol).unwrap();
        let mut expected = bars.clone();
        match order {
            Order::BySymbol => expected.sort_by_key(|b| (rank(b), b.open_time)),
            Order::Total => expected.sort_by_key(|b| (b.open_time, rank(b))),
        }
        assert_eq!(bars.len(), 9_000 + 8_497 + 110);
        assert!(bars == expected, "{order:?}");
        assert!(positions.len() > 3, "several batches");
        for (position, done) in positions {
            let mut rest = lake.source(&read, order, Some(&position)).await.unwrap();
            let rest = drain(&mut rest).await;
            let rest = arrow::compute::concat_batches(&tables::BARS, &rest).unwrap();
            assert!(rest == all.slice(done, all.num_rows() - done), "{order:?} from {done}");
        }
    }
    let wrong = lake.source(&read, Order::Total, Some(b"[7,0]")).await.err().unwrap();
    assert!(wrong.to_string().contains("not listed"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_and_columns_are_as_asked() {
    let (_dir, lake) = lake();
    lake.upsert_bars(&[bars("A", 0..100), bars("B", 0..100)].concat()).await.unwrap();
    let start = time::parse("2021-04-20").unwrap();
    let span = |symbol: &str, from: i64, to: i64| Span {
        symbol: symbol.into(),
        from: start + from * MINUTE,
        to: start + to * MINUTE,
    };
    let spans = vec![span("A", 10, 12), span("B", 99, 500)];
    let columns = Some(vec!["close".to_owned(), "time".to_owned()]);
    let read = Read { spans, columns, ..Read::of(Interval::M1, &[], 0, 0) };
    let mut times = vec![];
    for mut cursor in lake.read_klines(&read).await.unwrap() {
        while let Some(rows) = cursor.next().await.unwrap() {
            assert_eq!(rows.schema().fields().iter().map(|f| f.name()).collect::<Vec<_>>(), ["close", "time"]);
            times.extend(rows.column(1).as_primitive::<TimestampMicrosecondType>().values().iter().copied());
        }
    }
    let minutes: Vec<_> = times.iter().map(|t| (t - start) / MINUTE).collect();
    assert_eq!(minutes, [11, 12, 100], "from is exclusive, to inclusive");
    let unknown = Read { columns: Some(vec!["vwap".into()]), ..read };
    let error = lake.read_klines(&unknown).await.err().unwrap();
    assert!(matches!(&error, Error::Schema { .. }) && error.to_string().contains("'vwap'"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn intervals_and_buckets_are_partitions() {
    let (dir, lake) = lake();
    let hourly = |i: i64| Bar { interval: "1h".parse().unwrap(), open_time: i * 60 * MINUTE, ..bar("A", 0, 11) };
    let all: Vec<Bar> = (0..20_000).map(hourly).chain(bars("A", 0..10)).collect();
    lake.upsert_bars(&all).await.unwrap();
    let files = lake.files("klines", None).await.unwrap();
    let mut partitions: Vec<_> =
        files.iter().map(|f| (f.partition["interval"].as_str(), f.partition["bucket"].as_str())).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [("1h", "1970"), ("1h", "1971"), ("1h", "1972"), ("1m", "2021-04")]);
    assert_eq!(files.iter().map(|f| f.rows).sum::<u64>(), 20_010);
    assert!(dir.path().join("klines/interval=1m/bucket=2021-04").is_dir());
    let read = Read::of("1h".parse().unwrap(), &["A".into()], 0, i64::MAX);
    let mut source = open(dir.path()).source(&read, Order::BySymbol, None).await.unwrap();
    assert_eq!(count(&drain(&mut source).await), 20_000, "a second process reads the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_the_same_however_often_it_is_run() {
    let (_dir, lake) = lake();
    let start = time::parse("2021-04-20").unwrap();
    let claim = |from: i64, to: i64| Coverage {
        symbol: "A".into(),
        interval: Interval::M1,
        from: start + from * MINUTE,
        to: start + to * MINUTE,
        evidence: "archive",
    };
    let whole = bars("A", 0..1_000);
    let run = async || {
        let mut import = lake.import("blake3-of-the-file").await.unwrap();
        import.push(&whole[..300]).await.unwrap();
        import.push(&whole[400..]).await.unwrap();
        import.cover(claim(0, 1_000));
        import.quarantine(Quarantined::new("a.csv", 301, "not a number", b"x,y"));
        import.finish().await.unwrap()
    };
    let first = run().await;
    assert_eq!((first.bars.added, first.quarantined, first.left_out), (900, 1, 0));
    let second = run().await;
    assert_eq!((second.bars.same, second.bars.added, second.quarantined), (900, 0, 0));
    assert_eq!(count(&lake.read_rows("quarantine", &At::Latest).await.unwrap()), 1);
    assert_eq!(count(&lake.read_rows("coverage", &At::Latest).await.unwrap()), 1);
    let range = Range { from: start, to: start + 1_000 * MINUTE };
    assert_eq!(lake.coverage("A", Interval::M1).await.unwrap(), [range]);
    assert_eq!(lake.coverage("B", Interval::M1).await.unwrap(), []);
    let gaps = lake.gaps(&"A".into(), Interval::M1, Range { from: 0, to: i64::MAX }, &At::Latest).await.unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!(((gaps[0].from - start) / MINUTE, (gaps[0].to - start) / MINUTE), (300, 401));
    assert_eq!(gaps[0].kind, GapKind::Exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_stays_small() {
    let (_dir, lake) = lake();
    let claim = |i: i64| Coverage { symbol: "A".into(), interval: Interval::M1, from: i, to: i + 1, evidence: "topic" };
    for i in 0..80 {
        lake.cover(&[claim(i)]).await.unwrap();
    }
    assert_eq!(lake.coverage("A", Interval::M1).await.unwrap(), [Range { from: 0, to: 80 }]);
    assert!(lake.files("coverage", None).await.unwrap().len() <= 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_twenty_symbols() {
    let Some(market) = minutes_of_2021(20) else { return };
    let (_dir, lake) = lake();
    let total: usize = market.iter().map(Vec::len).sum();
    assert!(total > 850_000 && market.len() == 20);
    let started = Instant::now();
    let mut writer = lake.klines_writer().await.unwrap();
    for bars in &market {
        writer.push(bars).await.unwrap();
    }
    let counts = writer.finish().await.unwrap();
    eprintln!("wrote {total} bars in {:?}", started.elapsed());
    assert_eq!(counts, Counts { added: total as u64, ..Counts::default() });
    let files = lake.files("klines", None).await.unwrap();
    assert_eq!(files.len(), 2, "April and May");
    eprintln!("{} bytes a bar", files.iter().map(|f| f.size).sum::<u64>() as f64 / total as f64);

    let symbols: Vec<Symbol> = market.iter().map(|bars| bars[0].symbol.clone()).collect();
    let read = Read::of(Interval::M1, &symbols, 0, i64::MAX);
    for order in [Order::BySymbol, Order::Total] {
        let started = Instant::now();
        let mut source = lake.source(&read, order, None).await.unwrap();
        let batches = drain(&mut source).await;
        let elapsed = started.elapsed();
        assert_eq!(count(&batches), total);
        eprintln!("{order:?}: {:.1} M bars/s", total as f64 / elapsed.as_secs_f64() / 1e6);
        if order == Order::BySymbol {
            let back: Vec<Bar> = batches.iter().flat_map(|b| batch_to_bars(b, Interval::M1).unwrap()).collect();
            assert!(back.iter().eq(market.iter().flatten()), "to the last digit");
        }
    }
    let started = Instant::now();
    let again = lake.upsert_bars(&market.concat()).await.unwrap();
    eprintln!("the same again in {:?}", started.elapsed());
    assert_eq!(again, Counts { same: total as u64, ..Counts::default() });

    // Every file lacks 2021-04-25 04:01 to 08:44, and nobody has said that this is the exchange's.
    let range = Range { from: 0, to: i64::MAX };
    let gaps = lake.gaps(&symbols[0], Interval::M1, range, &At::Latest).await.unwrap();
    let outage = gaps.iter().find(|g| g.to - g.from > 200 * MINUTE).unwrap();
    assert_eq!(time::format(outage.from), "2021-04-25T04:01:00Z", "the last bar before is known then");
    assert_eq!(outage.kind, GapKind::Unknown);
}
