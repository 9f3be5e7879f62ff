//! What the logs do on this machine: throughput and latency of both, side by side. Not a test: nothing is asserted.
//!
//! `cargo bench -p candleflow-topics --bench figures`; Kafka's half needs `CANDLEFLOW_KAFKA` (see `deploy/dev/kafka`).
//! Records are 226 bytes with 400 keys over 4 partitions, as in the comparison with other engines.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures")]

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use candleflow_topics::embedded::Durability;
use candleflow_topics::{
    Embedded, EmbeddedConfig, Kafka, KafkaConfig, Log, Outgoing, Reader, Record, Start, TopicConfig, Writer,
};

const T0: i64 = 1_700_000_000_000;
const RECORDS: usize = 1_000_000;
const BATCH: usize = 10_000;
const SCATTERED: usize = 200_000;

#[tokio::main]
async fn main() {
    println!("{:<34} {:<52} figure", "log", "what");
    for durability in [Durability::Disk, Durability::Process] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = EmbeddedConfig::new(folder.path(), Arc::new(|| T0));
        config.durability = durability;
        let log: Arc<dyn Log> = Arc::new(Embedded::open(config).await.unwrap());
        let name = format!("embedded, {durability:?}");
        commits(&name, &log, 1, 1_000).await;
        commits(&name, &log, 16, 400).await;
        throughput(&name, &log, None).await;
        if durability == Durability::Process {
            scattered(&name, &log).await;
        }
        latency(&name, &log, None).await;
    }
    let Ok(bootstrap) = std::env::var("CANDLEFLOW_KAFKA") else {
        println!("kafka: CANDLEFLOW_KAFKA is not set");
        return;
    };
    let log: Arc<dyn Log> = Arc::new(Kafka::connect(KafkaConfig::new(bootstrap)).unwrap());
    for (name, id) in [("kafka", None), ("kafka, transactions", Some("figures"))] {
        throughput(name, &log, id).await;
        latency(name, &log, id).await;
    }
    commits("kafka, transactions", &log, 1, 300).await;
}

async fn topic(log: &Arc<dyn Log>) -> Arc<str> {
    let name: Arc<str> = format!("figures-{:x}", RandomState::new().hash_one(0)).into();
    log.create_topic(&name, 4, &TopicConfig::default()).await.unwrap();
    name
}

fn record(n: usize, body: &Bytes) -> Record {
    Record::new(format!("SYM{:03}USDT", n % 400), body.clone(), T0 + n as i64)
}

fn report(log: &str, what: &str, figure: String) {
    println!("{log:<34} {what:<52} {figure}");
}

/// Appends of one record, back to back, by so many writers at once.
async fn commits(name: &str, log: &Arc<dyn Log>, writers: usize, each: usize) {
    let topic = topic(log).await;
    let body = Bytes::from(vec![b'x'; 215]);
    let started = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|w| {
            let (log, topic, body) = (Arc::clone(log), topic.clone(), body.clone());
            tokio::spawn(async move {
                let mut writer = log.writer(Some(&format!("figures-{w}"))).await.unwrap();
                let mut took = Vec::with_capacity(each);
                for n in 0..each {
                    let started = Instant::now();
                    writer.append(vec![Outgoing::keyed(&topic, record(n, &body))]).await.unwrap();
                    took.push(started.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let rate = (writers * each) as f64 / started.elapsed().as_secs_f64();
    report(name, &format!("appends of one record, {writers} writers"), format!("{rate:.0}/s, {}", quantiles(took)));
}

async fn throughput(name: &str, log: &Arc<dyn Log>, id: Option<&str>) {
    let topic = topic(log).await;
    let body = Bytes::from(vec![b'x'; 215]);
    let mut writer = log.writer(id).await.unwrap();
    let (started, cpu) = (Instant::now(), cpu());
    for batch in 0..RECORDS / BATCH {
        let records = (0..BATCH).map(|i| Outgoing::keyed(&topic, record(batch * BATCH + i, &body)));
        writer.append(records.collect()).await.unwrap();
    }
    rate(name, "produce, batches of 10,000", started, cpu);
    consume(name, "consume", log, &topic).await;
    consume(name, "consume again, nothing else going on", log, &topic).await;
}

/// Reading what was written a record at a time: a live topic caught up with.
async fn scattered(name: &str, log: &Arc<dyn Log>) {
    let topic = topic(log).await;
    let body = Bytes::from(vec![b'x'; 215]);
    let mut writer = log.writer(None).await.unwrap();
    for n in 0..SCATTERED {
        writer.append(vec![Outgoing::keyed(&topic, record(n, &body))]).await.unwrap();
    }
    consume(name, "consume 200,000 that were appended one by one", log, &topic).await;
}

async fn consume(name: &str, what: &str, log: &Arc<dyn Log>, topic: &str) {
    let starts: Vec<_> = (0..4).map(|p| (p, Start::Earliest)).collect();
    let (started, cpu) = (Instant::now(), cpu());
    let mut reader = log.reader(topic, &starts).await.unwrap();
    let (mut seen, mut sum) = (0, 0);
    while reader.positions().iter().any(|p| !p.at_end) {
        let batch = reader.next_batch(8_192, Duration::from_secs(30)).await.unwrap();
        seen += batch.len();
        sum += batch.iter().map(|d| d.record.size()).sum::<usize>();
    }
    let (wall, cpu) = (started.elapsed().as_secs_f64(), self::cpu() - cpu);
    let (wall, cpu) = (seen as f64 / wall / 1e6, seen as f64 / cpu / 1e6);
    report(name, what, format!("{wall:.2} M/s, {cpu:.2} M per CPU second ({} MB)", sum / 1_000_000));
}

fn rate(name: &str, what: &str, started: Instant, cpu: f64) {
    let (wall, cpu) = (started.elapsed().as_secs_f64(), self::cpu() - cpu);
    let (wall, cpu) = (RECORDS as f64 / wall / 1e6, RECORDS as f64 / cpu / 1e6);
    report(name, what, format!("{wall:.2} M/s, {cpu:.2} M per CPU second"));
}

/// 200 records a second: from before the append until a waiting reader has the record.
async fn latency(name: &str, log: &Arc<dyn Log>, id: Option<&str>) {
    let topic = topic(log).await;
    let starts: Vec<_> = (0..4).map(|p| (p, Start::Latest)).collect();
    let mut reader: Box<dyn Reader> = log.reader(&topic, &starts).await.unwrap();
    let mut writer: Box<dyn Writer> = log.writer(id).await.unwrap();
    let zero = Instant::now();
    const COUNT: usize = 2_000;
    let reading = tokio::spawn(async move {
        let mut took = Vec::with_capacity(COUNT);
        while took.len() < COUNT {
            for d in reader.next_batch(100, Duration::from_secs(30)).await.unwrap() {
                let sent = u64::from_be_bytes(d.record.value.unwrap()[..8].try_into().unwrap());
                took.push(zero.elapsed() - Duration::from_nanos(sent));
            }
        }
        took
    });
    let mut appends = Vec::with_capacity(COUNT);
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    for n in 0..COUNT {
        ticks.tick().await;
        let started = Instant::now();
        let mut body = (zero.elapsed().as_nanos() as u64).to_be_bytes().to_vec();
        body.resize(215, b'x');
        writer.append(vec![Outgoing::keyed(&topic, record(n, &body.into()))]).await.unwrap();
        appends.push(started.elapsed());
    }
    report(name, "the first append to a topic", format!("{:.2} ms", appends[0].as_secs_f64() * 1e3));
    report(name, "append at 200/s", quantiles(appends.split_off(COUNT / 10)));
    // The first ones find connections being made.
    let took = reading.await.unwrap().split_off(COUNT / 10);
    report(name, "append to reader at 200/s", quantiles(took));
}

fn quantiles(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |q: f64| took[((took.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(0.5), at(0.99), at(1.0))
}

/// Seconds of CPU that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
