//! What a sweep will do, known before any work: its sets, the warm-up that they need, and whether they can be planned.

use crate::{
    exit::usage,
    wiring::{
        report::headline,
        run::{Prepared, prepare},
    },
};
use candleflow_config::{Diagnostics, Document, research::Sweep};
use candleflow_engine::{Binding, Filter, Gathering, Many, named};
use candleflow_kernels::metrics::Random;
use std::{collections::BTreeSet, path::Path};

/// More sets than this are not run by one sweep.
const SETS: u64 = 1_000_000;
/// A larger grid is not searched for sets that `where` lets through, and so many numbers are drawn at most.
const GRID: u128 = 10_000_000;
/// Sets that are planned together when they are only checked.
const TOGETHER: usize = 1_024;

/// A pipeline file with the sets of its sweep.
pub(crate) struct Study {
    pub(crate) prepared: Prepared,
    pub(crate) sweep: Sweep,
    /// The sets that are run, rising.
    pub(crate) numbers: Vec<u64>,
    /// Bars before the first row that every set is given; `None`: all there are.
    pub(crate) warmup: Option<usize>,
    /// Whether all sets can take the fast path.
    pub(crate) lean: bool,
    /// The set whose rules need most bars before they have a value, and how many.
    pub(crate) lookback: (u64, usize),
}

impl Study {
    /// Reads a file and plans all its sets; everything that is wrong with them is told here.
    pub(crate) fn open(file: &Path, set: &[String], symbols: &[String]) -> anyhow::Result<Study> {
        let prepared = prepare(file, set, symbols)?;
        let Some(sweep) = prepared.document.research.sweep.clone() else {
            return Err(usage(format!(
                "{} has no sweep: add sweep: {{ grid: {{ NAME: [VALUE, VALUE] }} }}",
                file.display()
            )));
        };
        let swept = |one: &&String| {
            let name = one.split('=').next().unwrap_or_default().trim();
            sweep.axes.iter().any(|axis| axis.name.value == name)
        };
        if let Some(one) = set.iter().find(swept) {
            return Err(usage(format!("--set {one}: the sweep moves this parameter: take it out of sweep.grid")));
        }
        let numbers = choose(file, &prepared, &sweep)?;
        let mut study = Study { prepared, sweep, numbers, warmup: Some(0), lean: true, lookback: (0, 0) };
        study.plan(file)?;
        Ok(study)
    }

    /// Symbols whose parameters differ: the others are planned alike.
    fn distinct(&self) -> Vec<&str> {
        let document = &self.prepared.document;
        let mut seen = BTreeSet::new();
        let symbols = document.source.symbols.iter().map(|s| s.value.as_str());
        symbols
            .filter(|symbol| {
                let own = document.per_symbol.get(*symbol).into_iter().flatten();
                seen.insert(own.map(|(k, v)| (k.clone(), v.value.text.clone())).collect::<Vec<_>>())
            })
            .collect()
    }

    fn plan(&mut self, file: &Path) -> anyhow::Result<()> {
        let symbols: Vec<String> = self.distinct().into_iter().map(str::to_owned).collect();
        self.lean = self.prepared.document.source.symbols.len() == 1;
        for numbers in self.numbers.chunks(TOGETHER) {
            let mut accounts: Vec<Gathering> = Vec::new();
            accounts.resize_with(if self.prepared.is_portfolio() { numbers.len() } else { 0 }, Gathering::default);
            for symbol in &symbols {
                let many = self.compile(file, &self.prepared.document, numbers, symbol)?;
                self.warmup = self.warmup.zip(many.warmup).map(|(most, one)| most.max(one));
                self.lean &= many.is_lean();
                many.join(&mut accounts, &Binding::default())?;
                if let Some((place, bars)) = many.longest_lookback().filter(|(_, bars)| *bars > self.lookback.1) {
                    self.lookback = (numbers[place], bars);
                }
            }
        }
        Ok(())
    }

    /// Plans some of the sets for a symbol.
    fn compile(&self, file: &Path, document: &Document, numbers: &[u64], symbol: &str) -> anyhow::Result<Many> {
        let mut errors = Diagnostics::new(&file.display().to_string());
        let state = self.prepared.session.state();
        let many = Many::compile(document, &self.sweep, numbers, symbol, &state, &mut errors);
        many.ok_or_else(|| errors.into())
    }

    /// Plans sets that have been planned before, over a document that may differ in its account.
    pub(crate) fn with(&self, document: &Document, numbers: &[u64], symbol: &str) -> anyhow::Result<Many> {
        self.compile(Path::new(&document.name.value), document, numbers, symbol)
    }

    /// The view of `metrics` that counts.
    pub(crate) fn view(&self) -> &'static str {
        headline(&self.prepared.document)
    }

    /// The values of a set for people.
    pub(crate) fn named(&self, number: u64) -> String {
        named(&self.sweep, &self.sweep.set(number))
    }

    /// A set as `--set` would give it.
    pub(crate) fn overrides(&self, number: u64) -> anyhow::Result<Vec<String>> {
        if self.numbers.binary_search(&number).is_err() {
            let (first, last) = (self.numbers.first(), self.numbers.last());
            let hint = first.zip(last).map_or(String::new(), |(a, b)| format!(", its numbers are between {a} and {b}"));
            return Err(usage(format!("the sweep does not run a set {number}{hint}")));
        }
        let values = self.sweep.set(number);
        let one = |(axis, value): (&candleflow_config::research::Axis, candleflow_config::document::Number)| {
            format!("{}={}", axis.name.value, value.text)
        };
        Ok(self.sweep.axes.iter().zip(values).map(one).collect())
    }
}

/// The sets that are run, or why there is no such list.
fn choose(file: &Path, prepared: &Prepared, sweep: &Sweep) -> anyhow::Result<Vec<u64>> {
    let mut errors = Diagnostics::new(&file.display().to_string());
    let mut filter = match &sweep.filter {
        Some(text) => match Filter::compile(&prepared.document, sweep, text, &mut errors) {
            Some(filter) => Some(filter),
            None => return Err(errors.into()),
        },
        None => None,
    };
    let size = sweep.size();
    let mut holds = |number: u64| filter.as_mut().is_none_or(|filter| filter.holds(&sweep.set(number)));
    let numbers = match sweep.random {
        Some(random) if random.sets > SETS => {
            return Err(usage(format!("random draws {} sets: at most {SETS} are run", random.sets)));
        }
        Some(random) => {
            let Ok(size) = u64::try_from(size) else {
                return Err(usage(format!("the grid has more than {} sets: take parameters out of it", u64::MAX)));
            };
            let drawn = (0..size.min(GRID as u64)).map(|place| shuffled(random.seed, size, place));
            let mut numbers: Vec<u64> = drawn.filter(|number| holds(*number)).take(random.sets as usize).collect();
            numbers.sort_unstable();
            numbers
        }
        None => {
            let narrow = "narrow it, or draw from it with random: { sets: 1000, seed: 1 }";
            if size > if sweep.filter.is_some() { GRID } else { u128::from(SETS) } {
                let most = if sweep.filter.is_some() { GRID } else { u128::from(SETS) };
                return Err(usage(format!("the grid has {size} sets, at most {most} can be gone through: {narrow}")));
            }
            let numbers: Vec<u64> = (0..size as u64).filter(|number| holds(*number)).take(SETS as usize + 1).collect();
            if numbers.len() as u64 > SETS {
                return Err(usage(format!("where leaves more than {SETS} sets: {narrow}")));
            }
            numbers
        }
    };
    if numbers.is_empty() {
        return Err(usage(format!("where leaves none of {size} sets: nothing to run")));
    }
    Ok(numbers)
}

/// A place among `size` numbers, each the image of exactly one: four rounds of a Feistel network over the least even
/// number of bits that holds them, walked until it lands inside.
pub(super) fn shuffled(seed: u64, size: u64, place: u64) -> u64 {
    let half = (64 - (size - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1_u64 << half) - 1;
    let mut value = place;
    loop {
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..4 {
            let mixed = Random::new(seed ^ round << 56, right).bits() & mask;
            (left, right) = (right, left ^ mixed);
        }
        value = left << half | right;
        if value < size {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_meets_every_number_once_and_depends_on_the_seed() {
        for size in [1, 2, 3, 7, 64, 1000, 4097] {
            let mut drawn: Vec<u64> = (0..size).map(|place| shuffled(7, size, place)).collect();
            let first = drawn.clone();
            drawn.sort_unstable();
            assert_eq!(drawn, (0..size).collect::<Vec<_>>());
            if size > 60 {
                assert_ne!(first, drawn);
                assert_ne!(first, (0..size).map(|place| shuffled(8, size, place)).collect::<Vec<_>>());
            }
        }
        let far = u64::MAX;
        assert!(shuffled(7, far, 3) != shuffled(7, far, 4));
    }
}
