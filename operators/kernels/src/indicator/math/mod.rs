//! Arithmetic over columns.

mod curves;
mod decay;
mod extreme;
mod index;
mod operators;
mod sum;
mod transform;

use super::registry::Indicator;
pub(crate) use transform::degrees;

pub(super) const ALL: &[&Indicator] = &[
    &transform::ACOS,
    &operators::ADD,
    &transform::ASIN,
    &transform::ATAN,
    &transform::CEIL,
    &transform::COS,
    &transform::COSH,
    &sum::CUMSUM,
    &operators::DIV,
    &transform::EXP,
    &transform::FLOOR,
    &transform::LN,
    &transform::LOG10,
    &extreme::MAX,
    &index::MAXINDEX,
    &extreme::MIN,
    &extreme::MINMAX,
    &index::MINMAXINDEX,
    &index::MININDEX,
    &operators::MULT,
    &transform::SIN,
    &transform::SINH,
    &transform::SQRT,
    &operators::SUB,
    &sum::SUM,
    &transform::TAN,
    &transform::TANH,
    &transform::ABS,
    &decay::DECAY,
    &decay::EDECAY,
    &transform::ROUND,
    &transform::TODEG,
    &transform::TORAD,
    &transform::TRUNC,
];
