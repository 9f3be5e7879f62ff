//! The fast path is the engine: the same metrics, bit for bit.

use super::*;
use crate::metrics::{CATALOGUE, Metrics, metric_index};
use crate::money::{Money, Ratio};
use crate::strategy::*;
use proptest::prelude::*;
use std::ops::Range;

const MINUTE: i64 = 60_000_000;

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

/// Bars of a random walk, some hours apart, with two columns that are true at times.
fn market() -> impl Strategy<Value = Vec<(BarInput, [f64; 2])>> {
    let bar = (-300_i64..300, 0_i64..200, 0_i64..200, 0_u8..40, 0_u8..9, 0_u8..9);
    prop::collection::vec(bar, 1..400).prop_map(|moves| {
        let (mut last, mut open_time, mut bars) = (1_000_000_i64, 0, Vec::new());
        for (step, up, down, kind, enter, leave) in moves {
            let open = last + if kind == 1 { step * 50 } else { 0 };
            let (open, close) = (open.max(1_000), (open + step).max(1_000));
            let scale = |price: i64| price * 1_000_000 + if kind == 2 { 12_345 } else { 0 };
            let ohlc = [open, open.max(close) + up, (open.min(close) - down).max(1), close].map(scale);
            let time = open_time + 97 * MINUTE;
            let truth = |flag: u8| f64::from(u8::from(flag == 0));
            bars.push((BarInput::new(open_time, time, ohlc, Some(1.0)), [truth(enter), truth(leave)]));
            (last, open_time) = (close, time + if kind == 3 { 3_000 * MINUTE } else { 0 });
        }
        bars
    })
}

fn strategy() -> impl Strategy<Value = (Spec, SymbolSpec)> {
    let share = (1_i128..=1_000).prop_map(|milli| Ratio::from_units(milli * 1_000_000_000_000_000));
    let size = prop_oneof![
        share.clone().prop_map(Size::Equity),
        Just(Size::Equity(Ratio::ONE)),
        share.prop_map(Size::Cash),
        (1.0..30_000.0_f64).prop_map(|quote| Size::Quote(Expr::Constant(quote))),
        (0.001..3.0_f64).prop_map(|base| Size::Base(Expr::Constant(base))),
    ];
    let filters = prop_oneof![
        Just(Filters::default()),
        Just(Filters { step: money("0.001"), min_qty: money("0.01"), min_notional: money("5"), tick: money("0.01") }),
        Just(Filters { step: money("20"), ..Filters::default() }),
    ];
    (size, 0_i128..300, 0_i128..3, filters, prop::bool::ANY).prop_map(|(size, fee, fixed, filters, reject)| {
        let taker = Ratio::from_units(fee * 10_000_000_000_000_000 / 100);
        let fees = Fees { maker: taker, taker, fixed: Money::from_units(fixed * 1_000_000_000_000_000_000) };
        let mut spec = Spec::new(money("10000"), fees);
        spec.long = Some(SideSpec {
            entry: vec![EntryRule::market(Expr::Column(0))],
            exit: vec![ExitRule::market(Expr::Column(1))],
            size: Some(size),
            ..SideSpec::default()
        });
        spec.account.on_insufficient = if reject { Insufficient::Reject } else { Insufficient::Cut };
        (spec, SymbolSpec { filters: vec![DatedFilters { valid_from: 0, filters }] })
    })
}

/// The engine's metrics, and those of its closed view.
fn by_engine(spec: &Spec, symbol: &SymbolSpec, bars: &[(BarInput, [f64; 2])]) -> (Metrics, Metrics, Engine) {
    let mut engine = Engine::new(spec.clone(), vec![symbol.clone()]).unwrap();
    let mut metrics = Metrics::new(&[spec.account.balance], 1);
    let mut out = Events::default();
    for (bar, columns) in bars {
        out.clear();
        let row = engine.bar(&Row::new(*bar, columns), &mut NoPrograms, &mut out).unwrap();
        metrics.equity(0, &row);
        metrics.market(0, bar.close_f64);
        out.orders.iter().try_for_each(|row| metrics.order(row)).unwrap();
        out.trades.iter().try_for_each(|row| metrics.trade(row)).unwrap();
    }
    let closed = metrics.closed_view(&[engine.finish().unwrap()]).unwrap();
    (metrics, closed, engine)
}

fn bits(values: &[Option<f64>]) -> Vec<Option<u64>> {
    values.iter().map(|value| value.map(f64::to_bits)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 2_000 }))]

    #[test]
    fn the_fast_path_is_the_engine((spec, symbol) in strategy(), bars in market()) {
        let (metrics, closed, engine) = by_engine(&spec, &symbol, &bars);
        let lean = Lean::of(&spec, &symbol).unwrap();
        let only: Vec<BarInput> = bars.iter().map(|(bar, _)| *bar).collect();
        let market = Market::new(&only).unwrap();
        let column = |place: usize| bars.iter().map(|(_, columns)| columns[place]).collect::<Vec<f64>>();
        let (mut entry, exit) = (Signals::of(&column(0)), Signals::of(&column(1)));
        let run = lean.run(&market, &entry, &exit).unwrap();
        for (name, (ours, theirs)) in [("run", (&run.metrics, &metrics)), ("closed", (&run.closed, &closed))] {
            let (ours, theirs) = (ours.values(), theirs.values());
            for (metric, (a, b)) in CATALOGUE.iter().zip(bits(&ours).iter().zip(&bits(&theirs))) {
                prop_assert_eq!(a, b, "{} {}", name, metric.name);
            }
        }
        prop_assert_eq!(run.end, (engine.ledger().cash, engine.held(0)));
        entry.without(&exit);
        let summary = lean.summary(&market, &entry, &exit).unwrap();
        let values = metrics.values();
        let value = |name: &str| values[metric_index(name).unwrap()].map(f64::to_bits);
        prop_assert_eq!(Some(summary.total_return.to_bits()), value("total_return"));
        prop_assert_eq!(summary.sharpe.map(f64::to_bits), value("sharpe"));
        prop_assert_eq!(Some(summary.max_drawdown.to_bits()), value("max_drawdown_pct"));
        prop_assert_eq!(Some((summary.trades as f64).to_bits()), value("trades"));
    }

    #[test]
    fn a_sweep_gives_each_set_what_it_has_alone(
        (spec, symbol) in strategy(), bars in prop::collection::vec((90_i64..110, 0_u8..4), 1..2_200), holes: bool, coarse: bool,
    ) {
        let market: Vec<BarInput> = bars.iter().enumerate().map(|(place, (price, _))| {
            let (price, open_time) = (price * 100_000_000, place as i64 * 97 * MINUTE);
            BarInput::new(open_time, open_time + 97 * MINUTE, [price; 4], Some(1.0))
        }).collect();
        let market = Market::new(&market).unwrap();
        // Columns that cross often, touch often or hardly ever, and begin later.
        let grid = if coarse { 4.0 } else { 1e6 };
        let line = |speed: f64, from: usize| {
            let mut value = 100.0;
            let smooth = market.close().iter().zip(&bars).enumerate().map(|(place, (close, (_, hole)))| {
                value += (close - value) * speed;
                if place < from || (holes && *hole == 0) { f64::NAN } else { f64::round(value * grid) / grid }
            });
            smooth.collect::<Vec<f64>>()
        };
        let lines = [line(0.5, 0), line(0.2, 70), line(0.9, 3), line(0.1, 1_100)];
        let sets = [(0, 1), (1, 0), (2, 3), (2, 2), (3, 1)];
        let lean = Lean::of(&spec, &symbol).unwrap();
        let mut found = Vec::new();
        let fill = |line: usize, bars: Range<usize>, out: &mut [f64]| out.copy_from_slice(&lines[line][bars]);
        lean.sweep_crossings(&market, lines.len(), fill, &sets, |place, summary| found.push((place, summary))).unwrap();
        for (place, (a, b)) in sets.iter().enumerate() {
            let crossings = Crossings::of(&lines[*a], &lines[*b]);
            let alone = lean.summary(&market, crossings.up(), crossings.down()).unwrap();
            prop_assert_eq!(found[place], (place, alone));
        }
    }

    #[test]
    fn crossings_are_what_the_rule_says(
        values in prop::collection::vec((0_u8..5, 0_u8..5), 0..2_600), holes: bool, starts in (0_usize..200, 0_usize..200),
    ) {
        // With holes, or with NaN before the first values only.
        let number = |value: u8, bar: usize, from: usize| match value {
            0 if holes => f64::NAN,
            value => if bar < from { f64::NAN } else { f64::from(value) },
        };
        let column = |pick: fn(&(u8, u8)) -> u8, from: usize| {
            values.iter().enumerate().map(|(bar, pair)| number(pick(pair), bar, from)).collect::<Vec<f64>>()
        };
        let (a, b) = (column(|pair| pair.0, starts.0), column(|pair| pair.1, starts.1));
        let whole = Crossings::of(&a, &b);
        let (mut batches, cut) = (Crossings::default(), 64 * (a.len() / 128));
        batches.push(&a[..cut], &b[..cut]);
        batches.push(&a[cut..], &b[cut..]);
        prop_assert_eq!(&batches, &whole);
        let truth = |place: usize, x: &[f64], y: &[f64]| place > 0 && x[place] > y[place] && x[place - 1] <= y[place - 1];
        let set = |signals: &Signals| {
            let (mut from, mut found) = (0, Vec::new());
            while let Some(place) = signals.next(from) {
                found.push(place);
                from = place + 1;
            }
            found
        };
        let expected = |x: &[f64], y: &[f64]| (0..x.len()).filter(|place| truth(*place, x, y)).collect::<Vec<usize>>();
        prop_assert_eq!(set(whole.up()), expected(&a, &b));
        prop_assert_eq!(set(whole.down()), expected(&b, &a));
        prop_assert_eq!(whole.up().len(), a.len());
    }
}

#[test]
fn more_sets_than_go_together_keep_their_places() {
    let bars: Vec<BarInput> = (0..300_i64)
        .map(|place| {
            BarInput::new(place * MINUTE, (place + 1) * MINUTE, [100 + place % 7; 4].map(|p| p * 100_000_000), None)
        })
        .collect();
    let market = Market::new(&bars).unwrap();
    let lines: Vec<Vec<f64>> = (0..40)
        .map(|speed| market.close().iter().enumerate().map(|(bar, close)| close + ((bar * speed) % 5) as f64).collect())
        .collect();
    let sets: Vec<(usize, usize)> = (0..3 * 40 * 40).map(|set| (set / 40 % 40, set % 40)).collect();
    let mut spec = Spec::new(money("10000"), Fees::default());
    spec.long = Some(SideSpec {
        entry: vec![EntryRule::market(Expr::Column(0))],
        exit: vec![ExitRule::market(Expr::Column(1))],
        size: Some(Size::Equity(Ratio::ONE)),
        ..SideSpec::default()
    });
    let lean = Lean::of(&spec, &SymbolSpec::default()).unwrap();
    let (mut places, mut trades) = (Vec::new(), 0);
    let fill = |line: usize, bars: Range<usize>, out: &mut [f64]| out.copy_from_slice(&lines[line][bars]);
    lean.sweep_crossings(&market, lines.len(), fill, &sets, |place, summary| {
        places.push(place);
        trades += summary.trades;
        if place == 1_234 {
            let crossings = Crossings::of(&lines[30], &lines[34]);
            let alone = lean.summary(&market, crossings.up(), crossings.down()).unwrap();
            assert_eq!(summary, alone);
        }
    })
    .unwrap();
    assert_eq!(places, (0..4_800).collect::<Vec<usize>>());
    assert!(trades > 10_000);
}

#[test]
fn what_asks_for_more_is_not_lean() {
    let symbol = SymbolSpec::default();
    let base = || {
        let mut spec = Spec::new(money("10000"), Fees::default());
        spec.long = Some(SideSpec {
            entry: vec![EntryRule::market(Expr::Column(0))],
            size: Some(Size::Equity(Ratio::ONE)),
            ..SideSpec::default()
        });
        spec
    };
    assert!(Lean::of(&base(), &symbol).is_some());
    let refused = |change: fn(&mut Spec)| {
        let mut spec = base();
        change(&mut spec);
        Lean::of(&spec, &symbol).is_none()
    };
    assert!(refused(|spec| spec.short = spec.long.clone()));
    assert!(refused(|spec| spec.fills.at = FillAt::Close));
    assert!(refused(|spec| spec.account.leverage = Ratio::parse("2").unwrap()));
    assert!(refused(|spec| spec.account.slippage.pct = Ratio::percent("1").unwrap()));
    assert!(refused(|spec| spec.limits.trades_per_day = Some(1)));
    assert!(refused(|spec| spec.long.as_mut().unwrap().stop_loss = Some(Level::Percent(Ratio::percent("1").unwrap()))));
    assert!(refused(|spec| spec.long.as_mut().unwrap().entry[0].limit = Some(Expr::Column(1))));
    assert!(refused(|spec| spec.long.as_mut().unwrap().entry[0].when = Expr::Program(0)));
    assert!(refused(|spec| spec.long.as_mut().unwrap().max_bars = Some(9)));
    let still = BarInput::new(0, 1, [100; 4], Some(0.0));
    let market = Market::new(&[still]).unwrap();
    assert!(!Lean::of(&base(), &symbol).unwrap().takes(&market));
    assert!(matches!(Market::new(&[still, still]), Err(EngineError::NotLater { .. })));
}

proptest! {
    /// Bars and signals that come piece by piece are those that come at once.
    #[test]
    fn pieces_are_the_whole(rows in market(), cut in 1_usize..100) {
        let bars: Vec<BarInput> = rows.iter().map(|(bar, _)| *bar).collect();
        let column = |which: usize| rows.iter().map(|(_, truth)| truth[which]).collect::<Vec<f64>>();
        let (a, b) = (column(0), column(1));
        let mut either = Signals::of(&a);
        either.or(&Signals::of(&b));
        let (mut market, mut signals, mut none) = (Market::default(), Signals::default(), Signals::default());
        for start in (0..bars.len()).step_by(cut) {
            let end = bars.len().min(start + cut);
            market.extend(&bars[start..end]).unwrap();
            let words = Signals::words(&a[start..end]).zip(Signals::words(&b[start..end]));
            signals.extend(end - start, &words.map(|(a, b)| a | b).collect::<Vec<u64>>());
            none.extend(end - start, &vec![0; (end - start).div_ceil(64)]);
        }
        let whole = Market::new(&bars).unwrap();
        prop_assert_eq!(format!("{market:?}"), format!("{whole:?}"));
        prop_assert_eq!(&signals, &either);
        prop_assert_eq!((none.len(), none.next(0)), (bars.len(), None));
        // The days end where an independent count says.
        let days: Vec<usize> = (1..=bars.len())
            .filter(|end| {
                let day = |bar: &BarInput| bar.open_time.div_euclid(86_400_000_000);
                *end == bars.len() || day(&bars[*end]) != day(&bars[*end - 1])
            })
            .collect();
        prop_assert_eq!(market.day_ends, days);
    }
}

/// Columns of five bars, good but for what `spoil` does to them.
fn columns_of(spoil: impl Fn(&mut [i64], &mut [Vec<i64>; 4])) -> Result<usize, EngineError> {
    let mut open_time: Vec<i64> = (0..5).map(|bar| (bar - 2) * MINUTE).collect(); // some before 1970
    let mut ohlc = [100, 110, 90, 105].map(|price| vec![price; 5]);
    spoil(&mut open_time, &mut ohlc);
    let columns = MarketColumns {
        open_time: &open_time,
        interval: MINUTE,
        ohlc: ohlc.each_ref().map(Vec::as_slice),
        close: &[1.05; 5],
        no_volume: false,
    };
    Market::of_columns(columns).map(|market| market.len())
}

#[test]
fn columns_are_refused_where_the_engine_refuses_their_bars() {
    assert_eq!(columns_of(|_, _| ()).unwrap(), 5);
    assert_eq!(columns_of(|times, _| times.iter_mut().for_each(|time| *time += 10 * MINUTE)).unwrap(), 5);
    assert!(matches!(columns_of(|times, _| times[3] = times[2]), Err(EngineError::NotLater { .. })));
    assert!(matches!(columns_of(|times, _| times[4] = i64::MIN), Err(EngineError::NotLater { .. })));
    for (price, bad) in [(0, 89), (0, 111), (1, 104), (2, 101), (2, 0), (2, -5), (3, 111), (3, i64::MIN), (0, i64::MIN)]
    {
        let found = columns_of(|_, ohlc| ohlc[price][4] = bad);
        assert!(matches!(found, Err(EngineError::Prices { .. })), "price {price} of {bad}: {found:?}");
    }
}

/// Bars of one interval give the same run, given as columns or as bars.
#[test]
fn columns_and_bars_are_one_market() {
    let bars: Vec<BarInput> = (0..4_000_i64)
        .map(|place| {
            let price = (1_000 + (place * 7) % 31 - (place / 900) * 11) * 100_000_000;
            BarInput::new(place * MINUTE, (place + 1) * MINUTE, [price; 4], None)
        })
        .collect();
    let column = |value: fn(&BarInput) -> i64| bars.iter().map(value).collect::<Vec<i64>>();
    let (open_time, price) = (column(|bar| bar.open_time), column(|bar| bar.open));
    let close: Vec<f64> = bars.iter().map(|bar| bar.close_f64).collect();
    let ohlc = [&price[..]; 4];
    let columns = MarketColumns { open_time: &open_time, interval: MINUTE, ohlc, close: &close, no_volume: false };
    let (borrowed, owned) = (Market::of_columns(columns).unwrap(), Market::new(&bars).unwrap());
    let mut spec = Spec::new(money("10000"), Fees::default());
    spec.long = Some(SideSpec {
        entry: vec![EntryRule::market(Expr::Column(0))],
        exit: vec![ExitRule::market(Expr::Column(1))],
        size: Some(Size::Equity(Ratio::ONE)),
        ..SideSpec::default()
    });
    let lean = Lean::of(&spec, &SymbolSpec::default()).unwrap();
    let shifted: Vec<f64> = close.iter().map(|close| 990.0 + (close * 3.0) % 17.0).collect();
    let crossings = Crossings::of(&close, &shifted);
    let values = |market: &Market<'_>| lean.run(market, crossings.up(), crossings.down()).unwrap().metrics.values();
    assert_eq!(bits(&values(&borrowed)), bits(&values(&owned)));
    assert!(values(&owned)[metric_index("trades").unwrap()].unwrap() > 100.0);
}

proptest! {
    /// Crossings piece by piece are those of whole columns, and of the definition.
    #[test]
    fn crossings_come_in_pieces(
        values in prop::collection::vec((0_u8..6, 0_u8..6), 1..400),
        cut in 1_usize..200,
        skipped in 0_usize..300,
    ) {
        // 0 is NULL; ties are frequent.
        let number = |value: u8| if value == 0 { f64::NAN } else { f64::from(value) };
        let (a, b): (Vec<f64>, Vec<f64>) = values.iter().map(|(a, b)| (number(*a), number(*b))).unzip();
        let skipped = skipped.min(a.len());
        let (mut crossing, mut signals) = (CrossUp::default(), Signals::default());
        crossing.skip(&a[..skipped], &b[..skipped]);
        for start in (skipped..a.len()).step_by(cut) {
            let end = a.len().min(start + cut);
            let mut words = vec![0; (end - start).div_ceil(64)];
            crossing.add(&a[start..end], &b[start..end], &mut words);
            signals.extend(end - start, &words);
        }
        let whole = Crossings::of(&a, &b);
        for bar in skipped..a.len() {
            let crosses = bar > 0 && a[bar] > b[bar] && a[bar - 1] <= b[bar - 1];
            prop_assert_eq!(signals.next(bar - skipped) == Some(bar - skipped), crosses, "bar {}", bar);
            prop_assert_eq!(whole.up().next(bar) == Some(bar), crosses, "bar {}", bar);
        }
    }
}
