//! Negative and positive volume index.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const NVI: Indicator =
    Indicator::new("nvi", Group::Volume, "1000, grown by the change of close on bars with less volume", |_| {
        rows(Index::new(|volume, before| volume < before))
    })
    .source("Dysart, Fosback (1976); TA-Lib 0.8")
    .inputs(&["close", "volume"])
    .class(Class::PathDependent);

pub(super) const PVI: Indicator =
    Indicator::new("pvi", Group::Volume, "1000, grown by the change of close on bars with more volume", |_| {
        rows(Index::new(|volume, before| volume > before))
    })
    .source("Dysart, Fosback (1976); TA-Lib 0.8")
    .inputs(&["close", "volume"])
    .class(Class::PathDependent);

/// An index that grows with the price on bars of one kind.
#[derive(Clone)]
struct Index<F> {
    counts: F,
    index: f64,
    /// The bar before; NaN before the first.
    close: f64,
    volume: f64,
}

impl<F> Index<F> {
    fn new(counts: F) -> Self {
        Self { counts, index: 1000.0, close: f64::NAN, volume: f64::NAN }
    }
}

impl<F: Fn(f64, f64) -> bool + Clone + Send + 'static> Step<2, 1> for Index<F> {
    #[inline(always)]
    fn step(&mut self, [close, volume]: [f64; 2]) -> [f64; 1] {
        if (self.counts)(volume, self.volume) && self.close != 0.0 {
            let grown = self.index + (close - self.close) / self.close * self.index;
            self.index = if grown.is_finite() { grown } else { self.index };
        }
        self.close = close;
        self.volume = volume;
        [self.index]
    }
}

impl<F> State for Index<F> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.index, &mut self.close, &mut self.volume])
    }
}
