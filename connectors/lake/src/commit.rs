//! The one committer of a table in this process.
//!
//! ```text
//!  append ─┐
//!  append ─┼─► queue ─► one at a time: plan all on snapshot v ─► commit v+1 ─► answer
//!  upsert ─┘               ▲                                        │
//!                          └── another process was faster: reload, plan again ◄┘
//! ```
//! * A change is *planned* on a snapshot: its checks (files still live, rows not there yet, transaction ids as expected)
//!   and its actions belong to that version, and the commit is the entry of the very next version, put if absent, or none
//!   at all. After a conflict it is planned again on what is new.
//! * Appends that wait at the same time share one commit, with one transaction id each. A change that reads what it
//!   changes goes alone.
//! * The work runs as a task of its own: who asked may go away at any point, the change is then dropped before its next
//!   attempt. It is tried, with growing pauses, until it is in, its check fails, or nobody waits for it any more.
//! * Each commit carries an id, so that an answer that got lost on the way is not taken for a conflict.

pub(crate) use crate::known::Base;
use crate::{error::Error, known::Known, snapshot::Snapshot, table::CHECKPOINT_EVERY, telemetry};
use async_trait::async_trait;
use deltalake::{
    DeltaTable, DeltaTableError,
    kernel::{Action, Add, Remove, Transaction, transaction::CommitData},
    logstore::{CommitOrBytes, LogStoreRef},
    protocol::{DeltaOperation, SaveMode, checkpoints::create_checkpoint},
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Mutex, oneshot};

/// The pause after the first conflict; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The key of the commit's id in its `commitInfo`.
const COMMIT_ID: &str = "candleflowCommit";

/// What a change does to a version of the table.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) adds: Vec<Add>,
    pub(crate) removes: Vec<Remove>,
    /// Application id and version.
    pub(crate) txns: Vec<(String, i64)>,
    /// New columns.
    pub(crate) metadata: Option<deltalake::kernel::Metadata>,
    /// What else the commit's entry says.
    pub(crate) notes: Map<String, Value>,
}

impl Plan {
    fn is_empty(&self) -> bool {
        self.adds.is_empty() && self.removes.is_empty() && self.txns.is_empty() && self.metadata.is_none()
    }
}

/// Something to be done to a table.
#[async_trait]
pub(crate) trait Change: Send + 'static {
    /// Whether it must see the outcome of all others before its own plan.
    fn alone(&self) -> bool;

    /// Checks and actions on this very version; called again on a newer one after a conflict. An empty plan is done.
    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error>;
}

#[async_trait]
trait Job: Send {
    fn alone(&self) -> bool;
    fn abandoned(&self) -> bool;
    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error>;
    fn finish(self: Box<Self>, outcome: Result<Snapshot, Error>);
}

struct Waiting<C> {
    change: C,
    reply: oneshot::Sender<Result<(C, Snapshot), Error>>,
}

#[async_trait]
impl<C: Change> Job for Waiting<C> {
    fn alone(&self) -> bool {
        self.change.alone()
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        self.change.plan(base).await
    }

    fn finish(self: Box<Self>, outcome: Result<Snapshot, Error>) {
        let Waiting { change, reply } = *self;
        // Nobody waits any more: the outcome is in the table.
        let _ = reply.send(outcome.map(|snapshot| (change, snapshot)));
    }
}

/// The one committer of a table in this process.
pub(crate) struct Committer {
    table: String,
    log: LogStoreRef,
    queue: SyncMutex<Vec<Box<dyn Job>>>,
    known: Mutex<Known>,
    /// The same for those who only read: they do not wait for a commit.
    reading: Mutex<Known>,
}

enum Attempt {
    Done(Snapshot),
    Conflict,
}

impl Committer {
    pub(crate) fn new(table: &str, log: LogStoreRef) -> Arc<Self> {
        Arc::new(Self {
            table: table.to_owned(),
            log,
            queue: SyncMutex::default(),
            known: Mutex::default(),
            reading: Mutex::default(),
        })
    }

    /// Makes a change, and gives it back with the version in which it is.
    ///
    /// # Errors
    /// Its own check's, or the storage's. Dropping the call drops the change before its next attempt.
    pub(crate) async fn submit<C: Change>(self: &Arc<Self>, change: C) -> Result<(C, Snapshot), Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(Waiting { change, reply }));
        let committer = self.clone();
        tokio::spawn(async move { committer.drain().await });
        answer.await.unwrap_or_else(|_| Err(Error::Interrupted(self.table.clone())))
    }

    /// The newest version.
    pub(crate) async fn latest(&self) -> Result<Snapshot, Error> {
        self.reading.lock().await.refresh(&self.table, &self.log).await
    }

    /// The version of an application's transaction in the newest version of the table.
    pub(crate) async fn txn(&self, app: &str) -> Result<Option<i64>, Error> {
        let mut known = self.reading.lock().await;
        let snapshot = known.refresh(&self.table, &self.log).await?;
        known.base(&snapshot, &self.log).txn(app).await
    }

    /// Commits what waits; a change that goes alone is a group of its own.
    async fn drain(&self) {
        let mut known = self.known.lock().await;
        loop {
            let group = self.next_group();
            if group.is_empty() {
                return;
            }
            self.commit(&mut known, group).await;
        }
    }

    fn next_group(&self) -> Vec<Box<dyn Job>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let appends = queue.iter().take_while(|job| !job.alone()).count();
        let group = if appends == 0 { 1.min(queue.len()) } else { appends };
        let rest = queue.split_off(group);
        mem::replace(&mut *queue, rest)
    }

    async fn commit(&self, known: &mut Known, mut group: Vec<Box<dyn Job>>) {
        let mut pause = FIRST_PAUSE;
        let mut fresh = group.iter().any(|job| job.alone());
        loop {
            group.retain(|job| !job.abandoned());
            if group.is_empty() {
                return;
            }
            match self.attempt(known, &mut group, fresh).await {
                Ok(Attempt::Done(snapshot)) => {
                    group.into_iter().for_each(|job| job.finish(Ok(snapshot.clone())));
                    return;
                }
                Ok(Attempt::Conflict) => {
                    telemetry::conflict(&self.table);
                    tracing::debug!(table = self.table, pause_ms = pause.as_millis() as u64, "commit conflict");
                    tokio::time::sleep(jitter(pause)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    fresh = true;
                }
                Err(error) => {
                    *known = Known::default();
                    group.into_iter().for_each(|job| job.finish(Err(error.clone())));
                    return;
                }
            }
        }
    }

    /// Plans the group on what is known and commits on exactly that. A change whose check fails leaves the group.
    async fn attempt(&self, known: &mut Known, group: &mut Vec<Box<dyn Job>>, fresh: bool) -> Result<Attempt, Error> {
        let snapshot = match known.snapshot() {
            Some(snapshot) if !fresh => snapshot,
            _ => known.refresh(&self.table, &self.log).await?,
        };
        let mut whole = Plan::default();
        let mut apps = BTreeSet::new();
        let mut later = vec![];
        for mut job in mem::take(group) {
            let mut base = known.base(&snapshot, &self.log);
            match job.plan(&mut base).await {
                Err(error) => job.finish(Err(error)),
                // The same task twice: its second change must see the first one's transaction id.
                Ok(plan) if plan.txns.iter().any(|(app, _)| apps.contains(app)) => later.push(job),
                // One change of columns at a time.
                Ok(plan) if plan.metadata.is_some() && whole.metadata.is_some() => later.push(job),
                Ok(plan) => {
                    apps.extend(plan.txns.iter().map(|(app, _)| app.clone()));
                    whole.adds.extend(plan.adds);
                    whole.removes.extend(plan.removes);
                    whole.txns.extend(plan.txns);
                    whole.metadata = whole.metadata.or(plan.metadata);
                    whole.notes.extend(plan.notes);
                    group.push(job);
                }
            }
        }
        if !later.is_empty() {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            later.append(&mut queue);
            *queue = later;
        }
        if whole.is_empty() {
            return Ok(Attempt::Done(snapshot));
        }
        self.write(known, snapshot, whole).await
    }

    async fn write(&self, known: &mut Known, snapshot: Snapshot, plan: Plan) -> Result<Attempt, Error> {
        let id = uuid::Uuid::new_v4();
        let mut notes = plan.notes;
        notes.insert(COMMIT_ID.into(), Value::String(id.to_string()));
        let mut actions: Vec<Action> = plan.metadata.map(Action::Metadata).into_iter().collect();
        actions.extend(plan.removes.into_iter().map(Action::Remove));
        actions.extend(plan.adds.into_iter().map(Action::Add));
        let txns = plan.txns.iter().map(|(app, version)| Transaction::new(app, *version)).collect();
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let entry = CommitData::new(actions, operation, notes.into_iter().collect(), txns).get_bytes();
        let entry = entry.map_err(DeltaTableError::from)?;
        let base = snapshot.version();
        // In a log that was cut, the place behind an old version is free: it is never written to.
        if !matches!(self.log.get_latest_version(base).await, Ok(newest) if newest == base) {
            return Ok(Attempt::Conflict);
        }
        let bytes = CommitOrBytes::LogBytes(entry.clone());
        let snapshot = match self.log.write_commit_entry(base + 1, bytes, id).await {
            Ok(()) => known.step(&self.table, snapshot, &entry)?,
            Err(error) => match self.find(known, base, &id.to_string()).await {
                Ok(Some(snapshot)) => snapshot,
                Ok(None) if known.version() > Some(base) => return Ok(Attempt::Conflict),
                Ok(None) | Err(_) => return Err(DeltaTableError::from(error).into()),
            },
        };
        telemetry::commit(&self.table);
        if (base + 2).is_multiple_of(CHECKPOINT_EVERY)
            && let Err(error) = self.checkpoint(known, base + 1).await
        {
            // The table is whole without it, and a later one makes up for it.
            tracing::warn!(table = self.table, version = base + 1, %error, "a checkpoint of the log failed");
        }
        Ok(Attempt::Done(snapshot))
    }

    async fn checkpoint(&self, known: &mut Known, version: u64) -> Result<(), Error> {
        let mut table = DeltaTable::new(self.log.clone());
        table.load_version(version).await?;
        create_checkpoint(&table, None).await?;
        known.loaded(table.state);
        Ok(())
    }

    /// Looks for a commit with this id after `base`: the storage may have taken what it answered with an error.
    async fn find(&self, known: &mut Known, base: u64, id: &str) -> Result<Option<Snapshot>, Error> {
        let newest = known.refresh(&self.table, &self.log).await?;
        for version in base + 1..=newest.version() {
            let entry = self.log.read_commit_entry(version).await?.unwrap_or_default();
            if entry.windows(id.len()).any(|w| w == id.as_bytes()) {
                return Ok(Some(newest));
            }
        }
        Ok(None)
    }
}

/// Between half and all of a pause: who collided once shall not collide again.
fn jitter(pause: Duration) -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    pause * (256 + random) / 512
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lake::{Lake, Options},
        spec::Spec,
    };
    use arrow::datatypes::{DataType, Field, Schema};

    /// Raises a number of its own by one.
    struct Count {
        app: String,
        plans: usize,
        alone: bool,
    }

    #[async_trait]
    impl Change for Count {
        fn alone(&self) -> bool {
            self.alone
        }

        async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
            self.plans += 1;
            let next = base.txn(&self.app).await?.unwrap_or(0) + 1;
            Ok(Plan { txns: vec![(self.app.clone(), next)], ..Plan::default() })
        }
    }

    async fn committers(n: usize) -> (tempfile::TempDir, Vec<Arc<Committer>>) {
        let dir = tempfile::tempdir().unwrap();
        let rows = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
        let spec = Spec::plain("counts", &rows).unwrap();
        let mut committers = vec![];
        for _ in 0..n {
            let lake = Lake::open(dir.path().to_str().unwrap(), Options::default()).unwrap();
            committers.push(lake.table_or_new(&spec).await.unwrap().committer.clone());
        }
        (dir, committers)
    }

    fn count(app: impl ToString, alone: bool) -> Count {
        Count { app: app.to_string(), plans: 0, alone }
    }

    /// Waits until so many changes are queued.
    async fn queued(committer: &Committer, n: usize) {
        let all = async {
            while committer.queue.lock().unwrap().len() < n {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn appends_that_wait_together_share_a_commit() {
        let (_dir, committers) = committers(1).await;
        let committer = committers[0].clone();
        let before = committer.latest().await.unwrap().version();
        let held = committer.known.lock().await;
        let submit = |change: Count| {
            let committer = committer.clone();
            tokio::spawn(async move { committer.submit(change).await.map(|(c, s)| (c.plans, s.version())) })
        };
        let appends: Vec<_> = (0..8).map(|app| submit(count(app, false))).collect();
        queued(&committer, 8).await;
        // The same task again: it must see the first one's number.
        let again = submit(count(0, false));
        queued(&committer, 9).await;
        let alone = submit(count("x", true));
        queued(&committer, 10).await;
        drop(held);
        for append in appends {
            assert_eq!(append.await.unwrap().unwrap(), (1, before + 1));
        }
        assert_eq!(again.await.unwrap().unwrap(), (2, before + 2), "planned again in the next group");
        assert_eq!(alone.await.unwrap().unwrap(), (1, before + 3));
        assert_eq!(committer.txn("0").await.unwrap(), Some(2));
        assert_eq!(committer.txn("7").await.unwrap(), Some(1));
        assert_eq!(committer.txn("nobody").await.unwrap(), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_that_nobody_waits_for_is_dropped() {
        let (_dir, committers) = committers(1).await;
        let committer = committers[0].clone();
        let before = committer.latest().await.unwrap().version();
        let held = committer.known.lock().await;
        let waiting = tokio::spawn({
            let committer = committer.clone();
            async move { committer.submit(count("a", false)).await.map(|_| ()) }
        });
        queued(&committer, 1).await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        drop(held);
        committer.submit(count("b", false)).await.unwrap();
        assert_eq!(committer.latest().await.unwrap().version(), before + 1);
        assert_eq!(committer.txn("a").await.unwrap(), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn processes_that_collide_plan_again_until_they_are_in() {
        let (_dir, committers) = committers(4).await;
        let tasks = committers.iter().cloned().map(|committer| {
            tokio::spawn(async move {
                let mut plans = 0;
                for _ in 0..25 {
                    plans += committer.submit(count("shared", true)).await.unwrap().0.plans;
                }
                plans
            })
        });
        let mut plans = 0;
        for task in tasks.collect::<Vec<_>>() {
            plans += task.await.unwrap();
        }
        assert_eq!(committers[0].txn("shared").await.unwrap(), Some(100), "no increment was lost");
        assert!(plans >= 100, "{plans} plans");
    }

    #[test]
    fn a_pause_is_shortened_by_half_at_most() {
        for _ in 0..100 {
            let pause = jitter(Duration::from_millis(100));
            assert!((Duration::from_millis(50)..=Duration::from_millis(100)).contains(&pause), "{pause:?}");
        }
    }
}
