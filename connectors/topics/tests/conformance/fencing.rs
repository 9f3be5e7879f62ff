//! A later writer with the same transactional id ends the former one.

use candleflow_topics::{Error, Fault};

use crate::support::{both, to};

#[tokio::test(flavor = "multi_thread")]
async fn the_later_writer_fences_the_former() {
    both(async |t| {
        let topic = t.topic("fenced", 2).await;
        let id = t.name("task-0");
        let mut first = t.log.writer(Some(&id)).await.unwrap();
        first.append(vec![to(&topic, 0, "first")]).await.unwrap();
        let mut second = t.log.writer(Some(&id)).await.unwrap();
        for _ in 0..2 {
            let error = first.append(vec![to(&topic, 0, "zombie"), to(&topic, 1, "zombie")]).await.unwrap_err();
            let Error::Fenced { transactional_id } = &error else { panic!("{}: {error}", t.name) };
            assert_eq!(**transactional_id, *id);
            assert_eq!((error.fault(), error.retryable()), (Fault::External, false));
        }
        second.append(vec![to(&topic, 0, "second")]).await.unwrap();
        // One with another id is not concerned, nor one without.
        let mut other = t.log.writer(Some(&t.name("task-1"))).await.unwrap();
        other.append(vec![to(&topic, 1, "other")]).await.unwrap();
        t.log.writer(None).await.unwrap().append(vec![to(&topic, 1, "plain")]).await.unwrap();
        second.append(vec![to(&topic, 0, "third")]).await.unwrap();
        t.expect(&topic, &["first", "other", "plain", "second", "third"]).await;
    })
    .await;
}

/// Writers race for an id. What was acknowledged is there once; after each take-over the former writes no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_an_id_doubles_and_loses_nothing() {
    both(async |t| {
        let topic = t.topic("race", 1).await;
        let id = t.name("contended");
        let mut racers = Vec::new();
        for racer in 0..4 {
            let mut writer = t.log.writer(Some(&id)).await.unwrap();
            let topic = topic.clone();
            racers.push(tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..200 {
                    let text = format!("{racer}-{n:03}");
                    match writer.append(vec![to(&topic, 0, text.clone())]).await {
                        Ok(_) => acknowledged.push(text),
                        Err(Error::Fenced { .. }) => break,
                        // A broker in the middle of the take-over may answer with nothing better than «unknown».
                        Err(other) if !other.retryable() && other.fault() == Fault::External => break,
                        Err(other) => panic!("{other}"),
                    }
                }
                acknowledged
            }));
        }
        let mut acknowledged = Vec::new();
        for (racer, task) in racers.into_iter().enumerate() {
            let mine = task.await.unwrap();
            assert!(racer < 3 || mine.len() == 200, "{}: the last one is never fenced", t.name);
            acknowledged.extend(mine);
        }
        acknowledged.sort();
        drop(t.log.writer(Some(&id)).await.unwrap());
        let values = t.values(&topic).await;
        let mut unique = values.clone();
        unique.dedup();
        assert_eq!(values, unique, "{}: a record twice", t.name);
        assert!(acknowledged.iter().all(|a| values.binary_search(a).is_ok()), "{}: a record lost", t.name);
        // In the topic, racers never interleave: who writes has fenced who wrote.
        let order: Vec<_> = t.all(&topic).await.iter().map(crate::support::value).collect();
        assert!(order.is_sorted(), "{}: {order:?}", t.name);
    })
    .await;
}
