//! Random histories of the embedded log against a model that is a list.
//!
//! Whatever is appended, replaced, retired, deleted, closed and opened again: what is read is what the list holds, from
//! the first offset that the log admits to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use candleflow_topics::embedded::Durability;
use candleflow_topics::{
    Delivered, Embedded, EmbeddedConfig, Error, Log, Outgoing, Reader, Record, Start, TopicConfig, Writer,
    latest_by_key, limits, read_to_end,
};
use proptest::prelude::*;

use crate::support::T0;

const PARTITIONS: i32 = 2;
const RETENTION_MS: i64 = 10_000;

/// An append is one chunk, as the model has it.
const _: () = assert!(600 * 40 * 5 < limits::CHUNK_BYTES);

/// Records for partition and key, so many of that size.
type Part = (i32, u8, u16, u16);

#[derive(Debug, Clone)]
enum Op {
    /// One batch over the plain topic and the compacted one.
    Append { plain: Vec<Part>, compacted: Vec<(u8, bool)> },
    /// Time passes, then retention runs until nothing is left to do.
    Retire(i64),
    /// The standing reader takes so many.
    Read(usize),
    /// Closed and opened again.
    Reopen,
    /// The plain topic is deleted and made anew.
    Recreate,
    /// Another writer takes over the id; the former one finds itself fenced.
    TakeOver,
}

fn op() -> impl Strategy<Value = Op> {
    let part = (0..PARTITIONS, any::<u8>(), 1u16..40, 0u16..600);
    let plain = proptest::collection::vec(part, 0..5);
    let compacted = proptest::collection::vec((0u8..12, any::<bool>()), 0..6);
    prop_oneof![
        8 => (plain, compacted).prop_map(|(plain, compacted)| Op::Append { plain, compacted }),
        2 => (0i64..15_000).prop_map(Op::Retire),
        4 => (1usize..200).prop_map(Op::Read),
        2 => Just(Op::Reopen),
        1 => Just(Op::Recreate),
        1 => Just(Op::TakeOver),
    ]
}

/// What one partition of the plain topic should hold: per append its records, with the time of the newest.
#[derive(Default)]
struct List {
    records: Vec<Record>,
    /// First offset behind each append's records, and their time.
    chunks: Vec<(i64, i64)>,
    retired: i64,
}

struct World {
    log: Embedded,
    writer: Box<dyn Writer>,
    reader: Box<dyn Reader>,
    plain: Arc<str>,
    compacted: Arc<str>,
    clock: Arc<AtomicI64>,
    lists: BTreeMap<i32, List>,
    newest: BTreeMap<Bytes, Option<Bytes>>,
    /// Where the standing reader is in partition 0.
    place: i64,
    count: u64,
}

async fn open(folder: &Path, clock: &Arc<AtomicI64>) -> Embedded {
    let now = Arc::clone(clock);
    let mut config = EmbeddedConfig::new(folder, Arc::new(move || now.load(Ordering::Relaxed)));
    config.durability = Durability::Process;
    Embedded::open(config).await.unwrap()
}

fn retained() -> TopicConfig {
    TopicConfig { retention_ms: Some(RETENTION_MS), ..TopicConfig::default() }
}

impl World {
    async fn new(folder: &Path) -> Self {
        let clock = Arc::new(AtomicI64::new(T0));
        let log = open(folder, &clock).await;
        log.create_topic("plain", PARTITIONS, &retained()).await.unwrap();
        log.create_topic("compacted", PARTITIONS, &TopicConfig::compacted()).await.unwrap();
        let writer = log.writer(Some("id")).await.unwrap();
        let reader = log.reader("plain", &[(0, Start::Earliest)]).await.unwrap();
        let (lists, newest) = ((0..PARTITIONS).map(|p| (p, List::default())).collect(), BTreeMap::new());
        let (plain, compacted) = ("plain".into(), "compacted".into());
        Self { log, writer, reader, plain, compacted, clock, lists, newest, place: 0, count: 0 }
    }

    async fn apply(&mut self, op: Op, folder: &Path) {
        match op {
            Op::Append { plain, compacted } => self.append(plain, compacted).await,
            Op::Retire(ms) => self.retire(ms).await,
            Op::Read(max) => self.read(max).await,
            Op::Reopen => self.reopen(folder).await,
            Op::Recreate => {
                assert!(self.log.delete_topic("plain").await.unwrap());
                self.log.create_topic("plain", PARTITIONS, &retained()).await.unwrap();
                let gone = self.reader.next_batch(1, Duration::ZERO).await;
                assert!(matches!(gone, Err(Error::UnknownTopic { .. })), "{gone:?}");
                self.lists.values_mut().for_each(|l| *l = List::default());
                self.begin().await;
            }
            Op::TakeOver => {
                let next = self.log.writer(Some("id")).await.unwrap();
                let mut former = std::mem::replace(&mut self.writer, next);
                let zombie = Outgoing::to(&self.plain, 0, Record::new("zombie", "zombie", T0));
                assert!(matches!(former.append(vec![zombie]).await, Err(Error::Fenced { .. })));
            }
        }
    }

    async fn append(&mut self, plain: Vec<Part>, compacted: Vec<(u8, bool)>) {
        let now = self.clock.load(Ordering::Relaxed);
        let (mut batch, mut expected) = (Vec::new(), Vec::new());
        for (partition, key, count, size) in plain {
            for _ in 0..count {
                self.count += 1;
                let mut value = self.count.to_be_bytes().to_vec();
                value.resize(8 + usize::from(size), key);
                let record = Record::new(vec![key], value, now).with_header("n", self.count.to_be_bytes().to_vec());
                let list = self.lists.get_mut(&partition).unwrap();
                expected.push(list.records.len() as i64);
                list.records.push(record.clone());
                batch.push(Outgoing::to(&self.plain, partition, record));
            }
        }
        for (partition, list) in &mut self.lists {
            let end = list.records.len() as i64;
            let touched = batch.iter().any(|o| o.route == candleflow_topics::Route::Partition(*partition));
            if touched {
                list.chunks.push((end, now));
            }
        }
        for (key, remove) in compacted {
            self.count += 1;
            let (key, value) = (Bytes::from(vec![key]), Bytes::from(self.count.to_string()));
            let record = match remove {
                true => Record::tombstone(key.clone(), now),
                false => Record::new(key.clone(), value.clone(), now),
            };
            self.newest.insert(key, (!remove).then_some(value));
            batch.push(Outgoing::keyed(&self.compacted, record));
        }
        let offsets = self.writer.append(batch).await.unwrap();
        assert_eq!(offsets[..expected.len()], expected);
    }

    async fn retire(&mut self, ms: i64) {
        let now = self.clock.fetch_add(ms, Ordering::Relaxed) + ms;
        while self.log.maintain().await.unwrap() > 0 {}
        for (partition, list) in &mut self.lists {
            let old = list.chunks.iter().take_while(|(_, time)| *time < now - RETENTION_MS).last();
            list.retired = old.map_or(list.retired, |(end, _)| list.retired.max(*end));
            assert_eq!(self.log.ends("plain", *partition).await.unwrap().first, list.retired);
        }
    }

    async fn read(&mut self, max: usize) {
        let records = &self.lists[&0].records;
        // Chunks that the reader has in memory are delivered even if they have gone since: never a gap, though.
        match self.reader.next_batch(max, Duration::ZERO).await {
            Ok(batch) => {
                let expected = records.len().min(self.place as usize + max) - self.place as usize;
                let offsets: Vec<_> = batch.iter().map(|d| d.offset).collect();
                assert!(batch.len() <= expected && (batch.is_empty() == (expected == 0)), "{offsets:?} of {expected}");
                for delivered in batch {
                    assert_eq!(delivered.offset, self.place);
                    assert_eq!(delivered.record, records[self.place as usize]);
                    self.place += 1;
                }
            }
            Err(Error::OffsetOutOfRange { asked, first, end, .. }) => {
                assert_eq!((asked, end), (self.place, records.len() as i64));
                assert!(first > asked);
                self.begin().await;
            }
            Err(error) => panic!("{error}"),
        }
        assert_eq!(self.reader.positions()[0].next, self.place);
    }

    /// The standing reader begins again at what there is.
    async fn begin(&mut self) {
        self.reader = self.log.reader("plain", &[(0, Start::Earliest)]).await.unwrap();
        self.place = self.reader.positions()[0].next;
    }

    async fn reopen(&mut self, folder: &Path) {
        // Everything that holds the folder goes before it is opened again.
        let place = self.place;
        let elsewhere = tempfile::tempdir().unwrap();
        let other = open(elsewhere.path(), &self.clock).await;
        other.create_topic("plain", 1, &TopicConfig::default()).await.unwrap();
        self.writer = other.writer(None).await.unwrap();
        self.reader = other.reader("plain", &[(0, Start::Earliest)]).await.unwrap();
        std::mem::replace(&mut self.log, other).close().await;
        let log = open(folder, &self.clock).await;
        self.writer = log.writer(Some("id")).await.unwrap();
        match log.reader("plain", &[(0, Start::Offset(place))]).await {
            Ok(reader) => self.reader = reader,
            Err(Error::OffsetOutOfRange { first, .. }) => {
                assert!(first > place);
                self.reader = log.reader("plain", &[(0, Start::Earliest)]).await.unwrap();
                self.place = self.reader.positions()[0].next;
            }
            Err(error) => panic!("{error}"),
        }
        std::mem::replace(&mut self.log, log).close().await;
    }

    /// Everything there is, compared.
    async fn audit(&self) {
        let mut read: BTreeMap<i32, Vec<Delivered>> = BTreeMap::new();
        read_to_end(&self.log, "plain", |d| {
            read.entry(d.partition).or_default().push(d);
            Ok(())
        })
        .await
        .unwrap();
        for (partition, list) in &self.lists {
            let ends = self.log.ends("plain", *partition).await.unwrap();
            assert_eq!(ends.end, list.records.len() as i64);
            assert!(ends.first >= list.retired);
            let read = read.remove(partition).unwrap_or_default();
            assert_eq!(read.len() as i64, ends.end - ends.first, "partition {partition}");
            for (d, offset) in read.iter().zip(ends.first..) {
                assert_eq!(d.offset, offset);
                assert_eq!(d.record, list.records[offset as usize]);
            }
        }
        let expected: BTreeMap<_, _> = self.newest.iter().filter_map(|(k, v)| Some((k.clone(), v.clone()?))).collect();
        assert_eq!(latest_by_key(&self.log, "compacted").await.unwrap(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_log_is_a_list(ops in proptest::collection::vec(op(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut world = World::new(folder.path()).await;
            for op in ops {
                world.apply(op, folder.path()).await;
                world.audit().await;
            }
        });
    }
}
