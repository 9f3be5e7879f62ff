//! Parameters: what an indicator takes besides its columns, and the one place where arguments are checked.
//!
//! All parameters are numbers in the end. Each has a default and a range; arguments may come by position or by name,
//! and what is wrong with them is said in one sentence that names the argument and its range.

use thiserror::Error;

/// Longest period of any indicator, as in TA-Lib.
pub const LONGEST: usize = 100_000;

/// Whose definition is followed where libraries disagree. TA-Lib's is the default; `tulip` is the one of Tulip, pandas
/// and many charts.
pub const COMPAT: Param = Param::choice("compat", 0.0, &[("talib", 0.0), ("tulip", 1.0)]);

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamKind {
    /// A whole number.
    Int,
    /// Any finite number.
    Float,
    /// One of some names; the number is what the name stands for.
    Choice(&'static [(&'static str, f64)]),
}

/// A parameter of an indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// Name, as TA-Lib's where TA-Lib has the function.
    pub name: &'static str,
    /// What values it takes.
    pub kind: ParamKind,
    /// Taken when the argument is absent.
    pub default: f64,
    /// Smallest value allowed.
    pub min: f64,
    /// Largest value allowed.
    pub max: f64,
}

impl Param {
    /// A whole number.
    pub const fn int(name: &'static str, default: usize, min: usize, max: usize) -> Self {
        Self { name, kind: ParamKind::Int, default: default as f64, min: min as f64, max: max as f64 }
    }

    /// A number of bars, `min` to [`LONGEST`].
    pub const fn period(name: &'static str, default: usize, min: usize) -> Self {
        Self::int(name, default, min, LONGEST)
    }

    /// A number.
    pub const fn float(name: &'static str, default: f64, min: f64, max: f64) -> Self {
        Self { name, kind: ParamKind::Float, default, min, max }
    }

    /// One of some names.
    pub const fn choice(name: &'static str, default: f64, names: &'static [(&'static str, f64)]) -> Self {
        Self { name, kind: ParamKind::Choice(names), default, min: names[0].1, max: names[names.len() - 1].1 }
    }

    /// The number that a word stands for, upper or lower case; `None` for other words and other kinds.
    pub fn number_of(&self, word: &str) -> Option<f64> {
        let ParamKind::Choice(names) = self.kind else { return None };
        names.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, number)| number)
    }

    /// The range in words.
    pub fn range(&self) -> String {
        match self.kind {
            ParamKind::Int => format!("a whole number from {} to {}", self.min, self.max),
            ParamKind::Float if self.max >= 1e30 && self.min <= -1e30 => "a finite number".to_owned(),
            ParamKind::Float if self.max >= 1e30 => format!("a number from {}", self.min),
            ParamKind::Float => format!("a number from {} to {}", self.min, self.max),
            ParamKind::Choice(names) => {
                let words: Vec<String> = names.iter().map(|(name, number)| format!("{name} ({number})")).collect();
                format!("one of {}", words.join(", "))
            }
        }
    }

    /// Whether the parameter takes `value`.
    pub fn takes(&self, value: f64) -> bool {
        let inside = value >= self.min && value <= self.max;
        match self.kind {
            ParamKind::Int => inside && value.trunc() == value,
            ParamKind::Float => inside,
            ParamKind::Choice(names) => names.iter().any(|&(_, number)| number == value),
        }
    }
}

/// Why arguments were refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ParamError {
    /// A value outside the parameter's range, NaN included.
    #[error("{indicator}: {argument} must be {range}, got {value}")]
    Range {
        /// The indicator.
        indicator: &'static str,
        /// The parameter.
        argument: &'static str,
        /// What it takes.
        range: String,
        /// What it got.
        value: f64,
    },
    /// More arguments than parameters.
    #[error("{indicator} takes {takes}, got {got} arguments")]
    TooMany {
        /// The indicator.
        indicator: &'static str,
        /// Its parameters in words.
        takes: String,
        /// How many it got.
        got: usize,
    },
    /// A name that is not a parameter.
    #[error("{indicator} has no argument {argument}, it takes {takes}")]
    Unknown {
        /// The indicator.
        indicator: &'static str,
        /// The name that was given.
        argument: String,
        /// Its parameters in words.
        takes: String,
    },
    /// One parameter given twice.
    #[error("{indicator}: {argument} is given twice")]
    Twice {
        /// The indicator.
        indicator: &'static str,
        /// The parameter.
        argument: &'static str,
    },
    /// Two parameters that do not fit each other.
    #[error("{indicator}: {argument} must be at most {other}, got {value} and {limit}")]
    Order {
        /// The indicator.
        indicator: &'static str,
        /// The parameter that is too large.
        argument: &'static str,
        /// The parameter that bounds it.
        other: &'static str,
        /// Its value.
        value: f64,
        /// The value of the other.
        limit: f64,
    },
}

/// One value per parameter, in order, from arguments by position and by name.
pub fn bind(
    indicator: &'static str,
    params: &'static [Param],
    positional: &[f64],
    named: &[(&str, f64)],
) -> Result<Vec<f64>, ParamError> {
    if positional.len() > params.len() {
        let got = positional.len() + named.len();
        return Err(ParamError::TooMany { indicator, takes: in_words(params), got });
    }
    let mut given: Vec<Option<f64>> = positional.iter().copied().map(Some).collect();
    given.resize(params.len(), None);
    for &(name, value) in named {
        let Some(at) = params.iter().position(|param| param.name.eq_ignore_ascii_case(name)) else {
            return Err(ParamError::Unknown { indicator, argument: name.to_owned(), takes: in_words(params) });
        };
        if given[at].replace(value).is_some() {
            return Err(ParamError::Twice { indicator, argument: params[at].name });
        }
    }
    let values: Vec<f64> = params.iter().zip(given).map(|(param, given)| given.unwrap_or(param.default)).collect();
    check(indicator, params, &values)?;
    Ok(values)
}

/// The number of values and each one's range.
pub(super) fn check(indicator: &'static str, params: &'static [Param], values: &[f64]) -> Result<(), ParamError> {
    if values.len() != params.len() {
        return Err(ParamError::TooMany { indicator, takes: in_words(params), got: values.len() });
    }
    match params.iter().zip(values).find(|(param, value)| !param.takes(**value)) {
        Some((param, &value)) => {
            Err(ParamError::Range { indicator, argument: param.name, range: param.range(), value })
        }
        None => Ok(()),
    }
}

/// `timeperiod and nbdev`.
fn in_words(params: &[Param]) -> String {
    match params {
        [] => "no parameters".to_owned(),
        [one] => format!("1 parameter ({})", one.name),
        more => {
            let names: Vec<&str> = more.iter().map(|param| param.name).collect();
            format!("{} parameters ({})", names.len(), names.join(", "))
        }
    }
}
