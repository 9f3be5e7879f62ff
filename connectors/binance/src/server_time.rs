//! The exchange's time: every decision about a bar is made on it, never on the machine's own clock.
//!
//! Between two synchronisations it runs on the monotonic clock, so that a machine whose clock is set, back or forth,
//! neither finalises an open bar nor stands still. It asks to be synchronised again every 20 minutes, and at once when
//! the machine's clock has jumped (set by hand, or the machine slept).
//!
//! A *paced* clock is the exchange's own: that of a local exchange whose tape runs as fast as it is read. It is taken as
//! it is, and only what is counted on the wall (limits, pauses) goes by [`ServerTime::steady`].

use candleflow_schema::{Clock, Micros, time::SECOND};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// Age at which a synchronisation is old.
const REFRESH: Micros = 20 * 60 * SECOND;
/// Difference between machine and monotonic clock that counts as a jump, and the least that counts on the wall: a clock
/// that runs faster also strays faster when the machine is busy.
const JUMP: Micros = 2 * SECOND;
const LEAST_JUMP: f64 = 0.1;

#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// The exchange's time at `at`.
    server: Micros,
    /// The machine's time at `at`.
    machine: Micros,
    at: Instant,
    /// How much less than `server` it may have been: the answer was made at some moment of its round trip.
    slack: Micros,
    synced: bool,
}

/// The exchange's clock as seen from here. Clones share it.
#[derive(Clone)]
pub struct ServerTime {
    clock: Arc<dyn Clock>,
    paced: bool,
    anchor: Arc<RwLock<Anchor>>,
}

impl ServerTime {
    /// Shows the clock's time until it is synchronised, or always where it is `paced`.
    pub fn new(clock: Arc<dyn Clock>, paced: bool) -> Self {
        let now = clock.now();
        let anchor = Anchor { server: now, machine: now, at: Instant::now(), slack: 0, synced: false };
        Self { clock, paced, anchor: Arc::new(RwLock::new(anchor)) }
    }

    /// The injected clock.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The exchange's time.
    pub fn now(&self) -> Micros {
        if self.paced { self.clock.now() } else { self.steady() }
    }

    /// A time that the exchange's clock has surely passed: what was over then is over for it, too. A round trip of some
    /// milliseconds is more than a minute of a market that runs a thousand times as fast.
    pub fn surely(&self) -> Micros {
        if self.paced { self.clock.now() } else { self.steady() - self.anchor().slack }
    }

    /// The time that limits are counted on: the exchange's, but never faster than the clock's spans are on the wall.
    pub fn steady(&self) -> Micros {
        let anchor = self.anchor();
        anchor.server + self.elapsed(&anchor)
    }

    /// Takes the sample of the shortest round trip: (machine time when sent, when received, the exchange's answer).
    pub fn sync(&self, samples: &[(Micros, Micros, Micros)]) {
        let Some((sent, received, server)) = samples.iter().min_by_key(|(sent, received, _)| received - sent) else {
            return;
        };
        let machine = self.clock.now();
        let slack = (received - sent) / 2;
        let offset = server - (sent + slack);
        let anchor = Anchor { server: machine + offset, machine, at: Instant::now(), slack, synced: true };
        *self.anchor.write().unwrap_or_else(PoisonError::into_inner) = anchor;
    }

    /// Whether it is time to synchronise.
    pub fn is_stale(&self) -> bool {
        let anchor = self.anchor();
        let elapsed = self.elapsed(&anchor);
        let second = self.clock.wall(Duration::from_secs(1)).as_secs_f64();
        let tolerated = JUMP.max((LEAST_JUMP / second.max(1e-6) * 1e6) as Micros);
        let jumped = (self.clock.now() - anchor.machine - elapsed).abs() > tolerated;
        !self.paced && (!anchor.synced || elapsed > REFRESH || jumped)
    }

    fn anchor(&self) -> Anchor {
        *self.anchor.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time of the clock since the anchor, measured on the monotonic clock.
    fn elapsed(&self, anchor: &Anchor) -> Micros {
        let second = self.clock.wall(Duration::from_secs(1)).as_secs_f64();
        if second <= 0.0 {
            return self.clock.now() - anchor.machine;
        }
        (anchor.at.elapsed().as_secs_f64() / second * 1e6) as Micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Set(AtomicI64);

    impl Clock for Set {
        fn now(&self) -> Micros {
            self.0.load(Ordering::SeqCst)
        }

        fn wall(&self, span: Duration) -> Duration {
            span
        }
    }

    #[test]
    fn the_shortest_round_trip_gives_the_offset_and_a_jump_of_the_machine_does_not_move_it() {
        let machine = Arc::new(Set(AtomicI64::new(1_000 * SECOND)));
        let time = ServerTime::new(machine.clone(), false);
        assert!(time.is_stale());
        let sent = 1_000 * SECOND;
        time.sync(&[(sent, sent + 900_000, 1), (sent, sent + 100_000, sent + 50_000 + 7 * SECOND)]);
        assert!((time.now() - 1_007 * SECOND).abs() < SECOND / 2, "{}", time.now());
        assert!(!time.is_stale());
        let behind = time.now() - time.surely();
        assert!((40_000..=50_000).contains(&behind), "half a round trip, and what passed between the two: {behind}");
        machine.0.store(10 * SECOND, Ordering::SeqCst);
        assert!((time.now() - 1_007 * SECOND).abs() < SECOND / 2, "a clock set back does not matter");
        assert!(time.is_stale(), "but it is noticed");
        let paced = ServerTime::new(machine.clone(), true);
        machine.0.store(5_000 * SECOND, Ordering::SeqCst);
        assert_eq!((paced.now(), paced.is_stale()), (5_000 * SECOND, false));
        assert!(paced.steady() < 11 * SECOND, "limits are counted on the wall");
    }
}
