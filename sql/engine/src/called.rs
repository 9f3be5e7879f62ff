//! What the hidden columns of a plan compute, in words of the pipeline file: for those who must name a rule.

use crate::{
    compile::{
        Compiled,
        node::{HigherNode, StrategyNode},
    },
    lower::Binding,
};
use candleflow_stream::{Chain, detail::DETAIL, intake};
use datafusion::{
    common::Result,
    execution::SessionState,
    logical_expr::{Expr, LogicalPlan},
};
use std::collections::{BTreeMap, BTreeSet};

impl Compiled {
    /// A fresh chain that shows every column in the order of computation, the hidden ones too.
    ///
    /// # Errors
    /// As [`Compiled::chain`].
    pub fn open_chain(&self, session: &SessionState, binding: &Binding) -> Result<Chain> {
        let binding = Binding { columns: true, ..binding.clone() };
        let chain = self.chain(session, &binding)?;
        let schema = chain.schema();
        let computed = schema.iter().flat_map(|s| s.fields().iter().enumerate().skip(intake::SCHEMA.fields().len()));
        // Finer bars are input, as the bars are.
        let computed = computed.filter(|(_, field)| field.name() != DETAIL).map(|(at, _)| at);
        let shown = (0..3).chain(computed).collect();
        Ok(chain.showing(shown))
    }

    /// What every hidden column is called, by its name: `rule 'crossover(fast, slow)'`.
    pub fn called(&self) -> BTreeMap<String, String> {
        let mut found = Found::default();
        found.plan(&self.plan);
        let names: Vec<String> = found.texts.keys().cloned().collect();
        names.into_iter().map(|name| (name.clone(), found.named(&name))).collect()
    }

    /// Columns that indicators make and that the user has given no name: those inside rules and other expressions, in the
    /// order of computation, and the bars until each is within 1e-8 of its converged value.
    pub fn unnamed(&self) -> Vec<(String, Option<usize>)> {
        let mut found = Found::default();
        found.plan(&self.plan);
        let own = |name: &&String| !found.given.contains(*name);
        let mut made: Vec<&String> = found.made.iter().filter(own).collect();
        made.reverse();
        made.into_iter().filter_map(|name| Some((name.clone(), *self.hidden.get(name)?))).collect()
    }
}

#[derive(Default)]
struct Found {
    /// What each hidden column computes, other hidden columns by name.
    texts: BTreeMap<String, String>,
    /// Columns that the strategy uses.
    slots: BTreeSet<String>,
    /// Hidden columns that indicators make, the last first.
    made: Vec<String>,
    /// Hidden columns that are a user's column by another name.
    given: BTreeSet<String>,
}

impl Found {
    fn plan(&mut self, plan: &LogicalPlan) {
        match plan {
            LogicalPlan::Projection(node) => {
                node.expr.iter().for_each(|e| self.expr(e));
                self.plan(&node.input);
            }
            LogicalPlan::Window(node) => {
                node.window_expr.iter().for_each(|e| self.expr(e));
                self.plan(&node.input);
            }
            LogicalPlan::Extension(extension) => {
                let node: &dyn std::any::Any = extension.node.as_any();
                if let Some(strategy) = node.downcast_ref::<StrategyNode>() {
                    self.slots.extend(strategy.plan.slots.iter().cloned());
                    self.plan(&strategy.input);
                } else if let Some(higher) = node.downcast_ref::<HigherNode>() {
                    self.plan(&higher.input);
                }
            }
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr) {
        let Expr::Alias(alias) = expr else { return };
        if !alias.name.starts_with("__") {
            if let Expr::Column(column) = alias.expr.as_ref() {
                self.given.insert(column.name.clone());
            }
            return;
        }
        if matches!(alias.expr.as_ref(), Expr::WindowFunction(_)) {
            self.made.push(alias.name.clone());
        }
        let text = match alias.expr.as_ref() {
            Expr::WindowFunction(call) => {
                let args: Vec<String> = call.params.args.iter().map(plain).collect();
                format!("{}({})", call.fun.name(), args.join(", "))
            }
            other => plain(other),
        };
        self.texts.insert(alias.name.clone(), text);
    }

    /// A hidden column with its own hidden columns written out.
    fn named(&self, name: &str) -> String {
        let text = self.written(name, 0);
        let kind = if self.slots.contains(name) { "rule or level" } else { "expression" };
        format!("{kind} '{text}'")
    }

    fn written(&self, name: &str, depth: usize) -> String {
        // Deeper than any expression that can be read.
        const DEEPEST: usize = 16;
        let Some(text) = self.texts.get(name).filter(|_| depth < DEEPEST) else { return name.to_owned() };
        let mut out = String::new();
        let mut word = String::new();
        let end = |word: &mut String, out: &mut String| {
            match word.starts_with("__") {
                true => out.push_str(&self.written(word, depth + 1)),
                false => out.push_str(word),
            }
            word.clear();
        };
        for c in text.chars() {
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
            } else {
                end(&mut word, &mut out);
                out.push(c);
            }
        }
        end(&mut word, &mut out);
        out
    }
}

/// An expression without the marks of the planner.
fn plain(expr: &Expr) -> String {
    let mut text = expr.to_string().replace("bars.", "");
    for kind in ["Float64(", "Int64(", "Utf8(", "Boolean("] {
        while let Some(start) = text.find(kind) {
            let Some(end) = text[start..].find(')').map(|e| start + e) else { break };
            let value = text[start + kind.len()..end].to_owned();
            text.replace_range(start..=end, &value);
        }
    }
    text
}
