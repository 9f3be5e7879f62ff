//! Columns of many parameter sets as one graph: equal ones exist once.
//!
//! The same compiler that makes a plan of one set puts columns here instead. A step is an indicator, a scalar expression
//! or a column of a higher timeframe; its inputs are columns before it. A scalar expression is planned once per shape:
//! `"__7" AND "close" > "__9"` and `"__8" AND "close" > "__9"` share one, over inputs named `a0`, `a1`, `a2`.

use super::{Compiler, first_line, parse::parse, rewrite, struct_of};
use candleflow_config::{Place, document::Column};
use candleflow_kernels::indicator::{Indicator, OutputKind};
use candleflow_schema::Interval;
use candleflow_stream::intake;
use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, SchemaRef},
    common::DFSchema,
    logical_expr::LogicalPlan,
    physical_expr::PhysicalExpr,
    sql::sqlparser::ast,
};
use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

/// What a step computes.
pub(super) enum What {
    Indicator(&'static Indicator, Vec<f64>),
    Scalar(Arc<Shape>),
    Higher(Interval, Arc<LogicalPlan>, Vec<String>),
}

/// A scalar expression over inputs without names of their own.
pub(super) struct Shape {
    pub(super) schema: SchemaRef,
    pub(super) expr: Arc<dyn PhysicalExpr>,
    field: Field,
}

/// One step.
pub(super) struct Step {
    pub(super) what: What,
    /// Columns that it reads.
    pub(super) inputs: Vec<usize>,
    /// Its first column.
    pub(super) first: usize,
    /// How many it makes.
    pub(super) count: usize,
    /// The set that alone uses it; `None` when several do.
    pub(super) owner: Option<usize>,
}

/// Columns and what they are made from.
pub(super) struct Graph {
    /// The intake's columns, then those of steps.
    pub(super) fields: Vec<Field>,
    places: HashMap<String, usize>,
    pub(super) steps: Vec<Step>,
    /// Which step made a column.
    pub(super) makers: Vec<Option<usize>>,
    /// Rows before the first value of a column.
    pub(super) lookback: Vec<usize>,
    shapes: HashMap<String, Arc<Shape>>,
    /// Columns of higher timeframes by what they compute: the user's names and the graph's.
    highers: HashMap<String, Vec<(String, String)>>,
    /// The set that is being compiled.
    pub(super) set: usize,
}

impl Graph {
    pub(super) fn new() -> Self {
        let fields: Vec<Field> = intake::SCHEMA.fields().iter().map(|f| f.as_ref().clone()).collect();
        let places = fields.iter().enumerate().map(|(i, f)| (f.name().clone(), i)).collect();
        let (makers, lookback) = (vec![None; fields.len()], vec![0; fields.len()]);
        let (shapes, highers) = (HashMap::new(), HashMap::new());
        Graph { fields, places, steps: Vec::new(), makers, lookback, shapes, highers, set: 0 }
    }

    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.places.get(column).copied()
    }

    pub(super) fn kind(&self, column: &str) -> Option<DataType> {
        self.place(column).map(|at| self.fields[at].data_type().clone())
    }

    pub(super) fn indicator(
        &mut self,
        indicator: &'static Indicator,
        params: Vec<f64>,
        inputs: &[String],
        names: &[String],
    ) {
        let fields = names.iter().zip(indicator.outputs).map(|(name, output)| {
            let kind = if output.kind == OutputKind::Flag { DataType::Boolean } else { DataType::Float64 };
            Field::new(name, kind, true)
        });
        let (fields, lookback) = (fields.collect(), indicator.lookback(&params));
        let inputs = inputs.iter().filter_map(|name| self.place(name)).collect();
        self.push(What::Indicator(indicator, params), inputs, fields, lookback);
    }

    fn push(&mut self, what: What, inputs: Vec<usize>, fields: Vec<Field>, lookback: usize) {
        let (first, count, step) = (self.fields.len(), fields.len(), self.steps.len());
        let before = inputs.iter().map(|input| self.lookback[*input]).max().unwrap_or(0);
        for field in fields {
            self.places.insert(field.name().clone(), self.fields.len());
            self.fields.push(field);
            self.makers.push(Some(step));
            self.lookback.push(before + lookback);
        }
        self.steps.push(Step { what, inputs, first, count, owner: Some(self.set) });
    }
}

impl Compiler<'_> {
    /// The graph's column of a scalar expression; false when it cannot be planned.
    pub(super) fn shared_scalar(
        &mut self,
        name: &str,
        expr: &ast::Expr,
        used: &BTreeSet<String>,
        place: Place,
    ) -> bool {
        let Some(graph) = &self.graph else { return false };
        let mut inputs: Vec<usize> = used.iter().filter_map(|name| graph.place(name)).collect();
        if inputs.is_empty() {
            inputs.push(2); // a constant needs to know how many rows there are
        }
        let fields: Vec<Field> =
            inputs.iter().enumerate().map(|(i, at)| graph.fields[*at].clone().with_name(format!("a{i}"))).collect();
        let mut shape = expr.clone();
        let _: ControlFlow<()> = ast::visit_expressions_mut(&mut shape, |e| {
            if let ast::Expr::Identifier(ident) = e
                && let Some(at) = used.iter().position(|name| *name == ident.value)
            {
                *e = rewrite::identifier(&format!("a{at}"));
            }
            ControlFlow::Continue(())
        });
        let kinds: Vec<_> = fields.iter().map(|f| (f.data_type(), f.is_nullable())).collect();
        let key = format!("{shape} {kinds:?}");
        let known = graph.shapes.get(&key).cloned();
        let made = match known {
            Some(shape) => Ok(shape),
            None => self.shape(&shape, fields),
        };
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                self.errors.add(place, first_line(&error));
                return false;
            }
        };
        self.settle(name, used);
        if let Some(graph) = &mut self.graph {
            graph.shapes.insert(key, made.clone());
            let field = made.field.clone().with_name(name);
            graph.push(What::Scalar(made), inputs, vec![field], 0);
        }
        true
    }

    fn shape(&self, expr: &ast::Expr, fields: Vec<Field>) -> datafusion::common::Result<Arc<Shape>> {
        let schema = Arc::new(Schema::new(fields));
        let over = DFSchema::try_from(schema.as_ref().clone())?;
        let planned = self.planned(expr, &over)?;
        let expr = self.session.create_physical_expr(planned, &over)?;
        let field = Field::new("value", expr.data_type(&schema)?, true);
        Ok(Arc::new(Shape { schema, expr, field }))
    }

    /// Gives the user's column its name in this set.
    pub(super) fn alias(&mut self, name: &str, expr: &ast::Expr, place: Place) {
        if let Some((indicator, outputs)) = struct_of(&self.structs, expr) {
            for (output, column) in indicator.outputs.iter().zip(&outputs) {
                self.aliases.insert(format!("{name}_{}", output.name), column.clone());
            }
            self.structs.insert(name.to_owned(), (indicator, outputs));
            return;
        }
        let column = match expr {
            ast::Expr::Identifier(ident) => Some(ident.value.clone()),
            _ => self.hidden(expr, place),
        };
        if let Some(column) = column {
            self.aliases.insert(name.to_owned(), column);
        }
    }

    /// A column of a higher timeframe: one step for all sets that put the same numbers into it.
    pub(super) fn shared_higher(&mut self, column: &Column, every: Interval, ratio: usize) {
        self.later.remove(&column.name.value);
        let key = format!("{every} {} {}", column.name.value, self.with_numbers(column));
        let known = self.graph.as_ref().and_then(|graph| graph.highers.get(&key).cloned());
        let columns = match known {
            Some(columns) => columns,
            None => {
                let Some((plan, shown, settled)) = self.inner(column) else { return };
                let hidden = self.hidden_name();
                let columns: Vec<_> = shown.iter().map(|name| (name.clone(), format!("{hidden}_{name}"))).collect();
                for ((_, column), (settled, _)) in columns.iter().zip(settled) {
                    // One bucket more, because the first is rarely seen from its beginning.
                    self.settled.insert(column.clone(), settled.map(|bars| (bars + 2) * ratio));
                }
                let Some(graph) = &mut self.graph else { return };
                let schema = plan.schema().as_arrow();
                let field = |(name, column): &(String, String)| {
                    schema.field_with_name(name).ok().map(|field| field.clone().with_name(column).with_nullable(true))
                };
                let fields: Vec<Field> = columns.iter().filter_map(field).collect();
                let inputs = (0..intake::SCHEMA.fields().len()).collect();
                graph.push(What::Higher(every, Arc::new(plan), shown), inputs, fields, 0);
                graph.highers.insert(key, columns.clone());
                columns
            }
        };
        self.aliases.extend(columns);
    }

    /// The text of a column's expression with its parameters as numbers.
    fn with_numbers(&mut self, column: &Column) -> String {
        let Some(mut expr) = parse(&column.is, self.errors) else { return column.is.value.clone() };
        let params = &self.params;
        let _: ControlFlow<()> = ast::visit_expressions_mut(&mut expr, |e| {
            if let ast::Expr::Value(value) = e
                && let ast::Value::Placeholder(name) = &value.value
                && let Some(number) = params.get(name.trim_start_matches('$'))
            {
                value.value = ast::Value::Number(number.to_string(), false);
            }
            ControlFlow::Continue(())
        });
        expr.to_string()
    }
}
