//! Expressions that depend on the position, as small programs over slots of `f64`: never one-row batches.
//!
//! NULL is NaN and truth is 1 or 0, with SQL's three-valued logic. Columns come from the row, `position.*`,
//! `last_trade.*` and `account.*` from the strategy's view. A program is a list of instructions for a stack whose
//! greatest depth is known when it is made.

mod build;

pub(super) use build::{Names, compile, sees_position, slot_of};

use candleflow_kernels::strategy::{PositionView, Rules};

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
