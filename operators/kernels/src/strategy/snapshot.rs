//! The whole state of an engine as canonical bytes, at any bar.
//!
//! The specification is not in them: whoever restores must bring the same one, and records so beside the bytes.

use super::account::AccountState;
use super::book::{Book, Current, DayCloses, LastTrade};
pub use super::codec::SnapshotError;
use super::codec::{Codec, Coded};
use super::engine::Engine;
use super::events::Reason;
use super::ledger::Ledger;
use super::levels::{EvenState, Frozen, LevelPlan, Levels, TargetState, TrailState};
use super::orders::{EntryPlan, FrozenSize, Order};
use super::position::{Fresh, Group, Lot, Position};
use super::spec::BreakEven;
use super::{OrderKind, Side};
use crate::money::{Money, Ratio};

/// Changes with every change of the layout.
const VERSION: u8 = 2;

impl Engine {
    /// The state; equal states give equal bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut state = self.clone();
        let mut codec = Codec::Write(Vec::new());
        // Writing cannot fail: every error is one of reading.
        let written = state.fields(&mut codec).and_then(|()| codec.finish());
        debug_assert!(written.is_ok());
        written.unwrap_or_default()
    }

    /// Puts back a state that an engine of the same specification and symbols saved.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let mut state = self.clone();
        let mut codec = Codec::Read(bytes, 0);
        state.fields(&mut codec)?;
        codec.finish()?;
        *self = state;
        Ok(())
    }

    fn fields(&mut self, codec: &mut Codec<'_>) -> Coded {
        expected(codec, u64::from(VERSION), "snapshot version 2")?;
        expected(codec, self.books.len() as u64, "the number of symbols of this account")?;
        account(codec, &mut self.account)?;
        let AccountState { marks, .. } = &mut self.account;
        marks.iter_mut().try_for_each(|mark| {
            codec.money(&mut mark.qty)?;
            codec.money(&mut mark.price)?;
            codec.f64(&mut mark.close)?;
            mark.set_qty(mark.qty);
            Ok(())
        })?;
        self.books.iter_mut().try_for_each(|held| book(codec, held))?;
        // The filters in force follow from the bar's date.
        for (book, symbol) in self.books.iter_mut().zip(&self.symbols) {
            let due = symbol.filters.partition_point(|row| row.valid_from <= book.bar.open_time);
            if let Some(row) = symbol.filters.get(due.max(1) - 1).filter(|_| book.bar.number > 0) {
                book.filters = row.filters;
            }
        }
        Ok(())
    }
}

fn expected(codec: &mut Codec<'_>, value: u64, what: &'static str) -> Coded {
    let mut found = value;
    codec.u64(&mut found)?;
    if found == value { Ok(()) } else { Err(SnapshotError::Unknown { what, found }) }
}

fn account(codec: &mut Codec<'_>, state: &mut AccountState) -> Coded {
    let Ledger { balance, cash, gross, fees, funding, cover, cost, margin } = &mut state.ledger;
    for amount in [balance, cash, gross, fees, funding, cover, cost, margin] {
        codec.money(amount)?;
    }
    codec.u64(&mut state.next_order)?;
    codec.f64(&mut state.peak)?;
    codec.f64(&mut state.equity)?;
    codec.i64(&mut state.day)?;
    codec.f64(&mut state.day_base)?;
    codec.u32(&mut state.entries_today)?;
    codec.bool(&mut state.day_blocked)?;
    codec.bool(&mut state.ended)
}

fn book(codec: &mut Codec<'_>, book: &mut Book) -> Coded {
    codec.option(&mut book.position, blank_position, position)?;
    codec.list(&mut book.orders, blank_order, order)?;
    current(codec, &mut book.bar)?;
    codec.option(
        &mut book.last,
        || LastTrade { net: Money::ZERO, reason: Reason::Signal, number: 0 },
        |codec, last| {
            codec.money(&mut last.net)?;
            codec.one_of(&mut last.reason, &Reason::ALL, "a reason")?;
            codec.u64(&mut last.number)
        },
    )?;
    codec.u64(&mut book.cooldown_until)?;
    let DayCloses { keep: _, day, last, complete, closes } = &mut book.days;
    codec.i64(day)?;
    codec.f64(last)?;
    codec.bool(complete)?;
    codec.list(closes, || 0.0, |codec, close| codec.f64(close))?;
    codec.bool(&mut book.exposed)?;
    codec.u64(&mut book.without_detail)?;
    codec.u64(&mut book.before_filters)?;
    codec.u64(&mut book.absorbed)
}

fn current(codec: &mut Codec<'_>, bar: &mut Current) -> Coded {
    codec.u64(&mut bar.number)?;
    codec.i64(&mut bar.open_time)?;
    codec.i64(&mut bar.time)?;
    codec.money(&mut bar.prices.open)?;
    codec.money(&mut bar.prices.high)?;
    codec.money(&mut bar.prices.low)?;
    codec.money(&mut bar.prices.close)?;
    codec.i64(&mut bar.price)?;
    codec.f64(&mut bar.close)?;
    codec.bool(&mut bar.waits)?;
    codec.bool(&mut bar.gap)
}

fn position(codec: &mut Codec<'_>, held: &mut Position) -> Coded {
    codec.one_of(&mut held.side, &Side::BOTH, "a side")?;
    codec.one_of(&mut held.by, &Side::BOTH, "a side")?;
    codec.list(&mut held.groups, blank_group, group)?;
    codec.money(&mut held.largest)?;
    codec.u32(&mut held.bars)?;
    codec.money(&mut held.high)?;
    codec.money(&mut held.low)?;
    codec.money(&mut held.closed_net)?;
    codec.list(&mut held.acted, || 0, |codec, rule| codec.u32(rule))
}

fn group(codec: &mut Codec<'_>, held: &mut Group) -> Coded {
    codec.u64(&mut held.id)?;
    codec.list(&mut held.lots, blank_lot, lot)?;
    levels(codec, &mut held.levels)?;
    plan(codec, &mut held.plan)?;
    codec.money(&mut held.largest)?;
    codec.u32(&mut held.bars)?;
    codec.i64(&mut held.held_from)?;
    codec.one_of(&mut held.fresh, &[Fresh::No, Fresh::Open, Fresh::Inside], "a moment of entry")
}

fn lot(codec: &mut Codec<'_>, lot: &mut Lot) -> Coded {
    codec.u64(&mut lot.order)?;
    codec.u32(&mut lot.rule)?;
    codec.option(&mut lot.tag, || 0, |codec, tag| codec.u32(tag))?;
    codec.one_of(&mut lot.reason, &Reason::ALL, "a reason")?;
    codec.i64(&mut lot.time)?;
    codec.option(&mut lot.fill_time, || 0, |codec, time| codec.i64(time))?;
    let Lot { price, quote, qty, cost, margin, fee, funding, high, low, .. } = lot;
    for amount in [price, quote, qty, cost, margin, fee, funding, high, low] {
        codec.money(amount)?;
    }
    codec.u32(&mut lot.bars)?;
    codec.bool(&mut lot.ambiguous)?;
    codec.bool(&mut lot.partial)?;
    codec.bool(&mut lot.gap)
}

fn money_option(codec: &mut Codec<'_>, amount: &mut Option<Money>) -> Coded {
    codec.option(amount, || Money::ZERO, |codec, amount| codec.money(amount))
}

fn ratio_option(codec: &mut Codec<'_>, ratio: &mut Option<Ratio>) -> Coded {
    codec.option(ratio, || Ratio::ZERO, |codec, ratio| codec.ratio(ratio))
}

fn levels(codec: &mut Codec<'_>, levels: &mut Levels) -> Coded {
    money_option(codec, &mut levels.stop)?;
    codec.list(&mut levels.targets, blank_target, |codec, target| {
        frozen(codec, &mut target.at)?;
        ratio_option(codec, &mut target.portion)?;
        codec.money(&mut target.price)?;
        codec.bool(&mut target.taken)?;
        codec.bool(&mut target.taker)
    })?;
    codec.usize(&mut levels.table_steps)?;
    let blank = || TrailState { by: None, wakes_at: None, best: Money::ZERO, level: None };
    codec.option(&mut levels.trail, blank, |codec, trail| {
        codec.option(&mut trail.by, || BLANK, frozen)?;
        money_option(codec, &mut trail.wakes_at)?;
        codec.money(&mut trail.best)?;
        money_option(codec, &mut trail.level)
    })?;
    let blank = || EvenState { trigger: Money::ZERO, level: Money::ZERO, armed: false };
    codec.option(&mut levels.even, blank, |codec, even| {
        codec.money(&mut even.trigger)?;
        codec.money(&mut even.level)?;
        codec.bool(&mut even.armed)
    })
}

fn plan(codec: &mut Codec<'_>, plan: &mut LevelPlan) -> Coded {
    codec.option(&mut plan.stop, || BLANK, frozen)?;
    codec.list(
        &mut plan.targets,
        || (BLANK, None),
        |codec, (at, portion)| {
            frozen(codec, at)?;
            ratio_option(codec, portion)
        },
    )?;
    codec.option(
        &mut plan.trail,
        || (None, None),
        |codec, (by, after)| {
            codec.option(by, || BLANK, frozen)?;
            ratio_option(codec, after)
        },
    )?;
    codec.option(
        &mut plan.even,
        || BreakEven { after: Ratio::ZERO, at: Ratio::ZERO },
        |codec, even| {
            codec.ratio(&mut even.after)?;
            codec.ratio(&mut even.at)
        },
    )
}

const BLANK: Frozen = Frozen::Price(Money::ZERO);

fn frozen(codec: &mut Codec<'_>, level: &mut Frozen) -> Coded {
    let (mut kind, mut units) = match *level {
        Frozen::Percent(by) => (0_u8, Money::from_units(by.units())),
        Frozen::Distance(by) => (1, by),
        Frozen::Price(at) => (2, at),
    };
    codec.u8(&mut kind)?;
    codec.money(&mut units)?;
    *level = match kind {
        0 => Frozen::Percent(Ratio::from_units(units.units())),
        1 => Frozen::Distance(units),
        2 => Frozen::Price(units),
        found => return Err(SnapshotError::Unknown { what: "a kind of level", found: u64::from(found) }),
    };
    Ok(())
}

fn order(codec: &mut Codec<'_>, order: &mut Order) -> Coded {
    codec.u64(&mut order.id)?;
    codec.one_of(&mut order.side, &Side::BOTH, "a side")?;
    codec.bool(&mut order.entry)?;
    codec.option(&mut order.rule, || 0, |codec, rule| codec.u32(rule))?;
    let kinds = [OrderKind::Market, OrderKind::Limit, OrderKind::Stop, OrderKind::StopLimit];
    codec.one_of(&mut order.kind, &kinds, "a kind of order")?;
    money_option(codec, &mut order.limit)?;
    money_option(codec, &mut order.stop)?;
    codec.bool(&mut order.activated)?;
    codec.u64(&mut order.rests_from)?;
    codec.bool(&mut order.maker)?;
    codec.option(&mut order.expires_in, || 0, |codec, bars| codec.u32(bars))?;
    codec.i64(&mut order.placed)?;
    codec.f64(&mut order.rank)?;
    codec.option(&mut order.tag, || 0, |codec, tag| codec.u32(tag))?;
    codec.one_of(&mut order.reason, &Reason::ALL, "a reason")?;
    ratio_option(codec, &mut order.portion)?;
    codec.option(&mut order.group, || 0, |codec, group| codec.u64(group))?;
    let blank = || EntryPlan { size: FrozenSize::Base(Money::ZERO), sized: None, levels: LevelPlan::default() };
    codec.option(&mut order.plan, blank, |codec, entry| {
        size(codec, &mut entry.size)?;
        money_option(codec, &mut entry.sized)?;
        plan(codec, &mut entry.levels)
    })
}

fn size(codec: &mut Codec<'_>, size: &mut FrozenSize) -> Coded {
    let ratio = |ratio: Ratio| Money::from_units(ratio.units());
    let (mut kind, mut units) = match *size {
        FrozenSize::Equity(share) => (0_u8, ratio(share)),
        FrozenSize::Cash(share) => (1, ratio(share)),
        FrozenSize::Quote(notional) => (2, notional),
        FrozenSize::Base(qty) => (3, qty),
        FrozenSize::Risk(share) => (4, ratio(share)),
        FrozenSize::Target(share) => (5, ratio(share)),
        FrozenSize::Notional(share) => (6, ratio(share)),
    };
    codec.u8(&mut kind)?;
    codec.money(&mut units)?;
    let share = Ratio::from_units(units.units());
    *size = match kind {
        0 => FrozenSize::Equity(share),
        1 => FrozenSize::Cash(share),
        2 => FrozenSize::Quote(units),
        3 => FrozenSize::Base(units),
        4 => FrozenSize::Risk(share),
        5 => FrozenSize::Target(share),
        6 => FrozenSize::Notional(share),
        found => return Err(SnapshotError::Unknown { what: "a kind of size", found: u64::from(found) }),
    };
    Ok(())
}

fn blank_target() -> TargetState {
    TargetState { at: BLANK, portion: None, price: Money::ZERO, taken: false, taker: false }
}

fn blank_position() -> Position {
    Position {
        side: Side::Long,
        by: Side::Long,
        groups: Vec::new(),
        largest: Money::ZERO,
        bars: 0,
        high: Money::ZERO,
        low: Money::ZERO,
        closed_net: Money::ZERO,
        acted: Vec::new(),
    }
}

fn blank_group() -> Group {
    Group {
        id: 0,
        lots: Vec::new(),
        levels: Levels::default(),
        plan: LevelPlan::default(),
        largest: Money::ZERO,
        bars: 0,
        held_from: 0,
        fresh: Fresh::No,
    }
}

fn blank_lot() -> Lot {
    Lot {
        order: 0,
        rule: 0,
        tag: None,
        reason: Reason::Signal,
        time: 0,
        fill_time: None,
        price: Money::ZERO,
        quote: Money::ZERO,
        qty: Money::ZERO,
        cost: Money::ZERO,
        margin: Money::ZERO,
        fee: Money::ZERO,
        funding: Money::ZERO,
        bars: 0,
        high: Money::ZERO,
        low: Money::ZERO,
        ambiguous: false,
        partial: false,
        gap: false,
    }
}

fn blank_order() -> Order {
    Order {
        id: 0,
        side: Side::Long,
        entry: false,
        rule: None,
        kind: OrderKind::Market,
        limit: None,
        stop: None,
        activated: false,
        rests_from: 0,
        maker: false,
        expires_in: None,
        placed: 0,
        rank: 0.0,
        tag: None,
        reason: Reason::Signal,
        portion: None,
        group: None,
        plan: None,
    }
}
