//! A logical plan to operators: one match over the kinds of node that the compiler makes.

use crate::{
    compile::{
        Compiled,
        node::{HigherNode, StrategyNode, StrategyPlan},
        program::Programs,
    },
    project::ProjectOp,
};
use candleflow_kernels::strategy::{DatedFilters, Engine, Scope, SymbolSpec};
use candleflow_schema::Micros;
use candleflow_stream::{
    Chain, FundingTable, Higher, IndicatorOp, Intake, Operator, StrategyOp, StrategyParts, intake,
};
use datafusion::{
    arrow::datatypes::SchemaRef,
    common::{DFSchema, DataFusionError, Result, ScalarValue, internal_datafusion_err},
    execution::SessionState,
    logical_expr::{Expr, LogicalPlan, Projection, Window, WindowFunctionDefinition},
};
use std::{collections::BTreeMap, sync::Arc};

/// What a chain is made for, beside its plan.
#[derive(Debug, Clone, Default)]
pub struct Binding {
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
    /// Whether the user's columns are an output.
    pub columns: bool,
    /// What stands still while the run goes on.
    pub statics: Arc<Statics>,
}

/// Tables of the lake that a run reads once, before it begins.
#[derive(Debug, Clone, Default)]
pub struct Statics {
    /// The exchange's grid, by symbol, for `filters: exchange`.
    pub filters: BTreeMap<String, Vec<DatedFilters>>,
    /// Funding by symbol.
    pub funding: BTreeMap<String, Arc<FundingTable>>,
}

impl Statics {
    pub(crate) fn filters_of(&self, symbol: &str, plan: &StrategyPlan) -> SymbolSpec {
        match self.filters.get(symbol).filter(|_| plan.exchange) {
            Some(filters) => SymbolSpec { filters: filters.clone() },
            None => plan.filters.clone(),
        }
    }

    pub(crate) fn funding_of(&self, symbol: &str) -> Arc<FundingTable> {
        self.funding.get(symbol).cloned().unwrap_or_default()
    }
}

impl Compiled {
    /// A fresh chain of operators.
    ///
    /// # Errors
    /// When the plan is not one that the compiler made.
    pub fn chain(&self, session: &SessionState, binding: &Binding) -> Result<Chain> {
        let strategy = self.strategy_plan();
        let detail = strategy.is_some_and(|plan| plan.detail);
        let lowering = Lowering { session, symbol: &self.symbol, binding, detail };
        let operators = lowering.plan(&self.plan, true)?;
        let schema = last_schema(&operators);
        let mut shown = Vec::new();
        for name in ["symbol", "open_time", "time"].into_iter().chain(self.columns.iter().map(|(n, _)| n.as_str())) {
            shown.push(schema.index_of(name)?);
        }
        let chain = Chain::new(operators, binding.columns.then_some(shown), binding.from);
        let meets = strategy.is_some_and(|plan| plan.spec.account.scope == Scope::Portfolio);
        Ok(if meets { chain.meeting() } else { chain })
    }

    /// What the strategy is made from, if the plan trades.
    pub fn strategy_plan(&self) -> Option<&StrategyPlan> {
        let LogicalPlan::Extension(extension) = &self.plan else { return None };
        let node: &dyn std::any::Any = extension.node.as_any();
        node.downcast_ref::<StrategyNode>().map(|node| &*node.plan)
    }
}

fn last_schema(operators: &[Box<dyn Operator>]) -> SchemaRef {
    operators.last().map_or_else(|| intake::SCHEMA.clone(), |o| o.schema())
}

struct Lowering<'l> {
    session: &'l SessionState,
    symbol: &'l str,
    binding: &'l Binding,
    /// Whether bars come with finer bars.
    detail: bool,
}

type Operators = Vec<Box<dyn Operator>>;

impl Lowering<'_> {
    /// The operators of a plan; `outer` plans begin with the door for exact bars.
    fn plan(&self, plan: &LogicalPlan, outer: bool) -> Result<Operators> {
        match plan {
            LogicalPlan::TableScan(_) if outer && self.detail => Ok(vec![Box::new(Intake::detailed())]),
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
        if node.plan.spec.account.scope == Scope::Portfolio {
            // The account stands behind the chains of all its symbols.
            return Ok(operators);
        }
        let schema = last_schema(&operators);
        operators.push(Box::new(strategy_op(&node.plan, &schema, self.symbol, self.binding, true)?));
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
    let operators = Lowering { session, symbol, binding: &Binding::default(), detail: false }.plan(plan, false)?;
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
    binding: &Binding,
    rows: bool,
) -> Result<StrategyOp> {
    let engine = Engine::new(plan.spec.clone(), vec![binding.statics.filters_of(symbol, plan)]);
    let parts = StrategyParts {
        symbol: symbol.to_owned(),
        engine: engine.map_err(|e| DataFusionError::Plan(e.to_string()))?,
        rules: Box::new(Programs::new(plan.programs.clone())),
        slots: plan.slots.clone(),
        tags: plan.tags.clone(),
        funding: binding.statics.funding_of(symbol),
        from: binding.from,
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
