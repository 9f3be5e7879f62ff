//! The arguments of a call, from SQL syntax: columns first, then parameters, by position or by name.
//!
//! Pipelines and ad-hoc SQL read calls here and nowhere else, so a mistake reads the same in both. A parameter must be a
//! constant: a number, arithmetic of numbers, or one of its words. What is left out takes its default.

use candleflow_kernels::{
    indicator::{Indicator, Param, ParamError, ParamKind},
    metrics::Statistic,
};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value,
};
use thiserror::Error;

/// A function that is called with columns and constants.
#[derive(Debug, Clone, Copy)]
pub struct Called {
    /// Its name.
    pub name: &'static str,
    /// The columns it takes, by name, in order.
    pub columns: &'static [&'static str],
    /// Its parameters, in order.
    pub params: &'static [Param],
    of: Of,
}

/// What knows the values of its parameters that nobody gave, and which of them fit each other.
#[derive(Debug, Clone, Copy)]
enum Of {
    Indicator(&'static Indicator),
    Statistic(&'static Statistic),
}

/// The arguments of a call, complete.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// One expression per column.
    pub columns: Vec<Expr>,
    /// One value per parameter.
    pub params: Vec<f64>,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CallError {
    /// Fewer columns than it needs, or more arguments than it takes.
    #[error("{name} takes {takes}, found {found}: {usage}")]
    Count {
        /// The function.
        name: &'static str,
        /// What it takes, in words.
        takes: String,
        /// How many arguments were given.
        found: usize,
        /// How it is called.
        usage: String,
    },
    /// A column that was not given.
    #[error("{name}: {argument} is missing: {usage}")]
    Missing {
        /// The function.
        name: &'static str,
        /// The column.
        argument: &'static str,
        /// How it is called.
        usage: String,
    },
    /// Something else than a constant of the right kind.
    #[error("{name}: {argument} must be {range}, found {found}")]
    Constant {
        /// The function.
        name: &'static str,
        /// The parameter.
        argument: &'static str,
        /// What it takes.
        range: String,
        /// What was given.
        found: String,
    },
    /// An argument by position after one by name.
    #[error("{name}: {found} has no name, but stands after an argument that has one: {usage}")]
    Position {
        /// The function.
        name: &'static str,
        /// The argument.
        found: String,
        /// How it is called.
        usage: String,
    },
    /// A name that it does not know.
    #[error("{name} has no argument '{argument}': {usage}")]
    Unknown {
        /// The function.
        name: &'static str,
        /// As it was given.
        argument: String,
        /// How it is called.
        usage: String,
    },
    /// One argument given twice.
    #[error("{name}: {argument} is given twice: {usage}")]
    Twice {
        /// The function.
        name: &'static str,
        /// The argument.
        argument: &'static str,
        /// How it is called.
        usage: String,
    },
    /// `*`, or a subquery in the place of arguments.
    #[error("{name} cannot take {found}: {usage}")]
    Form {
        /// The function.
        name: &'static str,
        /// What was given.
        found: String,
        /// How it is called.
        usage: String,
    },
    /// A value outside of its range.
    #[error(transparent)]
    Param(#[from] ParamError),
}

impl From<&'static Indicator> for Called {
    fn from(indicator: &'static Indicator) -> Self {
        Self { name: indicator.name, columns: indicator.inputs, params: indicator.params, of: Of::Indicator(indicator) }
    }
}

impl From<&'static Statistic> for Called {
    fn from(statistic: &'static Statistic) -> Self {
        let columns = statistic.series.columns();
        Self { name: statistic.name, columns, params: statistic.params, of: Of::Statistic(statistic) }
    }
}

impl Called {
    /// How it is called, with the defaults: `ema(real, timeperiod = 30, compat = talib)`.
    pub fn usage(&self) -> String {
        let params = self.params.iter().map(|p| format!("{} = {}", p.name, shown(p, p.default)));
        let arguments: Vec<String> = self.columns.iter().map(|c| (*c).to_owned()).chain(params).collect();
        format!("{}({})", self.name, arguments.join(", "))
    }

    /// The arguments of a call. Parameters are within their ranges.
    ///
    /// # Errors
    /// The first mistake, with the argument and what it takes.
    pub fn read(&self, arguments: &FunctionArguments) -> Result<Arguments, CallError> {
        let mut columns: Vec<Option<&Expr>> = vec![None; self.columns.len()];
        let mut given: Vec<Option<f64>> = vec![None; self.params.len()];
        let list = self.list(arguments)?;
        let mut named = false;
        for (place, argument) in list.iter().enumerate() {
            let (name, value) = self.parts(argument)?;
            named |= name.is_some();
            let place = match name {
                Some(name) => self.place(&name)?,
                None if named => {
                    return Err(CallError::Position { name: self.name, found: value.to_string(), usage: self.usage() });
                }
                None => place,
            };
            let taken = match place.checked_sub(columns.len()) {
                None => columns[place].replace(value).is_some(),
                Some(param) if param < given.len() => {
                    given[param].replace(self.constant(&self.params[param], value)?).is_some()
                }
                Some(_) => return Err(self.count(list.len())),
            };
            if taken {
                let argument = self.name_at(place);
                return Err(CallError::Twice { name: self.name, argument, usage: self.usage() });
            }
        }
        if columns.iter().all(Option::is_none) && !columns.is_empty() {
            return Err(self.count(list.len()));
        }
        let missing = columns.iter().position(Option::is_none);
        if let Some(place) = missing {
            let argument = self.columns[place];
            return Err(CallError::Missing { name: self.name, argument, usage: self.usage() });
        }
        let params = match self.of {
            Of::Indicator(indicator) => {
                let named = self.params.iter().zip(given).filter_map(|(p, value)| Some((p.name, value?)));
                indicator.bind(&[], &named.collect::<Vec<_>>())?
            }
            Of::Statistic(statistic) => statistic.bind(&given)?,
        };
        Ok(Arguments { columns: columns.into_iter().flatten().cloned().collect(), params })
    }

    fn list<'e>(&self, arguments: &'e FunctionArguments) -> Result<&'e [FunctionArg], CallError> {
        match arguments {
            FunctionArguments::None => Ok(&[]),
            FunctionArguments::List(list) => Ok(&list.args),
            FunctionArguments::Subquery(_) => Err(self.form("a subquery")),
        }
    }

    /// The name of an argument, if it has one, and its value.
    fn parts<'e>(&self, argument: &'e FunctionArg) -> Result<(Option<String>, &'e Expr), CallError> {
        let (name, value) = match argument {
            FunctionArg::Unnamed(value) => (None, value),
            FunctionArg::Named { name, arg, .. } => (Some(name.value.clone()), arg),
            FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => (Some(name.value.clone()), arg),
            FunctionArg::ExprNamed { .. } => return Err(self.form(argument)),
        };
        match value {
            FunctionArgExpr::Expr(value) => Ok((name, value)),
            other => Err(self.form(other)),
        }
    }

    fn place(&self, name: &str) -> Result<usize, CallError> {
        let mut names = self.columns.iter().copied().chain(self.params.iter().map(|p| p.name));
        names.position(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| CallError::Unknown {
            name: self.name,
            argument: name.to_owned(),
            usage: self.usage(),
        })
    }

    fn name_at(&self, place: usize) -> &'static str {
        match place.checked_sub(self.columns.len()) {
            None => self.columns[place],
            Some(param) => self.params[param].name,
        }
    }

    fn constant(&self, param: &Param, value: &Expr) -> Result<f64, CallError> {
        number(param, value).ok_or_else(|| CallError::Constant {
            name: self.name,
            argument: param.name,
            range: param.range(),
            found: found(value),
        })
    }

    fn count(&self, found: usize) -> CallError {
        let many = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let columns = many(self.columns.len(), "column");
        let takes = match self.params.len() {
            0 => columns,
            params => format!("{columns} and up to {}", many(params, "parameter")),
        };
        CallError::Count { name: self.name, takes, found, usage: self.usage() }
    }

    fn form(&self, found: impl ToString) -> CallError {
        CallError::Form { name: self.name, found: found.to_string(), usage: self.usage() }
    }
}

/// A value of a parameter as a person writes it.
pub fn shown(param: &Param, value: f64) -> String {
    let word = match param.kind {
        ParamKind::Choice(words) => {
            words.iter().find(|(_, number)| *number == value).map(|(word, _)| (*word).to_owned())
        }
        _ => None,
    };
    word.unwrap_or_else(|| value.to_string())
}

/// What was given where a constant is needed; a pipeline's hidden columns have names that nobody wrote.
fn found(value: &Expr) -> String {
    match value {
        Expr::Identifier(ident) if ident.value.starts_with("__") => "a column".to_owned(),
        Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}

/// The number that an argument is, whatever the row.
fn number(param: &Param, value: &Expr) -> Option<f64> {
    let number = match value {
        Expr::Nested(inner) => number(param, inner)?,
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => -number(param, expr)?,
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => number(param, expr)?,
        Expr::BinaryOp { left, op, right } => {
            let (a, b) = (number(param, left)?, number(param, right)?);
            match op {
                BinaryOperator::Plus => a + b,
                BinaryOperator::Minus => a - b,
                BinaryOperator::Multiply => a * b,
                BinaryOperator::Divide => a / b,
                _ => return None,
            }
        }
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.to_string().parse().ok()?,
            Value::SingleQuotedString(word) => param.number_of(word)?,
            _ => return None,
        },
        _ => return None,
    };
    (!number.is_nan()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_kernels::indicator::lookup;
    use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

    fn read(text: &str) -> Result<Arguments, String> {
        let expr = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).unwrap().parse_expr().unwrap();
        let Expr::Function(function) = expr else { panic!("{text}") };
        let called = Called::from(lookup(&function.name.to_string()).unwrap());
        called.read(&function.args).map_err(|e| e.to_string())
    }

    #[test]
    fn arguments_come_by_position_or_by_name() {
        let params = |text: &str| read(text).unwrap().params;
        assert_eq!(params("macd(close)"), [12.0, 26.0, 9.0, 0.0]);
        assert_eq!(params("macd(close, 5, signalperiod => 3)"), [5.0, 26.0, 3.0, 0.0]);
        assert_eq!(params("macd(real => close, SLOWPERIOD => 2 * 15, compat => 'tulip')"), [12.0, 30.0, 9.0, 1.0]);
        assert_eq!(params("stddev(close, 20, -(1.5))"), [20.0, -1.5]);
        let columns = read("atr(low => l, high => h, close => c + 1)").unwrap().columns;
        assert_eq!(columns.iter().map(ToString::to_string).collect::<Vec<_>>(), ["h", "l", "c + 1"]);
    }

    #[test]
    fn mistakes_are_one_sentence() {
        for (text, expected) in [
            ("ema()", "ema takes 1 column and up to 2 parameters, found 0: ema(real, timeperiod = 30, compat = talib)"),
            (
                "ema(c, 1, 0, 7)",
                "ema takes 1 column and up to 2 parameters, found 4: ema(real, timeperiod = 30, compat = talib)",
            ),
            ("atr(h, l)", "atr: close is missing: atr(high, low, close, timeperiod = 14, compat = talib)"),
            ("ema(c, 0)", "ema: timeperiod must be a whole number from 1 to 100000, got 0"),
            ("ema(c, 1e9)", "ema: timeperiod must be a whole number from 1 to 100000, got 1000000000"),
            ("ema(c, -3)", "ema: timeperiod must be a whole number from 1 to 100000, got -3"),
            ("ema(c, 'x')", "ema: timeperiod must be a whole number from 1 to 100000, found 'x'"),
            ("ema(c, NULL)", "ema: timeperiod must be a whole number from 1 to 100000, found NULL"),
            ("ema(c, c)", "ema: timeperiod must be a whole number from 1 to 100000, found c"),
            ("ema(c, compat => 'x')", "ema: compat must be one of talib (0), tulip (1), found 'x'"),
            ("ema(c, period => 3)", "ema has no argument 'period': ema(real, timeperiod = 30, compat = talib)"),
            (
                "ema(c, 3, timeperiod => 3)",
                "ema: timeperiod is given twice: ema(real, timeperiod = 30, compat = talib)",
            ),
            (
                "ema(timeperiod => 3, c)",
                "ema: c has no name, but stands after an argument that has one: ema(real, timeperiod = 30, compat = talib)",
            ),
            ("ema(*)", "ema cannot take *: ema(real, timeperiod = 30, compat = talib)"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
    }
}
