//! Calls of our functions in a statement that people wrote, before it is planned.
//!
//! DataFusion takes named arguments without gaps only, and looks a name up among aggregates before window functions. So
//! each call of an indicator or a statistic is completed here: arguments by position, none left out, all constants
//! checked. Names that SQL has too are told apart by how they are called:
//! - `stddev(close)`, with or without OVER, is SQL's; `stddev(close, 20) OVER (...)` is the indicator, because SQL's
//!   takes one argument. So it is for `covar`, `max`, `min`, `rank`, `sum`, `var`; `lag` is SQL's always, with the same
//!   values. Under `ta_stddev` and so on, the indicator is called whatever its arguments.
//! - `volatility(close, 20) OVER (...)` is the indicator, `volatility(ret)` without OVER the statistic; so it is for
//!   `beta`, `kurtosis` and `skew`.

use crate::{
    aggregate::Aggregate,
    call::{CallError, Called},
    window::KernelWindow,
};
use candleflow_kernels::{
    indicator::{Indicator, lookup},
    metrics::{Statistic, statistic_of},
};
use datafusion::{
    execution::SessionState,
    sql::sqlparser::ast::{
        Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
        Statement, Value, VisitMut, VisitorMut,
    },
};
use std::ops::ControlFlow;
use thiserror::Error;

/// What goes before the name of an indicator that SQL has too.
pub const PREFIX: &str = "ta_";

/// Why a statement was refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NameError {
    /// The arguments of a call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An indicator without its window.
    #[error("{name} is a window function: {name}(...) OVER (PARTITION BY symbol ORDER BY time)")]
    NoWindow {
        /// The indicator.
        name: &'static str,
    },
}

/// The indicator of this name, also behind [`PREFIX`].
pub fn indicator(name: &str) -> Option<&'static Indicator> {
    let behind = name.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX));
    lookup(name).or_else(|| behind.and_then(|_| lookup(&name[PREFIX.len()..])))
}

/// Completes the calls of our functions in a statement.
///
/// # Errors
/// The first call that cannot be made.
pub fn complete(statement: &mut Statement, session: &SessionState) -> Result<(), NameError> {
    let mut calls = Calls { session };
    match statement.visit(&mut calls) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Calls<'s> {
    session: &'s SessionState,
}

impl VisitorMut for Calls<'_> {
    type Break = NameError;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<NameError> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        match self.call(function) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Calls<'_> {
    fn call(&self, function: &mut Function) -> Result<(), NameError> {
        let Some(name) = name_of(function) else { return Ok(()) };
        if self.session.scalar_functions().contains_key(&name) {
            return Ok(());
        }
        let (indicator, statistic) = (indicator(&name), statistic_of(&name));
        match (function.over.is_some(), indicator, statistic) {
            (true, Some(indicator), _) if self.means(indicator, &name, function) => {
                let arguments = Called::from(indicator).read(&function.args)?;
                fill(function, arguments.columns, &arguments.params);
                function.name = ObjectName::from(vec![Ident::new(self.known_as(indicator))]);
            }
            (true, Some(_), _) => {}
            (_, _, Some(statistic)) => self.statistic(statistic, function)?,
            (false, Some(indicator), _) if !self.of_sql(&name) => {
                return Err(NameError::NoWindow { name: indicator.name });
            }
            _ => {}
        }
        Ok(())
    }

    fn statistic(&self, statistic: &'static Statistic, function: &mut Function) -> Result<(), NameError> {
        let arguments = Called::from(statistic).read(&function.args)?;
        fill(function, arguments.columns, &arguments.params);
        Ok(())
    }

    /// Whether a call with OVER means the indicator, and not what SQL has under its name.
    fn means(&self, indicator: &Indicator, name: &str, function: &Function) -> bool {
        if name != indicator.name || !self.of_sql(name) {
            return true;
        }
        let FunctionArguments::List(list) = &function.args else { return false };
        let named = list.args.iter().any(|a| !matches!(a, FunctionArg::Unnamed(_)));
        name != "lag" && (named || list.args.len() > indicator.inputs.len())
    }

    /// Whether SQL itself has an aggregate or window function of this name.
    fn of_sql(&self, name: &str) -> bool {
        let aggregate = self.session.aggregate_functions().get(name);
        let window = self.session.window_functions().get(name);
        aggregate.is_some_and(|f| f.inner().downcast_ref::<Aggregate>().is_none())
            || window.is_some_and(|f| f.inner().downcast_ref::<KernelWindow>().is_none())
    }

    /// The name under which the session has the indicator, and nothing else.
    fn known_as(&self, indicator: &Indicator) -> String {
        let prefixed = format!("{PREFIX}{}", indicator.name);
        if self.session.window_functions().contains_key(&prefixed) { prefixed } else { indicator.name.to_owned() }
    }
}

/// A plain name, as the planner reads it.
fn name_of(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => {
            let ident = part.as_ident()?;
            Some(if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() })
        }
        _ => None,
    }
}

/// Puts complete arguments into a call; what else stands between its brackets stays.
fn fill(function: &mut Function, columns: Vec<Expr>, params: &[f64]) {
    let number = |value: &f64| Expr::Value(Value::Number(value.to_string(), false).into());
    let arguments = columns.into_iter().chain(params.iter().map(number));
    let args = arguments.map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
    match &mut function.args {
        FunctionArguments::List(list) => list.args = args,
        other => {
            *other = FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] });
        }
    }
}
