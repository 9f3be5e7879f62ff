//! Faults of one connection's events: what goes in is what the feed says, what comes out is what is sent.
//!
//! Every event draws the same number of random numbers, so that switching one fault on does not move another.

use super::{FrameFaults, unit};
use crate::telemetry;
use candleflow_schema::Micros;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// Frames held back at once; beyond, the oldest are sent on time.
const MOST_HELD: usize = 4_096;

/// The faults of one connection.
#[derive(Debug)]
pub(crate) struct FrameMangler {
    draws: ChaCha8Rng,
    late: BinaryHeap<Reverse<(Micros, u64, String)>>,
    swapped: Option<String>,
    held: u64,
    /// Events sent so far.
    sent: u64,
}

impl FrameMangler {
    /// The faults of connection number `connection`.
    pub(crate) fn new(seed: u64, connection: u64) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(connection.wrapping_add(1));
        Self { draws, late: BinaryHeap::new(), swapped: None, held: 0, sent: 0 }
    }

    /// When the next late frame is due.
    pub(crate) fn due(&self) -> Option<Micros> {
        self.late.peek().map(|Reverse((time, ..))| *time)
    }

    /// Takes a late frame that is due at `now`.
    pub(crate) fn late(&mut self, now: Micros, out: &mut Vec<String>) {
        if self.due().is_some_and(|due| due <= now)
            && let Some(Reverse((_, _, frame))) = self.late.pop()
        {
            self.send(frame, out);
        }
    }

    /// Whether the next event, if it closes a bar, says less than the bar. To be asked once before each event.
    pub(crate) fn revises(&mut self, faults: &FrameFaults, closed: bool) -> bool {
        let hit = unit(self.draws.next_u64()) < faults.revise && closed;
        if hit {
            telemetry::fault("revise");
        }
        hit
    }

    /// Takes an event of the feed.
    pub(crate) fn event(
        &mut self,
        faults: &FrameFaults,
        time: Micros,
        closed: bool,
        frame: String,
        out: &mut Vec<String>,
    ) {
        let mut hit = |probability: f64| unit(self.draws.next_u64()) < probability;
        let (skip, drop, late, swap, twice) =
            (hit(faults.skip_closed), hit(faults.drop), hit(faults.delay), hit(faults.reorder), hit(faults.duplicate));
        let by = self.draws.next_u64() % faults.delay_ms.max(1) + 1;
        if skip && closed {
            return telemetry::fault("skip_closed");
        }
        if drop {
            return telemetry::fault("drop");
        }
        if twice {
            telemetry::fault("duplicate");
        }
        let copies = if twice { 2 } else { 1 };
        for frame in std::iter::repeat_n(frame, copies) {
            if late && self.late.len() < MOST_HELD {
                telemetry::fault("delay");
                self.held += 1;
                self.late.push(Reverse((time + by as Micros * 1_000, self.held, frame)));
            } else if swap && self.swapped.is_none() {
                telemetry::fault("reorder");
                self.swapped = Some(frame);
            } else {
                self.send(frame, out);
            }
        }
    }

    fn send(&mut self, frame: String, out: &mut Vec<String>) {
        out.push(frame);
        self.sent += 1;
        if let Some(swapped) = self.swapped.take() {
            out.push(swapped);
            self.sent += 1;
        }
    }

    /// Whether the connection is to be cut now.
    pub(crate) fn cut(&self, faults: &FrameFaults) -> bool {
        faults.cut_every > 0 && self.sent >= faults.cut_every
    }

    /// Whether the connection has fallen silent.
    pub(crate) fn silent(&self, faults: &FrameFaults) -> bool {
        faults.silent_after.is_some_and(|after| self.sent >= after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(faults: &FrameFaults, connection: u64) -> Vec<String> {
        let mut mangler = FrameMangler::new(1, connection);
        let mut out = vec![];
        for i in 0..1_000i64 {
            while mangler.due().is_some_and(|d| d <= i * 1_000) {
                mangler.late(i * 1_000, &mut out);
            }
            mangler.event(faults, i * 1_000, i % 5 == 4, i.to_string(), &mut out);
        }
        while let Some(due) = mangler.due() {
            mangler.late(due, &mut out);
        }
        out
    }

    fn numbers(out: &[String]) -> Vec<i64> {
        out.iter().map(|s| s.parse().unwrap()).collect()
    }

    #[test]
    fn without_faults_everything_is_sent_once_in_order() {
        assert_eq!(numbers(&run(&FrameFaults::default(), 0)), (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let dropped = numbers(&run(&FrameFaults { drop: 0.3, ..Default::default() }, 0));
        assert!((600..800).contains(&dropped.len()) && dropped.is_sorted());

        let twice = numbers(&run(&FrameFaults { duplicate: 0.3, ..Default::default() }, 0));
        assert!((1_200..1_400).contains(&twice.len()) && twice.is_sorted());

        let skipped = numbers(&run(&FrameFaults { skip_closed: 1.0, ..Default::default() }, 0));
        assert_eq!(skipped, (0..1_000).filter(|i| i % 5 != 4).collect::<Vec<_>>());

        let mut swapped = numbers(&run(&FrameFaults { reorder: 0.3, ..Default::default() }, 0));
        assert!(!swapped.is_sorted());
        assert!(swapped.windows(2).all(|w| w[1] >= w[0] - 2), "an event is passed by the next one only");
        swapped.sort_unstable();
        assert!(swapped.len() >= 999 && swapped[..999] == (0..999).collect::<Vec<_>>());

        let mut late = numbers(&run(&FrameFaults { delay: 0.3, delay_ms: 50, ..Default::default() }, 0));
        assert!(!late.is_sorted());
        late.sort_unstable();
        assert_eq!(late, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_seed_and_a_connection_decide_everything() {
        let faults =
            FrameFaults { drop: 0.1, duplicate: 0.1, reorder: 0.1, delay: 0.1, delay_ms: 9, ..Default::default() };
        assert_eq!(run(&faults, 3), run(&faults, 3));
        assert_ne!(run(&faults, 3), run(&faults, 4));
        let only_drop = run(&FrameFaults { drop: 0.1, ..Default::default() }, 3);
        let mut kept = numbers(&run(&faults, 3));
        kept.sort_unstable();
        kept.dedup();
        let gone = |out: &[i64]| (0..990).filter(|i| !out.contains(i)).collect::<Vec<_>>();
        assert_eq!(gone(&kept), gone(&numbers(&only_drop)), "other faults do not move the drops");
    }

    #[test]
    fn cuts_and_silence_come_after_so_many_events() {
        let faults = FrameFaults { cut_every: 3, silent_after: Some(2), ..Default::default() };
        let mut mangler = FrameMangler::new(1, 1);
        let mut out = vec![];
        let mut seen = vec![];
        for i in 0..4 {
            seen.push((mangler.silent(&faults), mangler.cut(&faults)));
            mangler.event(&faults, i, false, i.to_string(), &mut out);
        }
        assert_eq!(seen, [(false, false), (false, false), (true, false), (true, true)]);
        assert!(!mangler.cut(&FrameFaults::default()) && !mangler.silent(&FrameFaults::default()));
    }
}
