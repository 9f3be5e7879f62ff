//! A pipeline file to a DataFusion logical plan, symbol by symbol.
//!
//! ```text
//!  Document ──► rewrite (parameters, indicator calls ► hidden columns) ──► logical plan ──► lower ──► operators
//!
//!  Strategy                      extension node
//!    Projection  fast, slow      scalar expressions
//!      Window    ema(close,12)   one indicator, its window implied
//!        Higher  trend           extension node: an inner plan over a higher timeframe
//!          TableScan bars
//! ```
//! Parameters may differ by symbol, so each symbol has a plan of its own. All errors of the file go to one list.

mod graph;
pub mod many;
pub mod node;
mod parse;
pub mod program;
mod rewrite;
mod strategy;

use candleflow_config::{
    Diagnostics, Document, Place,
    document::{Column, Located},
};
use candleflow_kernels::indicator::Indicator;
use candleflow_schema::Interval;
use candleflow_stream::intake;
use datafusion::{
    arrow::datatypes::{DataType, Field, Schema},
    common::{
        DFSchema, DataFusionError, Result,
        tree_node::{Transformed, TreeNode},
    },
    execution::SessionState,
    functions::core::expr_fn::nullif,
    logical_expr::{
        Expr, Extension, LogicalPlan, LogicalPlanBuilder, LogicalTableSource, Operator, WindowFrame, cast, col,
        expr::WindowFunction, ident, lit,
    },
    sql::sqlparser::ast,
};
use node::HigherNode;
use rewrite::Sees;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// The plan of one symbol.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The symbol.
    pub symbol: String,
    /// What is computed.
    pub plan: LogicalPlan,
    /// The user's columns: name and the bars until it is within 1e-8 of its converged value, `None` if it never is.
    pub columns: Vec<(String, Option<usize>)>,
    /// The same of the hidden columns, by name.
    pub hidden: BTreeMap<String, Option<usize>>,
    /// Bars before the first row of a run that its columns and rules need; `None`: all there are.
    pub warmup: Option<usize>,
    /// The column that needs most bars before its first value, and how many; `None` for the name of what a rule has within.
    pub lookback: (Option<String>, usize),
    /// Whether the plan trades.
    pub strategy: bool,
}

impl Compiled {
    /// Names of the strategy's tags, by number.
    pub fn tags(&self) -> &[String] {
        match &self.plan {
            LogicalPlan::Extension(extension) => {
                let node: &dyn std::any::Any = extension.node.as_any();
                node.downcast_ref::<node::StrategyNode>().map_or(&[], |s| &s.plan.tags)
            }
            _ => &[],
        }
    }
}

/// Compiles a document for one of its symbols; `None` when there were errors.
pub fn compile(
    document: &Document,
    symbol: &str,
    session: &SessionState,
    errors: &mut Diagnostics,
) -> Option<Compiled> {
    let before = errors.iter().count();
    let later = document.columns.iter().map(|c| c.name.value.clone()).collect();
    let mut compiler = Compiler::new(session, document.params_of(symbol), errors, later)?;
    compiler.columns(document);
    let mut strategy = false;
    if let (Some(block), Some(account)) = (&document.strategy, &document.account) {
        compiler.strategy(document, block, account);
        strategy = true;
    }
    compiler.flush(document.name.place);
    let warmup = compiler.warmup();
    let columns = compiler.defined.iter().map(|n| (n.clone(), compiler.settled.get(n).copied().flatten())).collect();
    let lookback = compiler.longest();
    let hidden = compiler.settled.into_iter().filter(|(name, _)| name.starts_with("__")).collect();
    let plan = compiler.plan;
    let compiled = Compiled { symbol: symbol.to_owned(), plan, columns, hidden, warmup, lookback, strategy };
    (errors.iter().count() == before).then_some(compiled)
}

/// Bars until a column has settled, and before its first value.
type Reach = (Option<usize>, usize);

struct Compiler<'a> {
    session: &'a SessionState,
    errors: &'a mut Diagnostics,
    params: BTreeMap<String, f64>,
    plan: LogicalPlan,
    /// Scalar expressions that wait to be put into one projection.
    pending: Vec<(String, Expr)>,
    /// Columns that expressions may name.
    visible: BTreeSet<String>,
    /// Physical columns of indicators with several outputs, by the name of the whole.
    structs: BTreeMap<String, (&'static Indicator, Vec<String>)>,
    /// The user's columns, in order, those of several outputs one by one.
    defined: Vec<String>,
    /// The user's columns that stand further down.
    later: BTreeSet<String>,
    /// The user's columns that could not be made: what names them is not told again.
    failed: BTreeSet<String>,
    /// Hidden columns by what they compute.
    known: HashMap<String, String>,
    /// Bars until a column has settled.
    settled: BTreeMap<String, Option<usize>>,
    /// Bars before a column's first value; what is not here has one at once.
    lookback: BTreeMap<String, usize>,
    count: usize,
    /// Where columns go instead of the plan, when many parameter sets share them.
    graph: Option<graph::Graph>,
    /// Columns of the graph by the names that the user's columns have in this set.
    aliases: BTreeMap<String, String>,
    /// Expressions that have been parsed, by their text.
    parsed: HashMap<String, ast::Expr>,
}

impl<'a> Compiler<'a> {
    fn new(
        session: &'a SessionState,
        params: BTreeMap<String, f64>,
        errors: &'a mut Diagnostics,
        later: BTreeSet<String>,
    ) -> Option<Self> {
        let source = Arc::new(LogicalTableSource::new(intake::SCHEMA.clone()));
        let scan = LogicalPlanBuilder::scan("bars", source, None).and_then(LogicalPlanBuilder::build);
        let plan = match scan {
            Ok(plan) => plan,
            Err(error) => {
                errors.add(Place { line: 1, column: 1 }, first_line(&error));
                return None;
            }
        };
        let fields = intake::SCHEMA.fields();
        let visible: BTreeSet<_> = fields[..intake::VISIBLE].iter().map(|f| f.name().clone()).collect();
        let settled = fields.iter().map(|f| (f.name().clone(), Some(0))).collect();
        Some(Self {
            session,
            errors,
            params,
            plan,
            pending: Vec::new(),
            visible,
            structs: BTreeMap::new(),
            defined: Vec::new(),
            later,
            failed: BTreeSet::new(),
            known: HashMap::new(),
            settled,
            lookback: BTreeMap::new(),
            count: 0,
            graph: None,
            aliases: BTreeMap::new(),
            parsed: HashMap::new(),
        })
    }

    fn visible(&self, name: &str) -> Option<String> {
        if let Some(column) = self.aliases.get(name) {
            return Some(column.clone());
        }
        (self.visible.contains(name) || self.structs.contains_key(name)).then(|| name.to_owned())
    }

    fn is_hidden(&self, name: &str) -> bool {
        self.settled.contains_key(name) || self.structs.contains_key(name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.visible
            .iter()
            .chain(self.aliases.keys())
            .chain(self.structs.keys())
            .map(String::as_str)
            .filter(|n| !n.starts_with("__"))
    }

    fn hidden_name(&mut self) -> String {
        self.count += 1;
        format!("__{}", self.count)
    }

    /// The user's columns, in the order of the file.
    fn columns(&mut self, document: &Document) {
        for column in &document.columns {
            let name = &column.name.value;
            self.later.remove(name);
            match &column.every {
                None => self.define(column),
                Some(every) => self.higher(column, every, document.source.interval.value),
            }
            if self.visible(name).is_none() {
                self.failed.insert(name.clone());
            }
        }
    }

    /// A user's column on the source's own timeframe.
    fn define(&mut self, column: &Column) {
        let name = &column.name.value;
        if self.visible(name).is_some() {
            self.errors.add(column.name.place, format!("the column '{name}' exists already: choose another name"));
            return;
        }
        let Some(expr) = self.rewritten(&column.is, Sees::Columns) else { return };
        if self.graph.is_some() {
            return self.alias(name, &expr, column.is.place);
        }
        if let Some((indicator, outputs)) = struct_of(&self.structs, &expr) {
            let mut names = Vec::new();
            for (output, physical) in indicator.outputs.iter().zip(outputs) {
                let flat = format!("{name}_{}", output.name);
                self.scalar(&flat, &rewrite::identifier(&physical), column.is.place);
                self.visible.insert(flat.clone());
                self.defined.push(flat.clone());
                names.push(flat);
            }
            self.structs.insert(name.clone(), (indicator, names));
            return;
        }
        if self.scalar(name, &expr, column.is.place) {
            self.visible.insert(name.clone());
            self.defined.push(name.clone());
        }
    }

    /// A column on a higher timeframe: a plan of its own, over the bars of that timeframe.
    fn higher(&mut self, column: &Column, every: &Located<Interval>, base: Interval) {
        let name = &column.name.value;
        let uneven = match (every.value, base) {
            (Interval::Fixed(long), Interval::Fixed(short)) => long % short != 0,
            _ => false,
        };
        if uneven || every.value.nominal() <= base.nominal() {
            self.errors.add(every.place, format!("every: {} is not a multiple of the source's {base}", every.value));
            return;
        }
        let ratio = (every.value.nominal() + base.nominal() - 1) / base.nominal();
        if self.graph.is_some() {
            return self.shared_higher(column, every.value, ratio as usize);
        }
        let Some((plan, shown, settled)) = self.inner(column) else { return };
        self.flush(column.is.place);
        let input = self.plan.clone();
        let schema = input.schema().as_arrow();
        let more = shown.iter().filter_map(|n| plan.schema().as_arrow().field_with_name(n).ok()).cloned();
        let fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).chain(more).collect();
        let schema = match DFSchema::try_from(Schema::new(fields)) {
            Ok(schema) => Arc::new(schema),
            Err(error) => return self.errors.add(column.name.place, first_line(&error)),
        };
        let pairs = shown.iter().map(|n| (n.clone(), n.clone())).collect();
        let node = HigherNode { input, every: every.value, inner: plan, shown: pairs, schema };
        self.plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        for (name, (settled, lookback)) in shown.into_iter().zip(settled) {
            self.lookback.insert(name.clone(), lookback * ratio as usize);
            // One bucket more, because the first is rarely seen from its beginning.
            self.settled.insert(name.clone(), settled.map(|bars| (bars + 2) * ratio as usize));
            self.visible.insert(name.clone());
            self.defined.push(name);
        }
        self.later.remove(name);
    }

    /// The plan of a column over bars of its own timeframe, the columns it shows, and when they have settled and have their
    /// first values.
    fn inner(&mut self, column: &Column) -> Option<(LogicalPlan, Vec<String>, Vec<Reach>)> {
        let mut inner = Compiler::new(self.session, self.params.clone(), self.errors, BTreeSet::new())?;
        let same = Column { every: None, ..column.clone() };
        inner.define(&same);
        inner.flush(column.is.place);
        let reach = |n: &String| (inner.settled.get(n).copied().flatten(), inner.lookback.get(n).copied().unwrap_or(0));
        let settled = inner.defined.iter().map(reach).collect();
        (!inner.defined.is_empty()).then_some((inner.plan, inner.defined, settled))
    }

    /// The name of the column that an argument of an indicator is; expressions become hidden columns.
    fn input(&mut self, expr: &ast::Expr, place: Place) -> Option<String> {
        if let ast::Expr::Identifier(ident) = expr
            && self.kind(&ident.value).is_some_and(|k| matches!(k, DataType::Float64 | DataType::Boolean))
        {
            return Some(ident.value.clone());
        }
        let name = self.hidden(expr, place)?;
        self.kind(&name).filter(|k| matches!(k, DataType::Float64 | DataType::Boolean)).map(|_| name)
    }

    /// The hidden column of an expression, made once.
    fn hidden(&mut self, expr: &ast::Expr, place: Place) -> Option<String> {
        let key = expr.to_string();
        if let Some(name) = self.known.get(&key) {
            return Some(name.clone());
        }
        let name = self.hidden_name();
        self.scalar(&name, expr, place).then(|| {
            self.known.insert(key, name.clone());
            name
        })
    }

    /// The type of a column that is in the plan or waits for it.
    fn kind(&mut self, name: &str) -> Option<DataType> {
        if let Some(graph) = &self.graph {
            return graph.kind(name);
        }
        if self.pending.iter().any(|(n, _)| n == name) {
            self.flush(Place::default());
        }
        self.plan.schema().as_arrow().field_with_name(name).ok().map(|f| f.data_type().clone())
    }

    /// Plans a scalar expression as a column; false when it cannot be.
    fn scalar(&mut self, name: &str, expr: &ast::Expr, place: Place) -> bool {
        let used = identifiers(expr);
        if self.graph.is_some() {
            return self.shared_scalar(name, expr, &used, place);
        }
        if self.pending.iter().any(|(n, _)| used.contains(n)) {
            self.flush(place);
        }
        match self.planned(expr, self.plan.schema()) {
            Ok(planned) => {
                self.pending.push((name.to_owned(), planned));
                self.settle(name, &used);
                true
            }
            Err(error) => {
                self.errors.add(place, first_line(&error));
                false
            }
        }
    }

    /// A scalar expression has settled when all that it uses has.
    fn settle(&mut self, name: &str, used: &BTreeSet<String>) {
        let mut settled = used.iter().map(|u| self.settled.get(u).copied().unwrap_or(Some(0)));
        let settled = settled.try_fold(0, |a, b| b.map(|b| a.max(b)));
        self.settled.insert(name.to_owned(), settled);
        let lookback = used.iter().filter_map(|u| self.lookback.get(u)).max().copied().unwrap_or(0);
        self.lookback.insert(name.to_owned(), lookback);
    }

    /// A DataFusion expression of type Float64, Boolean, text or time.
    fn planned(&self, expr: &ast::Expr, schema: &DFSchema) -> Result<Expr> {
        let with_alias = ast::ExprWithAlias { expr: expr.clone(), alias: None };
        let planned = self.session.create_logical_expr_from_sql_expr(with_alias, schema)?;
        let planned = planned.transform_up(|e| Ok(safe_division(e)))?.data;
        let kind = self.session.create_physical_expr(planned.clone(), schema)?.data_type(schema.as_arrow())?;
        Ok(match kind {
            DataType::Float64 | DataType::Boolean | DataType::Utf8 | DataType::Timestamp(..) => planned,
            kind if kind.is_numeric() || kind == DataType::Null => cast(planned, DataType::Float64),
            DataType::Utf8View | DataType::LargeUtf8 => cast(planned, DataType::Utf8),
            DataType::Date32 | DataType::Date64 => cast(planned, candleflow_schema::tables::timestamp()),
            kind => {
                return Err(DataFusionError::Plan(format!("a column of type {kind} cannot be kept: make it a number")));
            }
        })
    }

    /// Puts what waits into one projection.
    fn flush(&mut self, place: Place) {
        if self.pending.is_empty() {
            return;
        }
        let all = self.plan.schema().columns().into_iter().map(Expr::Column);
        let new = std::mem::take(&mut self.pending).into_iter().map(|(name, expr)| expr.alias(name));
        let built = LogicalPlanBuilder::from(self.plan.clone()).project(all.chain(new)).and_then(|b| b.build());
        match built {
            Ok(plan) => self.plan = plan,
            Err(error) => self.errors.add(place, first_line(&error)),
        }
    }

    /// The column of an indicator over columns, or the name of the whole if it has several outputs; made once.
    fn kernel(&mut self, indicator: &'static Indicator, inputs: Vec<String>, params: Vec<f64>, place: Place) -> String {
        let key = format!("{}({inputs:?};{params:?})", indicator.name);
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        self.flush(place);
        let name = self.hidden_name();
        let own = inputs.iter().map(|i| self.settled.get(i).copied().unwrap_or(Some(0)));
        let settled = own.fold(indicator.warmup(&params), |a, b| Some(a? + b?));
        let before = inputs.iter().filter_map(|i| self.lookback.get(i)).max().copied().unwrap_or(0);
        let lookback = before + indicator.lookback(&params);
        let several = indicator.outputs.len() > 1;
        let mut outputs = Vec::new();
        let mut exprs = Vec::new();
        for (i, output) in indicator.outputs.iter().enumerate() {
            let column = if several { format!("{name}_{}", output.name) } else { name.clone() };
            self.settled.insert(column.clone(), settled);
            self.lookback.insert(column.clone(), lookback);
            outputs.push(column.clone());
            if self.graph.is_some() {
                continue;
            }
            let args = inputs.iter().map(ident).chain(params.iter().map(|p| lit(*p))).collect();
            let mut window = WindowFunction::new(candleflow_functions::output(indicator, i), args);
            window.params.partition_by = vec![col("symbol")];
            window.params.order_by = vec![col("time").sort(true, false)];
            window.params.window_frame = WindowFrame::new(Some(true));
            exprs.push(Expr::WindowFunction(Box::new(window)).alias(column));
        }
        if let Some(graph) = &mut self.graph {
            graph.indicator(indicator, params, &inputs, &outputs);
            if several {
                self.structs.insert(name.clone(), (indicator, outputs));
            }
            self.known.insert(key, name.clone());
            return name;
        }
        match LogicalPlanBuilder::from(self.plan.clone()).window(exprs).and_then(|b| b.build()) {
            Ok(plan) => self.plan = plan,
            Err(error) => self.errors.add(place, first_line(&error)),
        }
        if several {
            self.structs.insert(name.clone(), (indicator, outputs));
        }
        self.known.insert(key, name.clone());
        name
    }

    /// The column that waits longest for its first value, one of the user's if it can be, and how long.
    fn longest(&self) -> (Option<String>, usize) {
        let most = self.lookback.values().copied().max().unwrap_or(0);
        (self.defined.iter().find(|name| self.lookback.get(*name) == Some(&most)).cloned(), most)
    }

    /// Bars that every column needs before its values can be trusted.
    fn warmup(&self) -> Option<usize> {
        self.settled.values().try_fold(0, |most, bars| bars.map(|b| most.max(b)))
    }
}

/// Division by zero is NULL, as a bar without volume should give no ratio.
fn safe_division(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(mut binary) if matches!(binary.op, Operator::Divide | Operator::Modulo) => {
            binary.right = Box::new(nullif(*binary.right, lit(0.0)));
            Transformed::yes(Expr::BinaryExpr(binary))
        }
        other => Transformed::no(other),
    }
}

fn struct_of(
    structs: &BTreeMap<String, (&'static Indicator, Vec<String>)>,
    expr: &ast::Expr,
) -> Option<(&'static Indicator, Vec<String>)> {
    let ast::Expr::Identifier(ident) = expr else { return None };
    structs.get(&ident.value).cloned()
}

/// Every column that an expression names.
fn identifiers(expr: &ast::Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let _ = ast::visit_expressions(expr, |e| {
        if let ast::Expr::Identifier(ident) = e {
            names.insert(ident.value.clone());
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    names
}

/// DataFusion's message without its backtrace and its kind.
fn first_line(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let text = text.lines().next().unwrap_or_default();
    let kinds = [
        "Error during planning: ",
        "Schema error: ",
        "This feature is not implemented: ",
        "type_coercion\ncaused by\n",
    ];
    kinds.iter().fold(text, |t, k| t.strip_prefix(k).unwrap_or(t)).to_owned()
}
