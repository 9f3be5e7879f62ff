//! Forecast oscillator.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::statistic::Regression;
use crate::indicator::{Io, State, StateError};

pub(super) const FOSC: Indicator =
    Indicator::new("fosc", Group::Momentum, "value minus the regression's forecast of it, in percent", |p| {
        rows(Fosc { line: Regression::new(p[0] as usize), forecast: f64::NAN })
    })
    .source("Chande; TA-Lib 0.8: 0 where the value is 0")
    .params(&[Param::period("timeperiod", 5, 2)])
    .first(|p| p[0] as usize);

#[derive(Clone)]
struct Fosc {
    line: Regression,
    /// What the bars before say of this one; NaN before there are enough.
    forecast: f64,
}

#[inline(always)]
fn percent(x: f64, forecast: f64) -> f64 {
    if x == 0.0 { 0.0 } else { 100.0 * (x - forecast) / x }
}

impl Step<1, 1> for Fosc {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let forecast = self.forecast;
        self.forecast = self.line.push(x).forecast();
        if forecast.is_nan() {
            return [f64::NAN];
        }
        [percent(x, forecast)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut forecasts = [0.0; BLOCK];
        let forecasts = &mut forecasts[..y.len()];
        self.line.column(x, forecasts, |line| line.forecast());
        let before = std::iter::once(&self.forecast).chain(&*forecasts);
        for ((y, x), forecast) in y.iter_mut().zip(x).zip(before) {
            *y = if forecast.is_nan() { f64::NAN } else { percent(*x, *forecast) };
        }
        self.forecast = forecasts[forecasts.len() - 1];
    }
}

impl State for Fosc {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.line, &mut self.forecast])
    }
}
