//! Functions of one number. The transcendental ones are `libm`'s, so that they do not depend on the platform; over columns
//! most are [`super::curves`], with the same bits.

use super::curves;
use crate::indicator::compose::Map;
use crate::indicator::kernel::{Kernel, Step, rows};
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};

const SOURCE: &str = "libm, within 1 unit in the last place";

pub(super) const ACOS: Indicator =
    Indicator::new("acos", Group::Math, "arc cosine in radians; NULL outside -1 to 1", |_| of(libm::acos))
        .source(SOURCE);
pub(super) const ASIN: Indicator =
    Indicator::new("asin", Group::Math, "arc sine in radians; NULL outside -1 to 1", |_| of(libm::asin)).source(SOURCE);
pub(super) const ATAN: Indicator =
    Indicator::new("atan", Group::Math, "arc tangent in radians", |_| curve(libm::atan, curves::atan)).source(SOURCE);
pub(super) const CEIL: Indicator =
    Indicator::new("ceil", Group::Math, "smallest whole number not below", |_| of(f64::ceil)).class(Class::Exact);
pub(super) const COS: Indicator =
    Indicator::new("cos", Group::Math, "cosine of radians", |_| curve(libm::cos, curves::cos)).source(SOURCE);
pub(super) const COSH: Indicator =
    Indicator::new("cosh", Group::Math, "hyperbolic cosine", |_| curve(libm::cosh, curves::cosh)).source(SOURCE);
pub(super) const EXP: Indicator =
    Indicator::new("exp", Group::Math, "e to the power", |_| curve(libm::exp, curves::exp)).source(SOURCE);
pub(super) const FLOOR: Indicator =
    Indicator::new("floor", Group::Math, "largest whole number not above", |_| of(f64::floor)).class(Class::Exact);
pub(super) const LN: Indicator =
    Indicator::new("ln", Group::Math, "natural logarithm; NULL below 0", |_| curve(libm::log, curves::ln))
        .source(SOURCE);
pub(super) const LOG10: Indicator =
    Indicator::new("log10", Group::Math, "logarithm to the base 10; NULL below 0", |_| {
        curve(libm::log10, curves::log10)
    })
    .source(SOURCE);
pub(super) const SIN: Indicator =
    Indicator::new("sin", Group::Math, "sine of radians", |_| curve(libm::sin, curves::sin)).source(SOURCE);
pub(super) const SINH: Indicator =
    Indicator::new("sinh", Group::Math, "hyperbolic sine", |_| curve(libm::sinh, curves::sinh)).source(SOURCE);
pub(super) const SQRT: Indicator =
    Indicator::new("sqrt", Group::Math, "square root; NULL below 0", |_| of(f64::sqrt)).class(Class::Exact);
pub(super) const TAN: Indicator =
    Indicator::new("tan", Group::Math, "tangent of radians", |_| curve(libm::tan, curves::tan)).source(SOURCE);
pub(super) const TANH: Indicator =
    Indicator::new("tanh", Group::Math, "hyperbolic tangent", |_| curve(libm::tanh, curves::tanh)).source(SOURCE);

pub(super) const ABS: Indicator = Indicator::new("abs", Group::Math, "size without sign", |_| of(f64::abs))
    .source("Tulip Indicators")
    .class(Class::Exact);
pub(super) const ROUND: Indicator =
    Indicator::new("round", Group::Math, "nearest whole number, halves away from 0", |_| of(f64::round))
        .source("Tulip Indicators")
        .class(Class::Exact);
pub(super) const TODEG: Indicator = Indicator::new("todeg", Group::Math, "radians to degrees", |_| of(f64::to_degrees))
    .source("Tulip Indicators")
    .class(Class::Exact);
pub(super) const TORAD: Indicator = Indicator::new("torad", Group::Math, "degrees to radians", |_| of(f64::to_radians))
    .source("Tulip Indicators")
    .class(Class::Exact);
pub(super) const TRUNC: Indicator =
    Indicator::new("trunc", Group::Math, "whole number next towards 0", |_| of(f64::trunc))
        .source("Tulip Indicators")
        .class(Class::Exact);

/// A function of `libm`, and one that gives its bits over columns, or says that it does not know them.
#[derive(Clone)]
struct Curve<F, G> {
    exact: F,
    known: G,
}

impl<F, G> State for Curve<F, G> {
    fn state(&mut self, _: &mut Io<'_, '_>) -> Result<(), StateError> {
        Ok(())
    }
}

impl<F, G> Step<1, 1> for Curve<F, G>
where
    F: Fn(f64) -> f64 + Clone + Send + 'static,
    G: Fn(f64) -> (f64, bool) + Clone + Send + 'static,
{
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [(self.exact)(x)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut unknown = 0;
        for (x, y) in x.iter().zip(&mut *y) {
            let (value, known) = (self.known)(*x);
            *y = value;
            unknown |= u64::from(!known);
        }
        if unknown != 0 {
            for (x, y) in x.iter().zip(y).filter(|(x, _)| !(self.known)(**x).1) {
                *y = (self.exact)(*x);
            }
        }
    }
}

/// Arc tangent in degrees.
pub(crate) fn degrees() -> impl Step<1, 1> {
    Curve {
        exact: |x: f64| libm::atan(x).to_degrees(),
        known: |x: f64| {
            let (y, known) = curves::atan(x);
            (y.to_degrees(), known)
        },
    }
}

fn curve(
    exact: impl Fn(f64) -> f64 + Clone + Send + 'static,
    known: impl Fn(f64) -> (f64, bool) + Clone + Send + 'static,
) -> Box<dyn Kernel> {
    rows(Curve { exact, known })
}

fn of(function: impl Fn(f64) -> f64 + Clone + Send + 'static) -> Box<dyn Kernel> {
    rows(Map(move |[x]: [f64; 1]| function(x)))
}

#[cfg(test)]
mod tests {
    /// Arguments of every size and sign, dense around those of prices and shares, and the special ones.
    fn arguments() -> Vec<f64> {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let mut all = vec![0.0, -0.0, 1.0, -1.0, 0.5, f64::MIN_POSITIVE, f64::MAX, 1e-300, 5e-324];
        for turn in 1..40_000_u32 {
            let angle = f64::from(turn) * std::f64::consts::FRAC_PI_2;
            all.extend([angle, angle.next_up(), f64::from(turn) * 2f64.ln() / 2.0, f64::from(turn) / 32.0]);
        }
        for _ in 0..60_000 {
            let share = (next() >> 11) as f64 / (1_u64 << 53) as f64;
            let any = f64::from_bits(next());
            all.extend([
                share,
                4.0 * share - 2.0,
                40.0 * share - 20.0,
                1e5 * share,
                2e6 * share - 1e6,
                1500.0 * share - 750.0,
            ]);
            all.extend(any.is_finite().then_some(any));
        }
        all
    }

    #[test]
    fn over_columns_the_bits_are_those_of_libm() {
        let x = arguments();
        type Exact = (&'static str, fn(f64) -> f64);
        let exact: [Exact; 10] = [
            ("atan", libm::atan),
            ("cos", libm::cos),
            ("cosh", libm::cosh),
            ("exp", libm::exp),
            ("ln", libm::log),
            ("log10", libm::log10),
            ("sin", libm::sin),
            ("sinh", libm::sinh),
            ("tan", libm::tan),
            ("tanh", libm::tanh),
        ];
        for (name, exact) in exact {
            let indicator = crate::indicator::lookup(name).expect("it is in the registry");
            let mut y = vec![0.0; x.len()];
            indicator.make(&[]).expect("it has no parameters").run(&[&x], &mut [&mut y]);
            for (x, y) in x.iter().zip(&y) {
                let exact = exact(*x);
                let same = y.to_bits() == exact.to_bits() || (y.is_nan() && exact.is_nan());
                assert!(same, "{name} of {x:e} is {y:e}, libm's is {exact:e}");
            }
        }
    }
}
