//! The fast path is the engine: the same metrics, bit for bit.

use super::*;
use crate::metrics::{CATALOGUE, Choice, Metrics, metric_index};
use crate::money::{Money, Ratio};
use crate::strategy::*;
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000;

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

/// A bar with what is true at its close: entry and exit of long trades, then of short ones, and another exit of both.
type Heard = (BarInput, [f64; 5]);

/// Bars of a random walk, some hours apart, some without volume.
fn market(steps: std::ops::Range<i64>) -> impl Strategy<Value = Vec<Heard>> {
    let bar = (steps, 0_i64..200, 0_i64..200, 0_u8..40, 0_u64..1 << 20);
    prop::collection::vec(bar, 1..400).prop_map(|moves| {
        let (mut last, mut open_time, mut bars) = (1_000_000_i64, 0, Vec::new());
        for (step, up, down, kind, truths) in moves {
            let open = last + if kind == 1 { step * 50 } else { 0 };
            let (open, close) = (open.max(1_000), (open + step).max(1_000));
            let scale = |price: i64| price * 1_000_000 + if kind == 2 { 12_345 } else { 0 };
            let ohlc = [open, open.max(close) + up, (open.min(close) - down).max(1), close].map(scale);
            let time = open_time + 97 * MINUTE;
            // Each is true on one bar of sixteen.
            let truth = |rule: usize| f64::from(u8::from(truths >> (4 * rule) & 15 == 0));
            let volume = if kind > 33 { 0.0 } else { 1.0 };
            bars.push((BarInput::new(open_time, time, ohlc, Some(volume)), std::array::from_fn(truth)));
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
    let opposite = prop_oneof![Just(OnOpposite::Reverse), Just(OnOpposite::Close), Just(OnOpposite::Ignore)];
    let slips = prop_oneof![Just(0_i128), 0_i128..500];
    (size, 0_i128..300, 0_i128..3, filters, 0_u8..16, slips, (0_u8..3, opposite)).prop_map(
        |(size, fee, fixed, filters, flags, slips, (sides, on_opposite))| {
            let taker = Ratio::from_units(fee * 10_000_000_000_000_000 / 100);
            let fees = Fees { maker: taker, taker, fixed: Money::from_units(fixed * 1_000_000_000_000_000_000) };
            let mut spec = Spec::new(money("10000"), fees);
            let flag = |bit: u8| flags >> bit & 1 == 1;
            let side = |entry: u32, exit: u32| {
                let mut exit = vec![ExitRule::market(Expr::Column(exit))];
                if flag(0) {
                    exit.push(ExitRule::market(Expr::Column(4)));
                }
                let entry = vec![EntryRule::market(Expr::Column(entry))];
                SideSpec { entry, exit, size: Some(size), ..SideSpec::default() }
            };
            spec.long = (sides != 1).then(|| side(0, 1));
            spec.short = (sides != 0).then(|| side(2, 3));
            spec.on_opposite = on_opposite;
            spec.account.on_insufficient = if flag(1) { Insufficient::Reject } else { Insufficient::Cut };
            spec.account.slippage.pct = Ratio::from_units(slips * 10_000_000_000_000);
            spec.account.slippage.legs = if flag(2) { Legs::Entry } else { Legs::Both };
            spec.fills.zero_volume = if flag(3) { ZeroVolume::Fill } else { ZeroVolume::Wait };
            (spec, SymbolSpec { filters: vec![DatedFilters { valid_from: 0, filters }] })
        },
    )
}

/// What the strategy's rules say over the bars.
fn hearing(lean: &Lean, bars: &[Heard]) -> Hearing {
    let signals =
        |column: u32| Signals::of(&bars.iter().map(|(_, columns)| columns[column as usize]).collect::<Vec<f64>>());
    let rules: Vec<(Rule, Signals)> = lean.columns().iter().map(|(rule, column)| (*rule, signals(*column))).collect();
    Hearing::of(&rules.iter().map(|(rule, signals)| (*rule, signals)).collect::<Vec<_>>())
}

fn inputs(bars: &[Heard]) -> Vec<BarInput> {
    bars.iter().map(|(bar, _)| *bar).collect()
}

/// The engine's metrics, and those of its closed view.
fn by_engine(spec: &Spec, symbol: &SymbolSpec, bars: &[Heard]) -> (Metrics, Metrics, Engine) {
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

/// The fast path and the engine over the same bars; whether the fast path said something.
fn compared(spec: &Spec, symbol: &SymbolSpec, bars: &[Heard], cut: usize) -> Result<bool, TestCaseError> {
    let (metrics, closed, engine) = by_engine(spec, symbol, bars);
    let lean = Lean::of(spec, symbol).unwrap();
    let market = Market::new(&inputs(bars)).unwrap();
    let run = lean.run(&market, &hearing(&lean, bars)).unwrap();
    // Piece by piece, the market growing with the walk, it is the same.
    let (mut grown, mut walk, mut goes) = (Market::default(), lean.walk(Choice::ALL), Goes::On);
    for (place, bars) in bars.chunks(cut).enumerate() {
        grown.extend(&inputs(bars)).unwrap();
        let mut pieces = Hearing::default();
        pieces.begin(place * cut, bars.len());
        for (rule, column) in lean.columns() {
            let truths: Vec<f64> = bars.iter().map(|(_, columns)| columns[*column as usize]).collect();
            pieces.words(*rule).iter_mut().zip(Signals::words(&truths)).for_each(|(word, more)| *word |= more);
        }
        pieces.settle();
        if goes == Goes::On {
            goes = walk.advance(&lean, &grown, &pieces).unwrap();
        }
    }
    let in_pieces = if goes == Goes::On { walk.finish(&lean, &grown).unwrap() } else { None };
    // In pieces, bars near by the last ones are not known yet: a short may be left to the engine once less.
    let Some(run) = run else { return Ok(false) };
    let pieces = in_pieces.as_ref().map(|run| (run.metrics.values(), run.end));
    prop_assert_eq!(pieces.map(|(values, end)| (bits(&values), end)), Some((bits(&run.metrics.values()), run.end)));
    for (name, ours, theirs) in
        [("run", &run.metrics, &metrics), ("closed", run.closed.as_ref().unwrap_or(&run.metrics), &closed)]
    {
        let (ours, theirs) = (ours.values(), theirs.values());
        for (metric, (a, b)) in CATALOGUE.iter().zip(bits(&ours).iter().zip(&bits(&theirs))) {
            prop_assert_eq!(a, b, "{} {}", name, metric.name);
        }
    }
    prop_assert_eq!(run.end, (engine.ledger().cash, engine.held(0)));
    prop_assert_eq!(run.metrics.daily(), metrics.daily());
    prop_assert_eq!(run.metrics.day_rows().len(), metrics.day_rows().len());
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 4_000 }))]

    #[test]
    fn the_fast_path_is_the_engine((spec, symbol) in strategy(), bars in market(-300..300), cut in 1_usize..200) {
        let said = compared(&spec, &symbol, &bars, cut)?;
        let still = bars.iter().any(|(bar, _)| bar.no_volume) && spec.fills.zero_volume == ZeroVolume::Wait;
        prop_assert!(said || spec.short.is_some() || still, "nothing asks for the engine");
    }

    /// Prices that double within a few bars liquidate shorts, which the fast path does not do.
    #[test]
    fn what_the_fast_path_cannot_say_it_leaves_to_the_engine(
        (spec, symbol) in strategy(), bars in market(-20_000..40_000), cut in 1_usize..200,
    ) {
        compared(&spec, &symbol, &bars, cut)?;
    }

    /// Codes find the crossings that values have.
    #[test]
    fn coded_columns_cross_where_their_values_do(
        bars in prop::collection::vec((90_i64..110, 0_u8..4), 1..2_200), holes: bool, coarse: bool, cut in 1_usize..2_100,
    ) {
        // Columns that cross often, touch often or hardly ever, and begin later.
        let grid = if coarse { 4.0 } else { 1e6 };
        let line = |speed: f64, from: usize| {
            let mut value = 100.0;
            let smooth = bars.iter().enumerate().map(|(place, (price, hole))| {
                value += (*price as f64 - value) * speed;
                if place < from || (holes && *hole == 0) { f64::NAN } else { f64::round(value * grid) / grid }
            });
            smooth.collect::<Vec<f64>>()
        };
        let lines = [line(0.5, 0), line(0.2, 70), line(0.9, 3), line(0.1, 1_100)];
        for pair in [(0, 1), (1, 0), (2, 3), (2, 2), (3, 1)] {
            let whole = Crossings::of(&lines[pair.0], &lines[pair.1]);
            let (mut coded, mut stood) = (Coded::default(), Stood::default());
            for start in (0..bars.len()).step_by(cut) {
                let end = bars.len().min(start + cut);
                let columns: Vec<&[f64]> = lines.iter().map(|line| &line[start..end]).collect();
                coded.take(&columns);
                let [a, b] = [pair.0, pair.1].map(|place| (place, columns[place]));
                coded.cross(a, b, &mut stood, |place, up, down| {
                    let from = start + place * 64;
                    for bar in from..end.min(from + 64) {
                        let expected = (whole.up().next(bar) == Some(bar), whole.down().next(bar) == Some(bar));
                        let bit = |word: u64| word >> (bar - from) & 1 == 1;
                        assert_eq!((bit(up), bit(down)), expected, "bar {bar} of {pair:?}");
                    }
                });
            }
        }
    }

    /// Whatever else is computed or left out, a metric has the same bits, in both views.
    #[test]
    fn a_chosen_metric_is_what_it_is_among_all(
        (spec, symbol) in strategy(), bars in market(-300..300), others in prop::collection::vec(0..CATALOGUE.len(), 0..4),
    ) {
        let lean = Lean::of(&spec, &symbol).unwrap();
        let market = Market::new(&inputs(&bars)).unwrap();
        let hearing = hearing(&lean, &bars);
        let run = |choice: Choice| {
            let mut walk = lean.walk(choice);
            let goes = walk.advance(&lean, &market, &hearing).unwrap();
            let run = if goes == Goes::On { walk.finish(&lean, &market).unwrap() } else { None };
            run.map(|run| {
                let closed = run.closed.as_ref().map_or_else(|| run.metrics.values(), Metrics::values);
                ([bits(&run.metrics.values()), bits(&closed)], run.metrics.daily(), run.end)
            })
        };
        let Some((all, days, end)) = run(Choice::ALL) else { return Ok(()) };
        for metric in 0..CATALOGUE.len() {
            let chosen: Vec<usize> = others.iter().copied().chain([metric]).collect();
            let (views, own_days, own_end) = run(Choice::of(chosen.iter().map(|at| CATALOGUE[*at].name)).unwrap()).unwrap();
            prop_assert_eq!((&own_days, own_end), (&days, end));
            for (own, all) in views.iter().zip(&all) {
                for (place, value) in own.iter().enumerate() {
                    let expected = if chosen.contains(&place) { all[place] } else { None };
                    prop_assert_eq!(*value, expected, "{} of {:?}", CATALOGUE[place].name, chosen);
                }
            }
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
    assert!(!refused(|spec| spec.short = spec.long.clone()));
    assert!(refused(|spec| {
        spec.short = spec.long.clone();
        spec.account.margin = MarginMode::None; // nothing would end a short that is ruined
    }));
    assert!(refused(|spec| {
        spec.short = spec.long.clone();
        spec.on_opposite = OnOpposite::Net;
    }));
    assert!(refused(|spec| {
        let rule = spec.long.as_mut().unwrap().entry[0].clone();
        spec.long.as_mut().unwrap().entry.push(rule); // each is refused on its own
    }));
    assert!(refused(|spec| spec.fills.at = FillAt::Close));
    assert!(refused(|spec| spec.account.leverage = Ratio::parse("2").unwrap()));
    assert!(!refused(|spec| spec.account.slippage.pct = Ratio::percent("1").unwrap()));
    assert!(refused(|spec| spec.account.slippage.clamp = Clamp::Bar));
    assert!(refused(|spec| spec.limits.trades_per_day = Some(1)));
    assert!(refused(|spec| spec.long.as_mut().unwrap().stop_loss = Some(Level::Percent(Ratio::percent("1").unwrap()))));
    assert!(refused(|spec| spec.long.as_mut().unwrap().entry[0].limit = Some(Expr::Column(1))));
    assert!(refused(|spec| spec.long.as_mut().unwrap().entry[0].when = Expr::Program(0)));
    assert!(refused(|spec| spec.long.as_mut().unwrap().max_bars = Some(9)));
    let still = BarInput::new(0, 1, [100; 4], Some(0.0));
    assert!(matches!(Market::new(&[still, still]), Err(EngineError::NotLater { .. })));
}

proptest! {
    /// Bars that come piece by piece are those that come at once.
    #[test]
    fn pieces_are_the_whole(rows in market(-300..300), cut in 1_usize..100) {
        let bars = inputs(&rows);
        let mut market = Market::default();
        for bars in bars.chunks(cut) {
            market.extend(bars).unwrap();
        }
        let whole = Market::new(&bars).unwrap();
        prop_assert_eq!(format!("{market:?}"), format!("{whole:?}"));
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
    let columns = MarketColumns { open_time: &open_time, interval: MINUTE, ohlc, close: &close };
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
    let rules = [(Rule::Entry(Side::Long), crossings.up()), (Rule::Exit(Side::Long), crossings.down())];
    let values = |market: &Market<'_>| lean.run(market, &Hearing::of(&rules)).unwrap().unwrap().metrics.values();
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
        let (mut stood, mut found) = (Stood::default(), vec![(false, false); a.len()]);
        stood.skip(&a[..skipped], &b[..skipped]);
        for start in (skipped..a.len()).step_by(cut) {
            let end = a.len().min(start + cut);
            stood.cross(&a[start..end], &b[start..end], |place, up, down| {
                let from = start + place * 64;
                for (bar, found) in found.iter_mut().enumerate().take(end.min(from + 64)).skip(from) {
                    *found = (up >> (bar - from) & 1 == 1, down >> (bar - from) & 1 == 1);
                }
            });
        }
        let whole = Crossings::of(&a, &b);
        for bar in skipped..a.len() {
            let crosses = |a: &[f64], b: &[f64]| bar > 0 && a[bar] > b[bar] && a[bar - 1] <= b[bar - 1];
            let expected = (crosses(&a, &b), crosses(&b, &a));
            prop_assert_eq!(found[bar], expected, "bar {}", bar);
            prop_assert_eq!((whole.up().next(bar) == Some(bar), whole.down().next(bar) == Some(bar)), expected);
        }
    }
}
