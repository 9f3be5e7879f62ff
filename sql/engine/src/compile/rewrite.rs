//! From syntax to what DataFusion can plan: parameters become numbers, indicator calls become earlier columns.
//!
//! `crossover(ema(close, $fast), ema(close, 26))` leaves here as one hidden column; its two averages are hidden columns
//! before it. Equal subexpressions are computed once. What cannot run on a stream, or would look ahead, is refused here
//! with its reason and its place.

use super::{
    Compiler,
    parse::{offset, parse},
    program,
};
use candleflow_config::{Place, document::Expr as Text, nearest};
use candleflow_functions::{Arguments, Called};
use candleflow_kernels::indicator::{Indicator, registry};
use datafusion::{
    logical_expr::Volatility,
    sql::sqlparser::ast::{
        AccessExpr, BinaryOperator, Expr, Function, Ident, Subscript, UnaryOperator, Value, VisitMut, VisitorMut,
    },
};
use std::ops::ControlFlow;

/// What an expression may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sees {
    /// The market and earlier columns.
    Columns,
    /// Also the position, the last trade and the account.
    Position,
}

impl Compiler<'_> {
    /// Parses and rewrites an expression; every error goes to the diagnostics.
    pub(super) fn rewritten(&mut self, text: &Text, sees: Sees) -> Option<Expr> {
        let mut expr = match self.parsed.get(&text.value) {
            Some(known) => known.clone(),
            None => {
                let parsed = parse(text, self.errors)?;
                self.parsed.insert(text.value.clone(), parsed.clone());
                parsed
            }
        };
        let mut rewriter = Rewriter { compiler: self, text, sees, fields: Vec::new(), failed: false };
        let _ = expr.visit(&mut rewriter);
        (!rewriter.failed).then_some(expr)
    }
}

struct Rewriter<'c, 'a, 't> {
    compiler: &'c mut Compiler<'a>,
    text: &'t Text,
    sees: Sees,
    /// Fields of struct accesses that are being visited.
    fields: Vec<Option<String>>,
    failed: bool,
}

impl VisitorMut for Rewriter<'_, '_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // The field of `macd(close).hist` is a name, not a column: taken off before its parts are visited.
        if let Expr::CompoundFieldAccess { access_chain, .. } = expr {
            let field = match access_chain.as_slice() {
                [AccessExpr::Dot(Expr::Identifier(field))] => Some(field.value.clone()),
                [AccessExpr::Subscript(Subscript::Index { index: Expr::Value(v) })] => match &v.value {
                    Value::SingleQuotedString(field) => Some(field.clone()),
                    _ => None,
                },
                _ => None,
            };
            access_chain.clear();
            self.fields.push(field);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Err((at, message)) = self.replace(expr) {
            if !message.is_empty() {
                let place = at.map_or(self.text.place, |at| self.text.place.inside(&self.text.value, at));
                self.compiler.errors.add(place, message);
            }
            self.failed = true;
            *expr = Expr::Value(Value::Null.into());
        }
        ControlFlow::Continue(())
    }
}

/// Where in the text, if it is known, and what; nothing where it has been told already.
type Refusal = (Option<usize>, String);

impl Rewriter<'_, '_, '_> {
    fn replace(&mut self, expr: &mut Expr) -> Result<(), Refusal> {
        match expr {
            Expr::Identifier(ident) => {
                let physical = self.column(ident)?;
                *expr = identifier(&physical);
            }
            Expr::CompoundIdentifier(parts) => *expr = self.compound(parts)?,
            Expr::CompoundFieldAccess { root, .. } => {
                let field = self.fields.pop().flatten();
                *expr = self.field(root, field)?;
            }
            Expr::Value(value) => {
                if let Value::Placeholder(name) = &value.value {
                    value.value = self.parameter(name)?;
                }
            }
            Expr::BinaryOp { left, op, right } => {
                if matches!(op, BinaryOperator::AtArrow | BinaryOperator::ArrowAt) {
                    return Err((None, format!("the operator {op} cannot be used in a pipeline")));
                }
                as_double(left);
                as_double(right);
            }
            Expr::Function(function) => {
                if let Some(replaced) = self.function(function)? {
                    *expr = replaced;
                }
            }
            Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
                return Err((None, "a subquery cannot run on a stream".into()));
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                return Err((None, "'*' is not a value: name a column".into()));
            }
            _ => {}
        }
        Ok(())
    }

    fn column(&self, ident: &Ident) -> Result<String, Refusal> {
        let name = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
        if name.starts_with("__") && self.compiler.is_hidden(&name) {
            return Ok(name);
        }
        if self.compiler.failed.contains(&name) {
            return Err((None, String::new()));
        }
        self.compiler.visible(&name).ok_or_else(|| {
            let later = self.compiler.later.contains(&name);
            let hint = if later {
                ": it stands further down, move it above this one".to_owned()
            } else {
                nearest(&name, self.compiler.names())
            };
            (Some(offset(ident)), format!("unknown column '{name}'{hint}"))
        })
    }

    fn compound(&self, parts: &[Ident]) -> Result<Expr, Refusal> {
        let at = parts.first().map(offset);
        let whole = Expr::CompoundIdentifier(parts.to_vec());
        if program::slot_of(&whole).is_some() {
            return match self.sees {
                Sees::Position => Ok(whole),
                Sees::Columns => {
                    Err((at, format!("a column cannot use {whole}: only rules, levels and sizes see the position")))
                }
            };
        }
        if let [root, field] = parts {
            let name = root.value.to_lowercase();
            if ["position", "last_trade", "account"].contains(&name.as_str()) {
                let known = candleflow_kernels::strategy::SLOT_NAMES;
                return Err((at, format!("unknown value '{whole}'{}", nearest(&whole.to_string(), known))));
            }
            return self
                .field(&Expr::Identifier(Ident::new(name)), Some(field.value.clone()))
                .map_err(|(_, m)| (at, m));
        }
        Err((at, format!("unknown name '{whole}'")))
    }

    /// One output of an indicator that has several.
    fn field(&self, root: &Expr, field: Option<String>) -> Result<Expr, Refusal> {
        let Expr::Identifier(ident) = root else {
            return Err((None, "only an indicator with several outputs has fields".into()));
        };
        if self.compiler.failed.contains(&ident.value) {
            return Err((None, String::new()));
        }
        let Some((indicator, columns)) = self.compiler.structs.get(&ident.value) else {
            return Err((None, format!("'{}' has no fields", ident.value)));
        };
        let field = field.unwrap_or_default().to_lowercase();
        match indicator.output(&field) {
            Some(output) => Ok(identifier(&columns[output])),
            None => {
                let known = indicator.outputs.iter().map(|o| o.name);
                Err((None, format!("{} has no output '{field}'{}", indicator.name, nearest(&field, known))))
            }
        }
    }

    fn parameter(&self, name: &str) -> Result<Value, Refusal> {
        let bare = name.trim_start_matches('$');
        match self.compiler.params.get(bare) {
            Some(value) => Ok(Value::Number(value.to_string(), false)),
            None => {
                let at = self.text.value.find(name);
                let hint = nearest(bare, self.compiler.params.keys().map(String::as_str));
                Err((at, format!("unknown parameter '{name}'{hint}")))
            }
        }
    }

    /// What replaces a call: the column of an indicator, or nothing for a plain scalar function.
    fn function(&mut self, function: &Function) -> Result<Option<Expr>, Refusal> {
        let name = function.name.to_string().to_lowercase();
        let at = function.name.0.first().and_then(|p| p.as_ident()).map(offset);
        let refuse = |message: String| Err((at, message));
        // A plain function of one row (sqrt, floor) stays what it is in SQL.
        let plain = self.compiler.session.scalar_functions().contains_key(&name);
        let indicator = candleflow_functions::indicator(&name).filter(|_| !plain);
        if function.over.is_some() {
            return refuse(format!("{name}: the window is implied in a pipeline, remove OVER (...)"));
        }
        if function.filter.is_some() || !function.within_group.is_empty() || function.null_treatment.is_some() {
            return refuse(format!("{name}: FILTER, WITHIN GROUP and IGNORE NULLS cannot run on a stream"));
        }
        if name == "lead" {
            return refuse("lead looks ahead: a value of a later bar is not known yet, use lag".into());
        }
        if let Some(indicator) = indicator {
            return self.indicator(indicator, function).map(Some).map_err(|m| (at, m));
        }
        let state = self.compiler.session;
        let Some(scalar) = state.scalar_functions().get(&name) else {
            if state.aggregate_functions().contains_key(&name) {
                return refuse(format!(
                    "{name} is an aggregate without a window: use a rolling indicator such as sma(x, n) or max(x, n)"
                ));
            }
            if state.window_functions().contains_key(&name) {
                return refuse(format!("{name} reads the whole partition, later bars included: it would look ahead"));
            }
            let known = state.scalar_functions().keys().map(String::as_str).chain(registry().iter().map(|i| i.name));
            return refuse(format!("unknown function '{name}'{}", nearest(&name, known)));
        };
        if scalar.signature().volatility != Volatility::Immutable {
            return refuse(format!(
                "{name} is not immutable: its value would depend on when it is computed, use the column time"
            ));
        }
        Ok(None)
    }

    fn indicator(&mut self, indicator: &'static Indicator, function: &Function) -> Result<Expr, String> {
        let called = Called::from(indicator);
        let Arguments { columns, params } = called.read(&function.args).map_err(|e| e.to_string())?;
        if columns.iter().any(program::sees_position) {
            return Err(format!("{} runs over columns and cannot take position values", indicator.name));
        }
        let place = self.text.place;
        let mut inputs = Vec::new();
        for (column, argument) in columns.iter().zip(indicator.inputs) {
            let input = self.compiler.input(column, place);
            inputs.push(
                input.ok_or_else(|| format!("{}: {argument} must be a number: {}", indicator.name, called.usage()))?,
            );
        }
        Ok(identifier(&self.compiler.kernel(indicator, inputs, params, place)))
    }
}

/// A column by its exact name.
pub(super) fn identifier(name: &str) -> Expr {
    Expr::Identifier(Ident::with_quote('"', name))
}

/// A whole number that is an operand is a double: `1 / 2` is a half.
fn as_double(expr: &mut Expr) {
    match expr {
        Expr::Value(v) => {
            if let Value::Number(text, _) = &mut v.value
                && text.bytes().all(|b| b.is_ascii_digit())
            {
                text.push_str(".0");
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } | Expr::Nested(expr) => as_double(expr),
        _ => {}
    }
}

/// The place of a whole expression.
pub(super) fn place_of(text: &Text) -> Place {
    text.place
}
