//! Accounts that trade nothing in a window of time, so that its bars are in their statistics all the same.

use anyhow::Context;
use candleflow_kernels::{
    money::Money,
    strategy::{EquityRow, Finish},
};
use candleflow_runtime::{Last, sweep::End};
use candleflow_schema::{Input, Micros, Source, Symbol};
use candleflow_stream::{
    Closes, Emit, Idle, Intake, Operator, Step,
    graph::{Origin, SetOfKey, Trader},
    intake,
};
use std::collections::BTreeMap;

/// An account over one symbol.
pub(super) fn alone(cash: Money, from: Micros) -> anyhow::Result<SetOfKey> {
    let columns = (0..intake::SCHEMA.fields().len()).map(Origin::Shared).collect();
    let strategy = Box::new(Idle::new(&intake::SCHEMA, cash, from)?);
    Ok(SetOfKey { nodes: Vec::new(), trader: Trader::Full { strategy, schema: intake::SCHEMA.clone(), columns } })
}

/// An account over all symbols, from its first bar after `from` to the end of the sources.
pub(super) async fn together(
    sources: Vec<(Symbol, Box<dyn Source>)>,
    cash: Money,
    from: Micros,
    mut last: Last,
) -> anyhow::Result<End> {
    let mut times: BTreeMap<Micros, (EquityRow, Vec<(usize, f64)>)> = BTreeMap::new();
    for (place, (_, mut source)) in sources.into_iter().enumerate() {
        let (mut intake, mut idle) = (Intake::default(), Idle::new(&intake::SCHEMA, cash, from)?);
        while let Some(input) = source.next().await? {
            let Input::Rows(rows) = input else { continue };
            let (mut bars, mut met) = (Emit::default(), Emit::default());
            intake.process(rows, &mut bars)?;
            bars.rows.into_iter().try_for_each(|rows| idle.process(rows, &mut met))?;
            for step in met.given.steps {
                let Closes::One(close) = step.closes else { continue };
                // Of an account over several symbols a row has no price.
                let row = EquityRow { price: 0, ..step.equity };
                times.entry(row.time).or_insert((row, Vec::new())).1.push((place, close));
            }
        }
    }
    let step = |(equity, closes)| Step { equity, closes: Closes::Some(closes), orders: Vec::new(), trades: Vec::new() };
    last.push(0, times.into_values().map(step).collect())?;
    last.end(0, Some(Finish::default()))?;
    let metrics = last.closed()?.context("the account has ended")?;
    Ok(End { metrics, cash: vec![None] })
}
