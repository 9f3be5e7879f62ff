//! Blocks for research: which parameter sets a sweep has, how a walk-forward cuts time, what a Monte Carlo draws.
//!
//! A set is known by its number: its place in the whole grid, from 0, the last parameter moving fastest. Neither `where`
//! nor `random` changes numbers, they only choose among them. Values of a range are `from + i * step` in decimal, both
//! ends included. None of these blocks is part of the canonical form of a run: they say which runs there are.

use crate::{
    diagnostics::Place,
    document::{Document, Expr, Located, Number},
};
use candleflow_kernels::metrics::Choice;
use candleflow_schema::Micros;
use serde_json::{Value, json};

/// The research blocks of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Research {
    /// `sweep`.
    pub sweep: Option<Sweep>,
    /// `walk_forward`.
    pub walk_forward: Option<WalkForward>,
    /// `monte_carlo`.
    pub monte_carlo: Option<MonteCarlo>,
}

/// `sweep`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Where the block stands.
    pub place: Place,
    /// The parameters, in the order of the file.
    pub axes: Vec<Axis>,
    /// Which sets are run: an expression over `$name`.
    pub filter: Option<Expr>,
    /// How many of them are drawn, if not all are run.
    pub random: Option<Random>,
    /// What is computed of each.
    pub metrics: Choice,
}

/// One parameter of `sweep.grid`.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: Located<String>,
    /// What it is set to.
    pub values: Values,
}

/// Values of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// These, in this order.
    List(Vec<Number>),
    /// From one to another, both included.
    Range(Range),
}

/// `{ from, to, step }` as whole numbers of `10^-places`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first value.
    pub from: i128,
    /// From one value to the next.
    pub step: i128,
    /// Decimal places.
    pub places: u32,
    /// How many values.
    pub count: u64,
}

/// `sweep.random`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Random {
    /// How many sets are drawn.
    pub sets: u64,
    /// What they are drawn by.
    pub seed: u64,
}

/// `walk_forward`.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkForward {
    /// Where the block stands.
    pub place: Place,
    /// Length of a window in which a set is chosen.
    pub train: Micros,
    /// Length of the window after it, in which it trades.
    pub test: Micros,
    /// From one window to the next.
    pub step: Micros,
    /// The metric that chooses.
    pub choose: Located<String>,
    /// Whether every train window begins where the first does.
    pub anchored: bool,
}

/// `monte_carlo`.
#[derive(Debug, Clone, PartialEq)]
pub struct MonteCarlo {
    /// Where the block stands.
    pub place: Place,
    /// How many histories are drawn.
    pub sims: u64,
    /// What they are drawn by.
    pub seed: u64,
    /// What is drawn.
    pub of: Drawn,
    /// Days drawn together, for returns.
    pub block: u64,
}

/// `monte_carlo.of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// Closed trades, one by one.
    Trades,
    /// Daily returns, in blocks.
    Returns,
}

impl Values {
    /// How many.
    pub fn len(&self) -> u64 {
        match self {
            Values::List(list) => list.len() as u64,
            Values::Range(range) => range.count,
        }
    }

    /// Whether there is none; the reader lets no such list through.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a place below [`Values::len`].
    pub fn at(&self, place: u64) -> Number {
        match self {
            Values::List(list) => list[place as usize].clone(),
            Values::Range(range) => range.at(place),
        }
    }
}

impl Range {
    fn at(&self, place: u64) -> Number {
        let units = self.from + self.step * i128::from(place);
        let (sign, digits) = (if units < 0 { "-" } else { "" }, units.unsigned_abs().to_string());
        let places = self.places as usize;
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, part) = digits.split_at(digits.len() - places);
        let part = part.trim_end_matches('0');
        let text = if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") };
        let value = text.parse().unwrap_or(f64::NAN);
        Number { text, value }
    }
}

impl Sweep {
    /// How many sets the whole grid has.
    pub fn size(&self) -> u128 {
        self.axes.iter().fold(1, |size, axis| u128::saturating_mul(size, u128::from(axis.values.len())))
    }

    /// The values of a set, in the order of the axes.
    pub fn set(&self, number: u64) -> Vec<Number> {
        let mut rest = u128::from(number);
        let mut values = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            let count = u128::from(axis.values.len());
            values.push(axis.values.at((rest % count) as u64));
            rest /= count;
        }
        values.reverse();
        values
    }

    /// The block in one form, whatever its spaces and comments: two sweeps with the same are the same.
    pub fn canonical(&self) -> String {
        let axis = |axis: &Axis| {
            let values: Value = match &axis.values {
                Values::List(list) => list.iter().map(|n| json!(n.value)).collect(),
                Values::Range(r) => json!([r.from.to_string(), r.step.to_string(), r.places, r.count]),
            };
            json!([axis.name.value, values])
        };
        let axes: Vec<_> = self.axes.iter().map(axis).collect();
        let filter = self.filter.as_ref().map(|f| crate::canonical::text(&f.value));
        let random = self.random.map(|r| json!([r.sets, r.seed]));
        let mut block = json!({ "grid": axes, "where": filter, "random": random });
        if self.metrics != Choice::ALL {
            block["metrics"] = self.metrics.names().collect();
        }
        block.to_string()
    }
}

impl Document {
    /// The document with the values of a set in place of its own.
    pub fn with_set(&self, sweep: &Sweep, values: &[Number]) -> Document {
        let mut document = self.clone();
        for (axis, value) in sweep.axes.iter().zip(values) {
            if let Some(slot) = document.params.get_mut(&axis.name.value) {
                slot.value = value.clone();
            }
        }
        document
    }
}

#[cfg(test)]
mod tests;
