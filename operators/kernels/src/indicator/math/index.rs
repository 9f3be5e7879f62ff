//! Where the extremes of a window are, counted from the first row of the series.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, Output, OutputKind, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{ExtremeAt, Heir, HighestAt, LowestAt};

const PERIOD: &[Param] = &[Param::period("timeperiod", 30, 2)];
const ROW: &[Output] = &[real("value").or("integer").of(OutputKind::Integer)];
const SOURCE: &str = "TA-Lib 0.8: row 0 is the first without NULL, rows with NULL do not count";

pub(super) const MAXINDEX: Indicator =
    Indicator::new("maxindex", Group::Math, "row of the highest of the last timeperiod values", |p| {
        rows(HighestAt::new(p[0] as usize, Heir::Earliest))
    })
    .source(SOURCE)
    .params(PERIOD)
    .outputs(ROW)
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

pub(super) const MININDEX: Indicator =
    Indicator::new("minindex", Group::Math, "row of the lowest of the last timeperiod values", |p| {
        rows(LowestAt::new(p[0] as usize, Heir::Earliest))
    })
    .source(SOURCE)
    .params(PERIOD)
    .outputs(ROW)
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

pub(super) const MINMAXINDEX: Indicator =
    Indicator::new("minmaxindex", Group::Math, "rows of the lowest and highest of the last timeperiod values", |p| {
        rows(Both {
            min: LowestAt::new(p[0] as usize, Heir::Earliest),
            max: HighestAt::new(p[0] as usize, Heir::Earliest),
        })
    })
    .source(SOURCE)
    .params(PERIOD)
    .outputs(&[real("min").or("minidx").of(OutputKind::Integer), real("max").or("maxidx").of(OutputKind::Integer)])
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

impl<const HIGH: bool> Step<1, 1> for ExtremeAt<HIGH> {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.push(x).map_or(f64::NAN, |held| held.row as f64)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let first = self.row();
        self.ages(x, y);
        for (row, y) in y.iter_mut().enumerate() {
            *y = (first + row as u64) as f64 - *y;
        }
    }
}

#[derive(Clone)]
struct Both {
    min: LowestAt,
    max: HighestAt,
}

impl Step<1, 2> for Both {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 2] {
        [self.min.step(x)[0], self.max.step(x)[0]]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 1], [min, max]: [&mut [f64]; 2]) {
        self.min.column(x, [min]);
        self.max.column(x, [max]);
    }
}

impl State for Both {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.min, &mut self.max])
    }
}
