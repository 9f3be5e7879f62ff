//! Kernels as DataFusion functions: every indicator of the registry as a window function under its own name.
//!
//! `ema(close, 12) OVER (PARTITION BY symbol ORDER BY time)` runs the same kernel over the partition that a pipeline runs
//! live, so the values are the same to the last bit. An indicator with several outputs gives a struct,
//! `macd(close, 12, 26, 9) OVER (...)['hist']`; a pipeline asks for one output at a time ([`output`]).

mod scalar;
mod window;

pub use scalar::functions as scalars;

use candleflow_kernels::indicator::{Indicator, registry};
use datafusion::{logical_expr::WindowUDF, prelude::SessionContext};
use std::{any::Any, collections::BTreeSet, sync::Arc};
use window::KernelWindow;

/// The window function of an indicator: its value, or a struct of its outputs.
pub fn whole(indicator: &'static Indicator) -> Arc<WindowUDF> {
    Arc::new(WindowUDF::from(KernelWindow::new(indicator, None)))
}

/// The window function of one output of an indicator.
pub fn output(indicator: &'static Indicator, output: usize) -> Arc<WindowUDF> {
    Arc::new(WindowUDF::from(KernelWindow::new(indicator, Some(output))))
}

/// Which indicator, and which output of it, a window function made by [`output`] computes.
pub fn of(function: &WindowUDF) -> Option<(&'static Indicator, usize)> {
    let inner: &dyn Any = function.inner().as_ref();
    inner.downcast_ref::<KernelWindow>().map(|k| (k.indicator(), k.output().unwrap_or(0)))
}

/// Makes all indicators known to a session, but those whose name SQL already uses for an aggregate or a window function
/// (`min`, `max`, `stddev`, `lag`, ...): there SQL's own meaning stays.
pub fn register(session: &SessionContext) {
    scalar::functions().into_iter().for_each(|f| session.register_udf(f));
    let state = session.state();
    let taken: BTreeSet<&str> =
        state.aggregate_functions().keys().chain(state.window_functions().keys()).map(String::as_str).collect();
    let ours: Vec<_> = registry().iter().filter(|i| !taken.contains(i.name)).collect();
    for indicator in ours {
        session.register_udwf(KernelWindow::new(indicator, None).into());
    }
}
