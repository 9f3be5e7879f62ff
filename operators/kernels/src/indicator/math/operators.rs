//! The four operations on two columns.

use crate::indicator::compose::Map;
use crate::indicator::kernel::rows;
use crate::indicator::registry::{Class, Group, Indicator};

const PAIR: &[&str] = &["real0", "real1"];

pub(super) const ADD: Indicator =
    Indicator::new("add", Group::Math, "real0 + real1", |_| rows(Map(|[a, b]: [f64; 2]| a + b)))
        .inputs(PAIR)
        .class(Class::Exact);

pub(super) const SUB: Indicator =
    Indicator::new("sub", Group::Math, "real0 - real1", |_| rows(Map(|[a, b]: [f64; 2]| a - b)))
        .inputs(PAIR)
        .class(Class::Exact);

pub(super) const MULT: Indicator =
    Indicator::new("mult", Group::Math, "real0 * real1", |_| rows(Map(|[a, b]: [f64; 2]| a * b)))
        .inputs(PAIR)
        .class(Class::Exact);

pub(super) const DIV: Indicator =
    Indicator::new("div", Group::Math, "real0 / real1; infinite, or NULL for 0 / 0, where real1 is 0", |_| {
        rows(Map(|[a, b]: [f64; 2]| a / b))
    })
    .inputs(PAIR)
    .class(Class::Exact);
