//! Arnaud Legoux moving average, and sums with fixed weights in general.

use crate::indicator::kernel::{Kernel, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Window;

pub(super) const ALMA: Indicator =
    Indicator::new("alma", Group::Overlap, "mean with Gaussian weights around offset, sigma wide", |p| {
        weighted(gauss(p[0] as usize, p[1], p[2]))
    })
    .source("Legoux and Kouzis-Loukas (2009): centre offset (n - 1), width n / sigma")
    .params(&[
        Param::int("timeperiod", 9, 1, 5000),
        Param::float("offset", 0.85, 0.0, 1.0),
        Param::float("sigma", 6.0, 0.01, 1e6),
    ])
    .first(|p| p[0] as usize - 1);

/// Gaussian weights that add up to 1, oldest first.
fn gauss(n: usize, offset: f64, sigma: f64) -> Vec<f64> {
    let (centre, width) = (offset * (n - 1) as f64, n as f64 / sigma);
    let weights: Vec<f64> = (0..n)
        .map(|k| {
            let distance = (k as f64 - centre) / width;
            libm::exp(-distance * distance / 2.0)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// A sum with these weights, oldest value first.
pub(crate) fn weighted(weights: Vec<f64>) -> Box<dyn Kernel> {
    rows(Weights { window: Window::new(weights.len()), weights })
}

#[derive(Clone)]
struct Weights {
    weights: Vec<f64>,
    window: Window,
}

/// Sums run in this many lanes, whatever the processor.
const LANES: usize = 4;

impl Step<1, 1> for Weights {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let Some(values) = self.window.push(x) else { return [f64::NAN] };
        let (values, value_rest) = values.as_chunks::<LANES>();
        let (weights, weight_rest) = self.weights.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for (value, weight) in values.iter().zip(weights) {
            for lane in 0..LANES {
                lanes[lane] += value[lane] * weight[lane];
            }
        }
        for ((lane, value), weight) in lanes.iter_mut().zip(value_rest).zip(weight_rest) {
            *lane += value * weight;
        }
        [(lanes[0] + lanes[1]) + (lanes[2] + lanes[3])]
    }
}

impl State for Weights {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.window.state(io)
    }
}
