//! From decimal to double in SQL: one function, correctly rounded, wherever a query needs a double.
//!
//! `to_f64(x)` is [`decimal::to_f64`]. [`DecimalCasts`] puts it in the place of every cast from decimal to double, those
//! that were written (`CAST(close AS DOUBLE)`) and those that DataFusion puts in by itself (`sqrt(close)`,
//! `entry_price > 1.5`): Arrow's own cast rounds twice above 2^53.

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array},
    datatypes::{DataType, Decimal128Type},
};
use candleflow_schema::decimal;
use datafusion::{
    common::{
        Result, ScalarValue,
        config::ConfigOptions,
        plan_err,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{
        Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        TryCast, Volatility, expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};
use std::sync::{Arc, LazyLock};

static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(ToF64::new())));

/// The function itself.
pub(super) fn function() -> ScalarUDF {
    FUNCTION.as_ref().clone()
}

/// `to_f64(expr)`.
pub fn to_f64(expr: Expr) -> Expr {
    FUNCTION.call(vec![expr])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToF64 {
    signature: Signature,
}

impl ToF64 {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ToF64 {
    fn name(&self) -> &str {
        "to_f64"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [kind @ DataType::Decimal128(_, scale)] if *scale >= 0 => Ok(vec![kind.clone()]),
            [kind] if kind.is_numeric() || kind.is_null() => Ok(vec![DataType::Float64]),
            _ => plan_err!("to_f64 takes one number"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match &args.args[0] {
            ColumnarValue::Array(values) => Ok(ColumnarValue::Array(doubles(values))),
            ColumnarValue::Scalar(value) => {
                let double = doubles(&value.to_array()?);
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&double, 0)?))
            }
        }
    }
}

fn doubles(values: &ArrayRef) -> ArrayRef {
    let DataType::Decimal128(_, scale) = values.data_type() else { return values.clone() };
    let places = u32::from(scale.unsigned_abs());
    let exact = values.as_primitive::<Decimal128Type>();
    let doubles: Vec<f64> = exact.values().iter().map(|v| decimal::to_f64(*v, places)).collect();
    Arc::new(Float64Array::new(doubles.into(), exact.nulls().cloned()))
}

/// Puts [`to_f64`] where a decimal is cast to a double.
#[derive(Debug)]
pub(super) struct DecimalCasts;

impl AnalyzerRule for DecimalCasts {
    fn name(&self) -> &str {
        "decimal_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(recast).map(|t| t.data)
    }
}

fn recast(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let changed = expr.transform_up(|expr| match &expr {
            Expr::Cast(Cast { expr: inner, field }) | Expr::TryCast(TryCast { expr: inner, field })
                if field.data_type() == &DataType::Float64
                    && matches!(inner.get_type(&schema), Ok(DataType::Decimal128(_, scale)) if scale >= 0) =>
            {
                Ok(Transformed::yes(to_f64(inner.as_ref().clone())))
            }
            _ => Ok(Transformed::no(expr)),
        })?;
        Ok(if changed.transformed { changed.update_data(|e| name.restore(e)) } else { changed })
    })
}
