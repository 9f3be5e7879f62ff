//! Strategy blocks of every kind: what they may see, what is refused, and the laws over random ones.

use super::{ACCOUNT, HEAD, blocks, compiled, errors};
use candleflow_config::{Diagnostics, Overrides, read};
use candleflow_engine::{Binding, compile, session};
use candleflow_kernels::strategy::SLOT_NAMES;
use candleflow_stream::{Output, laws};
use datafusion::arrow::util::pretty::pretty_format_batches;
use proptest::prelude::*;

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
        for later in ["account.scope", "account.funding.table", "fills.detail", "strategy.limits.max_positions", "strategy.limits.rank"] {
            settings.insert(later, "");
        }
        settings.entry("fills.path").and_modify(|path| if *path == "detail" { *path = "ohlc" });
        settings.entry("account.filters").and_modify(|filters| if *filters == "exchange" { *filters = "none" });
        // A target adds entries to its position without a stated bound, which law 5 would find.
        settings.entry("strategy.size").and_modify(|size| if size.contains("target") { *size = "{ cash: 5% }" });
        let text = blocks::text(&settings, false);
        let Ok(document) = read("p.yaml", &text, &Overrides::default()) else { return Ok(()) };
        let session = session();
        let mut errors = Diagnostics::new("p.yaml");
        let Some(compiled) = compile(&document, "BTCUSDT", &session.state(), &mut errors) else {
            return Err(TestCaseError::fail(format!("{errors}\n{text}")));
        };
        let binding = Binding { from: i64::MIN, ..Binding::default() };
        let make = || compiled.chain(&session.state(), &binding).expect("a good plan");
        let input = laws::market("BTCUSDT", seed, rows);
        laws::check(&make, &input, &cuts).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
    }
}
