//! What a call of our functions must say about order, checked when a query is planned.
//!
//! An indicator runs over the rows of its window in their order, so the order must be there, must rise, and must have no
//! ties: two rows of one time mean that PARTITION BY is missing. A statistic that depends on order says so inside its
//! brackets, `max_drawdown(equity ORDER BY time)`. The keys of the order become arguments behind the others: so their
//! types are checked when types are, and ties when rows are there.

use crate::{aggregate::Aggregate, call::Called, window::KernelWindow};
use datafusion::{
    common::{Result, ScalarValue, plan_err},
    logical_expr::{
        Expr, WindowFrame, WindowFrameBound, WindowFunctionDefinition,
        expr::Sort,
        lit,
        planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr},
    },
};

/// Plans calls of our window functions and aggregates.
#[derive(Debug)]
pub(crate) struct Ordered;

impl ExprPlanner for Ordered {
    fn plan_window(&self, mut raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        match &raw.func_def {
            WindowFunctionDefinition::WindowUDF(function) => {
                let Some(window) = function.inner().downcast_ref::<KernelWindow>() else {
                    return Ok(PlannerResult::Original(raw));
                };
                let called = Called::from(window.indicator());
                check_window(called.name, &raw)?;
                complete(&called, &mut raw.args)?;
                raw.args.extend(raw.order_by.iter().map(|key| key.expr.clone()));
                raw.window_frame = WindowFrame::new(Some(true));
            }
            WindowFunctionDefinition::AggregateUDF(function) => {
                let Some(aggregate) = function.inner().downcast_ref::<Aggregate>() else {
                    return Ok(PlannerResult::Original(raw));
                };
                let statistic = aggregate.statistic();
                let called = Called::from(statistic);
                if raw.distinct || raw.null_treatment.is_some() {
                    return plan_err!("{}: DISTINCT and IGNORE NULLS cannot be used", called.name);
                }
                if statistic.ordered && raw.order_by.is_empty() {
                    return plan_err!(
                        "{0} depends on the order of its rows: {0}(...) OVER (ORDER BY time)",
                        called.name
                    );
                }
                ascending(called.name, &raw.order_by)?;
                complete(&called, &mut raw.args)?;
            }
        }
        Ok(PlannerResult::Original(raw))
    }

    fn plan_aggregate(&self, mut raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let Some(aggregate) = raw.func.inner().downcast_ref::<Aggregate>() else {
            return Ok(PlannerResult::Original(raw));
        };
        let statistic = aggregate.statistic();
        let called = Called::from(statistic);
        let name = called.name;
        if raw.distinct || raw.null_treatment.is_some() {
            return plan_err!("{name}: DISTINCT and IGNORE NULLS cannot be used");
        }
        if statistic.ordered && raw.order_by.is_empty() {
            let columns = called.columns.join(", ");
            return plan_err!("{name} depends on the order of its rows: {name}({columns} ORDER BY time)");
        }
        ascending(name, &raw.order_by)?;
        complete(&called, &mut raw.args)?;
        raw.args.extend(std::mem::take(&mut raw.order_by).into_iter().map(|key| key.expr));
        Ok(PlannerResult::Original(raw))
    }
}

fn check_window(name: &str, raw: &RawWindowExpr) -> Result<()> {
    if raw.filter.is_some() || raw.distinct || raw.null_treatment.is_some() {
        return plan_err!("{name}: FILTER, DISTINCT and IGNORE NULLS cannot be used with an indicator");
    }
    if raw.order_by.is_empty() {
        return plan_err!("{name} needs the order of its rows: {name}(...) OVER (PARTITION BY symbol ORDER BY time)");
    }
    ascending(name, &raw.order_by)?;
    let frame = &raw.window_frame;
    let whole = matches!(&frame.start_bound, WindowFrameBound::Preceding(bound) if bound.is_null());
    if !whole || !matches!(frame.end_bound, WindowFrameBound::CurrentRow) {
        return plan_err!(
            "{name} takes no frame: it sees all rows up to the current one, and how many it uses is an argument"
        );
    }
    Ok(())
}

/// The first key rises.
fn ascending(name: &str, keys: &[Sort]) -> Result<()> {
    match keys.first() {
        Some(key) if !key.asc => {
            plan_err!("{name} over a descending order would look ahead: ORDER BY {} without DESC", key.expr)
        }
        _ => Ok(()),
    }
}

/// Fills in the parameters that were left out, and turns words into numbers.
fn complete(called: &Called, args: &mut Vec<Expr>) -> Result<()> {
    let (columns, most) = (called.columns.len(), called.columns.len() + called.params.len());
    if args.len() < columns || args.len() > most {
        return plan_err!(
            "{} takes {columns} to {most} arguments, found {}: {}",
            called.name,
            args.len(),
            called.usage()
        );
    }
    for (param, arg) in called.params.iter().zip(&mut args[columns..]) {
        if let Expr::Literal(ScalarValue::Utf8(Some(word)) | ScalarValue::Utf8View(Some(word)), _) = &arg
            && let Some(number) = param.number_of(word)
        {
            *arg = lit(number);
        }
    }
    let given = args.len() - columns;
    args.extend(called.params[given..].iter().map(|param| lit(param.default)));
    Ok(())
}
