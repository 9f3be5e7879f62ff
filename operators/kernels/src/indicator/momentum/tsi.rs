//! True strength index.

use crate::indicator::compose::{Then, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const TSI: Indicator =
    Indicator::new("tsi", Group::Momentum, "moves against their sizes, both smoothed twice, -100 to 100", |p| {
        let twice = || Then(Average::ema(p[0] as usize), Average::ema(p[1] as usize));
        rows(Tsi { last: f64::NAN, moves: twice(), sizes: twice() })
    })
    .source("Blau (1991); TA-Lib 0.8: 0 where nothing moved")
    .params(&[Param::period("firstperiod", 25, 2), Param::period("secondperiod", 13, 2)])
    .class(Class::Converging)
    .first(|p| p[0] as usize + p[1] as usize - 1)
    .settle(|p| forget_ema(p[0]) + forget_ema(p[1]));

#[derive(Clone)]
struct Tsi {
    /// The value before; NaN before the first.
    last: f64,
    moves: Then<Average, Average>,
    sizes: Then<Average, Average>,
}

#[inline]
fn percent(moves: f64, sizes: f64) -> f64 {
    if sizes <= 0.0 { 0.0 } else { 100.0 * moves / sizes }
}

impl Step<1, 1> for Tsi {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let move_ = x - std::mem::replace(&mut self.last, x);
        if move_.is_nan() {
            return [f64::NAN];
        }
        [percent(self.moves.step([move_])[0], self.sizes.step([move_.abs()])[0])]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut moves, mut sizes) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (moves, sizes) = (&mut moves[..rows], &mut sizes[..rows]);
        moves[0] = x[0] - self.last;
        for row in 1..rows {
            moves[row] = x[row] - x[row - 1];
        }
        self.last = x[rows - 1];
        feed_column(&mut self.moves, moves, y);
        moves.iter_mut().for_each(|move_| *move_ = move_.abs());
        feed_column(&mut self.sizes, moves, sizes);
        for row in 0..rows {
            y[row] = percent(y[row], sizes[row]);
        }
    }
}

impl State for Tsi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.moves, &mut self.sizes])
    }
}
