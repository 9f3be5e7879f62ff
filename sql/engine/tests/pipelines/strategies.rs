//! Strategy blocks of every kind: what they may see, what is refused, and the laws over random ones.

use super::{ACCOUNT, HEAD, blocks, compiled, errors};
use candleflow_config::{Diagnostics, Overrides, read};
use candleflow_engine::{Binding, Statics, compile, portfolio, session};
use candleflow_kernels::{
    money::{Money, Ratio},
    strategy::{DatedFilters, Filters, Funding, SLOT_NAMES},
};
use candleflow_stream::{Chain, FundingTable, Given, Output, Portfolio, laws};
use datafusion::arrow::{array::RecordBatch, util::pretty::pretty_format_batches};
use proptest::prelude::*;
use std::sync::Arc;

/// The rows of one output over a made-up market, as text.
fn rows(text: &str, output: Output) -> String {
    let session = session();
    let compiled = compiled(&session, text, "BTCUSDT");
    let mut chain = compiled.chain(&session.state(), &Binding { from: i64::MIN, ..Binding::default() }).unwrap();
    let given = chain.process(laws::market("BTCUSDT", 11, 600)).unwrap();
    let batches: Vec<_> = given.outputs.into_iter().filter(|(o, _)| *o == output).map(|(_, b)| b).collect();
    pretty_format_batches(&batches).unwrap().to_string()
}

/// Enters whenever flat, leaves by a rule.
fn leaving(rule: &str) -> String {
    let entry = r#"[{ when: "position.side = 'flat' AND close > open", tag: up }, { when: "position.side = 'flat' AND close < open", tag: down }]"#;
    format!("{HEAD}strategy: {{ long: {{ entry: {entry}, exit: \"{rule}\" }}, size: {{ quote: 100 }} }}\n{ACCOUNT}")
}

#[test]
fn rules_that_mean_the_same_trade_the_same() {
    for same in [
        vec![
            "position.qty > 0",
            "position.side = 'long'",
            "position.side IN ('short', 'long')",
            "position.side <> 'flat'",
        ],
        vec![
            "position.bars = 3",
            "position.bars BETWEEN 3 AND 3",
            "NOT position.bars NOT IN (3)",
            "'long' = position.side AND position.bars > 2",
        ],
        vec![
            "position.pnl_pct > 0",
            "position.pnl > 0",
            "position.pnl / position.entry_price > 0",
            "CASE WHEN position.pnl > 0 THEN 1 ELSE 0 END = 1",
        ],
        vec![
            "position.tag = 'up' OR position.bars > 5",
            "position.tag IN ('up') OR position.bars > 5",
            "position.tag <> 'down' OR position.bars > 5",
        ],
        vec![
            "position.high > position.entry_price",
            "greatest(position.high, position.entry_price) <> position.entry_price",
        ],
        vec![
            "position.low < position.entry_price OR position.bars > 9",
            "position.entry_price - position.low > 0 OR position.bars > 9",
        ],
        vec![
            "last_trade.reason = 'signal' OR position.bars > 4",
            "last_trade.bars_ago >= 0 OR position.bars > 4",
            "last_trade.pnl IS NOT NULL OR position.bars > 4",
            "last_trade.reason NOT IN ('stop_loss', 'end') OR position.bars > 4",
        ],
        vec!["account.cash < account.equity", "account.equity - account.cash > 0"],
        vec![
            "account.drawdown > 0.0001 AND position.bars > 1",
            "NOT (account.drawdown <= 0.0001) AND position.bars > 1",
        ],
    ] {
        let first = rows(&leaving(same[0]), Output::Trades);
        assert!(first.lines().count() > 4, "{} never trades:\n{first}", same[0]);
        for other in &same[1..] {
            assert_eq!(first, rows(&leaving(other), Output::Trades), "{} and {other}", same[0]);
        }
        assert_ne!(first, rows(&leaving("position.bars > 77"), Output::Trades), "{} decides nothing", same[0]);
    }
}

#[test]
fn every_name_of_the_position_is_known_in_rules_levels_and_sizes_and_in_no_column() {
    for name in SLOT_NAMES {
        // Text is compared with text; everything else is a number.
        let (word, number) = match name {
            "position.side" => ("flat", "CASE WHEN position.side = 'long' THEN 1 ELSE 0 END"),
            "position.tag" => ("a", "CASE WHEN position.tag = 'a' THEN 1 ELSE 0 END"),
            "last_trade.reason" => ("signal", "CASE WHEN last_trade.reason = 'signal' THEN 1 ELSE 0 END"),
            name => ("", name),
        };
        let rule = if word.is_empty() { format!("{name} >= 0") } else { format!("{name} = '{word}'") };
        let text = format!(
            r#"{HEAD}strategy:
  long: {{ entry: {{ when: "{name} IS NULL OR {rule}", limit: "close + 0 * coalesce({number}, 0)", cancel_if: "{number} = -9", tag: a }}, exit: "{rule} AND position.bars > 2" }}
  size: {{ quote: "10 + 0 * coalesce({number}, 0)" }}
  stop_loss: {{ distance: "close * 0.1 + 0 * coalesce({number}, 0)" }}
  trailing_stop: {{ price: "close * 0.9 + 0 * coalesce({number}, 0)" }}
{ACCOUNT}"#
        );
        assert!(rows(&text, Output::Orders).lines().count() > 4, "{name} places nothing");
        let column = errors(&format!("{HEAD}columns:\n  a: {name} + 1\n"));
        assert!(
            column.contains(&format!("p.yaml:5:6: a column cannot use {name}: only rules, levels and sizes")),
            "{column}"
        );
    }
}

#[test]
fn every_mistake_in_orders_levels_and_sizes_is_told_with_its_place() {
    let strategy = r#"columns: { up: close > open, w: "close / 100", zero: "0 * close" }
strategy:
  long:
    entry:
      - { when: w, limit: up, stop: "$nothing", cancel_if: "w + 1", size: { base: "-$n" } }
      - { when: up, limit: "closee", tag: first }
    exit:
      - { when: "position.tag = 'frist'", portion: 50% }
      - { when: "position.side = 'Long'", limit: "0 * 1" }
      - "last_trade.reason IN ('stop_loss', 'stoploss')"
      - "position.tag > 'first'"
      - "position.side = symbol"
      - "position.side = 1"
      - "position.tag + 1 > 0"
      - "last_trade.reason = 1 AND now() > 0"
  short: { entry: "position.tag LIKE 'f%'", stop_loss: { distance: "-$n" }, size: { target: up } }
  size: { quote: "position.pln" }
  take_profit: [{ at: { price: "$n - $n" } }, { at: { distance: "lead(close, 1)" }, portion: 10% }]
  trailing_stop: { price: "ema(position.high, 3)" }
  limits: { max_positions: 1, rank: "up desc" }
account: { balance: 1000, scope: portfolio, fees: { maker: 0.1%, taker: 0.1% }, filters: exchange, funding: { table: rates } }
fills: { path: detail, detail: 1s }
"#;
    insta::assert_snapshot!(errors(&format!("{HEAD}{strategy}")));
}

#[test]
fn two_halves_close_a_position_whatever_their_rounding() {
    for margin in ["isolated", "cross"] {
        let text = format!(
            "{HEAD}strategy: {{ long: {{ entry: 'close > open', exit: {{ when: 'close < open', portion: 50%, repeat: true }} }}, size: {{ equity: 10% }} }}\naccount: {{ balance: 10000, fees: {{ maker: 0.1%, taker: 0.1% }}, margin: {margin} }}\n"
        );
        let trades = rows(&text, Output::Trades);
        assert!(trades.lines().count() > 50, "{trades}");
        let quantity = |row: &str| row.split('|').nth(12).and_then(|q| q.trim().parse::<f64>().ok());
        assert!(trades.lines().filter_map(quantity).all(|qty| qty > 1e-9), "{trades}");
    }
}

/// Filters that change after an hour, and funding every seven minutes.
fn statics() -> Arc<Statics> {
    let hour = 3_600_000_000;
    let ratio = |text: &str| Ratio::parse(text).unwrap();
    let filters = |valid_from, tick: &str| DatedFilters {
        valid_from,
        filters: Filters {
            tick: Money::parse(tick).unwrap(),
            step: Money::parse("0.001").unwrap(),
            ..Filters::default()
        },
    };
    let pay = |i: i64| {
        let rate = ratio(if i % 3 == 0 { "-0.0001" } else { "0.0002" });
        (i * 7 * 60_000_000, Funding { rate, mark: (i % 2 == 0).then_some(5_000_000) })
    };
    let funding = Arc::new(FundingTable::new((0..500).map(pay).collect()));
    let mut statics = Statics::default();
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        statics.filters.insert(symbol.into(), vec![filters(0, "0.00000001"), filters(hour, "0.0001")]);
        statics.funding.insert(symbol.into(), funding.clone());
    }
    Arc::new(statics)
}

/// What a portfolio gave, as text.
fn given(portfolio: &mut Portfolio, chains: &mut [Chain], parts: &[(usize, RecordBatch)]) -> Vec<String> {
    let mut all = Vec::new();
    let mut show = |given: Given| {
        all.extend(given.steps.iter().map(|step| format!("{step:?}")));
        for (output, rows) in given.outputs {
            for row in 0..rows.num_rows() {
                all.push(format!("{output} {:?}", rows.slice(row, 1)));
            }
        }
    };
    for (key, rows) in parts {
        for rows in chains[*key].process(rows.clone()).unwrap().rows {
            show(portfolio.push(*key, &rows).unwrap());
        }
    }
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_block_over_one_account_gives_the_same_whoever_comes_first(
        choices in proptest::collection::vec((0usize..blocks::SLOTS.len(), 0usize..8), 0..10),
        seed: u64,
        rows in 20usize..120,
        size in 1usize..9,
    ) {
        let mut settings = blocks::base();
        choices.iter().for_each(|(slot, value)| blocks::set(&mut settings, &blocks::SLOTS[*slot], *value));
        settings.insert("account.scope", "portfolio");
        let text = blocks::text(&settings, false).replace("[BTCUSDT]", "[BTCUSDT, ETHUSDT]");
        let Ok(document) = read("p.yaml", &text, &Overrides::default()) else { return Ok(()) };
        let session = session();
        let mut errors = Diagnostics::new("p.yaml");
        let symbols = ["BTCUSDT", "ETHUSDT"];
        let compiled: Vec<_> =
            symbols.iter().filter_map(|s| compile(&document, s, &session.state(), &mut errors)).collect();
        prop_assert_eq!(compiled.len(), 2, "{}\n{}", errors, text);
        let binding = Binding { from: i64::MIN, statics: statics(), ..Binding::default() };
        let make = || {
            let chains: Vec<Chain> =
                compiled.iter().map(|c| c.chain(&session.state(), &binding).expect("a good plan")).collect();
            let made = portfolio(&compiled, &chains.iter().collect::<Vec<_>>(), &binding);
            (made.expect("a good plan").expect("one account"), chains)
        };
        let input = |key: usize| {
            let market = laws::market(symbols[key], seed ^ key as u64, rows);
            if document.detail.is_some() { laws::detailed(&market, seed) } else { market }
        };
        let inputs = [input(0), input(1)];
        let (mut whole, mut chains) = make();
        let expected = given(&mut whole, &mut chains, &[(0, inputs[0].clone()), (1, inputs[1].clone())]);
        // The other symbol first, in small batches, with the state saved and taken by another in between.
        let (mut saved, mut chains) = make();
        let mut got = Vec::new();
        for key in [1, 0] {
            for at in (0..rows).step_by(size) {
                let part = inputs[key].slice(at, size.min(rows - at));
                got.extend(given(&mut saved, &mut chains, &[(key, part)]));
                if at % (3 * size) == 0 {
                    let bytes = saved.snapshot();
                    prop_assert!(bytes.len() <= saved.state_bound(rows));
                    saved = make().0;
                    saved.restore(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
                }
            }
        }
        got.sort();
        prop_assert_eq!(got, expected, "{}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_block_that_is_read_compiles_and_keeps_the_laws(
        choices in proptest::collection::vec((0usize..blocks::SLOTS.len(), 0usize..8), 0..10),
        seed: u64,
        rows in 50usize..300,
        cuts in proptest::collection::vec(0usize..300, 1..3),
    ) {
        let mut settings = blocks::base();
        choices.iter().for_each(|(slot, value)| blocks::set(&mut settings, &blocks::SLOTS[*slot], *value));
        // One account over several symbols is not a chain: see the test below.
        for later in ["account.scope", "strategy.limits.max_positions", "strategy.limits.rank"] {
            settings.insert(later, "");
        }
        let text = blocks::text(&settings, false);
        let Ok(document) = read("p.yaml", &text, &Overrides::default()) else { return Ok(()) };
        let session = session();
        let mut errors = Diagnostics::new("p.yaml");
        let Some(compiled) = compile(&document, "BTCUSDT", &session.state(), &mut errors) else {
            return Err(TestCaseError::fail(format!("{errors}\n{text}")));
        };
        let binding = Binding { from: i64::MIN, statics: statics(), ..Binding::default() };
        let make = || compiled.chain(&session.state(), &binding).expect("a good plan");
        let input = laws::market("BTCUSDT", seed, rows);
        let input = if document.detail.is_some() { laws::detailed(&input, seed) } else { input };
        laws::check(&make, &input, &cuts).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
    }
}
