//! The strategy block: its expressions become columns or row programs, its numbers the engine's specification.

use super::{
    Compiler,
    node::{StrategyNode, StrategyPlan},
    program::{self, Names, Program},
    rewrite::{Sees, place_of},
};
use candleflow_config::{
    Document, Place,
    document::{self, Account, Expr as Text, Level, Located, Number, Rule, Side, Size, Strategy},
};
use candleflow_kernels::{
    money::{Money, Ratio},
    strategy::{
        self as kernel, AtEnd, DatedFilters, EntryBarStops, EntryRule, ExitRule, Expr, Fees, FillAt, Fills, Filters,
        Path, SideSpec, Spec, SymbolSpec, Target, ZeroVolume,
    },
};
use datafusion::{
    arrow::datatypes::DataType,
    logical_expr::{Extension, LogicalPlan},
    sql::sqlparser::ast,
};
use std::sync::Arc;

/// What a rule, level or size must give.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    Truth,
    Number,
}

/// What has been gathered of the strategy so far.
#[derive(Default)]
struct Gathered {
    slots: Vec<String>,
    programs: Vec<Program>,
    tags: Vec<String>,
}

impl Gathered {
    fn slot(&mut self, column: &str) -> u32 {
        let at = self.slots.iter().position(|s| s == column).unwrap_or_else(|| {
            self.slots.push(column.to_owned());
            self.slots.len() - 1
        });
        at as u32
    }
}

impl Compiler<'_> {
    pub(super) fn strategy(&mut self, document: &Document, block: &Strategy, account: &Account) {
        let mut gathered = Gathered::default();
        for side in [&block.long, &block.short].into_iter().flatten() {
            for tag in side.entry.iter().chain(&side.exit).filter_map(|r| r.tag.as_ref()) {
                if !gathered.tags.contains(tag) {
                    gathered.tags.push(tag.clone());
                }
            }
        }
        let Some(mut spec) = self.account(account) else { return };
        spec.fills = fills(document.fills);
        spec.on_opposite = match block.on_opposite {
            document::OnOpposite::Reverse => kernel::OnOpposite::Reverse,
            document::OnOpposite::Ignore => kernel::OnOpposite::Ignore,
            document::OnOpposite::Close => kernel::OnOpposite::Close,
        };
        let size = self.size(&block.size, &mut gathered);
        spec.long = block.long.as_ref().and_then(|s| self.side(s, size, &mut gathered));
        spec.short = block.short.as_ref().and_then(|s| self.side(s, size, &mut gathered));
        if let Err(error) = spec.validate() {
            self.errors.add(block.size.place, error.to_string());
            return;
        }
        let Some(filters) = self.filters(account) else { return };
        self.flush(block.size.place);
        let Gathered { slots, programs, tags } = gathered;
        let node = StrategyNode {
            input: self.plan.clone(),
            plan: Arc::new(StrategyPlan { spec, slots, programs, tags, filters }),
        };
        self.plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    }

    fn side(&mut self, side: &Side, size: Option<kernel::Size>, gathered: &mut Gathered) -> Option<SideSpec> {
        let mut spec = SideSpec { size, ..SideSpec::default() };
        for rule in &side.entry {
            let when = self.rule(rule, gathered);
            let tag = tag(rule, gathered);
            spec.entry.extend(when.map(|w| EntryRule { tag, ..EntryRule::market(w) }));
        }
        for rule in &side.exit {
            let when = self.rule(rule, gathered);
            let tag = tag(rule, gathered);
            spec.exit.extend(when.map(|w| ExitRule { tag, ..ExitRule::market(w) }));
        }
        spec.stop_loss = side.stop_loss.as_ref().and_then(|l| self.level(l, gathered));
        let target = side.take_profit.as_ref().and_then(|l| self.level(l, gathered));
        spec.take_profit = target.map(|at| Target { at, portion: None }).into_iter().collect();
        (spec.entry.len() == side.entry.len() && spec.exit.len() == side.exit.len()).then_some(spec)
    }

    fn rule(&mut self, rule: &Rule, gathered: &mut Gathered) -> Option<Expr> {
        self.expression(&rule.when, Gives::Truth, gathered)
    }

    fn level(&mut self, level: &Located<Level>, gathered: &mut Gathered) -> Option<kernel::Level> {
        Some(match &level.value {
            Level::Percent(number) => kernel::Level::Percent(self.ratio(number, level.place)?),
            Level::Distance(text) => kernel::Level::Distance(self.expression(text, Gives::Number, gathered)?),
            Level::Price(text) => kernel::Level::Price(self.expression(text, Gives::Number, gathered)?),
        })
    }

    fn size(&mut self, size: &Located<Size>, gathered: &mut Gathered) -> Option<kernel::Size> {
        Some(match &size.value {
            Size::Equity(part) => kernel::Size::Equity(self.ratio(part, size.place)?),
            Size::Cash(part) => kernel::Size::Cash(self.ratio(part, size.place)?),
            Size::Quote(text) => kernel::Size::Quote(self.expression(text, Gives::Number, gathered)?),
            Size::Base(text) => kernel::Size::Base(self.expression(text, Gives::Number, gathered)?),
        })
    }

    /// A constant, a column of the row, or a program that also sees the position.
    fn expression(&mut self, text: &Text, gives: Gives, gathered: &mut Gathered) -> Option<Expr> {
        let place = place_of(text);
        let expr = self.rewritten(text, Sees::Position)?;
        if let Some(number) = number(&expr) {
            if gives == Gives::Truth {
                self.errors.add(place, format!("a rule must be true or false, found the number {number}"));
                return None;
            }
            return Some(Expr::Constant(number));
        }
        if program::sees_position(&expr) {
            let mut names = RowNames { compiler: self, gathered, place };
            return match program::compile(&expr, &mut names) {
                Ok(program) => {
                    gathered.programs.push(program);
                    Some(Expr::Program(gathered.programs.len() as u32 - 1))
                }
                Err(message) => {
                    self.errors.add(place, message);
                    None
                }
            };
        }
        let before = self.errors.iter().count();
        let Some(column) = self.input(&expr, place) else {
            if self.errors.iter().count() == before {
                self.errors.add(place, format!("'{}' is neither a number nor a truth", text.value));
            }
            return None;
        };
        match (gives, self.kind(&column)) {
            (Gives::Truth, Some(DataType::Boolean)) | (Gives::Number, Some(DataType::Float64)) => {
                Some(Expr::Column(gathered.slot(&column)))
            }
            (Gives::Truth, _) => {
                self.errors.add(place, format!("a rule must be true or false, '{}' is a number", text.value));
                None
            }
            (Gives::Number, _) => {
                self.errors.add(place, format!("expected a number, '{}' is true or false", text.value));
                None
            }
        }
    }

    fn account(&mut self, account: &Account) -> Option<Spec> {
        let place = account.balance.place;
        let balance = self.money(&account.balance.value, place)?;
        let fees = Fees {
            maker: self.ratio(&account.maker, place)?,
            taker: self.ratio(&account.taker, place)?,
            fixed: self.money(&account.fixed, place)?,
        };
        let mut spec = Spec::new(balance, fees);
        spec.account.slippage.pct = self.ratio(&account.slippage, place)?;
        Some(spec)
    }

    fn filters(&mut self, account: &Account) -> Option<SymbolSpec> {
        let document::Filters::Given { tick, step, min_qty, min_notional } = &account.filters else {
            return Some(SymbolSpec::default());
        };
        let mut money = |number: &Option<Number>| match number {
            Some(number) => self.money(number, account.balance.place),
            None => Some(Money::ZERO),
        };
        let filters = Filters {
            tick: money(tick)?,
            step: money(step)?,
            min_qty: money(min_qty)?,
            min_notional: money(min_notional)?,
        };
        Some(SymbolSpec { filters: vec![DatedFilters { valid_from: i64::MIN, filters }] })
    }

    fn money(&mut self, number: &Number, place: Place) -> Option<Money> {
        Money::parse(&number.text).map_err(|e| self.errors.add(place, format!("{}: {e}", number.text))).ok()
    }

    fn ratio(&mut self, number: &Number, place: Place) -> Option<Ratio> {
        Ratio::parse(&number.text).map_err(|e| self.errors.add(place, format!("{}: {e}", number.text))).ok()
    }
}

/// The number that an expression is, whatever the bar.
fn number(expr: &ast::Expr) -> Option<f64> {
    match expr {
        ast::Expr::Value(v) => match &v.value {
            ast::Value::Number(text, _) => text.to_string().parse().ok(),
            _ => None,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => number(expr).map(|n| -n),
        ast::Expr::Nested(inner) => number(inner),
        _ => None,
    }
}

fn tag(rule: &Rule, gathered: &Gathered) -> Option<u32> {
    rule.tag.as_ref().and_then(|t| gathered.tags.iter().position(|known| known == t)).map(|i| i as u32)
}

fn fills(fills: document::Fills) -> Fills {
    Fills {
        at: match fills.at {
            document::FillAt::NextOpen => FillAt::NextOpen,
            document::FillAt::Close => FillAt::Close,
        },
        path: match fills.path {
            document::Path::Pessimistic => Path::Pessimistic,
            document::Path::Ohlc => Path::Ohlc,
            document::Path::Nearest => Path::Nearest,
        },
        entry_bar_stops: if fills.entry_bar_stops { EntryBarStops::True } else { EntryBarStops::False },
        zero_volume: match fills.zero_volume {
            document::ZeroVolume::Wait => ZeroVolume::Wait,
            document::ZeroVolume::Fill => ZeroVolume::Fill,
        },
        at_end: match fills.at_end {
            document::AtEnd::Mark => AtEnd::Mark,
            document::AtEnd::Close => AtEnd::Close,
        },
        ..Fills::default()
    }
}

struct RowNames<'r, 'c, 'a> {
    compiler: &'r mut Compiler<'a>,
    gathered: &'c mut Gathered,
    place: Place,
}

impl Names for RowNames<'_, '_, '_> {
    fn column(&mut self, name: &str) -> Option<usize> {
        let kind = self.compiler.kind(name)?;
        matches!(kind, DataType::Float64 | DataType::Boolean).then(|| self.gathered.slot(name) as usize)
    }

    fn hidden(&mut self, expr: &ast::Expr) -> Option<usize> {
        let column = self.compiler.input(expr, self.place)?;
        Some(self.gathered.slot(&column) as usize)
    }

    fn tag(&mut self, tag: &str) -> Option<f64> {
        self.gathered.tags.iter().position(|t| t == tag).map(|i| i as f64)
    }
}
