//! Every kind of record comes back as it was.

use bytes::Bytes;
use candleflow_topics::{Error, Outgoing, Record, limits};

use crate::support::{T0, both};

#[tokio::test(flavor = "multi_thread")]
async fn records_round_trip() {
    both(async |t| {
        let topic = t.topic("content", 1).await;
        let noise: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let records = vec![
            Record::new("key", "value", T0),
            Record::tombstone("key", T0 + 1),
            Record::new("key", "", T0 - 1),
            Record::new("", "empty key", T0),
            Record { key: None, value: Some(Bytes::from_static(b"no key")), headers: Vec::new(), timestamp: 1 },
            Record { key: None, value: None, headers: Vec::new(), timestamp: i64::from(u32::MAX) * 300 },
            Record::new("k", "v", T0)
                .with_header("ordinal", 42u64.to_be_bytes().to_vec())
                .with_header("same", "1")
                .with_header("same", "2")
                .with_header("", "")
                .with_header("ключ", Bytes::from_static(b"\0\xff")),
            Record::new(vec![0, 255, 10], noise.clone(), T0),
            Record::new("large", vec![7; 6 << 20], T0),
            Record::new(vec![1; limits::MAX_KEY_BYTES], "long key", T0),
            Record::new("last", "value", T0),
        ];
        let mut writer = t.log.writer(Some(&t.name("content-writer"))).await.unwrap();
        let batch = records.iter().map(|r| Outgoing::to(&topic, 0, r.clone())).collect();
        writer.append(batch).await.unwrap();
        let read: Vec<_> = t.expect_count(&topic, records.len()).await.into_iter().map(|d| d.record).collect();
        for (read, written) in read.iter().zip(&records) {
            assert!(read == written, "{}: {} bytes came back differently", t.name, written.size());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_errors_that_name_themselves() {
    both(async |t| {
        let topic = t.topic("limits", 1).await;
        let mut writer = t.log.writer(None).await.unwrap();
        let many_headers = (0..=limits::MAX_HEADERS).fold(Record::new("k", "v", T0), |r, _| r.with_header("h", "v"));
        let cases = [
            (vec![Record::new("k", vec![0; limits::MAX_RECORD_BYTES], T0)], limits::MAX_RECORD_BYTES),
            (vec![Record::new(vec![0; limits::MAX_KEY_BYTES + 1], "v", T0)], limits::MAX_KEY_BYTES),
            (vec![many_headers], limits::MAX_HEADERS),
            (vec![Record::new("k", vec![0; 4 << 20], T0); 17], limits::MAX_BATCH_BYTES),
            (vec![Record::new("k", "v", T0); limits::MAX_BATCH_RECORDS + 1], limits::MAX_BATCH_RECORDS),
        ];
        for (records, limit) in cases {
            let batch = records.into_iter().map(|r| Outgoing::to(&topic, 0, r)).collect();
            let error = writer.append(batch).await.unwrap_err();
            let Error::TooLarge { limit: named, got, .. } = error else { panic!("{}: {error}", t.name) };
            assert!(named == limit && got > limit, "{}", t.name);
        }
        for wrong in
            [Record::new("k", "v", 0), Record::new("k", "v", -5), Record::new("k", "v", T0).with_header("a\0b", "")]
        {
            let error = writer.append(vec![Outgoing::to(&topic, 0, wrong)]).await.unwrap_err();
            assert!(matches!(error, Error::InvalidRecord { .. }), "{}: {error}", t.name);
        }
        assert_eq!(t.all(&topic).await, []);
    })
    .await;
}
