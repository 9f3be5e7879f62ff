//! Many parameter sets of one pipeline and symbol: their columns in one graph, a strategy for each.
//!
//! ```text
//!  document, sets ─► Many::compile ─► graph of columns (equal ones once), strategy per set
//!                                        │ lower
//!                                        ▼
//!                    shared nodes by level; per set its own nodes and its trader
//! ```
//! A column that one set alone uses is computed with that set, so it needs no place beside it. Planning a set is a walk
//! over syntax: DataFusion plans each *shape* of a scalar expression once.

use super::{
    Compiler,
    graph::{Graph, Step, What},
    node::{StrategyNode, StrategyPlan},
    program::{self, Names, Program, Programs},
    rewrite::identifier,
};
use crate::{
    lower::{Binding, inner_chain, strategy_op},
    portfolio::Gathering,
    project::ProjectOp,
};
use candleflow_config::{
    Diagnostics, Document,
    document::{Expr as Text, Number},
    nearest,
    research::Sweep,
};
use candleflow_kernels::strategy::{Lean, PositionView, Rules, Scope};
use candleflow_stream::{
    Higher, IndicatorOp, Intake, Operator, detail,
    graph::{LeanRules, Node, Origin, SetOfKey, Trader},
    intake,
};
use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, SchemaRef},
    common::{DataFusionError, Result, internal_datafusion_err},
    execution::SessionState,
    logical_expr::LogicalPlan,
    sql::sqlparser::ast,
};
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

/// Many sets, planned for one symbol.
pub struct Many {
    symbol: String,
    graph: Graph,
    sets: Vec<SetPlan>,
    /// Whether bars come with finer bars.
    detail: bool,
    /// Whether all symbols share one account.
    meets: bool,
    /// Bars before the first row that all of them need; `None`: all there are.
    pub warmup: Option<usize>,
}

struct SetPlan {
    strategy: Arc<StrategyPlan>,
    /// Columns by slot.
    slots: Vec<usize>,
}

impl Many {
    /// Compiles sets of a sweep; the first set with a mistake is told by its values, and ends it.
    pub fn compile(
        document: &Document,
        sweep: &Sweep,
        sets: &[u64],
        symbol: &str,
        session: &SessionState,
        errors: &mut Diagnostics,
    ) -> Option<Many> {
        let (block, account) = document.strategy.as_ref().zip(document.account.as_ref())?;
        let base = document.params_of(symbol);
        let own = document.per_symbol.get(symbol);
        let before = errors.iter().count();
        let mut compiler = Compiler::new(session, base.clone(), errors, Default::default())?;
        compiler.graph = Some(Graph::new());
        let scan = compiler.plan.clone();
        let mut plans = Vec::with_capacity(sets.len());
        for (place, number) in sets.iter().enumerate() {
            let values = sweep.set(*number);
            let moved = sweep
                .axes
                .iter()
                .zip(&values)
                .filter(|(axis, _)| own.is_none_or(|own| !own.contains_key(&axis.name.value)));
            compiler.params.extend(moved.map(|(axis, value)| (axis.name.value.clone(), value.value)));
            compiler.begin_set(document, place);
            compiler.columns(document);
            compiler.strategy(document, block, account);
            let plan = std::mem::replace(&mut compiler.plan, scan.clone());
            let plan = compiler.set_plan(&plan);
            if compiler.errors.iter().count() > before {
                compiler.errors.add(sweep.place, format!("in set {number}: {}", named(sweep, &values)));
                return None;
            }
            plans.push(plan?);
        }
        let warmup = compiler.warmup();
        let graph = compiler.graph?;
        let (detail, meets) = (document.detail.is_some(), account.terms.scope == Scope::Portfolio);
        Some(Many { symbol: symbol.to_owned(), graph, sets: plans, detail, meets, warmup })
    }

    /// Of all sets, the place and the bars of the one whose rules need most bars before they have a value.
    pub fn longest_lookback(&self) -> Option<(usize, usize)> {
        let of = |set: &SetPlan| set.slots.iter().map(|slot| self.graph.lookback[*slot]).max().unwrap_or(0);
        self.sets.iter().map(of).enumerate().max_by_key(|(place, bars)| (*bars, std::cmp::Reverse(*place)))
    }

    /// Whether every set can take the fast path.
    pub fn is_lean(&self) -> bool {
        !self.meets && self.sets.iter().all(|set| Lean::of(&set.strategy.spec, &set.strategy.filters).is_some())
    }

    /// The door of the sets' bars.
    pub fn intake(&self) -> Intake {
        if self.detail { Intake::detailed() } else { Intake::default() }
    }

    /// Each set's symbol joins the account that the set has over all symbols.
    ///
    /// # Errors
    /// When a set's rules have another shape here than for the symbols before.
    pub fn join(&self, accounts: &mut [Gathering], binding: &Binding) -> Result<()> {
        for (set, account) in self.sets.iter().zip(accounts) {
            account.join(&self.symbol, &set.strategy, self.rows(set).0, binding)?;
        }
        Ok(())
    }

    /// Operators: the shared nodes by level, and each set's own, in the order of the sets. `lean`: on the fast path, where
    /// what stands still in the lake lets them.
    ///
    /// # Errors
    /// When the graph is not one that the compiler made.
    pub fn lower(
        &self,
        session: &SessionState,
        binding: &Binding,
        lean: bool,
    ) -> Result<(Vec<Vec<Node>>, Vec<SetOfKey>)> {
        let base = intake::SCHEMA.fields().len();
        let mut at: Vec<Option<Origin>> = vec![None; self.graph.fields.len()];
        (0..base).for_each(|column| at[column] = Some(Origin::Shared(column)));
        let mut levels: Vec<Vec<&Step>> = Vec::new();
        let mut level_of = vec![0; self.graph.fields.len()];
        for step in self.graph.steps.iter().filter(|step| step.owner.is_none()) {
            let level = step.inputs.iter().map(|input| level_of[*input]).max().unwrap_or(0);
            level_of[step.first..step.first + step.count].fill(level + 1);
            if levels.len() <= level {
                levels.resize_with(level + 1, Vec::new);
            }
            levels[level].push(step);
        }
        let (mut shared, mut next) = (Vec::new(), self.intake().schema().fields().len());
        for level in levels {
            let mut nodes = Vec::new();
            for step in level {
                nodes.push(self.node(step, &at, session)?);
                for place in &mut at[step.first..step.first + step.count] {
                    *place = Some(Origin::Shared(next));
                    next += 1;
                }
            }
            shared.push(nodes);
        }
        let mut own: Vec<Vec<&Step>> = vec![Vec::new(); self.sets.len()];
        for step in &self.graph.steps {
            if let Some(set) = step.owner {
                own[set].push(step);
            }
        }
        let sets = self.sets.iter().zip(own).map(|(set, steps)| self.set(set, steps, &mut at, session, binding, lean));
        Ok((shared, sets.collect::<Result<_>>()?))
    }

    fn set(
        &self,
        set: &SetPlan,
        steps: Vec<&Step>,
        at: &mut [Option<Origin>],
        session: &SessionState,
        binding: &Binding,
        lean: bool,
    ) -> Result<SetOfKey> {
        let plan = &set.strategy;
        // The fast path pays no funding.
        let lean = lean && !self.meets && !binding.statics.funding.contains_key(&self.symbol);
        let lean = Lean::of(&plan.spec, &binding.statics.filters_of(&self.symbol, plan)).filter(|_| lean);
        // A crossing that the set alone uses needs no column: it is found as bits from the two that cross.
        let crossing = |slot: usize| lean.as_ref().and_then(|_| self.crossing(slot));
        let needed: Vec<usize> = set
            .slots
            .iter()
            .flat_map(|slot| crossing(*slot).map_or_else(|| vec![*slot], |(above, below)| vec![above, below]))
            .collect();
        let (mut nodes, mut next) = (Vec::new(), 0);
        for step in steps.into_iter().filter(|step| self.is_used(step, &needed)) {
            nodes.push(self.node(step, at, session)?);
            for place in &mut at[step.first..step.first + step.count] {
                *place = Some(Origin::Own(next));
                next += 1;
            }
        }
        let place = |column: usize| at[column].ok_or_else(|| internal_datafusion_err!("a column without a place"));
        if let Some(lean) = &lean {
            let mut rules = LeanRules::new(lean.clone());
            for (rule, slot) in lean.columns() {
                let slot = set.slots[*slot as usize];
                match crossing(slot) {
                    Some((above, below)) => rules.crosses(*rule, place(above)?, place(below)?),
                    None => rules.column(*rule, place(slot)?),
                }
            }
            return Ok(SetOfKey { nodes, trader: Trader::Lean(rules) });
        }
        let (schema, columns) = self.rows(set);
        let mut columns = columns.into_iter().map(place).collect::<Result<Vec<_>>>()?;
        columns.extend(self.detail.then_some(Origin::Shared(intake::SCHEMA.fields().len())));
        if self.meets {
            return Ok(SetOfKey { nodes, trader: Trader::Meets { schema, columns } });
        }
        let strategy = strategy_op(plan, &schema, &self.symbol, binding, false)?;
        Ok(SetOfKey { nodes, trader: Trader::Full { strategy: Box::new(strategy), schema, columns } })
    }

    /// What the engine of a set is given: the schema of its rows, and the graph's columns in it; finer bars come last.
    fn rows(&self, set: &SetPlan) -> (SchemaRef, Vec<usize>) {
        let base = intake::SCHEMA.fields().len();
        let mut columns: Vec<usize> = (0..base).collect();
        for slot in &set.slots {
            if !columns.contains(slot) {
                columns.push(*slot);
            }
        }
        let fields = columns.iter().map(|column| self.graph.fields[*column].clone());
        let fields: Vec<Field> = fields.chain(self.detail.then(detail::field)).collect();
        (Arc::new(Schema::new(fields)), columns)
    }

    /// The columns that cross, the one that comes to be above first, where a column is that and one set's alone.
    fn crossing(&self, column: usize) -> Option<(usize, usize)> {
        let step = &self.graph.steps[self.graph.makers[column]?];
        let (What::Indicator(indicator, _), Some(_)) = (&step.what, step.owner) else { return None };
        let [a, b] = step.inputs.as_slice() else { return None };
        let numbers = [a, b].iter().all(|input| *self.graph.fields[**input].data_type() == DataType::Float64);
        match indicator.name {
            "crossover" if numbers => Some((*a, *b)),
            "crossunder" if numbers => Some((*b, *a)),
            _ => None,
        }
    }

    /// Whether columns need what a step of one set computes.
    fn is_used(&self, step: &Step, needed: &[usize]) -> bool {
        let mut open: Vec<usize> = needed.to_vec();
        while let Some(column) = open.pop() {
            let Some(maker) = self.graph.makers[column].map(|maker| &self.graph.steps[maker]) else { continue };
            if maker.first == step.first {
                return true;
            }
            if maker.owner.is_some() {
                open.extend(&maker.inputs);
            }
        }
        false
    }

    fn node(&self, step: &Step, at: &[Option<Origin>], session: &SessionState) -> Result<Node> {
        let inputs = step
            .inputs
            .iter()
            .map(|input| at[*input].ok_or_else(|| internal_datafusion_err!("a column before its inputs")))
            .collect::<Result<Vec<_>>>()?;
        let failed = |e: &dyn std::fmt::Display| DataFusionError::Plan(e.to_string());
        let names = || -> Vec<String> {
            self.graph.fields[step.first..step.first + step.count].iter().map(|f| f.name().clone()).collect()
        };
        let (operator, schema): (Box<dyn Operator>, SchemaRef) = match &step.what {
            What::Scalar(shape) => {
                let exprs = vec![(names().swap_remove(0), shape.expr.clone())];
                (Box::new(ProjectOp::new(&shape.schema, exprs)?), shape.schema.clone())
            }
            What::Indicator(indicator, params) => {
                let field = |(i, input): (usize, &usize)| {
                    self.graph.fields[*input].clone().with_name(format!("a{i}")).with_nullable(true)
                };
                let schema: SchemaRef =
                    Arc::new(Schema::new(step.inputs.iter().enumerate().map(field).collect::<Vec<_>>()));
                let places = (0..step.inputs.len()).collect();
                let operator = IndicatorOp::new(&schema, indicator, params.clone(), places, &names());
                (Box::new(operator.map_err(|e| failed(&e))?), schema)
            }
            What::Higher(every, plan, shown) => {
                let (inner, places) = inner_chain(session, &self.symbol, plan, shown)?;
                let schema = intake::SCHEMA.clone();
                (Box::new(Higher::new(&schema, *every, inner, &places, &names())), schema)
            }
        };
        Ok(Node::new(operator, schema, inputs))
    }
}

impl Compiler<'_> {
    /// Forgets the names of the set before; its columns stay.
    fn begin_set(&mut self, document: &Document, place: usize) {
        self.aliases.clear();
        self.structs.retain(|name, _| name.starts_with("__"));
        self.later = document.columns.iter().map(|c| c.name.value.clone()).collect();
        if let Some(graph) = &mut self.graph {
            graph.set = place;
        }
    }

    /// The strategy of the set that was compiled last; columns of other sets that it uses become shared.
    fn set_plan(&mut self, plan: &LogicalPlan) -> Option<SetPlan> {
        let LogicalPlan::Extension(extension) = plan else { return None };
        let node: &dyn std::any::Any = extension.node.as_any();
        let strategy = node.downcast_ref::<StrategyNode>()?.plan.clone();
        let graph = self.graph.as_mut()?;
        let slots = strategy.slots.iter().map(|name| graph.place(name)).collect::<Option<Vec<_>>>()?;
        let mut open: Vec<(usize, bool)> = slots.iter().map(|slot| (*slot, false)).collect();
        while let Some((column, by_shared)) = open.pop() {
            let Some(maker) = graph.makers[column] else { continue };
            let step = &mut graph.steps[maker];
            match step.owner {
                None => {}
                Some(owner) if owner == graph.set && !by_shared => {
                    open.extend(step.inputs.iter().map(|input| (*input, false)));
                }
                Some(_) => {
                    step.owner = None;
                    open.extend(step.inputs.iter().map(|input| (*input, true)));
                }
            }
        }
        Some(SetPlan { strategy, slots })
    }
}

/// The values of a set for people: `fast = 5, slow = 20`.
pub fn named(sweep: &Sweep, values: &[Number]) -> String {
    let one =
        |(axis, value): (&candleflow_config::research::Axis, &Number)| format!("{} = {}", axis.name.value, value.text);
    sweep.axes.iter().zip(values).map(one).collect::<Vec<_>>().join(", ")
}

/// `sweep.where`: which sets are run.
pub struct Filter {
    programs: Programs,
    /// Values of all parameters, those of the file where the sweep has none.
    values: Vec<f64>,
    /// Where the parameters of the sweep stand among them.
    moved: Vec<usize>,
}

impl Filter {
    /// Compiles an expression over parameters.
    pub fn compile(document: &Document, sweep: &Sweep, text: &Text, errors: &mut Diagnostics) -> Option<Filter> {
        let params: BTreeMap<&str, f64> = document.params.iter().map(|(k, v)| (k.as_str(), v.value.value)).collect();
        let names: Vec<&str> = params.keys().copied().collect();
        let mut expr = super::parse::parse(text, errors)?;
        let mut wrong = None;
        let _: ControlFlow<()> = ast::visit_expressions_mut(&mut expr, |e| {
            match e {
                ast::Expr::Identifier(ident) => {
                    wrong = wrong.take().or(Some(format!("where sees parameters only: write ${}", ident.value)));
                }
                ast::Expr::CompoundIdentifier(_) => {
                    wrong = wrong.take().or(Some(format!("where sees parameters only, not {e}")));
                }
                ast::Expr::Value(value) => {
                    if let ast::Value::Placeholder(name) = &value.value {
                        let name = name.trim_start_matches('$').to_owned();
                        if !names.contains(&name.as_str()) {
                            let hint = nearest(&name, names.iter().copied());
                            wrong = wrong.take().or(Some(format!("unknown parameter '${name}'{hint}")));
                        }
                        *e = identifier(&name);
                    }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        });
        let compiled = match wrong {
            Some(message) => Err(message),
            None => program::compile(&expr, &mut Params(&names)),
        };
        match compiled {
            Ok(program) => Some(Filter::of(program, sweep, &params)),
            Err(message) => {
                errors.add(text.place, format!("where: {message}"));
                None
            }
        }
    }

    fn of(program: Program, sweep: &Sweep, params: &BTreeMap<&str, f64>) -> Filter {
        let place = |name: &str| params.keys().position(|known| *known == name);
        Filter {
            programs: Programs::new(vec![program]),
            values: params.values().copied().collect(),
            moved: sweep.axes.iter().filter_map(|axis| place(&axis.name.value)).collect(),
        }
    }

    /// Whether a set with these values is run.
    pub fn holds(&mut self, values: &[Number]) -> bool {
        for (place, value) in self.moved.iter().zip(values) {
            self.values[*place] = value.value;
        }
        self.programs.eval(0, &self.values, &PositionView::UNKNOWN) == 1.0
    }
}

struct Params<'p>(&'p [&'p str]);

impl Names for Params<'_> {
    fn column(&mut self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| *known == name)
    }

    fn hidden(&mut self, _: &ast::Expr) -> Option<usize> {
        None
    }

    fn tags(&self) -> &[String] {
        &[]
    }

    fn hides(&self) -> bool {
        false
    }
}
