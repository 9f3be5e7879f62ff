//! One account over all symbols: what comes out does not depend on who comes first, in which batches, or how often the
//! state is saved; and it is what the engine gives when all bars of an event time are put before it by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use arrow::{array::RecordBatch, compute::concat_batches};
use candleflow_kernels::{
    money::{Money, Ratio},
    strategy::{
        BarInput, Engine, EntryRule, EquityRow, Events, ExitRule, Expire, Expr, Fees, Finish, Funding, Level, Limits,
        MarginMode, OnOpposite, PositionView, Rank, Row, Rules, Scope, SideSpec, Size, Spec, SymbolSpec,
    },
};
use candleflow_schema::{Bar, Interval, Micros, Origin, tables::bars_to_batch};
use candleflow_stream::{Chain, FundingTable, Given, Intake, Member, Output, Portfolio, Step, intake};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc, thread};

const MINUTE: Micros = 60_000_000;
const FROM: Micros = 8 * MINUTE;
const KEYS: usize = 3;

/// The bars of one symbol: minutes, changes of price in ticks, volumes.
type Walk = Vec<(i64, i64, i128)>;

fn walks() -> impl Strategy<Value = Vec<Walk>> {
    let step = (prop_oneof![6 => Just(1i64), 1 => 2i64..9], -60i64..=60, 0i128..5);
    proptest::collection::vec(proptest::collection::vec(step, 0..60), KEYS)
}

fn bars(key: usize, walk: &Walk) -> Vec<Bar> {
    let (mut minute, mut price) = (0, 1_000_000 * (key as i64 + 1));
    let bar = |(skip, change, volume): &(i64, i64, i128)| {
        minute += skip;
        let (open, close) = (price, (price + change * 1_000).max(1_000));
        price = close;
        Bar {
            symbol: format!("S{key}").into(),
            interval: Interval::M1,
            open_time: minute * MINUTE,
            open,
            high: open.max(close) + 500,
            low: (open.min(close) - 500).max(1),
            close,
            volume: volume * 100_000_000,
            quote_volume: None,
            trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
            origin: Origin::File,
        }
    };
    walk.iter().map(bar).collect()
}

/// Rules that differ by symbol, and see close and volume.
fn rules(key: usize) -> impl FnMut(u32, &[f64], &PositionView) -> f64 + Send {
    move |program, columns, view| {
        let ticks = (columns[0] * 1e5).round() as i64 + key as i64;
        let truth = match program {
            0 => ticks % 3 == 0,
            1 => ticks % 4 == 1 || view.0[3] > 5.0,
            3 => ticks % 5 == 2,
            4 => return columns[0] * 0.99,
            5 => return columns[0] * 1.01,
            _ => return columns[1] * (key as f64 + 1.0),
        };
        f64::from(u8::from(truth))
    }
}

/// What strategies of these tests differ in.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    shorts: bool,
    /// Entries rest: at a limit, a stop, or both.
    limit: bool,
    stop: bool,
    /// One margin for the whole account, three times its equity.
    cross: bool,
    nets: bool,
}

fn asked() -> impl Strategy<Value = Asked> {
    proptest::array::uniform5(proptest::bool::ANY).prop_map(|[shorts, limit, stop, cross, nets]| Asked {
        shorts,
        limit,
        stop,
        cross,
        nets,
    })
}

/// A side whose entries rest below the close (program 4) or above it (program 5), as the side has it.
fn side(asked: Asked, entry: u32, [limit, stop]: [u32; 2]) -> SideSpec {
    let rule = EntryRule {
        limit: asked.limit.then_some(Expr::Program(limit)),
        stop: asked.stop.then_some(Expr::Program(stop)),
        expire: Expire::Bars(3),
        ..EntryRule::market(Expr::Program(entry))
    };
    SideSpec {
        entry: vec![rule],
        exit: vec![ExitRule::market(Expr::Program(1))],
        size: Some(Size::Equity(Ratio::parse(if asked.cross { "1" } else { "0.4" }).unwrap())),
        stop_loss: Some(Level::Percent(Ratio::parse("0.02").unwrap())),
        ..SideSpec::default()
    }
}

fn spec(asked: Asked) -> Spec {
    let rate = Ratio::parse("0.001").unwrap();
    let mut spec = Spec::new(Money::parse("1000").unwrap(), Fees { maker: rate, taker: rate, fixed: Money::ZERO });
    spec.account.scope = Scope::Portfolio;
    spec.long = Some(side(asked, 0, [4, 5]));
    spec.short = asked.shorts.then(|| side(asked, 3, [5, 4]));
    if asked.cross {
        spec.account.margin = MarginMode::Cross;
        spec.account.leverage = Ratio::parse("3").unwrap();
    }
    if asked.nets {
        spec.on_opposite = OnOpposite::Net;
    }
    spec.limits = Limits {
        max_positions: Some(2),
        rank: Some(Rank { by: Expr::Program(2), descending: true }),
        ..Limits::default()
    };
    spec
}

fn funding() -> Arc<FundingTable> {
    let pay = |time: Micros| (time, Funding { rate: Ratio::parse("0.0001").unwrap(), mark: None });
    Arc::new(FundingTable::new((0..90).step_by(7).map(|minute| pay(minute * MINUTE)).collect()))
}

fn engine(asked: Asked) -> Engine {
    Engine::new(spec(asked), vec![SymbolSpec::default(); KEYS]).unwrap()
}

fn portfolio(asked: Asked) -> Portfolio {
    let member = |key| Member {
        symbol: format!("S{key}"),
        schema: intake::SCHEMA.clone(),
        slots: vec!["close".into(), "volume".into()],
        rules: Box::new(rules(key)),
        funding: funding(),
    };
    Portfolio::new(engine(asked), (0..KEYS).map(member).collect(), vec![], FROM).unwrap()
}

fn chain() -> Chain {
    Chain::new(vec![Box::new(Intake::default())], None, FROM).meeting()
}

/// What came out: rows by output, and the account step by step.
#[derive(Debug, Default, PartialEq)]
struct Out {
    rows: BTreeMap<Output, RecordBatch>,
    steps: Vec<Step>,
    finish: Option<Finish>,
}

impl Out {
    fn take(&mut self, given: Given) {
        for (output, rows) in given.outputs {
            let all = match self.rows.remove(&output) {
                Some(before) => concat_batches(&rows.schema(), [&before, &rows]).unwrap(),
                None => rows,
            };
            self.rows.insert(output, all);
        }
        self.steps.extend(given.steps);
        self.finish = given.finish.or(self.finish.take());
    }
}

/// Delivers the bars of all symbols: `turns` says whose are next and how many; `saves` where the state is saved and
/// taken by a new portfolio. Nothing comes after `until`, which is then complete for all.
fn deliver(asked: Asked, walks: &[Walk], turns: &[(usize, usize)], saves: &[usize], until: Option<Micros>) -> Out {
    let mut out = Out::default();
    let mut portfolio = portfolio(asked);
    let mut chains: Vec<Chain> = (0..KEYS).map(|_| chain()).collect();
    let mut rest: Vec<Vec<Bar>> = walks.iter().enumerate().map(|(key, walk)| bars(key, walk)).collect();
    rest.iter_mut().for_each(|bars| bars.retain(|bar| until.is_none_or(|until| bar.time() <= until)));
    let all = (0..KEYS).map(|key| (key, usize::MAX));
    for (turn, (key, count)) in turns.iter().copied().chain(all).enumerate() {
        let count = count.min(rest[key].len());
        let part: Vec<Bar> = rest[key].drain(..count).collect();
        if !part.is_empty() {
            for rows in chains[key].process(bars_to_batch(&part).unwrap()).unwrap().rows {
                out.take(portfolio.push(key, &rows).unwrap());
            }
            // Said again, as a topic does: changes nothing.
            out.take(portfolio.complete(key, part[part.len() - 1].time()).unwrap());
        }
        if saves.contains(&turn) {
            let bytes = portfolio.snapshot();
            assert!(bytes.len() <= portfolio.state_bound(KEYS * 60), "law 5");
            portfolio = self::portfolio(asked);
            portfolio.restore(&bytes).unwrap();
            assert_eq!(portfolio.snapshot(), bytes, "a restored portfolio saves the same bytes");
        }
    }
    match until {
        Some(until) => (0..KEYS).for_each(|key| out.take(portfolio.complete(key, until).unwrap())),
        None => {
            (0..KEYS).for_each(|key| out.take(portfolio.end(key).unwrap()));
            let last = portfolio.finish().unwrap();
            out.finish = last.finish;
        }
    }
    out
}

/// Rules of all symbols, for the engine by hand.
struct ByHand(usize);

impl Rules for ByHand {
    fn eval(&mut self, program: u32, columns: &[f64], view: &PositionView) -> f64 {
        rules(self.0)(program, columns, view)
    }

    fn of(&mut self, symbol: usize) {
        self.0 = symbol;
    }
}

/// All bars of an event time before the engine, in order of time.
fn by_hand(asked: Asked, walks: &[Walk]) -> (Vec<EquityRow>, Events) {
    let mut times: BTreeMap<Micros, Vec<(usize, BarInput, f64)>> = BTreeMap::new();
    for (key, walk) in walks.iter().enumerate() {
        for bar in bars(key, walk) {
            let volume = bar.volume as f64 / 1e8;
            let input =
                BarInput::new(bar.open_time, bar.time(), [bar.open, bar.high, bar.low, bar.close], Some(volume));
            times.entry(bar.time()).or_default().push((key, input, volume));
        }
    }
    let (mut engine, mut events, mut equities) = (engine(asked), Events::default(), Vec::new());
    let (table, mut last) = (funding(), [None; KEYS]);
    for (time, group) in times {
        if time <= FROM {
            for (key, bar, _) in group {
                engine.warm(key, &bar).unwrap();
                last[key] = Some(time);
            }
            continue;
        }
        let columns: Vec<(usize, BarInput, [f64; 2])> =
            group.iter().map(|(key, bar, volume)| (*key, *bar, [bar.close_f64, *volume])).collect();
        let mut rows: Vec<Option<Row<'_>>> = vec![None; KEYS];
        for (key, bar, columns) in &columns {
            let due = table.due(last[*key].unwrap_or(bar.open_time), time);
            rows[*key] = Some(Row { funding: due, ..Row::new(*bar, columns) });
            last[*key] = Some(time);
        }
        equities.push(engine.step(&rows, &mut ByHand(0), &mut events).unwrap());
    }
    (equities, events)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_portfolio_does_not_depend_on_who_comes_first(
        asked in asked(),
        walks in walks(),
        turns in proptest::collection::vec((0..KEYS, 0usize..9), 0..80),
        saves in proptest::collection::vec(0usize..80, 0..4),
        until in 0i64..150,
    ) {
        let expected = deliver(asked, &walks, &[], &[], None);
        prop_assert_eq!(&deliver(asked, &walks, &turns, &[], None), &expected, "law 1: turns and batches");
        let ones: Vec<(usize, usize)> = (0..60).flat_map(|_| (0..KEYS).rev().map(|key| (key, 1))).collect();
        prop_assert_eq!(&deliver(asked, &walks, &ones, &[], None), &expected, "law 1: one by one, listed last comes first");
        prop_assert_eq!(&deliver(asked, &walks, &turns, &saves, None), &expected, "law 2");
        let other = thread::scope(|scope| scope.spawn(|| deliver(asked, &walks, &turns, &[], None)).join().unwrap());
        prop_assert_eq!(&other, &expected, "law 4");

        let until = until * MINUTE;
        let prefix = deliver(asked, &walks, &turns, &[], Some(until));
        let steps = expected.steps.iter().filter(|step| step.equity.time <= until).count();
        prop_assert_eq!(&prefix.steps[..], &expected.steps[..steps], "law 3: every event time up to there, and no more");
        for (output, rows) in &prefix.rows {
            prop_assert_eq!(rows, &expected.rows[output].slice(0, rows.num_rows()), "law 3");
        }
    }

    #[test]
    fn a_portfolio_is_the_engine_over_all_bars_of_each_event_time(asked in asked(), walks in walks()) {
        let got = deliver(asked, &walks, &[], &[], None);
        let (equities, events) = by_hand(asked, &walks);
        prop_assert_eq!(got.steps.iter().map(|step| step.equity).collect::<Vec<_>>(), equities);
        let orders: Vec<_> = got.steps.iter().flat_map(|step| step.orders.clone()).collect();
        let trades: Vec<_> = got.steps.iter().flat_map(|step| step.trades.clone()).collect();
        prop_assert_eq!((orders, trades), (events.orders, events.trades));
    }
}

#[test]
fn an_event_time_waits_for_every_symbol_and_no_longer() {
    let minutes = |count: usize| -> Walk { vec![(1, 5, 1); count] };
    let mut portfolio = portfolio(Asked::default());
    let push = |portfolio: &mut Portfolio, key: usize, count: usize| {
        let rows = chain().process(bars_to_batch(&bars(key, &minutes(count))).unwrap()).unwrap().rows;
        portfolio.push(key, &rows[0]).unwrap().steps.len()
    };
    assert_eq!(push(&mut portfolio, 0, 20), 0);
    assert_eq!(push(&mut portfolio, 1, 15), 0);
    assert!(portfolio.waits(0));
    // The bar opened at minute n is known at n + 1; event times up to 8 are warm-up.
    assert_eq!(push(&mut portfolio, 2, 10), 3, "9, 10 and 11, the last one at once");
    assert_eq!(portfolio.watermark(), 11 * MINUTE);
    assert_eq!(
        portfolio.complete(2, 13 * MINUTE).unwrap().steps.len(),
        2,
        "a symbol that does not trade holds up nobody"
    );
    assert_eq!(portfolio.end(2).unwrap().steps.len(), 3, "up to 16, where the second symbol is");
    assert_eq!(portfolio.finish().unwrap().steps.len(), 0, "bars whose time has not come are left out");
}

#[test]
fn rows_say_whose_they_are_and_equity_is_of_all() {
    let walk: Walk = (0..40).map(|i| (1, if i % 2 == 0 { 7 } else { -9 }, 1)).collect();
    let out = deliver(Asked::default(), &[walk.clone(), walk.clone(), walk], &[], &[], None);
    let symbols = |output: Output| {
        let column = out.rows[&output].column_by_name("symbol").unwrap().clone();
        let column = arrow::array::AsArray::as_string::<i32>(&column).clone();
        column.iter().map(|s| s.unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(symbols(Output::Equity).into_iter().collect::<Vec<_>>(), ["*"]);
    assert!(symbols(Output::Orders).len() > 1);
    assert!(symbols(Output::Trades).iter().all(|s| s.starts_with('S')));
}
