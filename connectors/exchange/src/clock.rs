//! The market's clock, scaled or paced.
//!
//! A *scaled* clock runs a fixed number of times as fast as the wall. A *paced* clock stands at the earliest event that
//! some subscriber has not yet taken, so that the tape runs as fast as it is read and nobody is ever skipped:
//! ```text
//!  feed 1 wants 12:00:02 ─┐
//!  feed 2 wants 12:00:04 ─┼─► now = 12:00:02, until feed 1 has sent it and names its next
//!  feed 3 wants nothing   ─┘    nobody has anything left: now = end of the market, and on from there with the wall
//! ```
//! Spans (heartbeats, limits) are scaled with the one and counted on the wall with the other.

use crate::config::Speed;
use candleflow_schema::{Clock, Micros, ScaledClock};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The clock of a running exchange; clones show the same time.
#[derive(Debug, Clone)]
pub struct MarketClock {
    mode: Arc<Mode>,
}

#[derive(Debug)]
enum Mode {
    Scaled(ScaledClock),
    Paced(Pace),
}

#[derive(Debug)]
struct Pace {
    now: watch::Sender<Micros>,
    feeds: Mutex<Feeds>,
    started: Instant,
    origin: Micros,
    /// Close of the last bar.
    end: Micros,
    /// When on the wall the tape was through. Outside `feeds`, which is locked while `now` changes.
    ended: OnceLock<Instant>,
}

#[derive(Debug)]
struct Feeds {
    by_connection: BTreeMap<u64, (usize, Option<Micros>)>,
    wait_for: usize,
}

impl MarketClock {
    /// A clock that shows `origin` now, for a market that ends at `end`.
    pub(crate) fn new(speed: Speed, origin: Micros, end: Micros) -> Self {
        let mode = match speed {
            Speed::Scaled(speed) => Mode::Scaled(ScaledClock::new(origin, speed)),
            Speed::Max { wait_for_streams } => Mode::Paced(Pace {
                now: watch::Sender::new(origin),
                feeds: Mutex::new(Feeds { by_connection: BTreeMap::new(), wait_for: wait_for_streams.max(1) }),
                started: Instant::now(),
                origin,
                end,
                ended: OnceLock::new(),
            }),
        };
        Self { mode: Arc::new(mode) }
    }

    /// Market seconds per second on the wall; `None` where subscribers set the pace.
    pub fn speed(&self) -> Option<f64> {
        match &*self.mode {
            Mode::Scaled(clock) => Some(clock.speed()),
            Mode::Paced(_) => None,
        }
    }

    /// The clock that limits are counted on: this one, or, where it is paced, one that runs with the wall.
    pub(crate) fn limits_now(&self) -> Micros {
        match &*self.mode {
            Mode::Scaled(clock) => clock.now(),
            Mode::Paced(pace) => pace.origin + pace.started.elapsed().as_micros() as Micros,
        }
    }

    /// Says that a connection has `streams` streams of the market and wants `next` to come next (`None`: nothing is
    /// left for it). Only a paced clock listens.
    pub(crate) fn want(&self, connection: u64, streams: usize, next: Option<Micros>) {
        if let Mode::Paced(pace) = &*self.mode {
            let mut feeds = pace.lock();
            if streams == 0 {
                feeds.by_connection.remove(&connection);
            } else {
                feeds.by_connection.insert(connection, (streams, next));
            }
            pace.step(&mut feeds);
        }
    }

    /// A connection is gone, or will never take anything again.
    pub(crate) fn leave(&self, connection: u64) {
        if let Mode::Paced(pace) = &*self.mode {
            let mut feeds = pace.lock();
            if feeds.by_connection.remove(&connection).is_some() {
                pace.step(&mut feeds);
            }
        }
    }

    /// Returns once this clock shows `time` or later. Dropping the future is harmless.
    pub(crate) async fn reached(&self, time: Micros) {
        loop {
            let now = self.now();
            if now >= time {
                return;
            }
            let rest = Duration::from_micros(time.abs_diff(now));
            match &*self.mode {
                Mode::Scaled(_) => tokio::time::sleep(self.wall(rest)).await,
                Mode::Paced(pace) if pace.ended.get().is_some() => tokio::time::sleep(rest).await,
                Mode::Paced(pace) => {
                    let mut changes = pace.now.subscribe();
                    // The sender lives in `self`, so waiting cannot fail.
                    let _ = changes.wait_for(|now| *now >= time || pace.ended.get().is_some()).await;
                }
            }
        }
    }
}

impl Clock for MarketClock {
    fn now(&self) -> Micros {
        match &*self.mode {
            Mode::Scaled(clock) => clock.now(),
            Mode::Paced(pace) => {
                let passed = pace.ended.get().map_or(0, |ended| ended.elapsed().as_micros() as Micros);
                *pace.now.borrow() + passed
            }
        }
    }

    fn wall(&self, span: Duration) -> Duration {
        match &*self.mode {
            Mode::Scaled(clock) => clock.wall(span),
            Mode::Paced(_) => span,
        }
    }
}

impl Pace {
    fn lock(&self) -> MutexGuard<'_, Feeds> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on to the earliest event that somebody still wants.
    fn step(&self, feeds: &mut Feeds) {
        let streams: usize = feeds.by_connection.values().map(|(n, _)| n).sum();
        if self.ended.get().is_some() || streams == 0 || streams < feeds.wait_for {
            return;
        }
        feeds.wait_for = 1;
        let next = feeds.by_connection.values().filter_map(|(_, next)| *next).min();
        let target = next.unwrap_or(self.end);
        let ended = next.is_none() && self.ended.set(Instant::now()).is_ok();
        self.now.send_if_modified(|now| {
            let moved = target > *now;
            *now = target.max(*now);
            moved || ended
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(wait_for_streams: usize) -> MarketClock {
        MarketClock::new(Speed::Max { wait_for_streams }, 1_000, 9_000)
    }

    #[test]
    fn a_paced_clock_stands_at_the_earliest_event_not_taken() {
        let clock = paced(3);
        clock.want(1, 1, Some(2_000));
        assert_eq!(clock.now(), 1_000, "it waits for three streams");
        clock.want(2, 2, Some(3_000));
        assert_eq!(clock.now(), 2_000);
        clock.want(1, 1, Some(5_000));
        assert_eq!(clock.now(), 3_000);
        clock.leave(2);
        assert_eq!(clock.now(), 5_000);
        clock.leave(1);
        assert_eq!(clock.now(), 5_000, "without subscribers it stands");
        clock.want(3, 1, Some(4_000));
        assert_eq!(clock.now(), 5_000, "it never goes back");
        clock.want(4, 0, None);
        assert_eq!(clock.now(), 5_000, "who has no streams of the market does not move it");
        clock.want(3, 1, None);
        assert!(clock.now() >= 9_000, "at the end of the tape it goes on with the wall");
    }

    #[tokio::test]
    async fn waiting_ends_when_the_time_is_reached() {
        let clock = paced(1);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.reached(9_500).await }
        });
        clock.want(1, 1, Some(9_000));
        clock.want(1, 1, None);
        tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
        let scaled = MarketClock::new(Speed::Scaled(1_000.0), 0, 0);
        scaled.reached(1_000_000).await;
        assert!(scaled.now() >= 1_000_000);
        assert_eq!(scaled.wall(Duration::from_secs(1)), Duration::from_millis(1));
        assert_eq!(scaled.speed(), Some(1_000.0));
    }
}
