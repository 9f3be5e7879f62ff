//! What only a real cluster can show, with raw clients beside ours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use candleflow_topics::{
    Ends, Error, Kafka, KafkaConfig, Log, Outgoing, Record, Start, TopicConfig, latest_by_key, latest_up_to_now,
    partition_for,
};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::support::{Broker, PATIENCE, T0, broker, eventually, kafka, random, take, to, value};

const WAIT: Duration = Duration::from_secs(20);

fn raw_producer(id: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker().unwrap()).set("transactional.id", id);
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer
}

fn send(producer: &BaseProducer, topic: &str, text: &str) {
    producer.send(BaseRecord::to(topic).partition(0).key(text).payload(text)).unwrap();
    producer.flush(WAIT).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn open_and_aborted_transactions_are_invisible() {
    let Some(t) = kafka() else { return };
    let topic = t.topic("open", 1).await;
    let mut writer = t.log.writer(Some(&t.name("ours"))).await.unwrap();
    writer.append(vec![to(&topic, 0, "before")]).await.unwrap();
    let mut reader = t.reader(&topic, 1).await;
    assert_eq!(value(&take(&mut reader, 1).await[0]), "before");
    let before = t.log.ends(&topic, 0).await.unwrap();

    let theirs = raw_producer(&t.name("theirs"));
    theirs.begin_transaction().unwrap();
    send(&theirs, &topic, "open");
    // The end is the last stable offset: it does not move while a transaction is open, even behind later commits.
    writer.append(vec![to(&topic, 0, "behind")]).await.unwrap();
    assert_eq!(t.log.ends(&topic, 0).await.unwrap(), before);
    t.expect(&topic, &["before"]).await;
    assert_eq!(reader.next_batch(10, Duration::from_millis(300)).await.unwrap(), []);

    theirs.abort_transaction(WAIT).unwrap();
    assert_eq!(value(&take(&mut reader, 1).await[0]), "behind");
    t.expect(&topic, &["before", "behind"]).await;

    theirs.begin_transaction().unwrap();
    send(&theirs, &topic, "committed");
    theirs.commit_transaction(WAIT).unwrap();
    assert_eq!(value(&take(&mut reader, 1).await[0]), "committed");
    // Markers take offsets: they rise and are not dense.
    let offsets: Vec<_> = t.expect_count(&topic, 3).await.iter().map(|d| d.offset).collect();
    assert!(offsets.is_sorted() && offsets[2] > 2, "{offsets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_behind_somebody_elses_open_transaction_is_waited_for() {
    let Some(t) = kafka() else { return };
    let topic: Arc<str> = t.topic_with("progress", 1, &TopicConfig::compacted()).await;
    let id = t.name("ours");
    let progress = |value: &str| vec![Outgoing::to(&topic, 0, Record::new("ours", value.to_owned(), T0))];
    let mut first = t.log.writer(Some(&id)).await.unwrap();
    first.append(progress("5")).await.unwrap();
    let theirs = raw_producer(&t.name("theirs"));
    theirs.begin_transaction().unwrap();
    send(&theirs, &topic, "theirs");
    first.append(progress("9")).await.unwrap();
    // The one that comes after it: to the end of what shows is not far enough.
    let mut second = t.log.writer(Some(&id)).await.unwrap();
    assert_eq!(latest_by_key(&*t.log, &topic).await.unwrap()[&b"ours"[..]], "5");
    let aborted = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        theirs.abort_transaction(WAIT).unwrap();
    };
    let (found, ()) = tokio::join!(latest_up_to_now(&*t.log, &mut *second, &topic, &id), aborted);
    let found = found.unwrap();
    assert_eq!(found[&b"ours"[..]], "9");
    assert!(!found.contains_key(&b"theirs"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_takes_over_what_another_client_left_open() {
    let Some(t) = kafka() else { return };
    let topic = t.topic("left-open", 1).await;
    let id = t.name("shared-id");
    let theirs = raw_producer(&id);
    theirs.begin_transaction().unwrap();
    send(&theirs, &topic, "left open");
    let mut ours = t.log.writer(Some(&id)).await.unwrap();
    ours.append(vec![to(&topic, 0, "ours")]).await.unwrap();
    t.expect(&topic, &["ours"]).await;
    assert!(theirs.commit_transaction(WAIT).is_err());
    t.expect(&topic, &["ours"]).await;
}

/// The partitioner is the C client's `murmur2`, which is Java's, on the cluster's own answer.
#[tokio::test(flavor = "multi_thread")]
async fn keys_meet_those_of_other_clients() {
    let Some(t) = kafka() else { return };
    let topic = t.topic("meet", 13).await;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker().unwrap()).set("partitioner", "murmur2");
    let theirs: BaseProducer = config.create().unwrap();
    for i in 0..500 {
        let key = format!("K{}", random() >> (i % 60));
        theirs.send(BaseRecord::to(&topic).key(&key).payload("x")).unwrap();
    }
    theirs.flush(WAIT).unwrap();
    let all = t.all(&topic).await;
    assert_eq!(all.len(), 500);
    for d in all {
        assert_eq!(d.partition, partition_for(d.record.key.as_deref().unwrap(), 13));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_read_what_others_compressed() {
    let Some(t) = kafka() else { return };
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = t.topic(codec, 1).await;
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker().unwrap()).set("compression.type", codec).set("linger.ms", "50");
        let theirs: BaseProducer = config.create().unwrap();
        let payloads: Vec<_> = (0..100).map(|n| format!("{{\"close\":\"{n}.{}\"}}", "0".repeat(200))).collect();
        for payload in &payloads {
            theirs.send(BaseRecord::<(), _>::to(&topic).payload(payload)).unwrap();
        }
        theirs.flush(WAIT).unwrap();
        assert_eq!(t.all(&topic).await.iter().map(value).collect::<Vec<_>>(), payloads, "{codec}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_clients_read_what_ours_wrote() {
    let Some(t) = kafka() else { return };
    let topic = t.topic("foreign", 1).await;
    let mut writer = t.log.writer(Some(&t.name("w"))).await.unwrap();
    let record = Record::new("k", "v", T0).with_header("ordinal", "7");
    writer.append(vec![Outgoing::to(&topic, 0, record)]).await.unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker().unwrap()).set("group.id", &*t.name("g"));
    config.set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[&*topic]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let message = loop {
        assert!(Instant::now() < deadline);
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            break message.detach();
        }
    };
    assert_eq!((message.key(), message.payload()), (Some(&b"k"[..]), Some(&b"v"[..])));
    assert_eq!(message.timestamp().to_millis(), Some(T0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_a_retryable_error() {
    // A port that nobody listens on: bound, then given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut config = KafkaConfig::new(format!("127.0.0.1:{port}"));
    config.request_timeout = Duration::from_secs(1);
    let log = Kafka::connect(config).unwrap();
    for error in [log.topic("t").await.unwrap_err(), log.writer(Some("id")).await.err().unwrap()] {
        assert!(error.retryable(), "{error}");
        assert_eq!(error.fault(), candleflow_topics::Fault::External);
    }
    let mut config = KafkaConfig::new("x:1");
    config.extra.insert("no.such.setting".into(), "secret-value".into());
    let error = Kafka::connect(config).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig { .. }), "{error}");
    assert!(!error.to_string().contains("secret-value"), "{error}");
}

/// `kill -9` of the broker inside a transaction, restart, and the transaction goes through: nothing lost or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_is_killed_inside_transactions() {
    let Some(broker) = Broker::start() else { return };
    let log = Kafka::connect(KafkaConfig::new(broker.address.clone())).unwrap();
    log.create_topic("rows", 2, &TopicConfig::default()).await.unwrap();
    let topic = std::sync::Arc::from("rows");
    let mut writer = log.writer(Some("survivor")).await.unwrap();
    let mut reader = log.reader("rows", &[(0, Start::Earliest), (1, Start::Earliest)]).await.unwrap();
    let writing = tokio::spawn(async move {
        let mut committed = Vec::new();
        let mut outage = Duration::ZERO;
        for n in 0..400 {
            let text = format!("{n:03}");
            let started = Instant::now();
            loop {
                match writer.append(vec![to(&topic, 0, text.clone()), to(&topic, 1, text.clone())]).await {
                    Ok(_) => break,
                    // Nothing of the batch is visible then, so it is sent again.
                    Err(error) if error.retryable() => {}
                    Err(error) => panic!("{error}"),
                }
            }
            outage = outage.max(started.elapsed());
            committed.push(text);
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        (committed, outage)
    });
    let mut seen = take(&mut reader, 60).await;
    broker.run("kill");
    assert!(!writing.is_finished());
    broker.run("start");
    let (committed, outage) = tokio::time::timeout(2 * PATIENCE, writing).await.unwrap().unwrap();
    eprintln!("the longest append over the broker's death took {outage:?}");
    assert_eq!(committed.len(), 400);
    // The reader that was there all the time has gone on by itself.
    seen.extend(take(&mut reader, 740).await);
    for partition in 0..2 {
        let own: Vec<_> = seen.iter().filter(|d| d.partition == partition).map(value).collect();
        assert_eq!(own, committed, "partition {partition}");
    }
    let first: i64 = log.ends("rows", 0).await.unwrap().first;
    assert_eq!(first, 0);
    assert_eq!(reader.next_batch(10, Duration::from_millis(200)).await.unwrap(), []);
    broker.run("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_overtaken_by_deletion_learns_what_is_left() {
    let Some(t) = kafka() else { return };
    let topic = t.topic("overtaken", 1).await;
    let mut writer = t.log.writer(None).await.unwrap();
    for n in 0..20 {
        writer.append(vec![to(&topic, 0, format!("{n}"))]).await.unwrap();
    }
    let mut reader = t.log.reader(&topic, &[(0, Start::Offset(2))]).await.unwrap();
    // Before it has fetched anything, the broker deletes up to 10.
    let admin: rdkafka::admin::AdminClient<_> =
        ClientConfig::new().set("bootstrap.servers", broker().unwrap()).create().unwrap();
    let mut upto = rdkafka::TopicPartitionList::new();
    upto.add_partition_offset(&topic, 0, rdkafka::Offset::Offset(10)).unwrap();
    admin.delete_records(&upto, &rdkafka::admin::AdminOptions::new()).await.unwrap();
    eventually("records go", async || t.log.ends(&topic, 0).await.unwrap() == Ends { first: 10, end: 20 }).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline);
        match reader.next_batch(3, Duration::from_millis(200)).await {
            // It may have fetched before the deletion.
            Ok(batch) if batch.iter().all(|d| d.offset < 20) && reader.positions()[0].next < 20 => {}
            Ok(_) => break,
            Err(Error::OffsetOutOfRange { partition: 0, first: 10, end: 20, asked, .. }) => {
                assert!(asked < 10);
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let error = t.log.reader(&topic, &[(0, Start::Offset(9))]).await.err().unwrap();
    assert!(matches!(error, Error::OffsetOutOfRange { asked: 9, first: 10, end: 20, .. }), "{error}");
}
