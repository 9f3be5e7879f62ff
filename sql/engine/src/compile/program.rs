//! Expressions that depend on the position, as small programs over slots of `f64`: never one-row batches.
//!
//! NULL is NaN and truth is 1 or 0, with SQL's three-valued logic. Columns come from the row, `position.*`,
//! `last_trade.*` and `account.*` from the strategy's view. A program is a list of instructions for a stack whose
//! greatest depth is known when it is made.

use candleflow_kernels::strategy::{PositionView, Reason, Rules, SLOT_NAMES, slot};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value,
};

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    Push(f64),
    Column(usize),
    Slot(usize),
    Unary(Unary),
    Binary(Binary),
    /// Condition, then, else: all evaluated, one kept.
    Choose,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unary {
    Negate,
    Not,
    IsNull,
    Abs,
    Floor,
    Ceil,
    Sqrt,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Least,
    Greatest,
    Coalesce,
}

/// A compiled expression.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    ops: Vec<Op>,
}

/// All programs of a strategy, with the stack they share.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// By number.
    pub list: Vec<Program>,
    stack: Vec<f64>,
}

impl Programs {
    /// These programs.
    pub fn new(list: Vec<Program>) -> Self {
        Self { list, stack: Vec::new() }
    }
}

impl Rules for Programs {
    fn eval(&mut self, program: u32, columns: &[f64], view: &PositionView) -> f64 {
        let stack = &mut self.stack;
        stack.clear();
        for op in &self.list[program as usize].ops {
            // Every instruction finds its operands: `compile` emits them before it.
            let mut pop = || stack.pop().unwrap_or(f64::NAN);
            let value = match *op {
                Op::Push(v) => v,
                Op::Column(i) => columns[i],
                Op::Slot(i) => view.0[i],
                Op::Unary(op) => unary(op, pop()),
                Op::Binary(op) => {
                    let (b, a) = (pop(), pop());
                    binary(op, a, b)
                }
                Op::Choose => {
                    let (no, yes, condition) = (pop(), pop(), pop());
                    if condition == 1.0 { yes } else { no }
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(f64::NAN)
    }
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn unary(op: Unary, a: f64) -> f64 {
    match op {
        Unary::IsNull => truth(a.is_nan()),
        Unary::Negate => -a,
        Unary::Not => 1.0 - a,
        Unary::Abs => a.abs(),
        Unary::Floor => a.floor(),
        Unary::Ceil => a.ceil(),
        Unary::Sqrt => a.sqrt(),
    }
}

fn binary(op: Binary, a: f64, b: f64) -> f64 {
    let null = a.is_nan() || b.is_nan();
    let compare = |result: bool| if null { f64::NAN } else { truth(result) };
    match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        // As in columns: division by zero is NULL.
        Binary::Divide => {
            if b == 0.0 {
                f64::NAN
            } else {
                a / b
            }
        }
        Binary::Modulo => {
            if b == 0.0 {
                f64::NAN
            } else {
                a % b
            }
        }
        Binary::Less => compare(a < b),
        Binary::LessEqual => compare(a <= b),
        Binary::Greater => compare(a > b),
        Binary::GreaterEqual => compare(a >= b),
        Binary::Equal => compare(a == b),
        Binary::NotEqual => compare(a != b),
        Binary::And if a == 0.0 || b == 0.0 => 0.0,
        Binary::Or if a == 1.0 || b == 1.0 => 1.0,
        Binary::And | Binary::Or => {
            if null {
                f64::NAN
            } else {
                truth(op == Binary::And)
            }
        }
        Binary::Least => {
            if a.is_nan() || b < a {
                b
            } else {
                a
            }
        }
        Binary::Greatest => {
            if a.is_nan() || b > a {
                b
            } else {
                a
            }
        }
        Binary::Coalesce => {
            if a.is_nan() {
                b
            } else {
                a
            }
        }
    }
}

/// What an expression names that a program can see.
pub(super) trait Names {
    /// The place of a column among the row's slots.
    fn column(&mut self, name: &str) -> Option<usize>;
    /// The place of an expression that does not depend on the position, computed as a hidden column.
    fn hidden(&mut self, expr: &Expr) -> Option<usize>;
    /// The number of a rule's tag.
    fn tag(&mut self, tag: &str) -> Option<f64>;
    /// Whether there are hidden columns at all; where not, everything is computed by the program.
    fn hides(&self) -> bool {
        true
    }
}

/// Whether an expression names the position, the last trade or the account.
pub(super) fn sees_position(expr: &Expr) -> bool {
    let mut sees = false;
    let mut copy = expr.clone();
    let _ = datafusion::sql::sqlparser::ast::visit_expressions_mut(&mut copy, |e| {
        sees |= slot_of(e).is_some();
        std::ops::ControlFlow::<()>::Continue(())
    });
    sees
}

/// The slot that `position.qty` and the like name.
pub(super) fn slot_of(expr: &Expr) -> Option<usize> {
    let Expr::CompoundIdentifier(parts) = expr else { return None };
    let name: Vec<_> = parts.iter().map(|p| p.value.to_lowercase()).collect();
    SLOT_NAMES.iter().position(|slot| *slot == name.join("."))
}

/// Compiles an expression.
///
/// # Errors
/// What cannot be computed together with position values.
pub(super) fn compile(expr: &Expr, names: &mut dyn Names) -> Result<Program, String> {
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
            self.ops.push(Op::Slot(slot));
            return Ok(());
        }
        match expr {
            Expr::Nested(inner) => self.expr(inner),
            Expr::Identifier(ident) => {
                let name = ident.value.to_lowercase();
                let slot = self.names.column(&name).ok_or_else(|| format!("unknown column '{name}'"))?;
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
            Expr::IsNull(inner) => self.then(inner, &[Op::Unary(Unary::IsNull)]),
            Expr::IsNotNull(inner) => self.then(inner, &[Op::Unary(Unary::IsNull), Op::Unary(Unary::Not)]),
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
            other => return Err(format!("{other} cannot be computed with position values")),
        };
        self.ops.push(Op::Push(number));
        Ok(())
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<(), String> {
        self.operand(left, right)?;
        self.operand(right, left)?;
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

    /// An operand; a word in quotes stands for the number of what the other operand can be.
    fn operand(&mut self, expr: &Expr, other: &Expr) -> Result<(), String> {
        let text = match expr {
            Expr::Value(v) => match &v.value {
                Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text),
                _ => None,
            },
            _ => None,
        };
        let Some(text) = text else { return self.expr(expr) };
        let number = match slot_of(other) {
            Some(slot::POSITION_SIDE) => {
                ["short", "flat", "long"].iter().position(|w| w == text).map(|i| i as f64 - 1.0)
            }
            Some(slot::LAST_TRADE_REASON) => Reason::ALL.iter().find(|r| r.name() == text).map(|r| f64::from(r.code())),
            Some(slot::POSITION_TAG) => self.names.tag(text),
            _ => {
                return Err(format!(
                    "'{text}' can only be compared with position.side, position.tag or last_trade.reason"
                ));
            }
        };
        let known = match slot_of(other) {
            Some(slot::POSITION_SIDE) => "long, short or flat".to_owned(),
            Some(slot::POSITION_TAG) => "a tag of one of the rules".to_owned(),
            _ => Reason::ALL.iter().map(|r| r.name()).collect::<Vec<_>>().join(", "),
        };
        self.ops.push(Op::Push(number.ok_or_else(|| format!("'{text}' is unknown here, expected {known}"))?));
        Ok(())
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

/// The arguments of a call, all by position.
fn arguments(function: &Function) -> Result<Vec<&Expr>, String> {
    let FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
    let one = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref e)) => Ok(e),
        other => Err(format!("the argument {other} cannot be used here")),
    };
    list.args.iter().map(one).collect()
}
