//! The weight budget of one address: one limiter for all tasks of the process that speak to the same exchange.
//!
//! The exchange counts weight per address in fixed minutes of its own clock. A request reserves its weight before it is
//! sent; its answer carries what the exchange has counted (other processes included), and the larger number holds. 429,
//! 418 and 403 block everything behind this address until the exchange's own time; nothing probes while blocked.
//!
//! [`Budget`] decides and is pure: every call is given the time. It never sleeps; [`rest`](crate::rest) does.

use candleflow_schema::{Micros, time::SECOND};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};
use url::Url;

/// The limit when the exchange has not said its own.
pub const FALLBACK_LIMIT: u32 = 6000;
const MINUTE: Micros = 60 * SECOND;

/// Why a request must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// This minute's budget is spent; the next begins then.
    Spent(Micros),
    /// The exchange told this address to stop until then; whether it is a ban.
    Blocked(Micros, bool),
}

/// The state of the budget. Bound: constant.
#[derive(Debug, Clone)]
pub struct Budget {
    limit: u32,
    minute: i64,
    used: u32,
    in_flight: u32,
    blocked_until: Micros,
    banned: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { limit: FALLBACK_LIMIT, minute: 0, used: 0, in_flight: 0, blocked_until: 0, banned: false }
    }
}

impl Budget {
    /// Takes `weight` out of the minute of `now`, of which at most `share` of the limit may be used.
    ///
    /// Returns the minute, which [`Budget::answered`] wants back. A weight above the whole share goes out alone.
    ///
    /// # Errors
    /// Until when to wait.
    pub fn reserve(&mut self, now: Micros, weight: u32, share: f64) -> Result<i64, Wait> {
        if now < self.blocked_until {
            return Err(Wait::Blocked(self.blocked_until, self.banned));
        }
        let minute = now.div_euclid(MINUTE);
        if minute != self.minute {
            // What is still on its way may be counted in the new minute.
            (self.minute, self.used) = (minute, self.in_flight);
        }
        let cap = (f64::from(self.limit) * share) as u32;
        if self.used > 0 && self.used.saturating_add(weight) > cap {
            return Err(Wait::Spent((minute + 1) * MINUTE));
        }
        self.used = self.used.saturating_add(weight);
        self.in_flight += weight;
        Ok(minute)
    }

    /// Gives back a reservation that was sent in `minute`; `counted` is what the exchange says it has counted.
    pub fn answered(&mut self, now: Micros, minute: i64, weight: u32, counted: Option<u32>) {
        self.in_flight = self.in_flight.saturating_sub(weight);
        // An answer that crossed the minute may carry either minute's count.
        if let Some(counted) = counted.filter(|_| minute == self.minute && now.div_euclid(MINUTE) == minute) {
            self.used = self.used.max(counted.saturating_add(self.in_flight));
        }
    }

    /// Nothing goes out before `until`.
    pub fn block(&mut self, until: Micros, banned: bool) {
        if until > self.blocked_until {
            (self.blocked_until, self.banned) = (until, banned);
        }
    }

    /// The limit per minute, as the exchange says it.
    pub fn learn(&mut self, limit: u32) {
        self.limit = limit.max(1);
    }

    /// Weight used in the current minute.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// The limit per minute.
    pub fn limit(&self) -> u32 {
        self.limit
    }
}

/// A budget that tasks share.
#[derive(Debug, Default)]
pub struct WeightBudget(Mutex<Budget>);

static SHARED: LazyLock<Mutex<BTreeMap<String, Arc<WeightBudget>>>> = LazyLock::new(Mutex::default);

impl WeightBudget {
    /// The one budget of this process for the exchange behind `url`. All hosts of Binance count as one.
    pub fn shared(url: &Url) -> Arc<Self> {
        let host = url.host_str().unwrap_or_default();
        let key = match host.ends_with(".binance.com") || host.ends_with(".binance.vision") {
            true => "binance".to_owned(),
            false => url.origin().ascii_serialization(),
        };
        SHARED.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
    }

    /// The state, for a moment.
    pub fn state(&self) -> MutexGuard<'_, Budget> {
        // Every change of the state is a single assignment: a panic elsewhere cannot leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Weight that is reserved until it is answered or dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<WeightBudget>,
    minute: i64,
    weight: u32,
}

impl Reservation {
    /// See [`Budget::reserve`].
    ///
    /// # Errors
    /// Until when to wait.
    pub fn take(budget: &Arc<WeightBudget>, now: Micros, weight: u32, share: f64) -> Result<Self, Wait> {
        let minute = budget.state().reserve(now, weight, share)?;
        Ok(Self { budget: budget.clone(), minute, weight })
    }

    /// The answer came, with the exchange's own count.
    pub fn answered(mut self, now: Micros, counted: Option<u32>) {
        self.budget.state().answered(now, self.minute, self.weight, counted);
        self.weight = 0;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.weight > 0 {
            self.budget.state().answered(0, self.minute, self.weight, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_minute_is_spent_and_the_next_begins_at_the_servers_boundary() {
        let mut budget = Budget::default();
        budget.learn(100);
        let now = 10 * MINUTE + 30 * SECOND;
        for _ in 0..25 {
            assert_eq!(budget.reserve(now, 2, 0.5), Ok(10));
        }
        assert_eq!(budget.reserve(now, 2, 0.5), Err(Wait::Spent(11 * MINUTE)));
        (0..25).for_each(|_| budget.answered(now, 10, 2, None));
        assert_eq!(budget.reserve(11 * MINUTE, 2, 0.5), Ok(11));
        assert_eq!(budget.used(), 2);
    }

    #[test]
    fn what_other_processes_use_is_counted() {
        let mut budget = Budget::default();
        let minute = budget.reserve(0, 2, 0.5).unwrap();
        budget.answered(1, minute, 2, Some(2990));
        assert_eq!(budget.used(), 2990);
        assert_eq!(budget.reserve(2, 20, 0.5), Err(Wait::Spent(MINUTE)));
        assert_eq!(budget.reserve(2, 10, 0.5), Ok(0));
    }

    #[test]
    fn a_count_of_the_last_minute_is_ignored() {
        let mut budget = Budget::default();
        let minute = budget.reserve(0, 2, 0.5).unwrap();
        assert_eq!(budget.reserve(MINUTE, 2, 0.5), Ok(1));
        budget.answered(MINUTE + 1, minute, 2, Some(3000));
        assert_eq!(budget.used(), 4, "the request on its way and the new one");
    }

    #[test]
    fn a_block_holds_for_everyone_and_never_shortens() {
        let mut budget = Budget::default();
        budget.block(100, true);
        budget.block(50, false);
        assert_eq!(budget.reserve(99, 1, 1.0), Err(Wait::Blocked(100, true)));
        assert!(budget.reserve(100, 1, 1.0).is_ok());
    }

    #[test]
    fn a_weight_above_the_cap_goes_alone() {
        let mut budget = Budget::default();
        budget.learn(10);
        assert!(budget.reserve(0, 20, 0.5).is_ok());
        assert_eq!(budget.reserve(0, 1, 0.5), Err(Wait::Spent(MINUTE)));
    }

    #[test]
    fn a_dropped_reservation_is_given_back_but_stays_spent() {
        let budget = Arc::new(WeightBudget::default());
        drop(Reservation::take(&budget, 0, 5, 1.0).unwrap());
        let state = budget.state().clone();
        assert_eq!((state.used(), state.in_flight), (5, 0));
    }

    #[test]
    fn every_host_of_binance_shares_one_budget() {
        let shared = |url: &str| WeightBudget::shared(&Url::parse(url).unwrap());
        assert!(Arc::ptr_eq(&shared("https://api.binance.com"), &shared("https://data-api.binance.vision")));
        assert!(!Arc::ptr_eq(&shared("http://127.0.0.1:1"), &shared("http://127.0.0.1:2")));
        assert!(Arc::ptr_eq(&shared("http://127.0.0.1:1"), &shared("http://127.0.0.1:1/x")));
    }

    proptest! {
        #[test]
        fn never_more_than_the_share_in_one_minute(steps in proptest::collection::vec((0i64..20 * SECOND, 1u32..40, any::<bool>()), 1..300)) {
            let mut budget = Budget::default();
            budget.learn(200);
            let (mut now, mut sent) = (0, BTreeMap::<i64, u32>::new());
            for (pause, weight, answer) in steps {
                now += pause;
                if let Ok(minute) = budget.reserve(now, weight, 0.5) {
                    let sum = sent.entry(minute).or_default();
                    *sum += weight;
                    if answer {
                        budget.answered(now, minute, weight, Some(*sum));
                    }
                }
            }
            prop_assert!(sent.values().all(|w| *w <= 100), "{:?}", sent);
        }
    }
}
