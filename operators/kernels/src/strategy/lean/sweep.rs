//! Many runs over one market: long while one column is above another.
//!
//! Sets go through time together, some bars at a time, so that columns are read from the processor's cache and not
//! from memory. Memory does not depend on how many sets there are.

use super::super::EngineError;
use super::signals::{BLOCK, Before, Crossings, Line, Signals, Window};
use super::summary::Progress;
use super::{Lean, Market, Summary};

/// Sets that go through time together: as many as share a column while it is in the cache.
const TOGETHER: usize = 1024;

impl Lean {
    /// For each pair of columns a run that enters when the first crosses above the second and leaves when it crosses
    /// below; `done` gets each set's place and metrics, in order. The lines must be as long as the market.
    pub fn sweep_crossings(
        &self,
        market: &Market,
        lines: &[Line],
        sets: &[(usize, usize)],
        mut done: impl FnMut(usize, Summary),
    ) -> Result<(), EngineError> {
        let holes = sets.iter().any(|(a, b)| lines[*a].has_holes() || lines[*b].has_holes());
        if holes {
            let (mut up, mut down) = (Signals::default(), Signals::default());
            for (place, (a, b)) in sets.iter().enumerate() {
                Signals::set_crossings(&mut up, &mut down, &lines[*a], &lines[*b]);
                done(place, self.summary(market, &up, &down)?);
            }
            return Ok(());
        }
        for (batch, sets) in sets.chunks(TOGETHER).enumerate() {
            let mut runs = vec![(Progress::new(self), Before::default()); sets.len()];
            for start in (0..market.len()).step_by(BLOCK) {
                let end = market.len().min(start + BLOCK);
                for ((run, before), (a, b)) in runs.iter_mut().zip(sets) {
                    let (mut up, mut down) = ([0; BLOCK / 64], [0; BLOCK / 64]);
                    *before = Crossings::after(*before, &lines[*a], &lines[*b]).block(start, end, &mut up, &mut down);
                    run.advance(self, market, Window { words: &up, start }, Window { words: &down, start }, end)?;
                }
            }
            for (place, (run, _)) in runs.iter().enumerate() {
                done(batch * TOGETHER + place, run.summary());
            }
        }
        Ok(())
    }
}
