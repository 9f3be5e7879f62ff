//! The identities, over random markets, rules and settings.

use super::*;
use proptest::prelude::*;

/// Programs that rules and levels of [`strategy`] ask, over the position, the last trade and the account.
pub(super) struct Programs;

/// Held for long, or in profit.
const TIRED: Expr = Expr::Program(0);
/// A distance behind the best price of the trade: NULL while flat.
const BEHIND: Expr = Expr::Program(1);
/// A price below the close, nearer in a drawdown.
const BELOW: Expr = Expr::Program(2);
/// A price above it.
const ABOVE: Expr = Expr::Program(3);
/// The long entry's column, after a pause.
const RESTED: Expr = Expr::Program(4);
/// What a tenth of the equity buys.
const TENTH: Expr = Expr::Program(5);

impl Rules for Programs {
    fn eval(&mut self, program: u32, columns: &[f64], view: &PositionView) -> f64 {
        let at = |place: usize| view.0[place];
        let (close, near) = (columns[6], 0.03 / (1.0 + 10.0 * at(slot::ACCOUNT_DRAWDOWN)));
        let truth = |truth: bool| f64::from(u8::from(truth));
        match Expr::Program(program) {
            TIRED => truth(at(slot::POSITION_BARS) > 4.0 || at(slot::POSITION_PNL_PCT) > 0.02),
            BEHIND if at(slot::POSITION_SIDE) > 0.0 => at(slot::POSITION_HIGH) - columns[4],
            BEHIND if at(slot::POSITION_SIDE) < 0.0 => at(slot::POSITION_LOW) + columns[4],
            BELOW => close * (1.0 - near),
            ABOVE => close * (1.0 + near),
            RESTED => truth(columns[LONG as usize] > 0.0 && at(slot::LAST_TRADE_BARS_AGO) > 2.0),
            TENTH => at(slot::ACCOUNT_EQUITY) / close / 10.0,
            _ => f64::NAN,
        }
    }
}

/// A random walk of bars with random rule columns: minutes, or thirds of a day, of which some days are complete.
pub(super) fn market() -> impl Strategy<Value = Vec<TestBar>> {
    let bar =
        (-60_i64..60, 0_i64..80, 0_i64..80, 0_u8..20, prop::collection::vec(0_u8..8, 4), 0.5_f64..9.0, 1.0_f64..200.0);
    let length = prop_oneof![2 => Just(MINUTE), 1 => Just(480 * MINUTE)];
    (prop::collection::vec(bar, 1..60), length).prop_map(|(moves, length)| {
        let (mut last, mut open_time, mut bars) = (10_000_i64, 0, Vec::new());
        for (step, up, down, kind, flags, a, b) in moves {
            let jump = if kind == 1 { step * 20 } else { 0 };
            let open = (last + jump).max(1_000);
            let close = (open + step * 3).max(1_000);
            let (high, low) = (open.max(close) + up, (open.min(close) - down).max(1));
            let scaled = [open, high, low, close].map(|price| price * 1_000_000);
            open_time += if kind == 2 { 3 * length } else { 0 };
            let time = open_time + length;
            let volume = if kind == 3 { Some(0.0) } else { Some(1.0) };
            let truth = |flag: u8| f64::from(u8::from(flag == 0));
            let columns =
                vec![truth(flags[0]), truth(flags[1]), truth(flags[2]), truth(flags[3]), a, b, close as f64 / 100.0];
            bars.push(TestBar { bar: BarInput::new(open_time, time, scaled, volume), columns });
            (last, open_time) = (close, time);
        }
        bars
    })
}

pub(super) fn ratio(range: std::ops::Range<i64>) -> impl Strategy<Value = Ratio> {
    range.prop_map(|milli| Ratio::from_units(i128::from(milli) * 1_000_000_000_000_000))
}

fn level(price: Expr) -> impl Strategy<Value = Option<Level>> {
    prop_oneof![
        Just(None),
        ratio(5..80).prop_map(|by| Some(Level::Percent(by))),
        Just(Some(Level::Distance(A))),
        Just(Some(Level::Price(price))),
    ]
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        ratio(50..1000).prop_map(Size::Equity),
        ratio(50..1000).prop_map(Size::Cash),
        Just(Size::Quote(B)),
        Just(Size::Base(A)),
        Just(Size::Base(TENTH)),
        ratio(100..1000).prop_map(|of| Size::Volatility { of, days: 2 }),
    ]
}

fn side(entry: u32, exit: u32) -> impl Strategy<Value = SideSpec> {
    let resting =
        (prop::option::of(Just(C)), prop::option::of(Just(C)), 1_u32..4, prop::option::of(Just(Expr::Column(3))));
    let (behind, before) = if entry == LONG { (BELOW, ABOVE) } else { (ABOVE, BELOW) };
    let protect = (
        level(behind),
        level(before),
        prop::option::of(ratio(100..900)),
        prop::option::of(ratio(5..60)),
        prop::option::of(1_u32..9),
    );
    (
        size(),
        resting,
        protect,
        prop::option::of(ratio(100..900)),
        prop::option::of((
            prop_oneof![ratio(5..60).prop_map(Level::Percent), Just(Level::Price(BEHIND))],
            prop::option::of(ratio(5..60)),
        )),
        prop::array::uniform2(prop::bool::weighted(0.3)),
    )
        .prop_map(
            move |(
                size,
                (limit, stop, expire, cancel_if),
                (stop_loss, target, part, even, max_bars),
                portion,
                trail,
                [tires, rests],
            )| {
                let rule = EntryRule {
                    limit,
                    stop,
                    expire: Expire::Bars(expire),
                    cancel_if,
                    ..EntryRule::market(Expr::Column(entry))
                };
                let mut entry = vec![rule, EntryRule::market(Expr::Column(exit))];
                entry.extend(rests.then(|| EntryRule::market(RESTED)));
                let mut exit = vec![ExitRule { portion, ..ExitRule::market(Expr::Column(exit)) }];
                exit.extend(tires.then(|| ExitRule::market(TIRED)));
                let take_profit = target.map(|at| Target { at, portion: part }).into_iter().collect();
                SideSpec {
                    entry,
                    exit,
                    size: Some(size),
                    stop_loss,
                    take_profit,
                    break_even: even.map(|after| BreakEven { after, at: Ratio::ZERO }),
                    trailing_stop: trail.map(|(by, after)| Trailing { by, after }),
                    max_bars,
                    ..SideSpec::default()
                }
            },
        )
}

pub(super) fn strategy() -> impl Strategy<Value = Spec> {
    let path = prop_oneof![Just(Path::Pessimistic), Just(Path::Ohlc), Just(Path::Nearest)];
    let stops = prop_oneof![Just(EntryBarStops::True), Just(EntryBarStops::False), Just(EntryBarStops::Open)];
    let at = prop_oneof![3 => Just(FillAt::NextOpen), 1 => Just(FillAt::Close)];
    let opposite = prop_oneof![
        Just(OnOpposite::Reverse),
        Just(OnOpposite::Ignore),
        Just(OnOpposite::Close),
        Just(OnOpposite::Net)
    ];
    let money = (
        ratio(-1..3),
        ratio(0..5),
        0_i64..3,
        1_i64..6,
        prop_oneof![Just(MarginMode::Isolated), Just(MarginMode::Cross)],
    );
    let pyramid = (1_u32..4, prop_oneof![Just(PyramidExits::Position), Just(PyramidExits::PerEntry)]);
    let cooldown = prop::option::of(1_u32..4);
    (side(0, 1), side(2, 3), (path, stops, at), opposite, money, pyramid, cooldown, prop::bool::ANY).prop_map(
        |(
            long,
            short,
            (path, stops, at),
            on_opposite,
            (maker, taker, fixed, leverage, margin),
            (max, exits),
            cooldown,
            through,
        )| {
            let fees = Fees { maker, taker, fixed: Money::from_units(i128::from(fixed) * 1_000_000_000_000_000_000) };
            let mut spec = Spec::new(super::money("10000"), fees);
            (spec.long, spec.short, spec.on_opposite) = (Some(long), Some(short), on_opposite);
            (spec.fills.path, spec.fills.entry_bar_stops, spec.fills.at) = (path, stops, at);
            spec.fills.limit_fill = if through { LimitFill::Through } else { LimitFill::Touch };
            spec.account.leverage = Ratio::from_units(i128::from(leverage) * Ratio::ONE.units());
            spec.account.margin = margin;
            spec.pyramiding = Pyramiding { max, exits, matching: Matching::Fifo };
            spec.cooldown = cooldown.map(|bars| Cooldown { bars, after: CooldownAfter::Loss });
            spec
        },
    )
}

/// Fills at the end lie inside the last bars of their symbols, open trades stand at their closes, and all of it is final.
pub(super) fn ends_inside(finish: &Finish, last: &[Option<BarInput>]) -> Result<(), TestCaseError> {
    for rows in [&finish.rows, &finish.closed] {
        for order in &rows.orders {
            prop_assert!(order.is_final);
            let Some(quote) = order.quote.filter(|_| order.event == OrderEvent::Filled) else { continue };
            let bar = last[order.symbol as usize].unwrap();
            let inside = quote >= Money::from_price(bar.low) && quote <= Money::from_price(bar.high);
            prop_assert!(inside, "{:?} in {:?}", order, bar);
        }
        for trade in &rows.trades {
            let bar = last[trade.symbol as usize].unwrap();
            prop_assert!(trade.is_final);
            prop_assert!(!trade.open || trade.exit_price == Money::from_price(bar.close));
        }
    }
    Ok(())
}

/// Rows of a run, one call per bar, for comparisons.
fn rows_of(engine: &mut Engine, bars: &[TestBar]) -> (Events, Vec<EquityRow>) {
    let (mut out, mut equity) = (Events::default(), Vec::new());
    for bar in bars {
        equity.push(engine.bar(&Row::new(bar.bar, &bar.columns), &mut Programs, &mut out).unwrap());
    }
    (out, equity)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 400 } else { 4_000 }))]

    /// The ledger tells one story, fills lie inside their bars, and no order fills before it could.
    #[test]
    fn identity_fills_and_order_of_time(spec in strategy(), bars in market()) {
        let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
        let mut out = Events::default();
        let mut placed = std::collections::BTreeMap::new();
        for bar in &bars {
            out.clear();
            let row = engine.bar(&Row::new(bar.bar, &bar.columns), &mut Programs, &mut out).unwrap();
            prop_assert!(engine.ledger().identity_holds());
            prop_assert_eq!(row.time, bar.bar.time);
            let marked = engine.ledger().cash.to_f64() + engine.held(0).to_f64() * bar.bar.close_f64;
            prop_assert_eq!(row.equity, if engine.held(0).is_zero() { engine.ledger().cash.to_f64() } else { marked });
            for order in &out.orders {
                prop_assert_eq!(order.time, bar.bar.time);
                match order.event {
                    OrderEvent::Placed => { placed.insert(order.order, order.time); }
                    OrderEvent::Filled | OrderEvent::PartlyFilled => {
                        let quote = order.quote.unwrap();
                        prop_assert!(quote >= Money::from_price(bar.bar.low) && quote <= Money::from_price(bar.bar.high));
                        let since = placed.get(&order.order).copied().unwrap_or(i64::MIN);
                        prop_assert!(since < order.time || (spec.fills.at == FillAt::Close && since == order.time));
                        prop_assert!(!(bar.bar.no_volume));
                        prop_assert!(order.qty.unwrap() > Money::ZERO);
                    }
                    _ => {}
                }
            }
            for trade in &out.trades {
                let paid = trade.fees.plus(trade.funding).unwrap();
                prop_assert_eq!(trade.net, trade.gross.minus(paid).unwrap().plus(trade.cover).unwrap());
                prop_assert!(trade.mae <= Money::ZERO && trade.mfe >= Money::ZERO);
            }
        }
        ends_inside(&engine.finish().unwrap(), &[bars.last().map(|bar| bar.bar)])?;
    }

    /// Net PnL of all trades in the closed view is what the account gained.
    #[test]
    fn trades_sum_to_the_account(spec in strategy(), bars in market()) {
        let mut engine = Engine::new(spec, vec![SymbolSpec::default()]).unwrap();
        let (out, equity) = rows_of(&mut engine, &bars);
        let finish = engine.finish().unwrap();
        let rows = out.trades.iter().chain(&finish.closed.trades);
        let net = rows.fold(Money::ZERO, |sum, row| sum.plus(row.net).unwrap());
        prop_assert_eq!(finish.equity.unwrap().cash, money("10000").plus(net).unwrap());
        prop_assert_eq!(equity.len(), bars.len());
    }

    /// Saved, dropped and restored anywhere, the rest of the run is the same; a prefix's rows are a prefix.
    #[test]
    fn snapshots_and_prefixes_change_nothing(spec in strategy(), bars in market(), cut in 0_usize..60) {
        let cut = cut.min(bars.len());
        let fresh = || Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
        let (mut whole, mut first, mut second) = (fresh(), fresh(), fresh());
        let (out, equity) = rows_of(&mut whole, &bars);
        let (mut rows, mut marks) = rows_of(&mut first, &bars[..cut]);
        let saved = first.save();
        second.load(&saved).unwrap();
        prop_assert_eq!(&second.save(), &saved);
        let (rest, later) = rows_of(&mut second, &bars[cut..]);
        prop_assert!(out.orders.starts_with(&rows.orders) && out.trades.starts_with(&rows.trades));
        rows.orders.extend(rest.orders);
        rows.trades.extend(rest.trades);
        marks.extend(later);
        prop_assert_eq!(rows, out);
        prop_assert_eq!(marks, equity);
        prop_assert_eq!(whole.save(), second.save());
        prop_assert!(fresh().load(&saved[..saved.len() - 1]).is_err());
    }

    /// Quiet bars are passed over as the steps would pass them.
    #[test]
    fn quiet_bars_are_what_the_steps_make_of_them(spec in strategy(), bars in market(), lone in prop::bool::ANY) {
        let mut spec = spec;
        if lone {
            for side in spec.long.iter_mut().chain(&mut spec.short) {
                (side.stop_loss, side.trailing_stop, side.break_even, side.max_bars) = (None, None, None, None);
                side.take_profit.clear();
            }
        }
        let mut quick = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
        let mut slow = quick.clone();
        let (out, equity) = rows_of(&mut quick, &bars);
        let (mut other, mut marks) = (Events::default(), Vec::new());
        for bar in &bars {
            let row = Some(Row::new(bar.bar, &bar.columns));
            marks.push(slow.step(&[row], &mut Programs, &mut other).unwrap());
        }
        prop_assert_eq!(out, other);
        prop_assert_eq!(equity, marks);
        prop_assert_eq!(quick.save(), slow.save());
    }

    /// No signal, no row, no change.
    #[test]
    fn a_strategy_that_never_trades_keeps_its_balance(spec in strategy(), bars in market()) {
        let silent: Vec<TestBar> = bars.into_iter().map(|bar| TestBar { columns: vec![0.0; 7], ..bar }).collect();
        let mut engine = Engine::new(spec, vec![SymbolSpec::default()]).unwrap();
        let (out, equity) = rows_of(&mut engine, &silent);
        prop_assert_eq!(out, Events::default());
        prop_assert!(equity.iter().all(|row| row.equity == 10_000.0 && row.cash == money("10000")));
    }

    /// Corrupt bytes are an error or another state, never a panic.
    #[test]
    fn corrupt_snapshots_do_not_panic(spec in strategy(), bars in market(), at: prop::sample::Index, to: u8) {
        let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default()]).unwrap();
        rows_of(&mut engine, &bars);
        let mut bytes = engine.save();
        let place = at.index(bytes.len());
        bytes[place] = to;
        let _ = Engine::new(spec, vec![SymbolSpec::default()]).unwrap().load(&bytes);
    }
}
