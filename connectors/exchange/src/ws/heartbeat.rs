//! The timers of one connection: pings, overdue pongs, age, and the pace of the client's messages.
//!
//! The server pings every 20 s and closes with 1008 when a ping was not answered by a pong with its payload within 60 s.
//! A pong that answers nothing keeps nothing alive. All spans are the market's, turned into wall time once; passive:
//! the caller says what time it is.

use crate::{clock::MarketClock, config::Limits};
use candleflow_schema::Clock;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a ping with this payload.
    Ping(String),
    /// A ping was not answered in time.
    Overdue,
    /// The connection is too old.
    Expired,
}

/// Timers of a connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    every: Duration,
    within: Duration,
    next_ping: Instant,
    expires: Option<Instant>,
    unanswered: VecDeque<(String, Instant)>,
    pings: u64,
    pace: Pace,
}

impl Heartbeat {
    pub(super) fn new(limits: &Limits, clock: &MarketClock, now: Instant) -> Self {
        let every = clock.wall(limits.ping_every).max(Duration::from_micros(100));
        Self {
            every,
            within: clock.wall(limits.pong_within).max(limits.pong_at_least),
            next_ping: now + every,
            expires: now.checked_add(clock.wall(limits.connection_age)),
            unanswered: VecDeque::new(),
            pings: 0,
            pace: Pace {
                most: limits.messages_per_second,
                span: clock.wall(Duration::from_secs(1)),
                real_time: clock.speed().is_none_or(|speed| speed <= 1.0),
                recent: VecDeque::new(),
            },
        }
    }

    /// When something is due next.
    pub(super) fn deadline(&self) -> Instant {
        let overdue = self.unanswered.front().map(|(_, sent)| *sent + self.within);
        [overdue, self.expires].into_iter().flatten().fold(self.next_ping, Instant::min)
    }

    /// When the connection is too old, whatever else happens.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.expires
    }

    /// What is due at `now`; `stamp` is what the market's clock shows, in milliseconds.
    pub(super) fn due(&mut self, now: Instant, stamp: i64) -> Option<Due> {
        if self.expires.is_some_and(|at| now >= at) {
            return Some(Due::Expired);
        }
        if self.unanswered.front().is_some_and(|(_, sent)| now >= *sent + self.within) {
            return Some(Due::Overdue);
        }
        if now < self.next_ping {
            return None;
        }
        // The number keeps the payloads of a stamp that stands still apart.
        let payload = if self.unanswered.iter().any(|(p, _)| *p == stamp.to_string()) {
            format!("{stamp}.{}", self.pings)
        } else {
            stamp.to_string()
        };
        self.pings += 1;
        self.next_ping = now + self.every;
        self.unanswered.push_back((payload.clone(), now));
        Some(Due::Ping(payload))
    }

    /// Takes a pong; returns whether it answers a ping. It answers those before it too.
    fn pong(&mut self, payload: &[u8]) -> bool {
        let answered = self.unanswered.iter().position(|(p, _)| p.as_bytes() == payload);
        if let Some(at) = answered {
            self.unanswered.drain(..=at);
        }
        answered.is_some()
    }

    /// Takes a client's message; returns whether the client may go on.
    ///
    /// All frames count, pongs too, as documented. In a market that runs faster than the wall, pongs that answer a ping
    /// do not: the machine's scheduling may bring many of them at once.
    pub(super) fn message(&mut self, now: Instant, pong: Option<&[u8]>) -> bool {
        let answer = pong.is_some_and(|payload| self.pong(payload));
        (answer && !self.pace.real_time) || self.pace.take(now)
    }
}

/// At most so many messages in any span of one second.
#[derive(Debug)]
struct Pace {
    most: usize,
    span: Duration,
    real_time: bool,
    recent: VecDeque<Instant>,
}

impl Pace {
    fn take(&mut self, now: Instant) -> bool {
        while self.recent.front().is_some_and(|at| now.duration_since(*at) >= self.span) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len() <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Speed;

    fn heartbeat(speed: f64, now: Instant) -> Heartbeat {
        let limits = Limits { pong_at_least: Duration::ZERO, ..Limits::default() };
        Heartbeat::new(&limits, &MarketClock::new(Speed::Scaled(speed), 0, 0), now)
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_ping_every_20_seconds_and_a_pong_within_60() {
        let start = Instant::now();
        let mut h = heartbeat(1.0, start);
        assert_eq!(h.deadline(), start + s(20));
        assert_eq!(h.due(start + s(19), 1), None);
        assert_eq!(h.due(start + s(20), 20_000), Some(Due::Ping("20000".into())));
        assert!(h.message(start + s(21), Some(b"something else")), "an unsolicited pong is allowed");
        assert_eq!(h.due(start + s(40), 40_000), Some(Due::Ping("40000".into())));
        assert!(h.message(start + s(41), Some(b"20000")));
        assert_eq!(h.due(start + s(60), 60_000), Some(Due::Ping("60000".into())));
        assert_eq!(h.due(start + s(80), 80_000), Some(Due::Ping("80000".into())));
        assert_eq!(h.deadline(), start + s(100));
        assert_eq!(h.due(start + s(100), 100_000), Some(Due::Overdue), "the ping of 40 s was never answered");
        assert!(h.message(start + s(100), Some(b"80000")));
        assert_eq!(h.due(start + s(100), 100_000), Some(Due::Ping("100000".into())), "a pong answers older pings too");
    }

    #[test]
    fn spans_shrink_with_the_speed_of_the_market() {
        let start = Instant::now();
        let mut h = heartbeat(1_000.0, start);
        assert_eq!(h.deadline(), start + Duration::from_millis(20));
        h.due(start + s(1), 5);
        assert_eq!(h.due(start + s(1) + Duration::from_millis(60), 6), Some(Due::Overdue));
        let limits = Limits { pong_at_least: s(2), ..Limits::default() };
        let patient = Heartbeat::new(&limits, &MarketClock::new(Speed::Scaled(1_000.0), 0, 0), start);
        assert_eq!(patient.within, s(2));
    }

    #[test]
    fn a_connection_lives_a_day() {
        let start = Instant::now();
        let mut h = heartbeat(1.0, start);
        assert_eq!(h.due(start + s(86_400), 0), Some(Due::Expired));
    }

    #[test]
    fn five_messages_a_second_and_no_more() {
        let start = Instant::now();
        let mut h = heartbeat(1.0, start);
        for i in 0..5 {
            assert!(h.message(start + Duration::from_millis(i * 100), None));
        }
        assert!(h.message(start + Duration::from_millis(1_050), None), "the first is a second old");
        assert!(!h.message(start + Duration::from_millis(1_060), None));
    }

    #[test]
    fn payloads_differ_where_the_clock_stands() {
        let start = Instant::now();
        let mut h = heartbeat(1.0, start);
        assert_eq!(h.due(start + s(20), 7), Some(Due::Ping("7".into())));
        assert_eq!(h.due(start + s(40), 7), Some(Due::Ping("7.1".into())));
    }
}
