//! Functions of one number. The transcendental ones are `libm`'s, so that they do not depend on the platform.

use crate::indicator::compose::Map;
use crate::indicator::kernel::{Kernel, rows};
use crate::indicator::registry::{Class, Group, Indicator};

const SOURCE: &str = "libm, within 1 unit in the last place";

pub(super) const ACOS: Indicator =
    Indicator::new("acos", Group::Math, "arc cosine in radians; NULL outside -1 to 1", |_| of(libm::acos))
        .source(SOURCE);
pub(super) const ASIN: Indicator =
    Indicator::new("asin", Group::Math, "arc sine in radians; NULL outside -1 to 1", |_| of(libm::asin)).source(SOURCE);
pub(super) const ATAN: Indicator =
    Indicator::new("atan", Group::Math, "arc tangent in radians", |_| of(libm::atan)).source(SOURCE);
pub(super) const CEIL: Indicator =
    Indicator::new("ceil", Group::Math, "smallest whole number not below", |_| of(f64::ceil)).class(Class::Exact);
pub(super) const COS: Indicator =
    Indicator::new("cos", Group::Math, "cosine of radians", |_| of(libm::cos)).source(SOURCE);
pub(super) const COSH: Indicator =
    Indicator::new("cosh", Group::Math, "hyperbolic cosine", |_| of(libm::cosh)).source(SOURCE);
pub(super) const EXP: Indicator =
    Indicator::new("exp", Group::Math, "e to the power", |_| of(libm::exp)).source(SOURCE);
pub(super) const FLOOR: Indicator =
    Indicator::new("floor", Group::Math, "largest whole number not above", |_| of(f64::floor)).class(Class::Exact);
pub(super) const LN: Indicator =
    Indicator::new("ln", Group::Math, "natural logarithm; NULL below 0", |_| of(libm::log)).source(SOURCE);
pub(super) const LOG10: Indicator =
    Indicator::new("log10", Group::Math, "logarithm to the base 10; NULL below 0", |_| of(libm::log10)).source(SOURCE);
pub(super) const SIN: Indicator =
    Indicator::new("sin", Group::Math, "sine of radians", |_| of(libm::sin)).source(SOURCE);
pub(super) const SINH: Indicator =
    Indicator::new("sinh", Group::Math, "hyperbolic sine", |_| of(libm::sinh)).source(SOURCE);
pub(super) const SQRT: Indicator =
    Indicator::new("sqrt", Group::Math, "square root; NULL below 0", |_| of(f64::sqrt)).class(Class::Exact);
pub(super) const TAN: Indicator =
    Indicator::new("tan", Group::Math, "tangent of radians", |_| of(libm::tan)).source(SOURCE);
pub(super) const TANH: Indicator =
    Indicator::new("tanh", Group::Math, "hyperbolic tangent", |_| of(libm::tanh)).source(SOURCE);

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

fn of(function: impl Fn(f64) -> f64 + Clone + Send + 'static) -> Box<dyn Kernel> {
    rows(Map(move |[x]: [f64; 1]| function(x)))
}
