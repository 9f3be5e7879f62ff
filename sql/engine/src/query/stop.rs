//! Joins that can be ended.
//!
//! DataFusion yields at the leaves of a plan only. A join makes its rows without going back there, so a task that runs
//! one cannot be aborted for minutes: between two awaits there is no end. Two changes to a physical plan help:
//! 1. above every join, the stream gives way after some batches ([`CooperativeExec`]), and then the abort takes effect;
//! 2. the condition of a join, evaluated batch by batch even when no row passes, fails once the query has ended.

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, FieldRef, Schema},
};
use datafusion::{
    common::{
        DataFusionError, Result,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::ColumnarValue,
    physical_expr::PhysicalExpr,
    physical_plan::{
        ExecutionPlan,
        coop::CooperativeExec,
        joins::{
            CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, PiecewiseMergeJoinExec,
            SortMergeJoinExec, SymmetricHashJoinExec, utils::JoinFilter,
        },
        unnest::UnnestExec,
    },
};
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whether a query has ended. Clones speak of the same query.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// The query has ended: whatever still runs of it fails.
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(DataFusionError::Execution("the query was stopped".to_owned())),
            false => Ok(()),
        }
    }

    /// A plan that ends with the query.
    pub(super) fn applied_to(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| self.node(plan)).map(|t| t.data)
    }

    fn node(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        let plan = if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            match join.filter() {
                Some(filter) => {
                    Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(Some(self.filter(filter))).build()?)
                        as Arc<dyn ExecutionPlan>
                }
                None => plan,
            }
        } else if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            match join.filter() {
                Some(filter) => join.builder().with_filter(Some(self.filter(filter))).build_exec()?,
                None => plan,
            }
        } else if is_wide(&plan) {
            plan
        } else {
            return Ok(Transformed::no(plan));
        };
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan))))
    }

    fn filter(&self, filter: &JoinFilter) -> JoinFilter {
        let condition = Arc::new(Condition { inner: filter.expression().clone(), stop: self.clone() });
        JoinFilter::new(condition, filter.column_indices().to_vec(), filter.schema().clone())
    }
}

/// Other operators that make many rows of few.
fn is_wide(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<CrossJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<SymmetricHashJoinExec>()
        || plan.is::<PiecewiseMergeJoinExec>()
        || plan.is::<UnnestExec>()
}

/// The condition of a join, until the query has ended.
#[derive(Debug, Clone)]
struct Condition {
    inner: Arc<dyn PhysicalExpr>,
    stop: Stop,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stop.0, &other.stop.0) && self.inner.as_ref() == other.inner.as_ref()
    }
}

impl Eq for Condition {}

impl Hash for Condition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for Condition {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.stop.check()?;
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match children.as_slice() {
            [inner] => Ok(Arc::new(Self { inner: inner.clone(), stop: self.stop.clone() })),
            _ => Err(DataFusionError::Internal("a condition has one child".to_owned())),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
