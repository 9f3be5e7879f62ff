//! `sweep`, `walk_forward` and `monte_carlo`.

use super::{Entries, Reader};
use crate::{
    diagnostics::nearest,
    document::{Located, Number},
    grammar,
    node::{Key, Kind, Node},
    research::{Axis, Drawn, MonteCarlo, Random, Range, Research, Sweep, Values, WalkForward},
};
use candleflow_kernels::metrics::{CATALOGUE, Choice, metric_index};
use candleflow_schema::Micros;
use std::collections::BTreeMap;

/// Decimal places that a range may have.
const PLACES: u32 = 18;
/// Values that one parameter may take.
const VALUES: u64 = 1_000_000_000;
/// More simulations than anybody waits for.
const SIMS: u64 = 1_000_000;

type Params = BTreeMap<String, Located<Number>>;

impl Reader {
    pub(super) fn research(&mut self, top: &Entries<'_>, params: &Params, strategy: bool) -> Research {
        let place = |key: &str| top.map.get(key).map(|(key, _)| key.place);
        for key in ["sweep", "walk_forward", "monte_carlo"] {
            if let Some(place) = place(key).filter(|_| !strategy) {
                self.errors.add(place, format!("{key} needs a strategy: without one there is nothing to compare"));
            }
        }
        if let (Some(place), None) = (place("walk_forward"), top.get("sweep")) {
            self.errors.add(place, "walk_forward chooses among the sets of a sweep: add sweep: { grid: { ... } }");
        }
        Research {
            sweep: top.get("sweep").and_then(|n| self.sweep(n, params)),
            walk_forward: top.get("walk_forward").and_then(|n| self.walk_forward(n)),
            monte_carlo: top.get("monte_carlo").and_then(|n| self.monte_carlo(n)),
        }
    }

    fn sweep(&mut self, node: &Node, params: &Params) -> Option<Sweep> {
        let entries = self.block(&grammar::SWEEP, node)?;
        let axes = entries.get("grid").map(|n| self.grid(n, params)).unwrap_or_default();
        let filter = entries.get("where").and_then(|n| self.expression(n, "where"));
        let random = entries.get("random").and_then(|n| {
            let random = self.block(&grammar::RANDOM, n)?;
            let sets = random.get("sets").and_then(|n| self.whole(n, "sets", 1, u64::MAX));
            let seed = random.get("seed").and_then(|n| self.whole(n, "seed", 0, u64::MAX));
            Some(Random { sets: sets?, seed: seed? })
        });
        let metrics = entries.get("metrics").map_or(Some(Choice::ALL), |n| self.metrics(n));
        Some(Sweep { place: node.place, axes, filter, random, metrics: metrics? })
    }

    /// Names of metrics; a Sharpe ratio comes with what tells how much of it is luck.
    fn metrics(&mut self, node: &Node) -> Option<Choice> {
        let Kind::Seq(items) = &node.kind else {
            let text = format!("metrics: expected a list such as [total_return, sharpe], found {}", node.describe());
            self.errors.add(node.place, text);
            return None;
        };
        if items.is_empty() {
            self.errors.add(node.place, "metrics: name at least one, or leave the key out: then all are computed");
            return None;
        }
        let words: Vec<_> = items.iter().filter_map(|n| self.word(n, "metrics")).collect();
        for word in words.iter().filter(|word| metric_index(&word.value).is_none()) {
            let hint = nearest(&word.value, CATALOGUE.iter().map(|metric| metric.name));
            self.errors.add(word.place, format!("metrics: there is no metric '{}'{hint}", word.value));
        }
        let names = || words.iter().map(|word| word.value.as_str());
        let with = if names().any(|name| name == "sharpe") { &["days", "skew", "kurtosis"][..] } else { &[] };
        Choice::of(names().chain(with.iter().copied())).ok()
    }

    fn grid(&mut self, node: &Node, params: &Params) -> Vec<Axis> {
        let Kind::Map(list) = &node.kind else {
            let found = node.describe();
            self.errors.add(
                node.place,
                format!("grid: expected parameters with their values, such as {{ fast: [5, 10] }}, found {found}"),
            );
            return Vec::new();
        };
        if list.is_empty() {
            self.errors.add(node.place, "grid: name at least one parameter, such as { fast: [5, 10] }");
        }
        list.iter().filter_map(|(key, node)| self.axis(key, node, params)).collect()
    }

    fn axis(&mut self, key: &Key, node: &Node, params: &Params) -> Option<Axis> {
        if !params.contains_key(&key.text) {
            let hint = nearest(&key.text, params.keys().map(String::as_str));
            let text = format!("grid names '{}', which params lacks{hint}: a plain run needs a value of it", key.text);
            self.errors.add(key.place, text);
        }
        let values = match &node.kind {
            Kind::Map(_) => self.range(node, &key.text)?,
            Kind::Seq(items) if !items.is_empty() => {
                let numbers: Vec<_> = items.iter().filter_map(|n| self.number(n, &key.text)).collect();
                for (at, number) in numbers.iter().enumerate() {
                    if numbers[..at].iter().any(|n| n.value.value == number.value.value) {
                        self.errors.add(number.place, format!("{}: {} is listed twice", key.text, number.value.text));
                    }
                }
                Values::List(numbers.into_iter().map(|n| n.value).collect())
            }
            _ => {
                let (name, found) = (&key.text, node.describe());
                let text = format!("{name}: expected a list such as [5, 10] or {{ from, to, step }}, found {found}");
                self.errors.add(node.place, text);
                return None;
            }
        };
        Some(Axis { name: Located { place: key.place, value: key.text.clone() }, values })
    }

    fn range(&mut self, node: &Node, name: &str) -> Option<Values> {
        let entries = self.block(&grammar::RANGE, node)?;
        let mut number = |key: &str| entries.get(key).and_then(|n| self.number(n, key));
        let (from, to, step) = (number("from"), number("to"), number("step"));
        let (from, to, step) = (from?.value, to?.value, step?);
        let (step_place, step) = (step.place, step.value);
        let refuse = |reader: &mut Self, text: String| {
            reader.errors.add(step_place, format!("{name}: {text}"));
            None
        };
        let parts = [&from, &to, &step].map(|n| decimal(&n.text));
        let [Some(a), Some(b), Some(s)] = parts else {
            return refuse(self, format!("write from, to and step with at most {PLACES} decimal places"));
        };
        let places = a.1.max(b.1).max(s.1);
        let units = |(mantissa, own): (i128, u32)| mantissa.checked_mul(10_i128.checked_pow(places - own)?);
        let (Some(a), Some(b), Some(s)) = (units(a), units(b), units(s)) else {
            return refuse(self, "from, to and step have too many digits together".into());
        };
        if s == 0 || (b - a).signum() * s.signum() < 0 {
            return refuse(self, format!("from {} does not get to {} in steps of {}", from.text, to.text, step.text));
        }
        let count = u64::try_from((b - a) / s + 1).unwrap_or(u64::MAX);
        if count > VALUES {
            return refuse(self, format!("{count} values are too many: at most {VALUES}"));
        }
        let range = Range { from: a, step: s, places, count };
        if (b - a) % s != 0 {
            let last = Values::Range(range).at(count - 1).text;
            let text = format!(
                "steps of {} from {} end at {last}, not at {}: write to: {last}",
                step.text, from.text, to.text
            );
            return refuse(self, text);
        }
        Some(Values::Range(range))
    }

    fn walk_forward(&mut self, node: &Node) -> Option<WalkForward> {
        let entries = self.block(&grammar::WALK_FORWARD, node)?;
        let mut span = |key: &str| entries.get(key).and_then(|n| self.duration(n, key));
        let (train, test, step) = (span("train"), span("test"), span("step"));
        let choose = entries.get("choose").and_then(|n| self.word(n, "choose"));
        let anchored = entries.get("anchored").and_then(|n| self.boolean(n, "anchored")).unwrap_or(false);
        let (train, test) = (train?, test?);
        let step = step.unwrap_or(test);
        if step < test {
            let place = entries.get("step").map_or(node.place, |n| n.place);
            self.errors.add(place, "step: shorter than test, so that test windows would overlap: make it as long");
        }
        Some(WalkForward { place: node.place, train, test, step, choose: choose?, anchored })
    }

    fn monte_carlo(&mut self, node: &Node) -> Option<MonteCarlo> {
        let entries = self.block(&grammar::MONTE_CARLO, node)?;
        let sims = entries.get("sims").and_then(|n| self.whole(n, "sims", 1, SIMS));
        let seed = entries.get("seed").and_then(|n| self.whole(n, "seed", 0, u64::MAX));
        let of = self.choose(&entries, "of", &[("trades", Drawn::Trades), ("returns", Drawn::Returns)]);
        let block = entries.get("block").map_or(Some(1), |n| self.whole(n, "block", 1, 100_000));
        if let (Drawn::Trades, Some(n)) = (of, entries.get("block")) {
            self.errors.add(n.place, "block: is for returns; trades are drawn one by one");
        }
        Some(MonteCarlo { place: node.place, sims: sims?, seed: seed?, of, block: block? })
    }

    /// A whole number within bounds.
    fn whole(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        let number = self.number(node, what)?;
        let text = &number.value.text;
        let whole = decimal(text).filter(|(_, places)| *places == 0).and_then(|(value, _)| u64::try_from(value).ok());
        let value = whole.filter(|value| (least..=most).contains(value));
        if value.is_none() {
            let bounds = if most == u64::MAX { format!("from {least}") } else { format!("from {least} to {most}") };
            self.errors.add(number.place, format!("{what}: expected a whole number {bounds}, found {text}"));
        }
        value
    }

    /// A length of time such as `90d`.
    fn duration(&mut self, node: &Node, what: &str) -> Option<Micros> {
        let word = self.word(node, what)?;
        let found = super::levels::time_of(&word.value).filter(|micros| *micros > 0);
        if found.is_none() {
            let text = &word.value;
            self.errors
                .add(word.place, format!("{what}: expected a length of time such as 90d, 12h or 4w, found {text}"));
        }
        found
    }
}

/// A decimal number as a whole number of `10^-places`; `None` when it has too many digits.
fn decimal(text: &str) -> Option<(i128, u32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let part = part.trim_end_matches('0');
    let digits: i128 = format!("{whole}{part}").parse().ok()?;
    let places = i32::try_from(part.len()).ok()?.checked_sub(exponent)?;
    match u32::try_from(places) {
        Ok(places) if places <= PLACES => Some((digits, places)),
        Ok(_) => None,
        Err(_) => Some((digits.checked_mul(10_i128.checked_pow(places.unsigned_abs())?)?, 0)),
    }
}
