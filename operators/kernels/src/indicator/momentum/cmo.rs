//! Chande momentum oscillator, by Wilder's averages and by plain sums.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder};
use crate::indicator::{Io, Kernel, State, StateError};
use crate::rolling::{Average, Sum};

pub(super) const CMO: Indicator =
    Indicator::new("cmo", Group::Momentum, "gains minus losses over all moves, -100 to 100", |p| {
        if p[1] == 0.0 { wilder(p[0] as usize) } else { plain(p[0] as usize) }
    })
    .source("Chande; TA-Lib 0.8: Wilder's averages of the moves; compat tulip: plain sums, as cmou")
    .params(&[Param::period("timeperiod", 14, 2), COMPAT])
    .class(Class::Converging)
    .first(|p| p[0] as usize)
    .settle(|p| if p[1] == 0.0 { forget_wilder(p[0]) } else { 0 });

pub(super) const CMOU: Indicator =
    Indicator::new("cmou", Group::Momentum, "sum of gains minus sum of losses over all moves, -100 to 100", |p| {
        plain(p[0] as usize)
    })
    .source("Chande, The New Technical Trader (1994); TA-Lib 0.8: 0 where nothing moved")
    .params(&[Param::period("timeperiod", 14, 2)])
    .first(|p| p[0] as usize);

fn wilder(n: usize) -> Box<dyn Kernel> {
    let average = Average::wilder(n);
    rows(Balance { last: f64::NAN, gain: average.clone(), loss: average })
}

fn plain(n: usize) -> Box<dyn Kernel> {
    let sum = Sum::new(n);
    rows(Balance { last: f64::NAN, gain: sum.clone(), loss: sum })
}

/// Gains against losses, averaged or summed.
#[derive(Clone)]
struct Balance<L> {
    /// The value before; NaN before the first.
    last: f64,
    gain: L,
    loss: L,
}

#[inline]
fn percent(gain: f64, loss: f64) -> f64 {
    let total = gain + loss;
    if total == 0.0 { 0.0 } else { 100.0 * (gain - loss) / total }
}

impl<L: Step<1, 1>> Step<1, 1> for Balance<L> {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let move_ = x - self.last;
        self.last = x;
        if move_.is_nan() {
            return [f64::NAN];
        }
        let gain = if move_ > 0.0 { move_ } else { 0.0 };
        [percent(self.gain.step([gain])[0], self.loss.step([gain - move_])[0])]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut from = 0;
        if self.last.is_nan() {
            y[0] = self.step([x[0]])[0];
            from = 1;
        }
        let (x, y) = (&x[from..], &mut y[from..]);
        let rows = x.len();
        let (mut gains, mut losses, mut averages) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (gains, losses, averages) = (&mut gains[..rows], &mut losses[..rows], &mut averages[..rows]);
        let mut last = self.last;
        for row in 0..rows {
            let move_ = x[row] - last;
            last = x[row];
            let gain = if move_ > 0.0 { move_ } else { 0.0 };
            gains[row] = gain;
            losses[row] = gain - move_;
        }
        self.last = last;
        self.gain.column([gains], [averages]);
        self.loss.column([losses], [y]);
        for row in 0..rows {
            y[row] = percent(averages[row], y[row]);
        }
    }
}

impl<L: State> State for Balance<L> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.gain, &mut self.loss])
    }
}
