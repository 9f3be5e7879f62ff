//! One account over several symbols: the order of steps, money, competing entries.

use super::*;

/// Bars of two symbols side by side; `-` is a missing bar.
fn run_two(spec: &Spec, rows: &[(&str, &str)]) -> (Engine, Events, Vec<EquityRow>) {
    let mut engine = Engine::new(spec.clone(), vec![SymbolSpec::default(); 2]).unwrap();
    let (mut out, mut equity) = (Events::default(), Vec::new());
    for (place, (a, b)) in rows.iter().enumerate() {
        let bar = |text: &str| {
            (text != "-").then(|| {
                let mut bar = read(&[text], 1).remove(0);
                bar.bar.open_time += place as i64 * MINUTE;
                bar.bar.time += place as i64 * MINUTE;
                bar
            })
        };
        let bars = [bar(a), bar(b)];
        let rows = bars.each_ref().map(|bar| bar.as_ref().map(|bar| Row::new(bar.bar, &bar.columns)));
        equity.push(engine.step(&rows, &mut NoPrograms, &mut out).unwrap());
        assert!(engine.ledger().identity_holds());
    }
    (engine, out, equity)
}

fn shared(size: Size) -> Spec {
    let mut spec = sides(|side| side.size = Some(size));
    spec.account.scope = Scope::Portfolio;
    spec
}

fn fills(out: &Events) -> Vec<String> {
    let filled = out.orders.iter().filter(|row| row.qty.is_some());
    let text = |row: &OrderRow| {
        let verb = if row.entry { "enter" } else { "leave" };
        format!("{verb} {} {}@{}#{}", row.symbol, row.qty.unwrap(), row.price.unwrap(), row.time / MINUTE)
    };
    filled.map(text).collect()
}

#[test]
fn equity_is_that_of_all_symbols_at_their_last_closes() {
    let spec = shared(Size::Base(Expr::Constant(10.0)));
    let (_, _, equity) = run_two(
        &spec,
        &[("100 100 100 100 L", "50 50 50 50 S"), ("100 110 100 110", "50 50 40 40"), ("-", "40 40 30 30")],
    );
    assert_eq!(equity.iter().map(|row| row.equity).collect::<Vec<f64>>(), [10_000.0, 10_200.0, 10_300.0]);
    assert_eq!(equity[2].time, 3 * MINUTE);
    assert_eq!(equity[1].cash, money("9500"));
}

#[test]
fn exits_of_all_symbols_come_before_entries_of_any() {
    let spec = shared(Size::Equity(Ratio::ONE));
    let rows = [
        ("100 100 100 100", "50 50 50 50 L"),
        ("100 100 100 100 L", "50 50 50 50 X"),
        ("100 100 100 100", "50 50 50 50"),
    ];
    let (_, out, _) = run_two(&spec, &rows);
    assert_eq!(fills(&out), ["enter 1 200@50#2", "leave 1 200@50#3", "enter 0 100@100#3"]);
}

#[test]
fn money_freed_inside_a_bar_is_spendable_at_the_next_open_only() {
    let mut spec = shared(Size::Equity(Ratio::ONE));
    spec.short = None;
    let long = spec.long.as_mut().unwrap();
    long.stop_loss = Some(Level::Percent(pct("10")));
    long.entry.push(EntryRule { limit: Some(A), expire: Expire::Never, ..EntryRule::market(B) });
    let rows = [
        ("50 50 50 50 L", "100 100 100 100"),
        ("50 50 50 50", "100 100 100 100 b=1 a=95"),
        // The stop of symbol 0 frees 9,000 inside the bar; the limit of symbol 1 is touched in the same bar.
        ("50 50 44 45", "100 100 94 95 b=1 a=95"),
        ("45 45 45 45", "96 96 94 95"),
    ];
    let (_, out, _) = run_two(&spec, &rows);
    assert_eq!(fills(&out), ["enter 0 200@50#2", "leave 0 200@45#3", "enter 1 94.736842105263157894@95#4"]);
    let refused: Vec<Reason> =
        out.orders.iter().filter(|row| row.event == OrderEvent::Rejected).map(|row| row.reason).collect();
    assert_eq!(refused, [Reason::Insufficient]);
}

#[test]
fn sizes_value_symbols_at_this_bars_open_and_others_at_their_last_close() {
    let spec = shared(Size::Equity(pct("50")));
    let rows = [
        ("100 100 100 100 L", "100 100 100 100"),
        ("100 100 100 100", "100 100 100 100 L"),
        ("120 120 120 120", "100 100 100 100"),
    ];
    let (_, out, _) = run_two(&spec, &rows);
    assert_eq!(fills(&out)[1], "enter 1 50@100#3", "half of 11,000 is cut to the free 5,000");
    let spec = shared(Size::Equity(pct("40")));
    let (_, out, _) = run_two(&spec, &rows);
    assert_eq!(fills(&out)[1], "enter 1 43.2@100#3", "40 % of 10,800");
    let rows = [rows[0], rows[1], ("-", "100 100 100 100")];
    let (_, out, _) = run_two(&spec, &rows);
    assert_eq!(fills(&out)[1], "enter 1 40@100#3");
}

#[test]
fn competing_entries_go_by_rank_then_as_listed() {
    let mut spec = shared(Size::Base(Expr::Constant(1.0)));
    spec.limits.max_positions = Some(1);
    let rows = |a: &'static str, b: &'static str| [(a, b), ("9 9 9 9", "9 9 9 9")];
    let (_, out, _) = run_two(&spec, &rows("9 9 9 9 L a=1", "9 9 9 9 L a=2"));
    assert_eq!(fills(&out), ["enter 0 1@9#2"]);
    assert_eq!(out.orders.last().unwrap().reason, Reason::MaxPositions);
    spec.limits.rank = Some(Rank { by: A, descending: true });
    let (_, out, _) = run_two(&spec, &rows("9 9 9 9 L a=1", "9 9 9 9 L a=2"));
    assert_eq!(fills(&out), ["enter 1 1@9#2"]);
    spec.limits.rank = Some(Rank { by: A, descending: false });
    let (_, out, _) = run_two(&spec, &rows("9 9 9 9 L a=1", "9 9 9 9 L a=2"));
    assert_eq!(fills(&out), ["enter 0 1@9#2"]);
    let (_, out, _) = run_two(&spec, &rows("9 9 9 9 L", "9 9 9 9 L a=2"));
    assert_eq!(fills(&out), ["enter 1 1@9#2"], "no rank goes last");
}

#[test]
fn at_close_all_exits_fill_before_all_entries_and_one_row_follows() {
    let mut spec = shared(Size::Equity(Ratio::ONE));
    spec.fills.at = FillAt::Close;
    let rows = [("100 100 100 100", "50 50 50 50 L"), ("100 100 100 100 L", "50 50 50 50 X")];
    let (engine, out, equity) = run_two(&spec, &rows);
    assert_eq!(fills(&out), ["enter 1 200@50#1", "leave 1 200@50#2", "enter 0 100@100#2"]);
    assert_eq!((equity.len(), equity[1].cash), (2, Money::ZERO));
    assert_eq!(engine.held(0), money("100"));
}

#[test]
fn sized_at_signal_assumes_the_exits_of_all_symbols() {
    let mut spec = shared(Size::Cash(Ratio::ONE));
    spec.account.sized_at = SizedAt::Signal;
    let rows = [
        ("100 100 100 100", "50 50 50 50 L"),
        ("100 100 100 100 L", "50 50 50 50 X"),
        ("100 100 100 100", "50 50 50 50"),
    ];
    let (_, out, _) = run_two(&spec, &rows);
    assert_eq!(fills(&out), ["enter 1 200@50#2", "leave 1 200@50#3", "enter 0 100@100#3"]);
}

#[test]
fn a_cross_account_is_liquidated_symbol_by_symbol() {
    let mut spec = shared(Size::Quote(Expr::Constant(20_000.0)));
    (spec.account.margin, spec.account.leverage) = (MarginMode::Cross, Ratio::parse("10").unwrap());
    spec.account.maintenance = Ratio::ZERO;
    let rows =
        [("100 100 100 100 L", "50 50 50 50 L"), ("100 100 100 100", "50 50 50 50"), ("100 100 70 70", "50 50 50 50")];
    let (engine, out, _) = run_two(&spec, &rows);
    // 200 and 400 units on 10,000: symbol 0 may fall by 50 before equity is zero; by 30 it does not matter.
    assert_eq!(fills(&out).len(), 2);
    assert_eq!(engine.held(0), money("200"));
    let rows = [rows[0], rows[1], ("100 100 40 60", "50 50 50 50")];
    let (_, out, equity) = run_two(&spec, &rows);
    assert_eq!(fills(&out)[2], "leave 0 200@50#3");
    assert_eq!(fills(&out)[3], "leave 1 400@50#3", "with nothing left, the other one too");
    assert_eq!(equity[2].equity, 0.0);
    assert_eq!(out.orders.last().unwrap().reason, Reason::Liquidation);
}

#[test]
fn a_liquidation_inside_the_bar_is_at_its_open_where_that_is_worse() {
    let mut spec = shared(Size::Quote(Expr::Constant(20_000.0)));
    (spec.account.margin, spec.account.leverage) = (MarginMode::Cross, Ratio::parse("10").unwrap());
    (spec.account.maintenance, spec.account.fees.taker) = (pct("0.5"), pct("1"));
    // What the first one loses inside the bar puts the level of the second above where it opened.
    let rows =
        [("100 100 100 100 L", "50 50 50 50 L"), ("100 100 100 100", "50 50 50 50"), ("100 100 40 60", "50 50 50 50")];
    for path in [Path::Pessimistic, Path::Ohlc] {
        spec.fills.path = path;
        let (engine, out, _) = run_two(&spec, &rows);
        assert_eq!(fills(&out)[3], "leave 1 400@50#3", "{path:?}");
        assert!((engine.ledger().cash.to_f64() + 152.763_819).abs() < 1e-6, "{:?}", engine.ledger().cash);
    }
}

#[test]
fn ruin_and_drawdown_close_symbols_without_a_bar_at_the_time_of_the_others() {
    let mut spec = shared(Size::Quote(Expr::Constant(9_000.0)));
    (spec.account.margin, spec.account.leverage) = (MarginMode::None, Ratio::parse("2").unwrap());
    let rows = [("100 100 100 100 L", "50 50 50 50 S"), ("100 100 100 100", "50 50 50 50"), ("-", "50 110 50 110")];
    // The short has lost 10,800: the long leaves at its last close, now.
    let (_, out, equity) = run_two(&spec, &rows);
    let left: Vec<_> = out.trades.iter().map(|row| (row.symbol, row.time, row.exit_reason)).collect();
    assert_eq!(left, [(0, 3 * MINUTE, Reason::Ruin), (1, 3 * MINUTE, Reason::Ruin)]);
    assert_eq!(equity[2].equity, -800.0);
    // A drawdown orders an exit now, which fills at the symbol's next open.
    spec.limits.drawdown = Some(pct("50"));
    let rows = [rows[0], rows[1], ("-", "50 80 50 80"), ("90 90 90 90", "80 80 80 80")];
    let (_, out, _) = run_two(&spec, &rows);
    let placed = out.orders.iter().filter(|row| row.event == OrderEvent::Placed && !row.entry);
    assert_eq!(placed.map(|row| row.time).collect::<Vec<i64>>(), [3 * MINUTE; 2]);
    assert_eq!(out.trades.iter().map(|row| row.gap).collect::<Vec<bool>>(), [true, false]);
}

#[test]
fn snapshots_hold_all_symbols() {
    let spec = shared(Size::Equity(pct("40")));
    let rows = [
        ("100 100 100 100 L", "100 100 100 100"),
        ("100 100 100 100", "100 100 100 100 L"),
        ("120 120 120 120", "100 100 100 100"),
    ];
    let (engine, _, _) = run_two(&spec, &rows);
    let bytes = engine.save();
    let mut other = Engine::new(spec.clone(), vec![SymbolSpec::default(); 2]).unwrap();
    other.load(&bytes).unwrap();
    assert_eq!(other.save(), bytes);
    assert_eq!(other.held(1), engine.held(1));
    let mut single = Engine::new(spec, vec![SymbolSpec::default()]).unwrap();
    assert!(matches!(single.load(&bytes), Err(SnapshotError::Unknown { .. })));
}
