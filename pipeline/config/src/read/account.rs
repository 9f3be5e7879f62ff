//! The blocks `account` and `fills`.

use super::Reader;
use crate::{
    document::{Account, Filters, Located},
    grammar,
    node::{Kind, Node},
    words,
};
use candleflow_kernels::{
    money::{Money, Ratio},
    strategy::{self as kernel, EntryBarStops, Fees, Fills, Slippage},
};
use candleflow_schema::Interval;

const PERCENT: i128 = Ratio::ONE.units() / 100;
/// More leverage than any exchange gives.
const LEVERAGE: i128 = 1_000;

impl Reader {
    pub(super) fn account(&mut self, node: &Node) -> Option<Account> {
        let entries = self.block(&grammar::ACCOUNT, node)?;
        let balance = entries.get("balance").and_then(|n| self.money(n, "balance"));
        let fees = entries.get("fees").and_then(|n| self.fees(n));
        let slippage = entries.get("slippage").map_or(Some(Slippage::default()), |n| self.slippage(n));
        let leverage = entries.get("leverage").map_or(Some(Ratio::ONE), |n| self.leverage(n));
        let maintenance = entries.get("maintenance").map(|n| {
            let fine = |p| p >= Ratio::ZERO && p < Ratio::ONE;
            self.percent_where(n, "maintenance", fine, "0% or more and less than 100%")
        });
        let scope = self.choose(&entries, "scope", &words::SCOPE);
        let margin = self.choose(&entries, "margin", &words::MARGIN);
        let sized_at = self.choose(&entries, "sized_at", &words::SIZED_AT);
        let on_insufficient = self.choose(&entries, "on_insufficient", &words::ON_INSUFFICIENT);
        let usdt = Located { place: node.place, value: "USDT".to_owned() };
        let quote = entries.get("quote").map_or(Some(usdt), |n| self.word(n, "quote"));
        let filters = entries.get("filters").map_or(Some(Filters::None), |n| self.filters(n));
        let filters_at = entries.get("filters").map_or(node.place, |n| n.place);
        let funding = entries.get("funding").and_then(|n| self.block(&grammar::FUNDING, n));
        let funding = funding.and_then(|block| block.get("table").and_then(|n| self.word(n, "table")));
        let start = kernel::Account::new(balance?, fees?);
        let terms = kernel::Account {
            leverage: leverage?,
            maintenance: maintenance.unwrap_or(Some(start.maintenance))?,
            slippage: slippage?,
            scope,
            margin,
            sized_at,
            on_insufficient,
            ..start
        };
        self.rebate(&terms, node);
        let filters = Located { place: filters_at, value: filters? };
        Some(Account { place: node.place, terms, quote: quote?, filters, funding })
    }

    fn fees(&mut self, node: &Node) -> Option<Fees> {
        let entries = self.block(&grammar::FEES, node)?;
        let mut rate = |key: &str| {
            let node = entries.get(key)?;
            let fine = |p: Ratio| p.units() >= -PERCENT && p.units() < 50 * PERCENT;
            self.percent_where(node, key, fine, "-1% (a rebate) or more and less than 50%")
        };
        let (maker, taker) = (rate("maker"), rate("taker"));
        let fixed = entries.get("fixed").map_or(Some(Money::ZERO), |n| self.money_or_zero(n, "fixed"));
        Some(Fees { maker: maker?, taker: taker?, fixed: fixed? })
    }

    /// A rebate of 1 / leverage would make an entry cost nothing, and its size infinite.
    fn rebate(&mut self, terms: &kernel::Account, node: &Node) {
        let rebate = -terms.fees.maker.min(terms.fees.taker).units();
        if rebate > 0 && rebate.saturating_mul(terms.leverage.units() / PERCENT) >= 100 * Ratio::ONE.units() {
            let place = node.get("fees").unwrap_or(node).place;
            self.errors.add(place, "fees: with this leverage the rebate pays for the whole margin: lower one of them");
        }
    }

    fn slippage(&mut self, node: &Node) -> Option<Slippage> {
        let entries = self.block(&grammar::SLIPPAGE, node)?;
        let pct = entries.get("pct").map_or(Some(Ratio::ZERO), |n| {
            let fine = |p: Ratio| p >= Ratio::ZERO && p.units() < 50 * PERCENT;
            self.percent_where(n, "pct", fine, "0% or more and less than 50%")
        });
        let clamp = self.choose(&entries, "clamp", &words::CLAMP);
        let legs = self.choose(&entries, "legs", &words::LEGS);
        Some(Slippage { pct: pct?, clamp, legs })
    }

    fn leverage(&mut self, node: &Node) -> Option<Ratio> {
        let number = self.number(node, "leverage")?;
        let ratio =
            Ratio::parse(&number.value.text).map_err(|e| self.errors.add(node.place, format!("leverage: {e}"))).ok()?;
        if ratio < Ratio::ONE || ratio.units() > LEVERAGE * Ratio::ONE.units() {
            self.errors.add(node.place, format!("leverage: expected 1 to {LEVERAGE}, found {ratio}"));
        }
        Some(ratio)
    }

    fn filters(&mut self, node: &Node) -> Option<Filters> {
        if !matches!(node.kind, Kind::Map(_)) {
            return self.choice(node, "filters", &[("exchange", Filters::Exchange), ("none", Filters::None)]);
        }
        let entries = self.block(&grammar::FILTERS, node)?;
        let mut amount = |key: &str| entries.get(key).map_or(Some(Money::ZERO), |n| self.money(n, key));
        let (tick, step) = (amount("tick"), amount("step"));
        let (min_qty, min_notional) = (amount("min_qty"), amount("min_notional"));
        Some(Filters::Given(kernel::Filters {
            tick: tick?,
            step: step?,
            min_qty: min_qty?,
            min_notional: min_notional?,
        }))
    }

    pub(super) fn fills(&mut self, node: Option<&Node>) -> (Fills, Option<Located<Interval>>) {
        let Some(entries) = node.and_then(|n| self.block(&grammar::FILLS, n)) else {
            return (Fills::default(), None);
        };
        let stops = entries.get("entry_bar_stops").and_then(|n| self.flag(n, "entry_bar_stops", "open"));
        let fills = Fills {
            at: self.choose(&entries, "at", &words::AT),
            path: self.choose(&entries, "path", &words::PATH),
            entry_bar_stops: match stops {
                None | Some(Some(true)) => EntryBarStops::True,
                Some(Some(false)) => EntryBarStops::False,
                Some(None) => EntryBarStops::Open,
            },
            limit_fill: self.choose(&entries, "limit_fill", &words::LIMIT_FILL),
            zero_volume: self.choose(&entries, "zero_volume", &words::ZERO_VOLUME),
            levels_from: self.choose(&entries, "levels_from", &words::LEVELS_FROM),
            at_end: self.choose(&entries, "at_end", &words::AT_END),
        };
        let detail = entries.get("detail").and_then(|n| self.interval(n));
        match (entries.get("detail"), entries.get("path")) {
            (Some(n), _) if fills.path != kernel::Path::Detail => {
                self.errors.add(n.place, "detail: finer bars are used by path: detail only: add it, or remove detail");
            }
            (None, Some(n)) if fills.path == kernel::Path::Detail => {
                self.errors.add(n.place, "path: detail needs the length of the finer bars: add detail: 1m or another");
            }
            _ => {}
        }
        (fills, detail)
    }
}
