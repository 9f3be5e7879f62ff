//! A logical plan to operators: one match over the kinds of node that the compiler makes.

use crate::{
    compile::{
        Compiled,
        node::{HigherNode, StrategyNode, StrategyPlan},
        program::Programs,
    },
    project::ProjectOp,
};
use candleflow_kernels::strategy::Engine;
use candleflow_schema::Micros;
use candleflow_stream::{Chain, Higher, IndicatorOp, Intake, Operator, StrategyOp, StrategyParts, intake};
use datafusion::{
    arrow::datatypes::SchemaRef,
    common::{DFSchema, DataFusionError, Result, ScalarValue, internal_datafusion_err},
    execution::SessionState,
    logical_expr::{Expr, LogicalPlan, Projection, Window, WindowFunctionDefinition},
};

/// What a chain is made for, beside its plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Binding {
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
    /// Whether the user's columns are an output.
    pub columns: bool,
}

impl Compiled {
    /// A fresh chain of operators.
    ///
    /// # Errors
    /// When the plan is not one that the compiler made.
    pub fn chain(&self, session: &SessionState, binding: &Binding) -> Result<Chain> {
        let lowering = Lowering { session, symbol: &self.symbol, binding };
        let operators = lowering.plan(&self.plan, true)?;
        let schema = last_schema(&operators);
        let mut shown = Vec::new();
        for name in ["symbol", "open_time", "time"].into_iter().chain(self.columns.iter().map(|(n, _)| n.as_str())) {
            shown.push(schema.index_of(name)?);
        }
        Ok(Chain::new(operators, binding.columns.then_some(shown), binding.from))
    }
}

fn last_schema(operators: &[Box<dyn Operator>]) -> SchemaRef {
    operators.last().map_or_else(|| intake::SCHEMA.clone(), |o| o.schema())
}

struct Lowering<'l> {
    session: &'l SessionState,
    symbol: &'l str,
    binding: &'l Binding,
}

type Operators = Vec<Box<dyn Operator>>;

impl Lowering<'_> {
    /// The operators of a plan; `outer` plans begin with the door for exact bars.
    fn plan(&self, plan: &LogicalPlan, outer: bool) -> Result<Operators> {
        match plan {
            LogicalPlan::TableScan(_) if outer => Ok(vec![Box::new(Intake::default())]),
            LogicalPlan::TableScan(_) => Ok(Vec::new()),
            LogicalPlan::Projection(node) => self.projection(node, outer),
            LogicalPlan::Window(node) => self.window(node, outer),
            LogicalPlan::Extension(extension) => {
                let node: &dyn std::any::Any = extension.node.as_any();
                match (node.downcast_ref::<HigherNode>(), node.downcast_ref::<StrategyNode>()) {
                    (Some(higher), _) => self.higher(higher, outer),
                    (_, Some(strategy)) => self.strategy(strategy, outer),
                    _ => Err(internal_datafusion_err!("unknown node {}", extension.node.name())),
                }
            }
            other => Err(internal_datafusion_err!("the compiler makes no {}", other.display())),
        }
    }

    fn projection(&self, node: &Projection, outer: bool) -> Result<Operators> {
        let mut operators = self.plan(&node.input, outer)?;
        let schema = last_schema(&operators);
        let dfschema = DFSchema::try_from(schema.as_ref().clone())?;
        let mut exprs = Vec::new();
        for expr in &node.expr {
            match expr {
                Expr::Column(_) => {}
                Expr::Alias(alias) => {
                    let bare = unqualified(alias.expr.as_ref().clone())?;
                    exprs.push((alias.name.clone(), self.session.create_physical_expr(bare, &dfschema)?));
                }
                other => return Err(internal_datafusion_err!("an expression without a name: {other}")),
            }
        }
        operators.push(Box::new(ProjectOp::new(&schema, exprs)?));
        Ok(operators)
    }

    fn window(&self, node: &Window, outer: bool) -> Result<Operators> {
        let mut operators = self.plan(&node.input, outer)?;
        let schema = last_schema(&operators);
        let mut names = Vec::new();
        let mut call = None;
        for expr in &node.window_expr {
            let Expr::Alias(alias) = expr else { return Err(internal_datafusion_err!("a window without a name")) };
            let Expr::WindowFunction(function) = alias.expr.as_ref() else {
                return Err(internal_datafusion_err!("not a window: {expr}"));
            };
            let WindowFunctionDefinition::WindowUDF(udwf) = &function.fun else {
                return Err(internal_datafusion_err!("not an indicator: {expr}"));
            };
            let (indicator, _) =
                candleflow_functions::of(udwf).ok_or_else(|| internal_datafusion_err!("not an indicator: {expr}"))?;
            names.push(alias.name.clone());
            call = Some((indicator, &function.params.args));
        }
        let (indicator, args) = call.ok_or_else(|| internal_datafusion_err!("a window without a function"))?;
        let (columns, params) = args.split_at(indicator.inputs.len());
        let inputs = columns.iter().map(|c| input(c, &schema)).collect::<Result<Vec<_>>>()?;
        let params = params.iter().map(number).collect::<Result<Vec<_>>>()?;
        let operator = IndicatorOp::new(&schema, indicator, params, inputs, &names);
        operators.push(Box::new(operator.map_err(|e| DataFusionError::Plan(e.to_string()))?));
        Ok(operators)
    }

    fn higher(&self, node: &HigherNode, outer: bool) -> Result<Operators> {
        let mut operators = self.plan(&node.input, outer)?;
        let shown: Vec<_> = node.shown.iter().map(|(n, _)| n.clone()).collect();
        let (inner, shown) = inner_chain(self.session, self.symbol, &node.inner, &shown)?;
        let names: Vec<_> = node.shown.iter().map(|(_, n)| n.clone()).collect();
        operators.push(Box::new(Higher::new(&last_schema(&operators), node.every, inner, &shown, &names)));
        Ok(operators)
    }

    fn strategy(&self, node: &StrategyNode, outer: bool) -> Result<Operators> {
        let mut operators = self.plan(&node.input, outer)?;
        let schema = last_schema(&operators);
        operators.push(Box::new(strategy_op(&node.plan, &schema, self.symbol, self.binding.from, true)?));
        Ok(operators)
    }
}

/// The operators over bars of a higher timeframe, and where the columns that are shown stand in their rows.
pub(crate) fn inner_chain(
    session: &SessionState,
    symbol: &str,
    plan: &LogicalPlan,
    shown: &[String],
) -> Result<(Chain, Vec<usize>)> {
    let operators = Lowering { session, symbol, binding: &Binding::default() }.plan(plan, false)?;
    let rows = last_schema(&operators);
    let all = (0..rows.fields().len()).collect();
    let shown = shown.iter().map(|name| Ok(rows.index_of(name)?)).collect::<Result<Vec<_>>>()?;
    Ok((Chain::new(operators, Some(all), Micros::MIN), shown))
}

/// The strategy over rows of `schema`; `rows`: whether it gives rows beside the account's steps.
pub(crate) fn strategy_op(
    plan: &StrategyPlan,
    schema: &SchemaRef,
    symbol: &str,
    from: Micros,
    rows: bool,
) -> Result<StrategyOp> {
    let engine = Engine::new(plan.spec.clone(), vec![plan.filters.clone()]);
    let parts = StrategyParts {
        symbol: symbol.to_owned(),
        engine: engine.map_err(|e| DataFusionError::Plan(e.to_string()))?,
        rules: Box::new(Programs::new(plan.programs.clone())),
        slots: plan.slots.clone(),
        tags: plan.tags.clone(),
        from,
        rows,
    };
    StrategyOp::new(schema, parts).map_err(|e| DataFusionError::Plan(e.to_string()))
}

/// Columns without the name of their table: batches have none.
fn unqualified(expr: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let bare = expr.transform_up(|e| {
        Ok(match e {
            Expr::Column(mut column) => {
                column.relation = None;
                Transformed::yes(Expr::Column(column))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(bare.data)
}

fn input(expr: &Expr, schema: &SchemaRef) -> Result<usize> {
    match expr {
        Expr::Column(column) => Ok(schema.index_of(&column.name)?),
        other => Err(internal_datafusion_err!("not a column: {other}")),
    }
}

fn number(expr: &Expr) -> Result<f64> {
    match expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => Ok(*value),
        other => Err(internal_datafusion_err!("not a number: {other}")),
    }
}
