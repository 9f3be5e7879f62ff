//! Faults of requests: which one, if any, the next answer has.

use super::{Chance, RestFaults, unit};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// What happens to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestFault {
    ServerError,
    Internal,
    Timeout,
    Garbage,
    Forbidden,
    Restricted,
    TooMany,
    Banned,
    HangUp,
}

impl RestFault {
    /// Its name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            RestFault::ServerError => "server_error",
            RestFault::Internal => "internal",
            RestFault::Timeout => "timeout",
            RestFault::Garbage => "garbage",
            RestFault::Forbidden => "forbidden",
            RestFault::Restricted => "restricted",
            RestFault::TooMany => "too_many",
            RestFault::Banned => "banned",
            RestFault::HangUp => "hang_up",
        }
    }
}

/// The draws for requests, and what is left of `next`.
#[derive(Debug)]
pub(crate) struct RequestMangler {
    draws: ChaCha8Rng,
    chances: [(RestFault, Chance); 9],
    upgrade: Chance,
    upgrade_draws: ChaCha8Rng,
}

impl RequestMangler {
    pub(crate) fn new(seed: u64, faults: &RestFaults) -> Self {
        let chances = [
            (RestFault::TooMany, faults.too_many),
            (RestFault::Banned, faults.banned),
            (RestFault::Forbidden, faults.forbidden),
            (RestFault::Restricted, faults.restricted),
            (RestFault::ServerError, faults.server_error),
            (RestFault::Internal, faults.internal),
            (RestFault::Timeout, faults.timeout),
            (RestFault::Garbage, faults.garbage),
            (RestFault::HangUp, faults.hang_up),
        ];
        let mut upgrade_draws = ChaCha8Rng::seed_from_u64(seed);
        upgrade_draws.set_stream(1);
        Self { draws: ChaCha8Rng::seed_from_u64(seed), chances, upgrade: faults.refuse_upgrade, upgrade_draws }
    }

    /// Whether the next WebSocket upgrade is refused.
    pub(crate) fn refuses_upgrade(&mut self) -> bool {
        let drawn = unit(self.upgrade_draws.next_u64()) < self.upgrade.probability;
        let next = self.upgrade.next > 0;
        self.upgrade.next -= u64::from(next);
        next || drawn
    }

    /// The fault of the next request: the first in the list whose turn it is.
    pub(crate) fn next(&mut self) -> Option<RestFault> {
        let mut found = None;
        for (fault, chance) in &mut self.chances {
            let drawn = unit(self.draws.next_u64()) < chance.probability;
            if found.is_none() && chance.next > 0 {
                chance.next -= 1;
                found = Some(*fault);
            } else if found.is_none() && drawn {
                found = Some(*fault);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_requests_fail_one_fault_after_the_other() {
        let next = |n| Chance { next: n, probability: 0.0 };
        let faults = RestFaults { garbage: next(1), too_many: next(2), ..Default::default() };
        let mut mangler = RequestMangler::new(0, &faults);
        let got: Vec<_> = (0..4).map(|_| mangler.next()).collect();
        assert_eq!(got, [Some(RestFault::TooMany), Some(RestFault::TooMany), Some(RestFault::Garbage), None]);
    }

    #[test]
    fn a_probability_is_met_and_repeats_with_the_seed() {
        let faults = RestFaults { internal: Chance { probability: 0.25, next: 0 }, ..Default::default() };
        let run = |seed| {
            let mut mangler = RequestMangler::new(seed, &faults);
            (0..1_000).map(|_| mangler.next().is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
        assert!((200..300).contains(&run(5).iter().filter(|x| **x).count()));
    }
}
