//! The strategy block: its expressions become columns or row programs, its numbers the engine's specification.

use super::{
    Compiler,
    node::{StrategyNode, StrategyPlan},
    program::{self, Names, Program},
    rewrite::{Sees, place_of},
};
use candleflow_config::{
    Document, Place,
    document::{self, Account, Expr as Text, Filters, Level, Limits, Order, Side, Size, Strategy, Targets, Trailing},
};
use candleflow_kernels::strategy::{
    self as kernel, DatedFilters, EntryRule, ExitRule, Expr, Rank, Scope, SideSpec, Spec, SymbolSpec, Target,
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
    /// A number that, where it is the same on every bar, is above zero.
    Amount,
}

/// What has been gathered of the strategy so far.
#[derive(Default)]
struct Gathered {
    slots: Vec<String>,
    programs: Vec<Program>,
    tags: Vec<String>,
    /// Whether each expression has a slot of its own, so that the plans of all symbols of one account have the same
    /// shape, whatever their parameters.
    apart: bool,
}

impl Gathered {
    fn slot(&mut self, column: &str) -> u32 {
        let shared = self.slots.iter().position(|s| s == column).filter(|_| !self.apart);
        let at = shared.unwrap_or_else(|| {
            self.slots.push(column.to_owned());
            self.slots.len() - 1
        });
        at as u32
    }

    fn tag(&self, tag: &Option<String>) -> Option<u32> {
        let at = tag.as_ref().and_then(|t| self.tags.iter().position(|known| known == t))?;
        Some(at as u32)
    }
}

impl Compiler<'_> {
    pub(super) fn strategy(&mut self, document: &Document, block: &Strategy, account: &Account) {
        let apart = account.terms.scope == Scope::Portfolio;
        let mut gathered = Gathered { apart, ..Gathered::default() };
        for side in [&block.long, &block.short].into_iter().flatten() {
            let orders = side.entry.iter().map(|r| &r.order).chain(side.exit.iter().map(|r| &r.order));
            for tag in orders.filter_map(|o| o.tag.as_ref()) {
                if !gathered.tags.contains(tag) {
                    gathered.tags.push(tag.clone());
                }
            }
        }
        let before = self.errors.iter().count();
        let long = block.long.as_ref().map(|s| self.side(s, &mut gathered));
        let short = block.short.as_ref().map(|s| self.side(s, &mut gathered));
        let limits = self.limits(&block.limits, &mut gathered);
        // Rules that name a column that could not be made are missing here, and have been told of.
        if self.errors.iter().count() > before || !self.failed.is_empty() {
            return;
        }
        let spec = Spec {
            long: long.flatten(),
            short: short.flatten(),
            pyramiding: block.pyramiding,
            on_opposite: block.on_opposite,
            resting: block.resting,
            cooldown: block.cooldown,
            limits: limits.unwrap_or_default(),
            fills: document.fills,
            account: account.terms.clone(),
        };
        if let Err(error) = spec.validate() {
            self.errors.add(block.place, error.to_string());
            return;
        }
        self.flush(block.place);
        let filters = match account.filters.value {
            Filters::Given(filters) => vec![DatedFilters { valid_from: i64::MIN, filters }],
            Filters::Exchange | Filters::None => Vec::new(),
        };
        let Gathered { slots, programs, tags, .. } = gathered;
        let plan = StrategyPlan {
            spec,
            slots,
            programs,
            tags,
            filters: SymbolSpec { filters },
            exchange: account.filters.value == Filters::Exchange,
            funding: account.funding.as_ref().map(|table| table.value.clone()),
            detail: document.detail.is_some(),
        };
        let plan = Arc::new(plan);
        let node = StrategyNode { input: self.plan.clone(), plan };
        self.plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    }

    fn side(&mut self, side: &Side, gathered: &mut Gathered) -> Option<SideSpec> {
        let mut spec = SideSpec { break_even: side.break_even, max_bars: side.max_bars, ..SideSpec::default() };
        for rule in &side.entry {
            spec.entry.extend(self.entry(rule, gathered));
        }
        for rule in &side.exit {
            spec.exit.extend(self.exit(rule, gathered));
        }
        spec.size = side.size.as_ref().and_then(|s| self.size(&s.value, gathered));
        spec.stop_loss = side.stop_loss.as_ref().and_then(|l| self.level(&l.value, gathered));
        match side.take_profit.as_ref().map(|t| &t.value) {
            Some(Targets::Table(steps)) => spec.table.clone_from(steps),
            Some(Targets::At(targets)) => {
                for target in targets {
                    let at = self.level(&target.at, gathered);
                    spec.take_profit.extend(at.map(|at| Target { at, portion: target.portion }));
                }
            }
            None => {}
        }
        spec.trailing_stop = side.trailing_stop.as_ref().and_then(|t| {
            let Trailing { by, after } = &t.value;
            Some(kernel::Trailing { by: self.level(by, gathered)?, after: *after })
        });
        Some(spec)
    }

    fn entry(&mut self, rule: &document::EntryRule, gathered: &mut Gathered) -> Option<EntryRule> {
        let size = rule.size.as_ref().and_then(|s| self.size(&s.value, gathered));
        let Order { when, limit, stop, expire, cancel_if, tag } = &rule.order;
        Some(EntryRule {
            limit: self.optional(limit, Gives::Amount, gathered),
            stop: self.optional(stop, Gives::Amount, gathered),
            expire: *expire,
            cancel_if: self.optional(cancel_if, Gives::Truth, gathered),
            tag: gathered.tag(tag),
            size,
            when: self.expression(when, Gives::Truth, gathered)?,
        })
    }

    fn exit(&mut self, rule: &document::ExitRule, gathered: &mut Gathered) -> Option<ExitRule> {
        let Order { when, limit, stop, expire, cancel_if, tag } = &rule.order;
        Some(ExitRule {
            portion: rule.portion,
            limit: self.optional(limit, Gives::Amount, gathered),
            stop: self.optional(stop, Gives::Amount, gathered),
            expire: *expire,
            cancel_if: self.optional(cancel_if, Gives::Truth, gathered),
            tag: gathered.tag(tag),
            repeat: rule.repeat,
            when: self.expression(when, Gives::Truth, gathered)?,
        })
    }

    fn limits(&mut self, limits: &Limits, gathered: &mut Gathered) -> Option<kernel::Limits> {
        let rank = match &limits.rank {
            Some((by, descending)) => {
                let by = self.expression(by, Gives::Number, gathered)?;
                Some(Rank { by, descending: *descending })
            }
            None => None,
        };
        Some(kernel::Limits {
            trades_per_day: limits.trades_per_day,
            day_loss: limits.day_loss,
            drawdown: limits.drawdown,
            max_positions: limits.max_positions.as_ref().map(|m| m.value),
            rank,
        })
    }

    fn level(&mut self, level: &Level, gathered: &mut Gathered) -> Option<kernel::Level> {
        Some(match level {
            Level::Percent(share) => kernel::Level::Percent(*share),
            Level::Distance(text) => kernel::Level::Distance(self.expression(text, Gives::Amount, gathered)?),
            Level::Price(text) => kernel::Level::Price(self.expression(text, Gives::Amount, gathered)?),
        })
    }

    fn size(&mut self, size: &Size, gathered: &mut Gathered) -> Option<kernel::Size> {
        Some(match size {
            Size::Equity(share) => kernel::Size::Equity(*share),
            Size::Cash(share) => kernel::Size::Cash(*share),
            Size::Risk(share) => kernel::Size::Risk(*share),
            Size::Volatility { of, days } => kernel::Size::Volatility { of: *of, days: *days },
            Size::Quote(text) => kernel::Size::Quote(self.expression(text, Gives::Amount, gathered)?),
            Size::Base(text) => kernel::Size::Base(self.expression(text, Gives::Amount, gathered)?),
            Size::Target(text) => kernel::Size::Target(self.expression(text, Gives::Number, gathered)?),
        })
    }

    fn optional(&mut self, text: &Option<Text>, gives: Gives, gathered: &mut Gathered) -> Option<Expr> {
        self.expression(text.as_ref()?, gives, gathered)
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
            if gives == Gives::Amount && number <= 0.0 {
                self.errors.add(place, format!("expected more than 0, '{}' is {number}", text.value));
                return None;
            }
            // Of symbols that share an account, one may have another number here.
            let may_differ = gathered.apart && text.value.contains('$');
            if !may_differ {
                return Some(Expr::Constant(number));
            }
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
            (Gives::Truth, Some(DataType::Boolean)) | (Gives::Number | Gives::Amount, Some(DataType::Float64)) => {
                Some(Expr::Column(gathered.slot(&column)))
            }
            (Gives::Truth, _) => {
                self.errors.add(place, format!("a rule must be true or false, '{}' is a number", text.value));
                None
            }
            (Gives::Number | Gives::Amount, _) => {
                self.errors.add(place, format!("expected a number, '{}' is true or false", text.value));
                None
            }
        }
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

    fn tags(&self) -> &[String] {
        &self.gathered.tags
    }
}
