//! What the scenarios run on: a fresh embedded log, and one broker for the whole test run.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use candleflow_topics::{
    Delivered, Embedded, EmbeddedConfig, Kafka, KafkaConfig, Log, Outgoing, Reader, Record, Start, TopicConfig,
};

/// A time that records of these tests carry.
pub(crate) const T0: i64 = 1_700_000_000_000;

/// No single step may take longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A log under test.
pub(crate) struct Under {
    pub(crate) name: &'static str,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) embedded: Option<Arc<Embedded>>,
    /// The embedded log's clock.
    pub(crate) clock: Arc<AtomicI64>,
    prefix: String,
    _folder: Option<tempfile::TempDir>,
}

impl Under {
    /// A topic name that no other test and no other run uses.
    pub(crate) fn name(&self, topic: &str) -> Arc<str> {
        format!("{}-{topic}", self.prefix).into()
    }

    pub(crate) async fn topic(&self, topic: &str, partitions: i32) -> Arc<str> {
        self.topic_with(topic, partitions, &TopicConfig::default()).await
    }

    pub(crate) async fn topic_with(&self, topic: &str, partitions: i32, config: &TopicConfig) -> Arc<str> {
        let name = self.name(topic);
        let created = self.log.create_topic(&name, partitions, config).await.unwrap();
        assert_eq!(created, candleflow_topics::Creation::Created, "{}", self.name);
        name
    }

    /// A reader of all partitions from the beginning.
    pub(crate) async fn reader(&self, topic: &str, partitions: i32) -> Box<dyn Reader> {
        let starts: Vec<_> = (0..partitions).map(|p| (p, Start::Earliest)).collect();
        self.log.reader(topic, &starts).await.unwrap()
    }

    /// Everything that is committed in a topic now.
    pub(crate) async fn all(&self, topic: &str) -> Vec<Delivered> {
        let mut out = Vec::new();
        candleflow_topics::read_to_end(&*self.log, topic, |delivered| {
            out.push(delivered);
            Ok(())
        })
        .await
        .unwrap();
        out
    }

    /// The values in a topic, sorted.
    pub(crate) async fn values(&self, topic: &str) -> Vec<String> {
        let mut values: Vec<_> = self.all(topic).await.iter().map(value).collect();
        values.sort();
        values
    }

    /// Waits until the topic holds these values: Kafka shows a transaction soon after its commit, not with it.
    pub(crate) async fn expect(&self, topic: &str, expected: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let values = self.values(topic).await;
            if values == expected {
                return;
            }
            let late = self.embedded.is_some() || Instant::now() >= deadline || values.len() > expected.len();
            assert!(!late, "{}: {topic} holds {values:?}, not {expected:?}", self.name);
        }
    }

    /// Waits until the topic holds so many records, and gives them.
    pub(crate) async fn expect_count(&self, topic: &str, count: usize) -> Vec<Delivered> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let all = self.all(topic).await;
            if all.len() == count {
                return all;
            }
            let late = self.embedded.is_some() || Instant::now() >= deadline || all.len() > count;
            assert!(!late, "{}: {topic} holds {} records, not {count}", self.name, all.len());
        }
    }

    /// Waits until the newest values of a topic are these.
    pub(crate) async fn expect_latest(&self, topic: &str, expected: &BTreeMap<Bytes, Bytes>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let latest = candleflow_topics::latest_by_key(&*self.log, topic).await.unwrap();
            if latest == *expected {
                return;
            }
            let late = self.embedded.is_some() || Instant::now() >= deadline;
            assert!(!late, "{}: {topic} holds {latest:?}, not {expected:?}", self.name);
        }
    }
}

/// Runs a scenario over the embedded log, then over Kafka.
pub(crate) async fn both(scenario: impl AsyncFn(&Under)) {
    scenario(&embedded().await).await;
    if let Some(kafka) = kafka() {
        scenario(&kafka).await;
    }
}

pub(crate) async fn embedded() -> Under {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(T0));
    let log = Arc::new(open(folder.path(), &clock).await);
    let (name, prefix) = ("embedded", "t".to_owned());
    Under { name, log: Arc::clone(&log) as Arc<dyn Log>, embedded: Some(log), clock, prefix, _folder: Some(folder) }
}

pub(crate) async fn open(folder: &Path, clock: &Arc<AtomicI64>) -> Embedded {
    try_open(folder, clock).await.unwrap()
}

pub(crate) async fn try_open(folder: &Path, clock: &Arc<AtomicI64>) -> candleflow_topics::Result<Embedded> {
    let clock = Arc::clone(clock);
    let config = EmbeddedConfig::new(folder, Arc::new(move || clock.load(Ordering::Relaxed)));
    Embedded::open(config).await
}

/// The broker of this run, or `None` if there cannot be one.
pub(crate) fn kafka() -> Option<Under> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let bootstrap = broker()?;
    let log = Arc::new(Kafka::connect(KafkaConfig::new(bootstrap)).unwrap());
    let prefix = format!("{:x}-{}", random(), COUNT.fetch_add(1, Ordering::Relaxed));
    let clock = Arc::new(AtomicI64::new(T0));
    Some(Under { name: "kafka", log, embedded: None, clock, prefix, _folder: None })
}

pub(crate) fn broker() -> Option<String> {
    static BROKER: OnceLock<Option<(String, Option<Broker>)>> = OnceLock::new();
    let broker = BROKER.get_or_init(|| match std::env::var("CANDLEFLOW_KAFKA") {
        Ok(given) => Some((given, None)),
        Err(_) => Broker::start().map(|broker| (broker.address.clone(), Some(broker))),
    });
    broker.as_ref().map(|(address, _)| address.clone())
}

/// A broker of this process's own. It ends with the process, however that ends: a shell waits for our end of a pipe.
pub(crate) struct Broker {
    pub(crate) address: String,
    folder: PathBuf,
    _keeper: Child,
}

impl Broker {
    pub(crate) fn start() -> Option<Self> {
        let missing: Vec<_> = ["java", "mvn"].into_iter().filter(|tool| !has(tool)).collect();
        if !missing.is_empty() {
            let why = format!("skipped: Kafka conformance needs Java and Maven: {} not found", missing.join(", "));
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("{why}");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("candleflow-kafka-{:x}", random()));
        let keeper = Command::new("bash")
            .args(["-c", "cat >/dev/null; \"$0\" kill --dir \"$1\"; rm -rf \"$1\""])
            .arg(script())
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut broker = Self { address: String::new(), folder, _keeper: keeper };
        broker.address = broker.run("start").strip_prefix("CANDLEFLOW_KAFKA=").unwrap().to_owned();
        Some(broker)
    }

    /// Runs a command of the script on this broker and gives what it printed.
    pub(crate) fn run(&self, command: &str) -> String {
        let output = Command::new(script())
            .arg(command)
            .arg("--dir")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "kafka {command} failed");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/dev/kafka")
}

fn has(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|path| path.join(tool).is_file())
}

pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

pub(crate) fn value(delivered: &Delivered) -> String {
    String::from_utf8(delivered.record.value.clone().unwrap_or_default().to_vec()).unwrap()
}

/// A record for a partition, with a value and a key of the same text.
pub(crate) fn to(topic: &Arc<str>, partition: i32, text: impl Into<String>) -> Outgoing {
    let text = text.into();
    Outgoing::to(topic, partition, Record::new(text.clone(), text, T0))
}

/// Reads until `count` records have come, in whatever batches.
pub(crate) async fn take(reader: &mut Box<dyn Reader>, count: usize) -> Vec<Delivered> {
    let deadline = Instant::now() + PATIENCE;
    let mut out = Vec::new();
    while out.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} records came", out.len());
        out.extend(reader.next_batch(count - out.len(), Duration::from_secs(1)).await.unwrap());
    }
    assert_eq!(out.len(), count);
    out
}

/// Polls until `holds` is true.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "did not happen in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
