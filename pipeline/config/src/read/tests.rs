use super::*;
use crate::document::{Level, Size};
use candleflow_kernels::strategy::FillAt;

const FULL: &str = r#"
name: ema-cross
source: { exchange: binance, symbols: [BTCUSDT, ETHUSDT], interval: 1m }
params: { fast: 12, slow: 26, per_symbol: { ETHUSDT: { fast: 8 } } }
columns:                                   # evaluated per symbol
  fast: ema(close, $fast)
  slow: ema(close, $slow)
  trend: { every: 1h, is: "ema(close, 50)" }
strategy:
  long:  { entry: "crossover(fast, slow) AND close > trend", exit: [ "crossunder(fast, slow)", { when: "fast < 1", tag: low } ] }
  short: { entry: "crossunder(fast, slow)", stop_loss: 3% }
  size: { equity: 10% }
  stop_loss: { distance: "2 * slow" }
  take_profit: 4%
account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% }, slippage: { pct: 0.05% }, filters: none }
fills: { at: close }
sinks: [trades, equity, metrics, { topic: signals.ema-cross }]
"#;

fn errors(text: &str) -> String {
    read("p.yaml", text, &Overrides::default()).unwrap_err().to_string()
}

#[test]
fn a_full_pipeline_is_read() {
    let d = read("p.yaml", FULL, &Overrides::default()).unwrap();
    assert_eq!(d.name.value, "ema-cross");
    assert_eq!(d.params_of("BTCUSDT")["fast"], 12.0);
    assert_eq!(d.params_of("ETHUSDT")["fast"], 8.0);
    assert_eq!(d.columns[2].every.as_ref().unwrap().value.name(), "1h");
    assert_eq!(d.columns[0].is.place, Place { line: 6, column: 9 });
    assert_eq!(d.columns[2].is.place, Place { line: 8, column: 28 });
    let strategy = d.strategy.unwrap();
    assert!(
        matches!(&strategy.long.as_ref().unwrap().size.as_ref().unwrap().value, Size::Equity(share) if share.to_f64() == 0.1)
    );
    assert!(
        matches!(&strategy.short.unwrap().stop_loss.unwrap().value, Level::Percent(share) if share.to_f64() == 0.03)
    );
    assert!(matches!(&strategy.long.as_ref().unwrap().stop_loss.as_ref().unwrap().value, Level::Distance(_)));
    assert_eq!(strategy.long.unwrap().exit[1].order.tag.as_deref(), Some("low"));
    assert_eq!(d.account.unwrap().terms.fees.taker.to_f64(), 0.001);
    assert_eq!(d.fills.at, FillAt::Close);
    assert_eq!(d.sinks.len(), 4);
}

#[test]
fn all_errors_are_told_at_once_each_with_its_place() {
    let text = "\
name: bad name
source: { symbols: [btcusdt, ETHUSDT, ETHUSDT], interval: 7m, venue: x }
params: { fast: twelve }
columns:
  Fast: ema(close, 3)
  slow: { evry: 1h, is: x }
strategy:
  long: { entry: [], exits: \"a\" }
  size: { equity: 10, cash: 5% }
  stop_loss: \"2 * atr14\"
  take_profit: 0.04
account: { balance: -1, fees: { maker: 0.1%, taker: 200% } }
fills: { at: nextopen, entry_bar_stops: yes }
sinks: [trade, trades, trades]
";
    insta::assert_snapshot!(errors(text), @r#"
    p.yaml:1:7: name 'bad name': use 1 to 100 letters, digits, '-', '_' and '.'
    p.yaml:2:21: symbol 'btcusdt': write it as the exchange does, such as BTCUSDT
    p.yaml:2:39: symbol ETHUSDT is listed twice
    p.yaml:2:59: unknown interval '7m', expected one of 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w, 1M
    p.yaml:2:63: unknown key 'venue' in source, expected one of exchange, interval, symbols
    p.yaml:3:17: fast: expected a number, found 'twelve'
    p.yaml:5:3: column 'Fast': use lower-case letters, digits and '_', not '__' first
    p.yaml:6:9: a column lacks the key 'every': The higher timeframe; its value is seen only after its bar has closed.
    p.yaml:6:11: unknown key 'evry' in a column, did you mean 'every'?
    p.yaml:8:18: entry: the list of rules is empty
    p.yaml:8:22: unknown key 'exits' in long or short, did you mean 'exit'?
    p.yaml:9:9: size: expected exactly one of equity, cash, quote, base, risk, target, volatility, found several
    p.yaml:10:15: stop_loss: is "2 * atr14" a distance or a price? write { distance: "2 * atr14" } or { price: "2 * atr14" }
    p.yaml:11:16: take_profit: expected a percentage, found the number 0.04: write 0.04% or 4%
    p.yaml:12:21: balance: expected more than 0, found -1
    p.yaml:12:53: taker: expected -1% (a rebate) or more and less than 50%, found '200%'
    p.yaml:13:14: at: unknown value 'nextopen', did you mean 'next_open'? Expected one of next_open, close
    p.yaml:13:41: entry_bar_stops: expected true, false or open, found 'yes'
    p.yaml:14:9: unknown sink 'trade', did you mean 'trades'?
    p.yaml:14:24: this sink is listed twice
    "#);
}

#[test]
fn yaml_itself_can_be_wrong() {
    for (text, expected) in [
        ("", "the file is empty"),
        ("name: a\nname: b\n", "2:1: the key 'name' stands twice"),
        ("name: [a\n", "not valid YAML"),
        ("- a\n", "1:1: the pipeline: expected a block with name, source"),
        ("name: a\n---\nname: b\n", "a second document"),
        ("a: &x [*x]\n", "alias"),
    ] {
        let errors = errors(text);
        assert!(errors.contains(expected), "{text:?}: {errors}");
    }
}

#[test]
fn parameters_are_overridden_or_refused() {
    let set = |name: &str, value: &str| {
        let params = vec![(name.to_owned(), value.to_owned())];
        read("p.yaml", FULL, &Overrides { params, symbols: vec![] })
    };
    assert_eq!(set("fast", "10").unwrap().params_of("BTCUSDT")["fast"], 10.0);
    assert!(set("fats", "10").unwrap_err().to_string().contains("did you mean 'fast'"));
    assert!(set("fast", "ten").unwrap_err().to_string().contains("expected a number"));
}

#[test]
fn keys_that_are_missing_are_named_with_their_meaning() {
    let text = errors("name: a\nstrategy: { long: { entry: \"close > 1\" } }\n");
    for expected in ["lacks the key 'source'", "this long entry has no size", "a strategy needs an account"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn the_canonical_form_knows_no_comments_or_key_order() {
    let one = read("a", FULL, &Overrides::default()).unwrap();
    let other = FULL.replace("# evaluated per symbol", "").replace("{ balance: 10000, fees", "{   balance: 1e4, fees");
    let two = read("b", &other, &Overrides::default()).unwrap();
    assert_eq!(crate::canonical(&one), crate::canonical(&two));
    let three = read("c", &FULL.replace("ema(close, 50)", "ema(close, 51)"), &Overrides::default()).unwrap();
    assert_ne!(crate::canonical(&one), crate::canonical(&three));
}

#[test]
fn the_json_schema_knows_every_key() {
    let ema = crate::Function {
        name: "ema".into(),
        usage: "ema(real, timeperiod = 30)".into(),
        call: "ema(real)".into(),
        doc: "an average".into(),
    };
    let schema = crate::json_schema(&[ema]);
    let expression = &schema["$defs"]["expression"];
    assert!(expression["description"].as_str().unwrap().contains("ema"));
    assert_eq!(expression["examples"][0], "ema(real, timeperiod = 30)");
    let rule = &schema["properties"]["strategy"]["properties"]["long"]["properties"]["entry"]["anyOf"][0];
    assert!(rule.to_string().contains("#/$defs/expression"), "{rule}");
    let strategy = &schema["properties"]["strategy"];
    assert_eq!(strategy["additionalProperties"], false);
    assert!(strategy["properties"]["long"]["properties"]["entry"]["anyOf"].is_array());
    assert_eq!(schema["properties"]["fills"]["properties"]["at"]["enum"][0], "next_open");
}

proptest::proptest! {
    #[test]
    fn any_text_gives_a_document_or_errors(text in ".{0,300}", at in 0usize..800, insert in ".{0,5}") {
        let _ = read("p", &text, &Overrides::default());
        let mut broken: Vec<char> = FULL.chars().collect();
        let at = at % broken.len();
        broken.splice(at..at + 1, insert.chars());
        if let Err(errors) = read("p", &broken.into_iter().collect::<String>(), &Overrides::default()) {
            proptest::prop_assert!(!errors.is_empty());
        }
    }
}
