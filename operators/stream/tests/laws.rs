//! The five laws on every operator, over random markets with holes, halts and bars without volume.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use candleflow_kernels::{
    indicator::{lookup, registry},
    money::{Money, Ratio},
    strategy::{
        Engine, EntryRule, ExitRule, Expr, Fees, Level, NoPrograms, PositionView, SideSpec, Size, Spec, SymbolSpec,
        Target,
    },
};
use candleflow_schema::{Bar, Interval, Micros, Origin, tables::bars_to_batch};
use candleflow_stream::{
    Chain, Higher, IndicatorOp, Intake, Operator, Output, StrategyOp, StrategyParts, intake, laws,
};
use proptest::prelude::*;

const MINUTE: Micros = 60_000_000;

/// Steps of a random walk: the change of price in ticks, the spread, the volume, minutes that are skipped.
fn market() -> impl Strategy<Value = RecordBatch> {
    let step = (-50i64..=50, 0i64..40, 0i128..4, prop_oneof![9 => Just(0i64), 1 => 1i64..200]);
    (proptest::collection::vec(step, 1..400), 0i64..3).prop_map(|(steps, first)| {
        let mut price = 5_000_000i64;
        let mut open_time = first * 17 * MINUTE;
        let mut bars = Vec::new();
        for (change, spread, volume, skip) in steps {
            open_time += (1 + skip) * MINUTE;
            let (open, close) = (price, (price + change * 1_000).max(1_000));
            price = close;
            bars.push(Bar {
                symbol: "BTCUSDT".into(),
                interval: Interval::M1,
                open_time,
                open,
                high: open.max(close) + spread * 500,
                low: (open.min(close) - spread * 500).max(1),
                close,
                volume: volume * 100_000_000,
                quote_volume: (volume != 2).then_some(volume * 7),
                trades: (volume != 3).then_some(volume as i64),
                taker_buy_volume: Some(volume * 50_000_000),
                taker_buy_quote_volume: None,
                origin: Origin::File,
            });
        }
        bars_to_batch(&bars).expect("bars fit their columns")
    })
}

fn all(operators: Vec<Box<dyn Operator>>) -> Chain {
    let columns = (0..operators.last().expect("not empty").schema().fields().len()).collect();
    Chain::new(operators, Some(columns), Micros::MIN)
}

fn indicator(operators: &mut Vec<Box<dyn Operator>>, name: &str, params: &[f64], inputs: &[&str], names: &[&str]) {
    let schema = operators.last().map_or_else(|| intake::SCHEMA.clone(), |o| o.schema());
    let indicator = lookup(name).expect("a known indicator");
    let inputs = inputs.iter().map(|i| schema.index_of(i).expect("a column")).collect();
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let params = indicator.bind(params, &[]).expect("good parameters");
    operators.push(Box::new(IndicatorOp::new(&schema, indicator, params, inputs, &names).expect("good parameters")));
}

fn higher_chain() -> Chain {
    let mut inner: Vec<Box<dyn Operator>> = Vec::new();
    indicator(&mut inner, "ema", &[3.0], &["close"], &["trend"]);
    indicator(&mut inner, "obv", &[], &["close", "volume"], &["flow"]);
    let rows = inner.last().expect("not empty").schema();
    let shown = [rows.index_of("trend").unwrap(), rows.index_of("flow").unwrap(), rows.index_of("open").unwrap()];
    let inner = all(inner);
    let names = ["trend", "flow", "opened"].map(str::to_owned);
    let higher = Higher::new(&intake::SCHEMA, "15m".parse().unwrap(), inner, &shown, &names);
    all(vec![Box::new(Intake::default()), Box::new(higher)])
}

fn strategy_chain() -> Chain {
    let mut operators: Vec<Box<dyn Operator>> = vec![Box::new(Intake::default())];
    indicator(&mut operators, "sma", &[3.0], &["close"], &["fast"]);
    indicator(&mut operators, "sma", &[9.0], &["close"], &["slow"]);
    indicator(&mut operators, "crossover", &[], &["fast", "slow"], &["up"]);
    indicator(&mut operators, "crossunder", &[], &["fast", "slow"], &["down"]);
    let fee = Ratio::parse("0.001").unwrap();
    let mut spec = Spec::new(Money::parse("10000").unwrap(), Fees { maker: fee, taker: fee, fixed: Money::ZERO });
    let side = |entry: u32, exit: u32| SideSpec {
        entry: vec![EntryRule::market(Expr::Column(entry))],
        exit: vec![ExitRule::market(Expr::Column(exit)), ExitRule::market(Expr::Program(0))],
        size: Some(Size::Equity(Ratio::parse("0.5").unwrap())),
        stop_loss: Some(Level::Percent(Ratio::parse("0.01").unwrap())),
        take_profit: vec![Target { at: Level::Distance(Expr::Constant(0.001)), portion: None }],
        ..SideSpec::default()
    };
    spec.long = Some(side(0, 1));
    spec.short = Some(side(1, 0));
    let rules = |_: u32, _: &[f64], view: &PositionView| f64::from(u8::from(view.0[3] > 20.0));
    let parts = StrategyParts {
        symbol: "BTCUSDT".into(),
        engine: Engine::new(spec, vec![SymbolSpec::default()]).unwrap(),
        rules: Box::new(rules),
        slots: vec!["up".into(), "down".into()],
        tags: vec![],
        funding: std::sync::Arc::default(),
        from: 40 * MINUTE,
        rows: true,
    };
    let schema = operators.last().expect("not empty").schema();
    operators.push(Box::new(StrategyOp::new(&schema, parts).unwrap()));
    all(operators)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn intake_and_every_indicator_keep_the_laws(input in market(), cuts in proptest::collection::vec(0usize..400, 1..5)) {
        for indicator in registry() {
            let make = || {
                let mut operators: Vec<Box<dyn Operator>> = vec![Box::new(Intake::default())];
                let schema = operators[0].schema();
                let column = |name: &str| schema.index_of(name).unwrap_or_else(|_| schema.index_of("close").unwrap());
                let inputs = indicator.inputs.iter().map(|i| column(i)).collect();
                let names: Vec<String> = indicator.outputs.iter().map(|o| format!("x_{}", o.name)).collect();
                let params = indicator.bind(&[], &[]).expect("defaults are good");
                operators.push(Box::new(IndicatorOp::new(&schema, indicator, params, inputs, &names).unwrap()));
                all(operators)
            };
            laws::check(&make, &input, &cuts).map_err(|e| TestCaseError::fail(format!("{}: {e}", indicator.name)))?;
        }
    }

    #[test]
    fn higher_timeframes_keep_the_laws(input in market(), cuts in proptest::collection::vec(0usize..400, 1..5)) {
        laws::check(&higher_chain, &input, &cuts).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn strategies_keep_the_laws(input in market(), cuts in proptest::collection::vec(0usize..400, 1..5)) {
        laws::check(&strategy_chain, &input, &cuts).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn a_higher_bar_is_the_bucket_computed_from_all_its_bars(input in market()) {
        let mut chain = higher_chain();
        let rows = chain.process(input).unwrap().outputs;
        let rows: Vec<&RecordBatch> = rows.iter().filter(|(o, _)| *o == Output::Columns).map(|(_, b)| b).collect();
        for batch in rows {
            let open_time = candleflow_stream::columns::times("test", batch, 1).unwrap();
            let time = candleflow_stream::columns::times("test", batch, 2).unwrap();
            let open = batch.column_by_name("open").unwrap().as_primitive::<Float64Type>();
            let volume = batch.column_by_name("volume").unwrap().as_primitive::<Float64Type>();
            let seen = batch.column_by_name("opened").unwrap().as_primitive::<Float64Type>();
            let bucket = |t: Micros| t.div_euclid(15 * MINUTE) * 15 * MINUTE;
            for (row, known) in time.iter().enumerate() {
                // The last bucket that had ended when this row was known, and whose beginning is in the input.
                let closed = (0..=row).rev().map(|i| bucket(open_time[i])).find(|b| b + 15 * MINUTE <= *known);
                let whole = closed.filter(|b| *b > bucket(open_time[0]) || *b == open_time[0]);
                let bars: Vec<usize> = (0..=row).filter(|i| Some(bucket(open_time[*i])) == whole).collect();
                let first = bars.iter().find(|i| volume.value(**i) > 0.0).or(bars.first());
                let expected = first.map(|i| open.value(*i));
                prop_assert_eq!(seen.iter().nth(row).unwrap(), expected, "row {}", row);
            }
        }
    }
}

#[test]
fn rows_that_are_not_later_are_dropped() {
    let mut intake = Chain::new(vec![Box::new(Intake::default())], Some(vec![2]), Micros::MIN);
    let bar = |open_time| Bar {
        symbol: "A".into(),
        interval: Interval::M1,
        open_time,
        open: 1,
        high: 1,
        low: 1,
        close: 1,
        volume: 0,
        quote_volume: None,
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::File,
    };
    let batch = bars_to_batch(&[bar(0), bar(MINUTE), bar(MINUTE), bar(0), bar(3 * MINUTE)]).unwrap();
    let given = intake.process(batch).unwrap();
    let times: Vec<i64> = given
        .outputs
        .iter()
        .flat_map(|(_, b)| candleflow_stream::columns::times("t", b, 0).unwrap().to_vec())
        .collect();
    assert_eq!(times, [MINUTE, 2 * MINUTE, 4 * MINUTE]);
}

#[test]
fn a_snapshot_of_something_else_is_refused() {
    let chain = strategy_chain();
    let bytes = chain.snapshot();
    assert!(higher_chain().restore(&bytes).is_err());
    assert!(strategy_chain().restore(&bytes[..bytes.len() - 1]).is_err());
    let mut longer = bytes;
    longer.push(0);
    assert!(strategy_chain().restore(&longer).is_err());
    let _ = NoPrograms;
}
