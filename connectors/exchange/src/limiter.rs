//! Who may ask how much: weight per minute, requests and connections per five minutes, bans.
//!
//! Windows are fixed and aligned to the clock: a minute's weight is forgotten at the next full minute. Refused requests
//! count too. A client that goes on asking after being refused is banned; each further ban is twice as long. How many
//! refusals lead to a ban is not documented by the real exchange and is a setting.
//!
//! State: a few numbers per address; idle addresses are forgotten when there are more than [`MOST_ADDRESSES`].

use crate::config::Limits;
use candleflow_schema::{Micros, time::SECOND};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

const MINUTE: Micros = 60 * SECOND;
/// Addresses remembered at once.
const MOST_ADDRESSES: usize = 4_096;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charged {
    /// Weight that the address has used in this minute, this request included.
    pub(crate) used: u64,
    pub(crate) verdict: Verdict,
}

/// Whether a request is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    /// Too much weight in this minute.
    Weight {
        retry_after: u64,
    },
    /// Too many requests or connections in these five minutes.
    Count {
        what: &'static str,
        limit: u64,
        retry_after: u64,
    },
    /// Not before `until`.
    Banned {
        until: Micros,
        retry_after: u64,
    },
}

/// The state of all clients.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    clients: BTreeMap<IpAddr, Client>,
}

#[derive(Debug, Default)]
struct Client {
    weight: Window,
    requests: Window,
    connections: Window,
    refused: u32,
    bans: u32,
    banned_until: Micros,
}

#[derive(Debug, Default)]
struct Window {
    index: i64,
    used: u64,
}

impl Window {
    /// Counts `amount` in the window that `now` lies in; returns whether a new window began.
    fn count(&mut self, length: Micros, now: Micros, amount: u64) -> bool {
        let index = now.div_euclid(length);
        let fresh = index != self.index;
        if fresh {
            (self.index, self.used) = (index, 0);
        }
        self.used = self.used.saturating_add(amount);
        fresh
    }
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, clients: BTreeMap::new() }
    }

    /// Charges a request.
    pub(crate) fn request(&mut self, from: IpAddr, weight: u64, now: Micros) -> Charged {
        let limits = self.limits.clone();
        let client = self.client(from, now);
        if client.weight.count(MINUTE, now, weight) {
            client.refused = 0;
        }
        client.requests.count(5 * MINUTE, now, 1);
        let used = client.weight.used;
        let verdict = if now < client.banned_until {
            banned(client.banned_until, now)
        } else if used > limits.weight_per_minute {
            client.refuse(&limits, now, Verdict::Weight { retry_after: rest(MINUTE, now) })
        } else if client.requests.used > limits.requests_per_5_minutes {
            let limit = limits.requests_per_5_minutes;
            client.refuse(&limits, now, Verdict::Count { what: "request", limit, retry_after: rest(5 * MINUTE, now) })
        } else {
            Verdict::Pass
        };
        Charged { used, verdict }
    }

    /// Charges the opening of a WebSocket connection, which costs no weight.
    pub(crate) fn connection(&mut self, from: IpAddr, now: Micros) -> Charged {
        let limit = self.limits.connections_per_5_minutes;
        let client = self.client(from, now);
        client.weight.count(MINUTE, now, 0);
        client.connections.count(5 * MINUTE, now, 1);
        let verdict = if now < client.banned_until {
            banned(client.banned_until, now)
        } else if client.connections.used > limit {
            Verdict::Count { what: "connection", limit, retry_after: rest(5 * MINUTE, now) }
        } else {
            Verdict::Pass
        };
        Charged { used: client.weight.used, verdict }
    }

    /// The weight used so far in this minute.
    pub(crate) fn used(&mut self, from: IpAddr, now: Micros) -> u64 {
        let client = self.client(from, now);
        client.weight.count(MINUTE, now, 0);
        client.weight.used
    }

    /// Bans an address for `span`, as often as it is asked to.
    pub(crate) fn ban(&mut self, address: IpAddr, span: Duration, now: Micros) -> Micros {
        let client = self.client(address, now);
        client.bans = client.bans.saturating_add(1);
        client.banned_until = now.saturating_add(micros(span));
        client.banned_until
    }

    /// Forgets every ban.
    pub(crate) fn pardon(&mut self) {
        self.clients.clear();
    }

    fn client(&mut self, from: IpAddr, now: Micros) -> &mut Client {
        if self.clients.len() >= MOST_ADDRESSES && !self.clients.contains_key(&from) {
            self.clients.retain(|_, c| c.banned_until > now || c.weight.index == now.div_euclid(MINUTE));
        }
        self.clients.entry(from).or_default()
    }
}

impl Client {
    /// Refuses a request, and bans who has been refused too often.
    fn refuse(&mut self, limits: &Limits, now: Micros, verdict: Verdict) -> Verdict {
        self.refused += 1;
        if self.refused <= limits.refusals_before_ban {
            return verdict;
        }
        let span = limits.first_ban.saturating_mul(1 << self.bans.min(30)).min(limits.longest_ban);
        self.bans = self.bans.saturating_add(1);
        self.refused = 0;
        self.banned_until = now.saturating_add(micros(span));
        banned(self.banned_until, now)
    }
}

fn banned(until: Micros, now: Micros) -> Verdict {
    Verdict::Banned { until, retry_after: seconds(until - now) }
}

/// Whole seconds to the end of the window that `now` lies in.
fn rest(length: Micros, now: Micros) -> u64 {
    seconds(length - now.rem_euclid(length))
}

fn seconds(span: Micros) -> u64 {
    ((span + SECOND - 1) / SECOND).max(1) as u64
}

fn micros(span: Duration) -> Micros {
    Micros::try_from(span.as_micros()).unwrap_or(Micros::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter {
        Limiter::new(Limits { weight_per_minute: 10, refusals_before_ban: 2, ..Limits::default() })
    }

    const ME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[test]
    fn a_window_is_a_minute_of_the_clock() {
        let mut l = limiter();
        let at = |s: i64| s * SECOND;
        assert_eq!(l.request(ME, 10, at(25)), Charged { used: 10, verdict: Verdict::Pass });
        assert_eq!(l.request(ME, 2, at(25)), Charged { used: 12, verdict: Verdict::Weight { retry_after: 35 } });
        assert_eq!(l.request(OTHER, 2, at(25)).verdict, Verdict::Pass);
        assert_eq!(l.request(ME, 1, at(60) - 1).verdict, Verdict::Weight { retry_after: 1 });
        assert_eq!(l.request(ME, 2, at(60)), Charged { used: 2, verdict: Verdict::Pass });
        assert_eq!(l.used(ME, at(119)), 2);
        assert_eq!(l.used(ME, at(120)), 0);
    }

    #[test]
    fn who_goes_on_asking_is_banned_longer_each_time() {
        let mut l = limiter();
        let mut now = 0;
        for expected in [120, 240, 480] {
            assert_eq!(l.request(ME, 11, now).verdict, Verdict::Weight { retry_after: 60 });
            assert_eq!(l.request(ME, 1, now).verdict, Verdict::Weight { retry_after: 60 });
            let until = now + expected * SECOND;
            assert_eq!(l.request(ME, 1, now).verdict, Verdict::Banned { until, retry_after: expected as u64 });
            assert_eq!(l.request(ME, 1, until - 1).verdict, Verdict::Banned { until, retry_after: 1 });
            assert!(matches!(l.connection(ME, until - 1).verdict, Verdict::Banned { .. }));
            assert_eq!(l.request(ME, 1, until).verdict, Verdict::Pass);
            now = until + MINUTE - until.rem_euclid(MINUTE);
        }
        l.ban(ME, Duration::from_secs(5), now);
        assert_eq!(l.request(ME, 1, now).verdict, Verdict::Banned { until: now + 5 * SECOND, retry_after: 5 });
        l.pardon();
        assert_eq!(l.request(ME, 1, now).verdict, Verdict::Pass);
    }

    #[test]
    fn a_ban_never_exceeds_the_longest() {
        let mut l = Limiter::new(Limits { weight_per_minute: 1, refusals_before_ban: 0, ..Limits::default() });
        let mut now = 0;
        for _ in 0..40 {
            let Verdict::Banned { until, .. } = l.request(ME, 2, now).verdict else { panic!("not banned") };
            assert!(until - now <= 3 * 86_400 * SECOND);
            now = until + MINUTE;
        }
    }

    #[test]
    fn refusals_are_forgotten_with_the_minute() {
        let mut l = limiter();
        for minute in 0..20 {
            for _ in 0..2 {
                assert!(matches!(l.request(ME, 11, minute * MINUTE).verdict, Verdict::Weight { .. }));
            }
        }
    }

    #[test]
    fn requests_and_connections_are_counted_over_five_minutes() {
        let mut l =
            Limiter::new(Limits { requests_per_5_minutes: 2, connections_per_5_minutes: 1, ..Limits::default() });
        for _ in 0..2 {
            assert_eq!(l.request(ME, 1, 0).verdict, Verdict::Pass);
        }
        assert_eq!(l.request(ME, 1, 0).verdict, Verdict::Count { what: "request", limit: 2, retry_after: 300 });
        assert_eq!(l.connection(ME, 0).verdict, Verdict::Pass);
        assert_eq!(l.connection(ME, MINUTE).verdict, Verdict::Count { what: "connection", limit: 1, retry_after: 240 });
        assert_eq!(l.connection(ME, 5 * MINUTE).verdict, Verdict::Pass);
    }

    #[test]
    fn the_number_of_addresses_is_bounded() {
        let mut l = limiter();
        for i in 0..20_000u32 {
            l.request(IpAddr::V4(i.into()), 1, i64::from(i / 1_000) * MINUTE);
        }
        assert!(l.clients.len() <= MOST_ADDRESSES + 1, "{}", l.clients.len());
    }
}
