//! Rows of `orders`: what became of an order that waits.

use super::book::{Desk, Moment};
use super::enter::Fill;
use super::orders::Order;
use super::{OrderEvent, OrderRow, Reason};
use crate::money::Money;

impl Desk<'_> {
    /// A row without a fill.
    pub(super) fn order_row(&mut self, order: &Order, event: OrderEvent, reason: Reason) {
        let row = self.row(order, event, reason);
        self.out.orders.push(row);
    }

    /// The fill of an entry.
    pub(super) fn filled_row(
        &mut self,
        order: &Order,
        event: OrderEvent,
        fill: Fill,
        price: Money,
        qty: Money,
        fee: Money,
    ) {
        let row = self.row(order, event, order.reason);
        self.out.orders.push(OrderRow {
            fill_time: self.fill_time(fill.moment),
            qty: Some(qty),
            price: Some(price),
            quote: Some(fill.quote),
            fee: Some(fee),
            gap: self.book.bar.gap && matches!(fill.moment, Moment::Open(_)),
            ..row
        });
    }

    /// Withdraws the waiting orders that `which` names.
    pub(super) fn cancel_where(&mut self, reason: Reason, which: impl Fn(&Order) -> bool) {
        self.withdraw_where(OrderEvent::Cancelled, reason, which);
    }

    /// Takes orders out of the book with one row each.
    pub(super) fn withdraw_where(&mut self, event: OrderEvent, reason: Reason, which: impl Fn(&Order) -> bool) {
        let mut place = 0;
        while place < self.book.orders.len() {
            if which(&self.book.orders[place]) {
                let order = self.book.orders.remove(place);
                self.order_row(&order, event, reason);
            } else {
                place += 1;
            }
        }
    }

    fn row(&self, order: &Order, event: OrderEvent, reason: Reason) -> OrderRow {
        OrderRow {
            symbol: self.book.symbol,
            time: self.book.bar.time,
            fill_time: None,
            order: order.id,
            event,
            kind: order.kind,
            side: order.side,
            entry: order.entry,
            rule: order.rule,
            tag: order.tag,
            limit: order.limit,
            stop: order.stop,
            qty: None,
            price: None,
            quote: None,
            fee: None,
            reason,
            ambiguous: false,
            gap: false,
            is_final: reason == Reason::End,
        }
    }
}
