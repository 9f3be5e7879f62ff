//! The two steps of a pipeline that SQL has no word for, as nodes of a DataFusion logical plan.

use candleflow_kernels::strategy::{Spec, SymbolSpec};
use candleflow_schema::Interval;
use datafusion::{
    common::{DFSchemaRef, Result},
    logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore},
};
use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::program::Program;

/// Columns of a higher timeframe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HigherNode {
    /// Where the bars come from.
    pub input: LogicalPlan,
    /// Its length of bar.
    pub every: Interval,
    /// What is computed over its bars.
    pub inner: LogicalPlan,
    /// Columns of `inner`, and their names outside.
    pub shown: Vec<(String, String)>,
    /// The input's columns, then those shown.
    pub schema: DFSchemaRef,
}

impl PartialOrd for HigherNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for HigherNode {
    fn name(&self) -> &str {
        "Higher"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.shown.iter().map(|(_, name)| name.as_str()).collect();
        write!(f, "Higher: {} every {}", names.join(", "), self.every)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { input: inputs.pop().unwrap_or_else(|| self.input.clone()), ..self.clone() })
    }
}

/// Everything that the strategy operator is made from.
#[derive(Debug)]
pub struct StrategyPlan {
    /// The rules, the account, the fills.
    pub spec: Spec,
    /// Columns that rules, levels and sizes use, by slot.
    pub slots: Vec<String>,
    /// Expressions that depend on the position.
    pub programs: Vec<Program>,
    /// Names of tags, by number.
    pub tags: Vec<String>,
    /// The grid of prices and quantities.
    pub filters: SymbolSpec,
    /// Whether the grid is the exchange's, which a run reads from the table `instruments`.
    pub exchange: bool,
    /// The table of funding rates, if any.
    pub funding: Option<String>,
    /// Whether bars come with finer bars.
    pub detail: bool,
}

/// The strategy over the rows of its input.
#[derive(Debug, Clone)]
pub struct StrategyNode {
    /// The rows with all their columns.
    pub input: LogicalPlan,
    /// What it does.
    pub plan: Arc<StrategyPlan>,
}

impl PartialEq for StrategyNode {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input && Arc::ptr_eq(&self.plan, &other.plan)
    }
}

impl Eq for StrategyNode {}

impl Hash for StrategyNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
    }
}

impl PartialOrd for StrategyNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for StrategyNode {
    fn name(&self) -> &str {
        "Strategy"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Strategy: uses {}", self.plan.slots.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { input: inputs.pop().unwrap_or_else(|| self.input.clone()), plan: self.plan.clone() })
    }
}
