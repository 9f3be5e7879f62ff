//! The one list of indicators: names, parameters, outputs, and how to make each.
//!
//! SQL functions, pipelines, `explain`, the JSON Schema, the API and the documentation read this list and nothing
//! else. A descriptor is a constant beside the mathematics it describes; [`registry`] gathers them in order.

use super::kernel::Kernel;
use super::params::{self, Param, ParamError};
use super::{cycle, logic, math, momentum, overlap, pattern, price, statistic, volatility, volume};
use std::fmt;
use std::sync::LazyLock;

/// The family of an indicator, as TA-Lib sorts them, and two of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Averages, bands and stops that lie over the price.
    Overlap,
    /// Speed and strength of moves.
    Momentum,
    /// Size of moves.
    Volatility,
    /// What volume says.
    Volume,
    /// Rolling statistics.
    Statistic,
    /// One price made of several.
    Price,
    /// Arithmetic over columns.
    Math,
    /// Dominant cycles.
    Cycle,
    /// Candlestick patterns.
    Pattern,
    /// Events: crossings, bars since, value when.
    Logic,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Group::Overlap => "overlap",
            Group::Momentum => "momentum",
            Group::Volatility => "volatility",
            Group::Volume => "volume",
            Group::Statistic => "statistic",
            Group::Price => "price",
            Group::Math => "math",
            Group::Cycle => "cycle",
            Group::Pattern => "pattern",
            Group::Logic => "logic",
        })
    }
}

/// How close values are to a direct computation, and how much of the past they depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A finite window of comparisons or elementwise arithmetic: equal to the last bit.
    Exact,
    /// A finite window with sums: equal within 1e-9.
    Epsilon,
    /// All of the past, fading: starting earlier changes less and less.
    Converging,
    /// All of the past, never fading: the first row matters for good.
    PathDependent,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Exact => "exact",
            Class::Epsilon => "epsilon",
            Class::Converging => "converging",
            Class::PathDependent => "path-dependent",
        })
    }
}

/// What the numbers of an output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Any number.
    Real,
    /// Whole numbers.
    Integer,
    /// 1 for true, 0 for false, never NULL.
    Flag,
}

/// A column that an indicator computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Name; `value` where there is only one.
    pub name: &'static str,
    /// TA-Lib's name, where it differs.
    pub alias: &'static str,
    /// What the numbers are.
    pub kind: OutputKind,
}

/// The single output of most indicators.
const VALUE: &[Output] = &[real("value")];

/// An output of numbers.
pub(crate) const fn real(name: &'static str) -> Output {
    Output { name, alias: name, kind: OutputKind::Real }
}

impl Output {
    /// With TA-Lib's longer name.
    pub(crate) const fn or(mut self, alias: &'static str) -> Self {
        self.alias = alias;
        self
    }

    /// Of another kind.
    pub(crate) const fn of(mut self, kind: OutputKind) -> Self {
        self.kind = kind;
        self
    }
}

/// Everything there is to know about one indicator.
#[derive(Clone, Copy, Debug)]
pub struct Indicator {
    /// Name in SQL and in pipelines, lower case.
    pub name: &'static str,
    /// Family.
    pub group: Group,
    /// One line.
    pub doc: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
    /// Names of the columns it takes, in order; `real` is any column of numbers.
    pub inputs: &'static [&'static str],
    /// Parameters, in order.
    pub params: &'static [Param],
    /// Columns it computes, in order.
    pub outputs: &'static [Output],
    /// Closeness and memory.
    pub class: Class,
    first: fn(&[f64]) -> usize,
    settle: fn(&[f64]) -> usize,
    fits: fn(&[f64]) -> Result<(), ParamError>,
    build: fn(&[f64]) -> Box<dyn Kernel>,
}

impl Indicator {
    /// A descriptor with one `real` input, one real output, no parameters and values from the first row on.
    pub(crate) const fn new(
        name: &'static str,
        group: Group,
        doc: &'static str,
        build: fn(&[f64]) -> Box<dyn Kernel>,
    ) -> Self {
        Self {
            name,
            group,
            doc,
            source: "TA-Lib 0.8",
            inputs: &["real"],
            params: &[],
            outputs: VALUE,
            class: Class::Epsilon,
            first: |_| 0,
            settle: |_| 0,
            fits: |_| Ok(()),
            build,
        }
    }

    pub(crate) const fn source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }

    pub(crate) const fn inputs(mut self, inputs: &'static [&'static str]) -> Self {
        self.inputs = inputs;
        self
    }

    pub(crate) const fn params(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }

    pub(crate) const fn outputs(mut self, outputs: &'static [Output]) -> Self {
        self.outputs = outputs;
        self
    }

    pub(crate) const fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Index of the first row with a value.
    pub(crate) const fn first(mut self, first: fn(&[f64]) -> usize) -> Self {
        self.first = first;
        self
    }

    /// Rows after the first value until what came before the series no longer matters: converging class only.
    pub(crate) const fn settle(mut self, settle: fn(&[f64]) -> usize) -> Self {
        self.settle = settle;
        self
    }

    /// A check across parameters.
    pub(crate) const fn fits(mut self, fits: fn(&[f64]) -> Result<(), ParamError>) -> Self {
        self.fits = fits;
        self
    }

    /// One value per parameter, in order, from arguments by position and by name; defaults fill the rest.
    pub fn bind(&self, positional: &[f64], named: &[(&str, f64)]) -> Result<Vec<f64>, ParamError> {
        let values = params::bind(self.name, self.params, positional, named)?;
        (self.fits)(&values)?;
        Ok(values)
    }

    /// A kernel before its first row. `params` as from [`Indicator::bind`].
    pub fn make(&self, params: &[f64]) -> Result<Box<dyn Kernel>, ParamError> {
        params::check(self.name, self.params, params)?;
        (self.fits)(params)?;
        Ok((self.build)(params))
    }

    /// Index of the first row that has a value in every output, counted from the first row without NULL.
    pub fn lookback(&self, params: &[f64]) -> usize {
        (self.first)(params)
    }

    /// Rows until a value is within 1e-8 of what a longer history gives; `None` if it never is (path-dependent).
    pub fn warmup(&self, params: &[f64]) -> Option<usize> {
        let first = self.lookback(params);
        match self.class {
            Class::Exact | Class::Epsilon => Some(first),
            Class::Converging => Some(first + (self.settle)(params)),
            Class::PathDependent => None,
        }
    }

    /// Size of a saved state.
    pub fn state_bytes(&self, params: &[f64]) -> Result<usize, ParamError> {
        let mut bytes = Vec::new();
        self.make(params)?.save(&mut bytes);
        Ok(bytes.len())
    }

    /// Position of an output by its name or TA-Lib's.
    pub fn output(&self, name: &str) -> Option<usize> {
        let same = |known: &str| known.eq_ignore_ascii_case(name);
        self.outputs.iter().position(|output| same(output.name) || same(output.alias))
    }
}

/// Rows until an exponential average with smoothing factor `alpha` has forgotten all but 1e-8 of its seed.
pub(crate) fn forget(alpha: f64) -> usize {
    if alpha >= 1.0 { 0 } else { (1e-8f64.ln() / (1.0 - alpha).ln()).ceil() as usize }
}

/// [`forget`] for an exponential average of `n` bars.
pub(crate) fn forget_ema(n: f64) -> usize {
    forget(2.0 / (n + 1.0))
}

/// [`forget`] for Wilder's average of `n` bars.
pub(crate) fn forget_wilder(n: f64) -> usize {
    forget(1.0 / n)
}

static REGISTRY: LazyLock<Vec<Indicator>> = LazyLock::new(|| {
    [
        overlap::ALL,
        momentum::ALL,
        volatility::ALL,
        volume::ALL,
        statistic::ALL,
        price::ALL,
        math::ALL,
        cycle::ALL,
        pattern::ALL,
        logic::ALL,
    ]
    .concat()
    .into_iter()
    .copied()
    .collect()
});

/// All indicators, by group.
pub fn registry() -> &'static [Indicator] {
    &REGISTRY
}

/// The indicator with this name, upper or lower case.
pub fn lookup(name: &str) -> Option<&'static Indicator> {
    registry().iter().find(|indicator| indicator.name.eq_ignore_ascii_case(name))
}

/// Tulip's 104 indicators and what they are called here; where the definitions differ, `compat` says so.
pub const TULIP: [(&str, &str); 104] = [
    ("abs", "abs"),
    ("acos", "acos"),
    ("ad", "ad"),
    ("add", "add"),
    ("adosc", "adosc"),
    ("adx", "adx"),
    ("adxr", "adxr"),
    ("ao", "ao"),
    ("apo", "apo"),
    ("aroon", "aroon"),
    ("aroonosc", "aroonosc"),
    ("asin", "asin"),
    ("atan", "atan"),
    ("atr", "atr"),
    ("avgprice", "avgprice"),
    ("bbands", "bbands"),
    ("bop", "bop"),
    ("cci", "cci"),
    ("ceil", "ceil"),
    ("cmo", "cmo"),
    ("cos", "cos"),
    ("cosh", "cosh"),
    ("crossany", "crossany"),
    ("crossover", "crossover"),
    ("cvi", "cvi"),
    ("decay", "decay"),
    ("dema", "dema"),
    ("di", "plus_di"),
    ("div", "div"),
    ("dm", "plus_dm"),
    ("dpo", "dpo"),
    ("dx", "dx"),
    ("edecay", "edecay"),
    ("ema", "ema"),
    ("emv", "emv"),
    ("exp", "exp"),
    ("fisher", "fisher"),
    ("floor", "floor"),
    ("fosc", "fosc"),
    ("hma", "hma"),
    ("kama", "kama"),
    ("kvo", "kvo"),
    ("lag", "lag"),
    ("linreg", "linearreg"),
    ("linregintercept", "linearreg_intercept"),
    ("linregslope", "linearreg_slope"),
    ("ln", "ln"),
    ("log10", "log10"),
    ("macd", "macd"),
    ("marketfi", "marketfi"),
    ("mass", "mass"),
    ("max", "max"),
    ("md", "avgdev"),
    ("medprice", "medprice"),
    ("mfi", "mfi"),
    ("min", "min"),
    ("mom", "mom"),
    ("msw", "msw"),
    ("mul", "mult"),
    ("natr", "natr"),
    ("nvi", "nvi"),
    ("obv", "obv"),
    ("ppo", "ppo"),
    ("psar", "sar"),
    ("pvi", "pvi"),
    ("qstick", "qstick"),
    ("roc", "rocp"),
    ("rocr", "rocr"),
    ("round", "round"),
    ("rsi", "rsi"),
    ("sin", "sin"),
    ("sinh", "sinh"),
    ("sma", "sma"),
    ("sqrt", "sqrt"),
    ("stddev", "stddev"),
    ("stderr", "stderr"),
    ("stoch", "stoch"),
    ("stochrsi", "stochrsi"),
    ("sub", "sub"),
    ("sum", "sum"),
    ("tan", "tan"),
    ("tanh", "tanh"),
    ("tema", "tema"),
    ("todeg", "todeg"),
    ("torad", "torad"),
    ("tr", "trange"),
    ("trima", "trima"),
    ("trix", "trix"),
    ("trunc", "trunc"),
    ("tsf", "tsf"),
    ("typprice", "typprice"),
    ("ultosc", "ultosc"),
    ("var", "var"),
    ("vhf", "vhf"),
    ("vidya", "vidya"),
    ("volatility", "volatility"),
    ("vosc", "vosc"),
    ("vwma", "vwma"),
    ("wad", "wad"),
    ("wcprice", "wclprice"),
    ("wilders", "rma"),
    ("willr", "willr"),
    ("wma", "wma"),
    ("zlema", "zlema"),
];
