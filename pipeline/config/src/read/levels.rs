//! Stops, targets, and how much an entry buys.

use super::{Reader, value::number_of};
use crate::{
    document::{Level, Located, Size, Target, Targets, Trailing},
    grammar,
    node::{Kind, Node},
};
use candleflow_kernels::{
    money::Ratio,
    strategy::{BreakEven, TableStep},
};

/// Days of returns that a size may look back.
const DAYS: u32 = 3_650;
/// Gains above ten times the price are a mistake.
const HIGH: Ratio = Ratio::from_units(10 * Ratio::ONE.units());

impl Reader {
    pub(super) fn stop_loss(&mut self, node: &Node) -> Option<Located<Level>> {
        let value = self.level(node, "stop_loss", Ratio::ONE, "more than 0% and less than 100%")?;
        Some(Located { place: node.place, value })
    }

    fn level(&mut self, node: &Node, what: &str, below: Ratio, expected: &str) -> Option<Level> {
        if let Kind::Map(_) = node.kind {
            return Some(match self.exactly_one(&grammar::LEVEL, node, what)? {
                ("distance", n) => Level::Distance(self.amount(n, "distance")?),
                (_, n) => Level::Price(self.amount(n, "price")?),
            });
        }
        if let Kind::Scalar { text, .. } = &node.kind
            && !text.trim().ends_with('%')
            && number_of(text).is_none()
            && !text.trim().is_empty()
        {
            self.errors.add(
                node.place,
                format!("{what}: is \"{text}\" a distance or a price? write {{ distance: \"{text}\" }} or {{ price: \"{text}\" }}"),
            );
            return None;
        }
        self.percent_where(node, what, |p| p > Ratio::ZERO && p < below, expected).map(Level::Percent)
    }

    fn target(&mut self, node: &Node, what: &str) -> Option<Level> {
        self.level(node, what, HIGH, "more than 0% and less than 1000%")
    }

    pub(super) fn take_profit(&mut self, node: &Node) -> Option<Located<Targets>> {
        let said = |key: &str| node.get(key).is_some();
        let value = match &node.kind {
            Kind::Seq(items) if items.is_empty() => {
                self.errors.add(node.place, "take_profit: the list of targets is empty");
                return None;
            }
            Kind::Seq(items) => Targets::At(self.targets(node, items)),
            Kind::Map(_) if said("table") && (said("distance") || said("price")) => {
                let advice = "expected exactly one of table, distance, price, or a list of targets, found several";
                self.errors.add(node.place, format!("take_profit: {advice}"));
                return None;
            }
            Kind::Map(_) if said("table") => Targets::Table(self.table(node)?),
            Kind::Map(_) if said("at") => Targets::At(self.targets(node, std::slice::from_ref(node))),
            _ => Targets::At(vec![Target { at: self.target(node, "take_profit")?, portion: None }]),
        };
        Some(Located { place: node.place, value })
    }

    fn targets(&mut self, node: &Node, items: &[Node]) -> Vec<Target> {
        let mut targets = Vec::new();
        for item in items {
            let Kind::Map(_) = item.kind else {
                let found = item.describe();
                self.errors.add(
                    item.place,
                    format!("take_profit: expected {{ at: 2%, portion: 50% }} in the list, found {found}"),
                );
                continue;
            };
            let Some(entries) = self.block(&grammar::TARGET, item) else { continue };
            let at = entries.get("at").and_then(|n| self.target(n, "at"));
            let portion = entries.get("portion").and_then(|n| self.portion(n));
            targets.extend(at.map(|at| Target { at, portion }));
        }
        let sum: i128 = targets.iter().filter_map(|t| t.portion).map(Ratio::units).sum();
        if sum > Ratio::ONE.units() {
            let sum = percent_text(Ratio::from_units(sum));
            self.errors.add(node.place, format!("take_profit: the portions sum to {sum}, expected at most 100%"));
        }
        targets
    }

    /// Of a position's largest quantity.
    pub(super) fn portion(&mut self, node: &Node) -> Option<Ratio> {
        let fine = |p| p > Ratio::ZERO && p <= Ratio::ONE;
        self.percent_where(node, "portion", fine, "more than 0% and at most 100%")
    }

    fn table(&mut self, node: &Node) -> Option<Vec<TableStep>> {
        let entries = self.block(&grammar::TABLE, node)?;
        let table = entries.get("table")?;
        let Kind::Map(list) = &table.kind else {
            let found = table.describe();
            self.errors.add(
                table.place,
                format!("table: expected times and percentages such as {{ 0m: 10%, 2h: 1% }}, found {found}"),
            );
            return None;
        };
        let mut steps: Vec<TableStep> = Vec::new();
        for (key, value) in list {
            let after = time_of(&key.text);
            let fine = |p: Ratio| p > Ratio::ONE.negated() && p < HIGH;
            let at = self.percent_where(value, &key.text, fine, "more than -100% and less than 1000%");
            let Some(after) = after else {
                let text = &key.text;
                self.errors.add(key.place, format!("table: '{text}' is not a time held: write 0m, 30s, 2h, 1d or 1w"));
                continue;
            };
            if steps.iter().any(|step| step.after == after) {
                self.errors.add(key.place, format!("table: '{}' is the same time as another step", key.text));
            }
            steps.extend(at.map(|at| TableStep { after, at }));
        }
        if list.is_empty() {
            self.errors.add(table.place, "table: it has no step, expected such as { 0m: 10%, 2h: 1% }");
        }
        steps.sort_by_key(|step| step.after);
        Some(steps)
    }

    pub(super) fn trailing_stop(&mut self, node: &Node) -> Option<Located<Trailing>> {
        let place = node.place;
        if !matches!(node.kind, Kind::Map(_)) {
            let by = self.level(node, "trailing_stop", Ratio::ONE, "more than 0% and less than 100%")?;
            return Some(Located { place, value: Trailing { by, after: None } });
        }
        let entries = self.block(&grammar::TRAILING, node)?;
        let after = entries.get("after").and_then(|n| self.gain(n));
        let by = match self.one_among(&entries, "trailing_stop", &["by", "distance", "price"])? {
            ("by", n) => {
                let fine = |p| p > Ratio::ZERO && p < Ratio::ONE;
                Level::Percent(self.percent_where(n, "by", fine, "more than 0% and less than 100%")?)
            }
            ("distance", n) => Level::Distance(self.amount(n, "distance")?),
            (_, n) => Level::Price(self.amount(n, "price")?),
        };
        Some(Located { place, value: Trailing { by, after } })
    }

    pub(super) fn break_even(&mut self, node: &Node) -> Option<BreakEven> {
        let entries = self.block(&grammar::BREAK_EVEN, node)?;
        let at = entries.get("at").map(|n| {
            let fine = |p: Ratio| p > Ratio::ONE.negated() && p < HIGH;
            (n.place, self.percent_where(n, "at", fine, "more than -100% and less than 1000%"))
        });
        let after = entries.get("after").and_then(|n| self.gain(n))?;
        let (place, at) = at.map_or((node.place, Ratio::ZERO), |(place, at)| (place, at.unwrap_or_default()));
        if at > after {
            let (at, after) = (percent_text(at), percent_text(after));
            self.errors.add(place, format!("at: {at} lies beyond after: {after}, where the stop is armed"));
        }
        Some(BreakEven { after, at })
    }

    fn gain(&mut self, node: &Node) -> Option<Ratio> {
        self.percent_where(node, "after", |p| p > Ratio::ZERO && p < HIGH, "more than 0% and less than 1000%")
    }

    pub(super) fn size(&mut self, node: &Node) -> Option<Located<Size>> {
        let whole = |p| p > Ratio::ZERO && p <= Ratio::ONE;
        let (at_most, less) = ("more than 0% and at most 100%", "more than 0% and less than 100%");
        let value = match self.exactly_one(&grammar::SIZE, node, "size")? {
            ("equity", n) => Size::Equity(self.percent_where(n, "equity", whole, at_most)?),
            ("cash", n) => Size::Cash(self.percent_where(n, "cash", whole, at_most)?),
            ("risk", n) => {
                let fine = |p| p > Ratio::ZERO && p < Ratio::ONE;
                Size::Risk(self.percent_where(n, "risk", fine, less)?)
            }
            ("volatility", n) => self.volatility(n)?,
            ("target", n) => Size::Target(self.share(n, "target")?),
            ("quote", n) => Size::Quote(self.amount(n, "quote")?),
            (_, n) => Size::Base(self.amount(n, "base")?),
        };
        Some(Located { place: node.place, value })
    }

    fn volatility(&mut self, node: &Node) -> Option<Size> {
        let of = |r: &mut Self, n: &Node| {
            r.percent_where(n, "volatility", |p| p > Ratio::ZERO && p < HIGH, "more than 0% and less than 1000%")
        };
        if !matches!(node.kind, Kind::Map(_)) {
            return Some(Size::Volatility { of: of(self, node)?, days: 30 });
        }
        let entries = self.block(&grammar::VOLATILITY, node)?;
        let days = entries.get("days").map_or(Some(30), |n| {
            let days = self.count(n, "days")?;
            if !(2..=DAYS).contains(&days) {
                self.errors.add(n.place, format!("days: expected 2 to {DAYS}, found {days}"));
            }
            u16::try_from(days).ok()
        });
        let of = entries.get("of").and_then(|n| of(self, n));
        Some(Size::Volatility { of: of?, days: days? })
    }
}

/// `2h` in microseconds.
pub(super) fn time_of(text: &str) -> Option<i64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    count.parse::<i64>().ok()?.checked_mul(seconds * 1_000_000)
}

/// A ratio as the file writes it.
pub(crate) fn percent_text(ratio: Ratio) -> String {
    // A ratio has 18 decimals and a percentage 16 of them: moving the point by two places is exact.
    ratio.units().checked_mul(100).map_or_else(|| ratio.to_string(), |units| format!("{}%", Ratio::from_units(units)))
}
