//! SQL syntax to a [`Program`]: what names the position becomes instructions, all else a hidden column.
//!
//! `position.side`, `position.tag` and `last_trade.reason` are text to the user and numbers here: they are compared with
//! words that are known, and with nothing else.

use super::{Binary, Op, Program, Unary, truth};
use candleflow_config::nearest;
use candleflow_kernels::strategy::{Reason, SLOT_NAMES, slot};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value,
};

/// What an expression names that a program can see.
pub(in crate::compile) trait Names {
    /// The place of a column among the row's slots.
    fn column(&mut self, name: &str) -> Option<usize>;
    /// The place of an expression that does not depend on the position, computed as a hidden column.
    fn hidden(&mut self, expr: &Expr) -> Option<usize>;
    /// The rules' tags, by number.
    fn tags(&self) -> &[String];
    /// Whether there are hidden columns at all; where not, everything is computed by the program.
    fn hides(&self) -> bool {
        true
    }
}

/// Whether an expression names the position, the last trade or the account.
pub(in crate::compile) fn sees_position(expr: &Expr) -> bool {
    let mut sees = false;
    let mut copy = expr.clone();
    let _ = datafusion::sql::sqlparser::ast::visit_expressions_mut(&mut copy, |e| {
        sees |= slot_of(e).is_some();
        std::ops::ControlFlow::<()>::Continue(())
    });
    sees
}

/// The slot that `position.qty` and the like name.
pub(in crate::compile) fn slot_of(expr: &Expr) -> Option<usize> {
    let Expr::CompoundIdentifier(parts) = expr else { return None };
    let name: Vec<_> = parts.iter().map(|p| p.value.to_lowercase()).collect();
    SLOT_NAMES.iter().position(|slot| *slot == name.join("."))
}

/// Compiles an expression.
///
/// # Errors
/// What cannot be computed together with position values.
pub(in crate::compile) fn compile(expr: &Expr, names: &mut dyn Names) -> Result<Program, String> {
    let mut compiler = Compiler { ops: Vec::new(), names };
    compiler.expr(expr)?;
    Ok(Program { ops: compiler.ops })
}

struct Compiler<'n> {
    ops: Vec<Op>,
    names: &'n mut dyn Names,
}

impl Compiler<'_> {
    fn expr(&mut self, expr: &Expr) -> Result<(), String> {
        if let Some(slot) = slot_of(expr) {
            if is_text(slot) {
                return Err(format!("{expr} is text: compare it with text, by =, <> or IN, such as {}", example(slot)));
            }
            self.ops.push(Op::Slot(slot));
            return Ok(());
        }
        match expr {
            Expr::Nested(inner) => self.expr(inner),
            Expr::Identifier(ident) => {
                let name = ident.value.to_lowercase();
                let slot =
                    self.names.column(&name).ok_or_else(|| format!("'{name}' is neither a number nor a truth"))?;
                self.ops.push(Op::Column(slot));
                Ok(())
            }
            Expr::Value(value) => self.value(&value.value),
            Expr::UnaryOp { op, expr } => {
                self.expr(expr)?;
                match op {
                    UnaryOperator::Plus => {}
                    UnaryOperator::Minus => self.ops.push(Op::Unary(Unary::Negate)),
                    UnaryOperator::Not => self.ops.push(Op::Unary(Unary::Not)),
                    other => return Err(format!("the operator {other} cannot be used with position values")),
                }
                Ok(())
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) => self.is_null(inner),
            Expr::IsNotNull(inner) => {
                self.is_null(inner)?;
                self.ops.push(Op::Unary(Unary::Not));
                Ok(())
            }
            Expr::Between { expr, negated, low, high } => {
                self.expr(expr)?;
                self.then(low, &[Op::Binary(Binary::GreaterEqual)])?;
                self.expr(expr)?;
                self.then(high, &[Op::Binary(Binary::LessEqual), Op::Binary(Binary::And)])?;
                if *negated {
                    self.ops.push(Op::Unary(Unary::Not));
                }
                Ok(())
            }
            Expr::InList { expr, list, negated } if sees_position(expr) || list.iter().any(sees_position) => {
                self.one_of(expr, list, *negated)
            }
            Expr::Case { operand: None, conditions, else_result, .. } => {
                for when in conditions {
                    self.expr(&when.condition)?;
                    self.expr(&when.result)?;
                }
                match else_result {
                    Some(result) => self.expr(result)?,
                    None => self.ops.push(Op::Push(f64::NAN)),
                }
                self.ops.extend(conditions.iter().map(|_| Op::Choose));
                Ok(())
            }
            other if self.names.hides() && !sees_position(other) => self.hidden(other),
            Expr::Function(function) => self.function(function),
            other => Err(format!("'{other}' cannot be computed with position values")),
        }
    }

    fn is_null(&mut self, expr: &Expr) -> Result<(), String> {
        match slot_of(expr) {
            Some(slot) => self.ops.push(Op::Slot(slot)),
            None => self.expr(expr)?,
        }
        self.ops.push(Op::Unary(Unary::IsNull));
        Ok(())
    }

    fn then(&mut self, expr: &Expr, ops: &[Op]) -> Result<(), String> {
        self.expr(expr)?;
        self.ops.extend_from_slice(ops);
        Ok(())
    }

    fn hidden(&mut self, expr: &Expr) -> Result<(), String> {
        let slot = self.names.hidden(expr).ok_or_else(|| format!("'{expr}' is not a number"))?;
        self.ops.push(Op::Column(slot));
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Result<(), String> {
        let number = match value {
            Value::Number(text, _) => text.to_string().parse().map_err(|_| format!("'{text}' is not a number"))?,
            Value::Boolean(b) => truth(*b),
            Value::Null => f64::NAN,
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => return Err(only_with_text(text)),
            other => return Err(format!("{other} cannot be computed with position values")),
        };
        self.ops.push(Op::Push(number));
        Ok(())
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<(), String> {
        let equality = matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
        match (text_of(left), text_of(right)) {
            (None, Some(text)) if equality => self.word(left, text)?,
            (Some(text), None) if equality => self.word(right, text)?,
            _ => {
                self.expr(left)?;
                self.expr(right)?;
            }
        }
        self.ops.push(Op::Binary(match op {
            BinaryOperator::Plus => Binary::Add,
            BinaryOperator::Minus => Binary::Subtract,
            BinaryOperator::Multiply => Binary::Multiply,
            BinaryOperator::Divide => Binary::Divide,
            BinaryOperator::Modulo => Binary::Modulo,
            BinaryOperator::Lt => Binary::Less,
            BinaryOperator::LtEq => Binary::LessEqual,
            BinaryOperator::Gt => Binary::Greater,
            BinaryOperator::GtEq => Binary::GreaterEqual,
            BinaryOperator::Eq => Binary::Equal,
            BinaryOperator::NotEq => Binary::NotEqual,
            BinaryOperator::And => Binary::And,
            BinaryOperator::Or => Binary::Or,
            other => return Err(format!("the operator {other} cannot be used with position values")),
        }));
        Ok(())
    }

    /// A slot that holds text, and the number that stands for a word in it.
    fn word(&mut self, other: &Expr, text: &str) -> Result<(), String> {
        let words: Vec<&str> = match slot_of(other) {
            Some(slot::POSITION_SIDE) => vec!["short", "flat", "long"],
            Some(slot::LAST_TRADE_REASON) => {
                // The reasons of trades come first, those of orders that never filled after them.
                Reason::ALL.iter().take_while(|r| **r != Reason::Expired).map(|r| r.name()).collect()
            }
            Some(slot::POSITION_TAG) => self.names.tags().iter().map(String::as_str).collect(),
            _ => return Err(only_with_text(text)),
        };
        let Some(at) = words.iter().position(|word| *word == text) else {
            let hint = if words.is_empty() { ": no rule has a tag".to_owned() } else { nearest(text, words) };
            return Err(format!("'{text}' is unknown to {other}{hint}"));
        };
        let number = match slot_of(other) {
            Some(slot::POSITION_SIDE) => at as f64 - 1.0,
            Some(slot::LAST_TRADE_REASON) => f64::from(Reason::ALL[at].code()),
            _ => at as f64,
        };
        self.ops.extend(slot_of(other).map(Op::Slot));
        self.ops.push(Op::Push(number));
        Ok(())
    }

    /// `x IN (a, b)` is `x = a OR x = b`.
    fn one_of(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Result<(), String> {
        for (i, item) in list.iter().enumerate() {
            self.binary(expr, &BinaryOperator::Eq, item)?;
            if i > 0 {
                self.ops.push(Op::Binary(Binary::Or));
            }
        }
        if negated {
            self.ops.push(Op::Unary(Unary::Not));
        }
        if list.is_empty() { Err("IN needs a list that is not empty".into()) } else { Ok(()) }
    }

    fn function(&mut self, function: &Function) -> Result<(), String> {
        let name = function.name.to_string().to_lowercase();
        let args = arguments(function)?;
        let one = |op| (1, 1, Op::Unary(op));
        let (least, most, op) = match name.as_str() {
            "abs" => one(Unary::Abs),
            "floor" => one(Unary::Floor),
            "ceil" => one(Unary::Ceil),
            "sqrt" => one(Unary::Sqrt),
            "least" => (1, 50, Op::Binary(Binary::Least)),
            "greatest" => (1, 50, Op::Binary(Binary::Greatest)),
            "coalesce" => (1, 50, Op::Binary(Binary::Coalesce)),
            _ => {
                return Err(format!(
                    "{name}(...) cannot take position values, only abs, floor, ceil, sqrt, least, greatest and coalesce can"
                ));
            }
        };
        if args.len() < least || args.len() > most {
            return Err(format!("{name} takes {least} to {most} arguments, got {}", args.len()));
        }
        for (i, arg) in args.into_iter().enumerate() {
            self.expr(arg)?;
            if i > 0 || most == 1 {
                self.ops.push(op);
            }
        }
        Ok(())
    }
}

fn only_with_text(text: &str) -> String {
    format!("'{text}' can only be compared, by =, <> or IN, with position.side, position.tag or last_trade.reason")
}

/// Whether a slot holds the number of a word.
fn is_text(slot: usize) -> bool {
    [slot::POSITION_SIDE, slot::POSITION_TAG, slot::LAST_TRADE_REASON].contains(&slot)
}

fn example(slot: usize) -> &'static str {
    match slot {
        slot::POSITION_SIDE => "'long'",
        slot::LAST_TRADE_REASON => "'stop_loss'",
        _ => "'a tag'",
    }
}

/// The text that an expression is.
fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Nested(inner) => text_of(inner),
        Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The arguments of a call, all by position.
fn arguments(function: &Function) -> Result<Vec<&Expr>, String> {
    let FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
    let one = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref e)) => Ok(e),
        other => Err(format!("the argument {other} cannot be used here")),
    };
    list.args.iter().map(one).collect()
}
