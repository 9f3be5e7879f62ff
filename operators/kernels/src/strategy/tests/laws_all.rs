//! The same identities with everything at once: several symbols in one account, finer bars, funding, slippage, target
//! tables, resting exits, trailing by distance and price, sizes of every kind, limits, every end.

use super::laws::{Programs, ends_inside, market, ratio, strategy};
use super::*;
use proptest::prelude::*;

/// What [`strategy`] leaves at its defaults, or does not have.
#[derive(Debug, Clone)]
struct Spice {
    sizes: [u8; 2],
    table: bool,
    trailing: u8,
    exit: u8,
    keep: bool,
    never: bool,
    fill_still: bool,
    slippage: (i64, bool, bool),
    quote: bool,
    at_end: AtEnd,
    lifo: bool,
    detail: bool,
    signal: bool,
    reject: bool,
    limits: (Option<u32>, Option<Ratio>, Option<Ratio>, Option<u32>),
    filters: bool,
}

fn spice() -> impl Strategy<Value = Spice> {
    let flags = prop::array::uniform9(prop::bool::ANY);
    let ends = prop_oneof![Just(AtEnd::Mark), Just(AtEnd::Close), Just(AtEnd::LastOpen)];
    let limits = (
        prop::option::of(1_u32..4),
        prop::option::of(ratio(5..300)),
        prop::option::of(ratio(20..500)),
        prop::option::of(1_u32..3),
    );
    let slippage = (0_i64..4, prop::bool::ANY, prop::bool::ANY);
    ([0_u8..5, 0_u8..5], 0_u8..4, 0_u8..4, flags, slippage, ends, limits).prop_map(
        |(sizes, trailing, exit, flags, slippage, at_end, limits)| {
            let [table, keep, never, fill_still, quote, lifo, detail, signal, rest] = flags;
            Spice {
                sizes,
                table,
                trailing,
                exit,
                keep,
                never,
                fill_still,
                slippage,
                quote,
                at_end,
                lifo,
                detail,
                signal,
                reject: rest,
                limits,
                filters: rest,
            }
        },
    )
}

/// All that [`Spice`] asks for, in a strategy of [`strategy`].
fn spiced((mut spec, spice): (Spec, Spice)) -> Spec {
    let milli = |milli: i64| Ratio::from_units(i128::from(milli) * 1_000_000_000_000_000);
    for (side, size) in spec.long.iter_mut().chain(&mut spec.short).zip(spice.sizes) {
        if spice.table && side.take_profit.is_empty() {
            side.table = vec![TableStep { after: 0, at: milli(30) }, TableStep { after: 3 * MINUTE, at: milli(2) }];
        }
        side.trailing_stop = match spice.trailing {
            1 => Some(Trailing { by: Level::Distance(A), after: None }),
            2 => Some(Trailing { by: Level::Price(C), after: Some(milli(4)) }),
            _ => side.trailing_stop,
        };
        for rule in &mut side.exit {
            rule.limit = (spice.exit & 1 == 1).then_some(B);
            rule.stop = (spice.exit & 2 == 2).then_some(C);
            rule.repeat = spice.keep;
        }
        if spice.never {
            side.entry.iter_mut().for_each(|rule| rule.expire = Expire::Never);
        }
        side.size = match size {
            1 if side.stop_loss.is_some() => Some(Size::Risk(milli(20))),
            2 if spec.pyramiding.max == 1 => {
                spec.pyramiding.exits = PyramidExits::Position;
                Some(Size::Target(Expr::Constant(0.4)))
            }
            _ => side.size,
        };
    }
    spec.resting = if spice.keep { Resting::Keep } else { Resting::Replace };
    spec.pyramiding.matching = if spice.lifo { Matching::Lifo } else { Matching::Fifo };
    let (fills, account) = (&mut spec.fills, &mut spec.account);
    fills.zero_volume = if spice.fill_still { ZeroVolume::Fill } else { ZeroVolume::Wait };
    fills.levels_from = if spice.quote { LevelsFrom::Quote } else { LevelsFrom::Fill };
    fills.at_end = spice.at_end;
    if spice.detail {
        fills.path = Path::Detail;
    }
    let (pct, clamped, both) = spice.slippage;
    account.slippage = Slippage {
        pct: milli(pct),
        clamp: if clamped { Clamp::Bar } else { Clamp::None },
        legs: if both { Legs::Both } else { Legs::Entry },
    };
    account.sized_at = if spice.signal { SizedAt::Signal } else { SizedAt::Fill };
    account.on_insufficient = if spice.reject { Insufficient::Reject } else { Insufficient::Cut };
    account.scope = Scope::Portfolio;
    let (trades_per_day, day_loss, drawdown, max_positions) = spice.limits;
    let rank = Some(Rank { by: A, descending: spice.lifo });
    spec.limits = Limits { trades_per_day, day_loss, drawdown, max_positions, rank };
    spec
}

/// Up to three finer bars that pass the bar's prices, high or low first.
fn finer(bar: &BarInput, low_first: bool) -> Vec<BarInput> {
    let (first, second) = if low_first { (bar.low, bar.high) } else { (bar.high, bar.low) };
    let legs = [(bar.open, first), (first, second), (second, bar.close)];
    let third = (bar.time - bar.open_time) / 3;
    let leg = |(place, (from, to)): (i64, (i64, i64))| {
        let open_time = bar.open_time + place * third;
        BarInput::new(open_time, open_time + third, [from, from.max(to), from.min(to), to], Some(1.0))
    };
    (0..).zip(legs).map(leg).collect()
}

/// A moment of the account: each symbol's bar, if it has one, its finer bars, and funding.
type Moment = Vec<Option<(TestBar, Option<Vec<BarInput>>, Option<Funding>)>>;

/// Markets of some symbols side by side: a bar of one may be missing where another has one.
fn moments(markets: Vec<Vec<TestBar>>, seed: u64) -> Vec<Moment> {
    let mut random = crate::metrics::Random::new(seed, 0);
    let length = markets.iter().map(Vec::len).min().unwrap_or(0);
    let row = |place: usize| {
        let first = &markets[0][place];
        let mut bars: Moment = markets
            .iter()
            .map(|market| {
                // All symbols on the first one's clock.
                let TestBar { bar, columns } = market[place].clone();
                let bar = BarInput { open_time: first.bar.open_time, time: first.bar.time, ..bar };
                let detail = (random.below(4) > 0).then(|| finer(&bar, random.below(2) == 0));
                let rate = Ratio::from_units(i128::from(random.below(5) as i64 - 2) * 300_000_000_000_000);
                let mark = (random.below(2) == 0).then_some(bar.close);
                let funding = (random.below(6) == 0).then_some(Funding { rate, mark });
                (random.below(8) > 0).then_some((TestBar { bar, columns }, detail, funding))
            })
            .collect();
        if bars.iter().all(Option::is_none) {
            bars[0] = Some((first.clone(), None, None));
        }
        bars
    };
    (0..length).map(row).collect()
}

fn step(engine: &mut Engine, moment: &Moment, out: &mut Events) -> EquityRow {
    let rows: Vec<Option<Row<'_>>> = moment.iter().map(|bar| bar.as_ref().map(row_of)).collect();
    engine.step(&rows, &mut Programs, out).unwrap()
}

fn row_of((bar, detail, funding): &(TestBar, Option<Vec<BarInput>>, Option<Funding>)) -> Row<'_> {
    let funding = funding.as_ref().map_or(&[][..], std::slice::from_ref);
    Row { detail: detail.as_deref(), funding, ..Row::new(bar.bar, &bar.columns) }
}

fn grid(spice: &Spice) -> SymbolSpec {
    let filters =
        Filters { step: money("0.01"), tick: money("0.05"), min_qty: money("0.02"), min_notional: money("5") };
    SymbolSpec { filters: if spice.filters { vec![DatedFilters { valid_from: 0, filters }] } else { Vec::new() } }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 3_000 }))]

    /// Identity, fills inside bars, no order before it could, equity of the closes that were known.
    #[test]
    fn portfolios_hold_every_identity(
        spec in strategy(), spice in spice(), markets in prop::collection::vec(market(), 1..4), seed: u64,
    ) {
        let symbols = markets.len();
        let moments = moments(markets, seed);
        let grid = grid(&spice);
        let spec = spiced((spec, spice));
        let mut engine = Engine::new(spec.clone(), vec![grid; symbols]).unwrap();
        let (mut placed, mut last) = (std::collections::BTreeMap::new(), vec![None; symbols]);
        let mut net = Money::ZERO;
        for moment in &moments {
            let mut out = Events::default();
            let row = step(&mut engine, moment, &mut out);
            prop_assert!(engine.ledger().identity_holds());
            for (symbol, bar) in moment.iter().enumerate() {
                if let Some((bar, ..)) = bar {
                    last[symbol] = Some(bar.bar);
                }
            }
            let held = (0..symbols).filter(|symbol| !engine.held(*symbol).is_zero());
            let close = |symbol: usize| last[symbol].map_or(f64::NAN, |bar: BarInput| bar.close_f64);
            let marked = held.fold(row.cash.to_f64(), |sum, symbol| sum + engine.held(symbol).to_f64() * close(symbol));
            prop_assert_eq!(row.equity, marked);
            for order in &out.orders {
                let fills = matches!(order.event, OrderEvent::Filled | OrderEvent::PartlyFilled);
                prop_assert_eq!(order.time, row.time);
                let Some((bar, ..)) = &moment[order.symbol as usize] else {
                    // Only ruin and a drawdown's end close what has no bar now, at its last close.
                    prop_assert!(!fills || matches!(order.reason, Reason::Ruin | Reason::Drawdown), "{:?}", order);
                    continue;
                };
                if order.event == OrderEvent::Placed {
                    placed.insert(order.order, order.time);
                }
                if !fills {
                    continue;
                }
                let quote = order.quote.unwrap();
                let inside = quote >= Money::from_price(bar.bar.low) && quote <= Money::from_price(bar.bar.high);
                prop_assert!(inside, "{:?} in {:?}", order, bar.bar);
                let since = placed.get(&order.order).copied().unwrap_or(i64::MIN);
                prop_assert!(since < order.time || (spec.fills.at == FillAt::Close && since == order.time));
                let still = bar.bar.no_volume && spec.fills.zero_volume == ZeroVolume::Wait;
                prop_assert!(!still || order.reason == Reason::Ruin, "{:?}", order);
                prop_assert!(order.qty.unwrap() > Money::ZERO);
            }
            prop_assert!(out.trades.iter().all(|trade| trade.time == row.time));
            net = out.trades.iter().fold(net, |sum, trade| sum.plus(trade.net).unwrap());
        }
        let finish = engine.finish().unwrap();
        ends_inside(&finish, &last)?;
        let net = finish.closed.trades.iter().fold(net, |sum, trade| sum.plus(trade.net).unwrap());
        if let Some(equity) = finish.equity {
            prop_assert_eq!(equity.cash, money("10000").plus(net).unwrap());
        }
    }

    /// Where a portfolio is saved and taken up again does not matter.
    #[test]
    fn portfolios_may_be_saved_anywhere(
        spec in strategy(), spice in spice(), markets in prop::collection::vec(market(), 1..4), seed: u64, every in 1_usize..9,
    ) {
        let symbols = markets.len();
        let moments = moments(markets, seed);
        let grid = grid(&spice);
        let spec = spiced((spec, spice));
        let fresh = || Engine::new(spec.clone(), vec![grid.clone(); symbols]).unwrap();
        let (mut whole, mut pieces) = (fresh(), fresh());
        let (mut out, mut other) = (Events::default(), Events::default());
        for (place, moment) in moments.iter().enumerate() {
            if place % every == 0 {
                let saved = pieces.save();
                pieces = fresh();
                pieces.load(&saved).unwrap();
            }
            prop_assert_eq!(step(&mut whole, moment, &mut out), step(&mut pieces, moment, &mut other));
        }
        prop_assert_eq!(out, other);
        prop_assert_eq!(whole.save(), pieces.save());
        prop_assert_eq!(whole.finish().unwrap(), pieces.finish().unwrap());
    }
}
