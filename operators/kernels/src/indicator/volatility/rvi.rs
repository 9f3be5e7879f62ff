//! Relative volatility index.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::momentum::share;
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Moments};

pub(super) const RVI: Indicator =
    Indicator::new("rvi", Group::Volatility, "share of rising bars in the standard deviation, 0 to 100", |p| {
        let average = Average::wilder(p[0] as usize);
        let moments = Moments::new(p[1] as usize);
        rows(Rvi { last: f64::NAN, moments, up: average.clone(), down: average })
    })
    .source("Dorsey (1993); TA-Lib 0.8: 50 where there is no deviation")
    .params(&[Param::period("timeperiod", 14, 1), Param::period("stddevperiod", 10, 2)])
    .class(Class::Converging)
    .first(|p| p[0] as usize + p[1] as usize - 2)
    .settle(|p| forget_wilder(p[0]));

#[derive(Clone)]
struct Rvi {
    /// The value before; NaN before the first.
    last: f64,
    moments: Moments,
    up: Average,
    down: Average,
}

/// The deviation, on the side to which the value moved.
#[inline]
fn sides(x: f64, last: f64, variance: f64) -> [f64; 2] {
    let deviation = variance.sqrt();
    [if x > last { deviation } else { 0.0 }, if x < last { deviation } else { 0.0 }]
}

impl Step<1, 1> for Rvi {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let last = std::mem::replace(&mut self.last, x);
        let (_, variance) = self.moments.push(x);
        if variance.is_nan() {
            return [f64::NAN];
        }
        let [up, down] = sides(x, last, variance);
        [share(self.up.push(up), self.down.push(down))]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut ups, mut downs, mut averages) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (ups, downs, averages) = (&mut ups[..rows], &mut downs[..rows], &mut averages[..rows]);
        self.moments.column(x, downs, ups);
        let from = ups.iter().position(|variance| !variance.is_nan()).unwrap_or(rows);
        y[..from].fill(f64::NAN);
        for row in from..rows {
            let last = if row == 0 { self.last } else { x[row - 1] };
            [ups[row], downs[row]] = sides(x[row], last, ups[row]);
        }
        self.last = x[rows - 1];
        self.up.column(&ups[from..], &mut averages[from..]);
        self.down.column(&downs[from..], &mut y[from..]);
        for row in from..rows {
            y[row] = share(averages[row], y[row]);
        }
    }
}

impl State for Rvi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.moments, &mut self.up, &mut self.down])
    }
}
