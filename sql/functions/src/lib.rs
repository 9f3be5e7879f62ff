//! Kernels as DataFusion functions: every indicator of the registry as a window function under its own name, every
//! statistic of the metrics as an aggregate.
//!
//! `ema(close, 12) OVER (PARTITION BY symbol ORDER BY time)` runs the same kernel over the partition that a pipeline runs
//! live, so the values are the same to the last bit. An indicator with several outputs gives a struct,
//! `macd(close, 12, 26, 9) OVER (...)['hist']`; a pipeline asks for one output at a time ([`output`]).
//! Names that SQL has too: [`names`].

mod aggregate;
pub mod call;
pub mod describe;
mod keys;
pub mod names;
mod page;
mod planner;
mod scalar;
mod window;

pub use call::{Arguments, CallError, Called};
pub use describe::Description;
pub use names::{NameError, complete, indicator};
pub use page::{metrics, page, statistics};
pub use scalar::functions as scalars;

use aggregate::Aggregate;
use candleflow_kernels::{
    indicator::{Indicator, registry},
    metrics::{STATISTICS, statistic_of},
};
use datafusion::{
    logical_expr::{AggregateUDF, WindowUDF, registry::FunctionRegistry},
    prelude::SessionContext,
};
use std::{any::Any, sync::Arc};
use window::KernelWindow;

/// The window function of one output of an indicator.
pub fn output(indicator: &'static Indicator, output: usize) -> Arc<WindowUDF> {
    Arc::new(WindowUDF::from(KernelWindow::output_of(indicator, output)))
}

/// Which indicator, and which output of it, a window function made by [`output`] computes.
pub fn of(function: &WindowUDF) -> Option<(&'static Indicator, usize)> {
    let inner: &dyn Any = function.inner().as_ref();
    inner.downcast_ref::<KernelWindow>().map(|k| (k.indicator(), k.output().unwrap_or(0)))
}

/// Makes all functions known to a session. An indicator whose name SQL or a statistic has too is known under
/// `ta_` and its name; [`complete`] puts that name where it is meant.
pub fn register(session: &SessionContext) {
    scalar::functions().into_iter().for_each(|f| session.register_udf(f));
    let state = session.state();
    for indicator in registry() {
        let name = indicator.name;
        let taken = state.aggregate_functions().contains_key(name)
            || state.window_functions().contains_key(name)
            || statistic_of(name).is_some();
        let name = if taken { format!("{}{name}", names::PREFIX) } else { name.to_owned() };
        session.register_udwf(KernelWindow::whole(indicator, name).into());
    }
    STATISTICS.iter().for_each(|statistic| session.register_udaf(AggregateUDF::from(Aggregate::new(statistic))));
    // A session always takes planners of expressions.
    let _ = session.state_ref().write().register_expr_planner(Arc::new(planner::Ordered));
}
