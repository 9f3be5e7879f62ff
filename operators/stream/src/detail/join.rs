//! Bars and the finer bars inside them on their way into one row each, by event time.
//!
//! ```text
//!  bars   15m  ──────────────────●──────────────────●──►   waits until its finer bars are known up to its time:
//!  finer  1m   ─●─●─●─●─●─●─●─●─●─●─●─●─●─●─●─●─●─●─●──►   by a bar, by `complete`, or because they have ended
//! ```
//! A bar takes the finer bars with `its open time < time <= its time`; what lies between two bars belongs to none. Bars leave
//! in the order in which they came within their *lane* (a task of the run); keys of different lanes do not wait for each
//! other. So what leaves does not depend on batches, nor on which of the two inputs was faster. Bars up to `from` are
//! warm-up: they take none and do not wait.
//!
//! State: the bars that wait, which the caller bounds by [`Join::bars`], and finer bars ahead of them, at most
//! [`MOST_FINER`]: more is an error that names the key. A finer bar that is not later than its key's last is left out.

use super::attach;
use crate::{
    columns::{find, times},
    operator::OperatorError,
};
use arrow::array::RecordBatch;
use candleflow_kernels::strategy::BarInput;
use candleflow_schema::Micros;
use std::collections::{BTreeMap, VecDeque};

const NAME: &str = "detail";

/// Finer bars that are held, at most.
pub const MOST_FINER: usize = 1 << 20;
/// A batch that leaves ends with the bar that brings it to so many finer bars.
pub const BATCH_FINER: usize = 1 << 16;

/// What leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Joined {
    /// Rows of one key, with their finer bars.
    Rows(RecordBatch),
    /// No row of this key at or before `time` will follow.
    Complete {
        /// The key.
        key: usize,
        /// This instant included.
        time: Micros,
    },
}

/// More finer bars are held than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// The key of which most are held.
    pub key: usize,
    /// Event time of the last of its bars that left.
    pub passed: Micros,
}

enum Waiting {
    Rows(usize, RecordBatch),
    Complete(usize, Micros),
}

struct Key {
    lane: usize,
    finer: VecDeque<BarInput>,
    /// Event time of the last finer bar that came.
    last: Micros,
    /// Finer bars are known up to here.
    known: Micros,
    /// Event time of the last bar that left.
    passed: Micros,
    /// Its bars that wait.
    waiting: usize,
}

impl Key {
    /// The finer bars of a bar; those before it are let go.
    fn take(&mut self, open_time: Micros, time: Micros) -> Vec<BarInput> {
        let n = self.finer.partition_point(|finer| finer.time <= time);
        self.passed = self.passed.max(time);
        self.finer.drain(..n).filter(|finer| finer.time > open_time).collect()
    }
}

/// The join of several keys.
pub struct Join {
    keys: Vec<Key>,
    lanes: BTreeMap<usize, VecDeque<Waiting>>,
    from: Micros,
    bars: usize,
    finer: usize,
}

impl Join {
    /// For keys in these lanes; bars at or before `from` are warm-up.
    pub fn new(lanes: &[usize], from: Micros) -> Self {
        let key = |lane: &usize| Key {
            lane: *lane,
            finer: VecDeque::new(),
            last: Micros::MIN,
            known: Micros::MIN,
            passed: Micros::MIN,
            waiting: 0,
        };
        Self { keys: lanes.iter().map(key).collect(), lanes: BTreeMap::new(), from, bars: 0, finer: 0 }
    }

    /// Takes bars of a key.
    pub fn rows(&mut self, key: usize, rows: RecordBatch) {
        self.bars += rows.num_rows();
        self.keys[key].waiting += rows.num_rows();
        if rows.num_rows() > 0 {
            self.lanes.entry(self.keys[key].lane).or_default().push_back(Waiting::Rows(key, rows));
        }
    }

    /// No bar of this key at or before `time` will follow.
    pub fn complete(&mut self, key: usize, time: Micros) {
        self.lanes.entry(self.keys[key].lane).or_default().push_back(Waiting::Complete(key, time));
    }

    /// Takes finer bars of a key.
    ///
    /// # Errors
    /// When too many wait for a key whose bars do not come.
    pub fn finer(&mut self, key: usize, bars: impl IntoIterator<Item = BarInput>) -> Result<(), TooMany> {
        let of = &mut self.keys[key];
        for bar in bars {
            if bar.time <= of.last {
                continue;
            }
            of.last = bar.time;
            of.known = of.known.max(bar.time);
            if bar.time > of.passed {
                of.finer.push_back(bar);
                self.finer += 1;
            }
        }
        if self.finer > MOST_FINER {
            let most = self.keys.iter().enumerate().max_by_key(|(_, key)| key.finer.len());
            return Err(
                most.map_or(TooMany { key, passed: Micros::MIN }, |(key, of)| TooMany { key, passed: of.passed })
            );
        }
        Ok(())
    }

    /// Finer bars of this key are known up to `time`.
    pub fn finer_complete(&mut self, key: usize, time: Micros) {
        let key = &mut self.keys[key];
        key.known = key.known.max(time);
    }

    /// The next that may leave.
    ///
    /// # Errors
    /// When the bars lack a column.
    pub fn pop(&mut self) -> Result<Option<Joined>, OperatorError> {
        for lane in self.lanes.values_mut() {
            let (key, rows) = match lane.front() {
                None => continue,
                Some(Waiting::Complete(key, time)) => {
                    let joined = Joined::Complete { key: *key, time: *time };
                    lane.pop_front();
                    return Ok(Some(joined));
                }
                Some(Waiting::Rows(key, rows)) => (*key, rows.clone()),
            };
            let of = &mut self.keys[key];
            let before = of.finer.len();
            let lists = ready(of, &rows, self.from)?;
            self.finer -= before - of.finer.len();
            let n = lists.len();
            if n == 0 {
                continue;
            }
            self.bars -= n;
            of.waiting -= n;
            if n == rows.num_rows() {
                lane.pop_front();
            } else {
                lane[0] = Waiting::Rows(key, rows.slice(n, rows.num_rows() - n));
            }
            return Ok(Some(Joined::Rows(attach(&rows.slice(0, n), &lists)?)));
        }
        Ok(None)
    }

    /// The keys whose finer bars the first bar of a lane waits for, after [`pop`](Self::pop) gave nothing.
    pub fn wants(&self) -> impl Iterator<Item = usize> {
        self.lanes.values().filter_map(|lane| match lane.front()? {
            Waiting::Rows(key, _) => Some(*key),
            Waiting::Complete(..) => None,
        })
    }

    /// Bars that wait.
    pub fn bars(&self) -> usize {
        self.bars
    }

    /// Bars that wait of the key of which most do.
    pub fn longest(&self) -> usize {
        self.keys.iter().map(|key| key.waiting).max().unwrap_or(0)
    }

    /// Whether nothing waits to leave.
    pub fn is_empty(&self) -> bool {
        self.lanes.values().all(VecDeque::is_empty)
    }
}

/// The finer bars of those first rows that may leave.
fn ready(key: &mut Key, rows: &RecordBatch, from: Micros) -> Result<Vec<Vec<BarInput>>, OperatorError> {
    let schema = rows.schema();
    let opens = times(NAME, rows, find(NAME, &schema, "open_time")?)?;
    let times = times(NAME, rows, find(NAME, &schema, "time")?)?;
    let (mut lists, mut taken) = (Vec::new(), 0);
    for (open_time, time) in opens.iter().zip(times) {
        let warm = *time <= from;
        if taken >= BATCH_FINER || !(warm || *time <= key.known) {
            break;
        }
        let list = if warm { Vec::new() } else { key.take(*open_time, *time) };
        taken += list.len();
        lists.push(list);
    }
    Ok(lists)
}

#[cfg(test)]
mod tests;
