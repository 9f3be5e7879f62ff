//! Beta: how strongly one column's returns follow another's.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{CoMoments, Joint};

pub(super) const BETA: Indicator =
    Indicator::new("beta", Group::Statistic, "slope of the returns of real1 over the returns of real0", |p| {
        rows(Beta { last: [f64::NAN; 2], moments: CoMoments::new(p[0] as usize) })
    })
    .source("TA-Lib 0.8: the market comes first; 0 where its returns do not vary")
    .inputs(&["real0", "real1"])
    .params(&[Param::period("timeperiod", 5, 1)])
    .first(|p| p[0] as usize);

/// Variation below this share of the squares is rounding.
pub(super) const FLAT: f64 = 1e-14;

#[derive(Clone)]
struct Beta {
    /// The row before; NaN before the first.
    last: [f64; 2],
    moments: CoMoments,
}

#[inline]
fn change(now: f64, before: f64) -> f64 {
    if before == 0.0 { 0.0 } else { (now - before) / before }
}

/// Slope of `y` over `x`; 0 where `x` does not vary.
#[inline(always)]
pub(super) fn slope(joint: Joint) -> f64 {
    if joint.xx > FLAT * joint.scales[0] { joint.xy / joint.xx } else { 0.0 }
}

impl Step<2, 1> for Beta {
    #[inline(always)]
    fn step(&mut self, now: [f64; 2]) -> [f64; 1] {
        let last = std::mem::replace(&mut self.last, now);
        if last[0].is_nan() {
            return [f64::NAN];
        }
        let Some(joint) = self.moments.push(change(now[0], last[0]), change(now[1], last[1])) else {
            return [f64::NAN];
        };
        [slope(joint)]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let mut changes = [[0.0; BLOCK]; 2];
        let from = usize::from(self.last[0].is_nan());
        for ((x, last), changes) in x.into_iter().zip(&mut self.last).zip(&mut changes) {
            changes[0] = change(x[0], *last);
            for (change_, [before, now]) in changes[1..].iter_mut().zip(x.array_windows()) {
                *change_ = change(*now, *before);
            }
            *last = x[rows - 1];
        }
        y[..from].fill(f64::NAN);
        if from < rows {
            let [x, y_] = changes.each_ref().map(|changes| &changes[from..rows]);
            self.moments.column(x, y_, &mut y[from..], slope);
        }
    }
}

impl State for Beta {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.moments])
    }
}
