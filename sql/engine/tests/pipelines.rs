//! Whole pipelines: what is refused and where, what the plan is, and the five laws over random markets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "../../../pipeline/config/src/tests/blocks.rs"]
mod blocks;
#[path = "pipelines/peers.rs"]
mod peers;
#[path = "pipelines/strategies.rs"]
mod strategies;

use candleflow_config::{Diagnostics, Document, Overrides, read};
use candleflow_engine::{Binding, Compiled, compile, explain, explain_account, session};
use candleflow_stream::laws;
use datafusion::{
    arrow::{array::AsArray, datatypes::Float64Type},
    prelude::SessionContext,
};
use proptest::prelude::*;

const EXAMPLES: [(&str, &str); 7] = [
    ("ema-cross", include_str!("../../../examples/ema-cross.yaml")),
    ("dip-buyer", include_str!("../../../examples/dip-buyer.yaml")),
    ("rotation", include_str!("../../../examples/rotation.yaml")),
    ("breakout", include_str!("../../../examples/breakout.yaml")),
    ("pyramid", include_str!("../../../examples/pyramid.yaml")),
    ("indicators", include_str!("../../../examples/indicators.yaml")),
    ("sweep", include_str!("../../../examples/sweep.yaml")),
];

fn document(text: &str) -> Document {
    read("p.yaml", text, &Overrides::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn compiled(session: &SessionContext, text: &str, symbol: &str) -> Compiled {
    let mut errors = Diagnostics::new("p.yaml");
    let compiled = compile(&document(text), symbol, &session.state(), &mut errors);
    compiled.unwrap_or_else(|| panic!("{errors}"))
}

fn errors(text: &str) -> String {
    let mut errors = Diagnostics::new("p.yaml");
    let compiled = compile(&document(text), "BTCUSDT", &session().state(), &mut errors);
    assert_eq!(compiled.is_none(), !errors.is_empty());
    errors.to_string()
}

const HEAD: &str = "name: a\nsource: { symbols: [BTCUSDT], interval: 1m }\nparams: { n: 3 }\n";
const ACCOUNT: &str = "account: { balance: 1000, fees: { maker: 0.1%, taker: 0.1% } }\n";

#[test]
fn what_a_mistake_brings_with_it_is_not_told() {
    let text =
        "columns: { a: 'sma(close, 500000)', b: 'a + 1', m: 'macd(closee)', h: { every: 1h, is: 'smaa(close, 3)' } }
strategy: { long: { entry: 'close > a AND m.hist > b AND h > 1', stop_loss: { distance: b } }, size: { equity: 10% } }
";
    let told = errors(&format!("{HEAD}{text}{ACCOUNT}"));
    let places: Vec<&str> = told.lines().filter_map(|line| line.split_once(": ")).map(|(place, _)| place).collect();
    assert_eq!(places, ["p.yaml:4:16", "p.yaml:4:58", "p.yaml:4:89"], "{told}");
}

#[test]
fn the_column_that_waits_longest_is_known() {
    let of = |columns: &str, entry: &str| {
        let strategy = format!("strategy: {{ long: {{ entry: '{entry}' }}, size: {{ equity: 10% }} }}\n");
        let text = format!("{HEAD}columns: {{ {columns} }}\n{strategy}{ACCOUNT}");
        let mut errors = Diagnostics::new("p.yaml");
        let compiled = compile(&document(&text), "BTCUSDT", &session().state(), &mut errors);
        compiled.unwrap_or_else(|| panic!("{errors}")).lookback
    };
    let named = |name: &str, bars| (Some(name.to_owned()), bars);
    assert_eq!(of("a: 'close + 1'", "close > a").1, 0);
    assert_eq!(of("a: 'sma(ema(close, 10), 5)', b: 'a + 1', c: 'rsi(close, 3)'", "c > b"), named("a", 13));
    assert_eq!(of("a: 'sma(close, 5)', h: { every: 1h, is: 'sma(close, 5)' }", "h > a"), named("h", 240));
    assert_eq!(of("a: 'sma(close, 5)'", "a > max(high, 20)"), (None, 19));
}

#[test]
fn every_mistake_in_a_column_is_told_with_its_place() {
    let columns = "columns:
  a: clsoe + 1
  b: emma(close, 12)
  c: ema(close, 0)
  d: ema(close, close)
  e: avg(close)
  f: lead(close, 1)
  g: lag(close, -1)
  h: ema(close, 3) OVER (ORDER BY time)
  i: now()
  j: random()
  k: close +
  l: later * 2
  m: $m
  n: position.pnl
  o: macd(close).histogram
  p: (SELECT max(close) FROM bars)
  q: symbol + 1
  r: ema()
  s: ema(close, 12, 13, 14)
  t: rank() 
  u: { every: 90s, is: close }
  later: close
";
    let columns = columns.replace("90s", "1s");
    insta::assert_snapshot!(errors(&format!("{HEAD}{columns}")));
}

#[test]
fn every_mistake_in_a_strategy_is_told_with_its_place() {
    let strategy = r#"columns: { up: "close > open", size: close }
strategy:
  long: { entry: [up, "close", "1", "position.pnl > 'x'", "position.pln > 1"], exit: ["ln(position.pnl) > 0", "ema(position.pnl, 3) > 1", "last_trade.reason = 'stop'"] }
  size: { quote: "up" }
  stop_loss: { distance: "nothing" }
"#;
    insta::assert_snapshot!(errors(&format!("{HEAD}{strategy}{ACCOUNT}")));
}

#[test]
fn the_plan_of_the_first_example_reads_well() {
    let session = session();
    let compiled = compiled(&session, EXAMPLES[0].1, "ETHUSDT");
    insta::assert_snapshot!(explain(&compiled, &session.state()).unwrap());
}

#[test]
fn equal_subexpressions_are_computed_once() {
    let session = session();
    let text = format!(
        "{HEAD}columns:\n  a: ema(close, 12) - ema(close, 26)\n  b: ema(close, 12) + 1\n  c: ema(ema(close, 12), 9)\n"
    );
    let plan = explain(&compiled(&session, &text, "BTCUSDT"), &session.state()).unwrap();
    assert_eq!(plan.matches("= ema(close, 12,").count(), 1, "{plan}");
}

#[test]
fn hidden_columns_are_called_what_they_compute() {
    let session = session();
    let compiled = compiled(&session, EXAMPLES[0].1, "BTCUSDT");
    let called: Vec<String> = compiled.called().into_values().collect();
    let rules: Vec<&String> = called.iter().filter(|c| c.starts_with("rule")).collect();
    assert!(rules.iter().any(|r| r.contains("fast") && r.contains("slow") && r.contains("trend")), "{called:?}");
    assert!(called.iter().all(|c| !c.contains("__") && !c.contains("Float64(")), "{called:?}");
    // Every one of them is a column of the chain that shows all.
    let chain = compiled.open_chain(&session.state(), &Binding { from: i64::MIN, ..Binding::default() }).unwrap();
    let schema = chain.columns_schema().unwrap();
    assert!(compiled.called().keys().all(|name| schema.index_of(name).is_ok()), "{schema}");
    assert_eq!(schema.field(2).name(), "time");
}

/// The values of one column over a made-up market.
fn values(expression: &str, rows: usize) -> Vec<Option<f64>> {
    let session = session();
    let text = format!("{HEAD}columns:\n  x: {expression}\n");
    let compiled = compiled(&session, &text, "BTCUSDT");
    let binding = Binding { columns: true, from: i64::MIN, ..Binding::default() };
    let mut chain = compiled.chain(&session.state(), &binding).unwrap();
    let given = chain.process(laws::market("BTCUSDT", 7, rows)).unwrap();
    let (_, batch) = &given.outputs[0];
    batch.column_by_name("x").unwrap().as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn numbers_mean_what_quants_expect() {
    assert_eq!(values("1 / 2", 1), [Some(0.5)]);
    assert_eq!(values("close / (close - close)", 2), [None, None]);
    assert_eq!(values("sma(1, $n)", 4), [None, None, Some(1.0), Some(1.0)]);
    let close = values("close", 5);
    assert_eq!(values("lag(close, 2)", 5)[2..], close[..3]);
    assert_eq!(values("ema(close, timeperiod => 3)", 5), values("ema(close, $n)", 5));
    assert_eq!(values("macd(close)['hist']", 80), values("macd(close).hist", 80));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn the_examples_keep_the_laws(seed: u64, rows in 1usize..900, cuts in proptest::collection::vec(0usize..900, 1..4)) {
        let session = session();
        for (name, text) in EXAMPLES {
            let compiled = compiled(&session, text, "BTCUSDT");
            let binding = Binding { columns: true, from: 100 * 60_000_000, ..Binding::default() };
            let make = || compiled.chain(&session.state(), &binding).expect("a good plan");
            let input = laws::market("BTCUSDT", seed, rows);
            laws::check(&make, &input, &cuts).map_err(|e| TestCaseError::fail(format!("{name}: {e}")))?;
        }
    }
}

#[test]
fn an_account_over_all_symbols_is_explained_after_their_plans() {
    let session = session();
    let rotation = EXAMPLES.iter().find(|(name, _)| *name == "rotation").unwrap().1;
    let document = document(rotation);
    let symbols = document.source.symbols.iter().map(|s| compiled(&session, rotation, &s.value));
    let all: Vec<Compiled> = symbols.collect();
    insta::assert_snapshot!(explain_account(&all, &session.state()).unwrap().unwrap());
    let own = [compiled(&session, EXAMPLES[0].1, "BTCUSDT")];
    assert_eq!(explain_account(&own, &session.state()).unwrap(), None);
}
