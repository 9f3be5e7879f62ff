//! Rows of the strategy as columns: `orders`, `trades`, `equity`.

use crate::operator::{Emit, OperatorError, Output};
use arrow::{
    array::{
        ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};
use candleflow_kernels::{
    money::Money,
    strategy::{EquityRow, Events, OrderRow, Side, TradeRow},
};
use candleflow_schema::tables::{MONEY, PRICE, timestamp};
use std::sync::{Arc, LazyLock};

const TEXT: DataType = DataType::Utf8;
const INT: DataType = DataType::Int64;
const FLOAT: DataType = DataType::Float64;
const TRUTH: DataType = DataType::Boolean;

fn schema(fields: Vec<(&str, DataType, bool)>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().map(|(n, t, null)| Field::new(n, t, null)).collect::<Vec<_>>()))
}

/// `orders`: what became of every order.
pub static ORDERS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("symbol", TEXT, false),
        ("time", timestamp(), false),
        ("fill_time", timestamp(), true),
        ("order", INT, false),
        ("event", TEXT, false),
        ("kind", TEXT, false),
        ("side", TEXT, false),
        ("entry", TRUTH, false),
        ("tag", TEXT, true),
        ("limit", MONEY, true),
        ("stop", MONEY, true),
        ("qty", MONEY, true),
        ("price", MONEY, true),
        ("price_before_slippage", MONEY, true),
        ("fee", MONEY, true),
        ("reason", TEXT, false),
        ("ambiguous", TRUTH, false),
        ("gap", TRUTH, false),
        ("final", TRUTH, false),
    ])
});

/// `trades`: one row per round trip.
pub static TRADES: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("symbol", TEXT, false),
        ("time", timestamp(), false),
        ("fill_time", timestamp(), true),
        ("open", TRUTH, false),
        ("side", TEXT, false),
        ("entry_order", INT, false),
        ("exit_order", INT, true),
        ("entry_time", timestamp(), false),
        ("entry_fill_time", timestamp(), true),
        ("entry_price", MONEY, false),
        ("exit_price", MONEY, false),
        ("qty", MONEY, false),
        ("cost", MONEY, false),
        ("margin", MONEY, false),
        ("gross_pnl", MONEY, false),
        ("fees", MONEY, false),
        ("funding", MONEY, false),
        ("liquidation_cover", MONEY, false),
        ("net_pnl", MONEY, false),
        ("return_pct", FLOAT, true),
        ("return_on_margin", FLOAT, true),
        ("bars", INT, false),
        ("mae", MONEY, false),
        ("mfe", MONEY, false),
        ("entry_reason", TEXT, false),
        ("exit_reason", TEXT, false),
        ("entry_tag", TEXT, true),
        ("exit_tag", TEXT, true),
        ("ambiguous", TRUTH, false),
        ("partial", TRUTH, false),
        ("gap", TRUTH, false),
        ("final", TRUTH, false),
    ])
});

/// `equity`: one row per bar; `symbol` is [`ALL`](crate::portfolio::ALL) for an account over all symbols.
pub static EQUITY: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("symbol", TEXT, false),
        ("open_time", timestamp(), false),
        ("time", timestamp(), false),
        ("cash", MONEY, false),
        ("qty", MONEY, false),
        ("price", PRICE, false),
        ("equity", FLOAT, false),
        ("drawdown", FLOAT, false),
        ("exposed", TRUTH, false),
        ("final", TRUTH, false),
    ])
});

fn words<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn maybe_words<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn ints(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn truths(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}

fn floats(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(values.map(|v| (!v.is_nan()).then_some(v)).collect::<Float64Array>())
}

fn decimals(kind: &DataType, values: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(values.collect::<Decimal128Array>().with_data_type(kind.clone())))
}

fn money(values: impl Iterator<Item = Option<Money>>) -> Result<ArrayRef, ArrowError> {
    decimals(&MONEY, values.map(|v| v.map(Money::units)))
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Long => "long",
        Side::Short => "short",
    }
}

fn tag(tags: &[String], tag: Option<u32>) -> Option<&str> {
    tag.and_then(|t| tags.get(t as usize)).map(String::as_str)
}

fn finish(schema: &SchemaRef, columns: Result<Vec<ArrayRef>, ArrowError>) -> Result<RecordBatch, OperatorError> {
    let batch = columns.and_then(|columns| RecordBatch::try_new(schema.clone(), columns));
    batch.map_err(|error| OperatorError::Columns { operator: super::NAME, error })
}

/// Puts rows into the outputs. `symbol` names an account's symbol by its place, `account` the account.
pub(crate) fn emit<'s>(
    events: &Events,
    equities: &[EquityRow],
    symbol: &dyn Fn(u32) -> &'s str,
    account: &str,
    tags: &[String],
    out: &mut Emit,
) -> Result<(), OperatorError> {
    let outputs = &mut out.given.outputs;
    if !events.orders.is_empty() {
        outputs.push((Output::Orders, orders(symbol, tags, &events.orders)?));
    }
    if !events.trades.is_empty() {
        outputs.push((Output::Trades, trades(symbol, tags, &events.trades)?));
    }
    if !equities.is_empty() {
        outputs.push((Output::Equity, equity(account, equities)?));
    }
    Ok(())
}

fn orders<'s>(
    symbol: &dyn Fn(u32) -> &'s str,
    tags: &[String],
    rows: &[OrderRow],
) -> Result<RecordBatch, OperatorError> {
    let all = || rows.iter();
    let columns = || {
        Ok(vec![
            words(all().map(|r| symbol(r.symbol))),
            times(all().map(|r| Some(r.time))),
            times(all().map(|r| r.fill_time)),
            ints(all().map(|r| Some(r.order as i64))),
            words(all().map(|r| r.event.name())),
            words(all().map(|r| r.kind.name())),
            words(all().map(|r| side(r.side))),
            truths(all().map(|r| r.entry)),
            maybe_words(all().map(|r| tag(tags, r.tag))),
            money(all().map(|r| r.limit))?,
            money(all().map(|r| r.stop))?,
            money(all().map(|r| r.qty))?,
            money(all().map(|r| r.price))?,
            money(all().map(|r| r.quote))?,
            money(all().map(|r| r.fee))?,
            words(all().map(|r| r.reason.name())),
            truths(all().map(|r| r.ambiguous)),
            truths(all().map(|r| r.gap)),
            truths(all().map(|r| r.is_final)),
        ])
    };
    finish(&ORDERS, columns())
}

fn trades<'s>(
    symbol: &dyn Fn(u32) -> &'s str,
    tags: &[String],
    rows: &[TradeRow],
) -> Result<RecordBatch, OperatorError> {
    let all = || rows.iter();
    let columns = || {
        Ok(vec![
            words(all().map(|r| symbol(r.symbol))),
            times(all().map(|r| Some(r.time))),
            times(all().map(|r| r.fill_time)),
            truths(all().map(|r| r.open)),
            words(all().map(|r| side(r.side))),
            ints(all().map(|r| Some(r.entry_order as i64))),
            ints(all().map(|r| r.exit_order.map(|o| o as i64))),
            times(all().map(|r| Some(r.entry_time))),
            times(all().map(|r| r.entry_fill_time)),
            money(all().map(|r| Some(r.entry_price)))?,
            money(all().map(|r| Some(r.exit_price)))?,
            money(all().map(|r| Some(r.qty)))?,
            money(all().map(|r| Some(r.cost)))?,
            money(all().map(|r| Some(r.margin)))?,
            money(all().map(|r| Some(r.gross)))?,
            money(all().map(|r| Some(r.fees)))?,
            money(all().map(|r| Some(r.funding)))?,
            money(all().map(|r| Some(r.cover)))?,
            money(all().map(|r| Some(r.net)))?,
            floats(all().map(|r| r.return_pct)),
            floats(all().map(|r| r.return_on_margin)),
            ints(all().map(|r| Some(i64::from(r.bars)))),
            money(all().map(|r| Some(r.mae)))?,
            money(all().map(|r| Some(r.mfe)))?,
            words(all().map(|r| r.entry_reason.name())),
            words(all().map(|r| r.exit_reason.name())),
            maybe_words(all().map(|r| tag(tags, r.entry_tag))),
            maybe_words(all().map(|r| tag(tags, r.exit_tag))),
            truths(all().map(|r| r.ambiguous)),
            truths(all().map(|r| r.partial)),
            truths(all().map(|r| r.gap)),
            truths(all().map(|r| r.is_final)),
        ])
    };
    finish(&TRADES, columns())
}

fn equity(symbol: &str, rows: &[EquityRow]) -> Result<RecordBatch, OperatorError> {
    let all = || rows.iter();
    let columns = || {
        Ok(vec![
            words(all().map(|_| symbol)),
            times(all().map(|r| Some(r.open_time))),
            times(all().map(|r| Some(r.time))),
            money(all().map(|r| Some(r.cash)))?,
            money(all().map(|r| Some(r.qty)))?,
            decimals(&PRICE, all().map(|r| Some(i128::from(r.price))))?,
            Arc::new(all().map(|r| Some(r.equity)).collect::<Float64Array>()),
            Arc::new(all().map(|r| Some(r.drawdown)).collect::<Float64Array>()),
            truths(all().map(|r| r.exposed)),
            truths(all().map(|r| r.is_final)),
        ])
    };
    finish(&EQUITY, columns())
}
