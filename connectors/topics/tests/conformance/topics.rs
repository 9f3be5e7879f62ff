//! Creating, listing, describing and deleting topics.

use candleflow_topics::{Creation, Error, Fault, GroupOffset, TopicConfig};

use crate::support::{PATIENCE, both, embedded, to};

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_created_once_and_described() {
    both(async |t| {
        let config = TopicConfig { retention_ms: Some(3_600_000), retention_bytes: Some(64 << 20), compacted: false };
        let name = t.topic_with("bars", 3, &config).await;
        let info = t.log.topic(&name).await.unwrap().unwrap();
        assert_eq!((info.name.as_str(), info.partitions, &info.config), (&*name, 3, &config), "{}", t.name);
        let again = t.log.create_topic(&name, 5, &TopicConfig::default()).await.unwrap();
        assert_eq!(again, Creation::Existed(info.clone()), "{}", t.name);
        let kept = t.topic_with("progress", 1, &TopicConfig::compacted()).await;
        assert_eq!(t.log.topic(&kept).await.unwrap().unwrap().config, TopicConfig::compacted(), "{}", t.name);
        let listed = t.log.list_topics().await.unwrap();
        assert!(listed.is_sorted_by(|a, b| a.name < b.name), "{}", t.name);
        let listed: Vec<_> = listed.into_iter().filter(|i| i.name == *name || i.name == *kept).collect();
        assert_eq!(listed.len(), 2, "{}", t.name);
        assert!(listed.contains(&info), "{}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_create_a_topic_at_once_one_makes_it_and_both_see_it() {
    both(async |t| {
        let name = format!("{}-twice", t.topic("made", 1).await);
        let config = TopicConfig::default();
        let (a, b) = tokio::join!(t.log.create_topic(&name, 2, &config), t.log.create_topic(&name, 2, &config));
        let made = |creation: &Creation| matches!(creation, Creation::Created);
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!(made(&a) != made(&b), "{}: {a:?} {b:?}", t.name);
        assert_eq!(t.log.topic(&name).await.unwrap().unwrap().partitions, 2, "{}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_topic_is_gone_and_its_name_is_free() {
    both(async |t| {
        let name = t.topic("short-lived", 2).await;
        let mut writer = t.log.writer(None).await.unwrap();
        writer.append(vec![to(&name, 0, "old"), to(&name, 1, "old")]).await.unwrap();
        assert!(t.log.delete_topic(&name).await.unwrap(), "{}", t.name);
        assert!(!t.log.delete_topic(&name).await.unwrap(), "{}", t.name);
        assert_eq!(t.log.topic(&name).await.unwrap(), None, "{}", t.name);
        assert!(matches!(t.log.ends(&name, 0).await, Err(Error::UnknownTopic { .. })), "{}", t.name);
        // Not the old writer: it has seen the old topic.
        assert_eq!(t.log.create_topic(&name, 1, &TopicConfig::default()).await.unwrap(), Creation::Created);
        let mut writer = t.log.writer(None).await.unwrap();
        assert_eq!(writer.append(vec![to(&name, 0, "new")]).await.unwrap(), [0], "{}", t.name);
        t.expect(&name, &["new"]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_deleted_topic_wake_and_its_groups_go() {
    let t = embedded().await;
    let (topic, output) = (t.topic("doomed", 1).await, t.topic("output", 1).await);
    let mut writer = t.log.writer(Some("job")).await.unwrap();
    let at = |topic: &str| GroupOffset { topic: topic.into(), partition: 0, next: 5 };
    let offsets = [at(&topic), at(&output)];
    writer.append_with_progress(vec![to(&output, 0, "x")], Some(("group", &offsets))).await.unwrap();
    let mut reader = t.reader(&topic, 1).await;
    let waiting = tokio::spawn(async move { reader.next_batch(1, PATIENCE).await });
    tokio::task::yield_now().await;
    assert!(t.log.delete_topic(&topic).await.unwrap());
    let woken = tokio::time::timeout(PATIENCE / 2, waiting).await.unwrap().unwrap();
    assert!(matches!(woken, Err(Error::UnknownTopic { .. })), "{woken:?}");
    assert_eq!(t.log.group_offsets("group", &topic).await.unwrap(), []);
    assert_eq!(t.log.group_offsets("group", &output).await.unwrap(), [at(&output)]);
    let error = writer.append(vec![to(&topic, 0, "x")]).await.unwrap_err();
    assert!(matches!(error, Error::UnknownTopic { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_log_accepts_is_refused_alike() {
    both(async |t| {
        let retention = TopicConfig { retention_ms: Some(1), ..TopicConfig::compacted() };
        let nothing = TopicConfig { retention_bytes: Some(0), ..TopicConfig::default() };
        let plain = TopicConfig::default();
        let long = "x".repeat(250);
        for (name, partitions, config) in [
            ("", 1, &plain),
            ("..", 1, &plain),
            ("a b", 1, &plain),
            ("a/b", 1, &plain),
            (&long, 1, &plain),
            ("zero", 0, &plain),
            ("many", 5_000, &plain),
            ("both", 1, &retention),
            ("nothing", 1, &nothing),
        ] {
            let error = t.log.create_topic(name, partitions, config).await.unwrap_err();
            assert!(matches!(error, Error::InvalidTopic { .. }), "{}: {error}", t.name);
            assert_eq!((error.fault(), error.retryable()), (Fault::User, false));
        }
        let missing = t.name("missing");
        assert_eq!(t.log.topic(&missing).await.unwrap(), None);
        let mut writer = t.log.writer(None).await.unwrap();
        let error = writer.append(vec![to(&missing, 0, "x")]).await.unwrap_err();
        assert!(matches!(&error, Error::UnknownTopic { topic } if **topic == *missing), "{}: {error}", t.name);
        let error = t.log.reader(&missing, &[(0, candleflow_topics::Start::Earliest)]).await.err().unwrap();
        assert!(matches!(error, Error::UnknownTopic { .. }), "{}: {error}", t.name);
        let name = t.topic("two", 2).await;
        let error = t.log.ends(&name, 2).await.unwrap_err();
        assert!(matches!(error, Error::UnknownPartition { partition: 2, partitions: 2, .. }), "{}: {error}", t.name);
        let error = writer.append(vec![to(&name, -1, "x")]).await.unwrap_err();
        assert!(matches!(error, Error::UnknownPartition { partition: -1, .. }), "{}: {error}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_topic_holds_is_known_as_soon_as_it_is_there() {
    both(async |t| {
        for round in 0..20 {
            let topic = t.topic(&format!("fresh-{round}"), 12).await;
            for partition in 0..12 {
                let ends = t.log.ends(&topic, partition).await.unwrap();
                assert_eq!((ends.first, ends.end), (0, 0), "{}", t.name);
            }
        }
    })
    .await;
}
