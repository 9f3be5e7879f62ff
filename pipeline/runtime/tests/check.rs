//! The check can fail: chains that are broken on purpose are caught and named; whole ones pass.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use arrow::{
    array::{ArrayRef, AsArray, Float64Array, RecordBatch},
    datatypes::{DataType, Field, Float64Type, SchemaRef, TimestampMicrosecondType},
};
use candleflow_kernels::{
    indicator,
    money::{Money, Ratio},
    strategy::{Engine, EntryRule, ExitRule, Expr, Fees, PositionView, Scope, SideSpec, Size, Spec, SymbolSpec},
};
use candleflow_runtime::check::{Account, Checked, Cut, Effort, Law, Subject, check, check_account};
use candleflow_schema::{Interval, Micros, Symbol};
use candleflow_stream::{
    Chain, Emit, Higher, IndicatorOp, Intake, Member, Operator, OperatorError, Portfolio,
    columns::{append, extended},
    intake, laws,
};
use std::collections::BTreeMap;

/// What is wrong with an operator.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Shows the close of the next row of its batch.
    Peeks,
    /// Shows the mean of its whole batch.
    Averages,
    /// Forgets its state in a snapshot.
    Forgets,
    /// Says that its state is smaller than it is.
    Understates,
    /// Shows the open bar of the hour: its highest close so far.
    Repaints,
    /// Counts all rows, though it says that it needs three.
    Counts,
    /// Gives another number each time it is made.
    Differs,
}

struct Broken {
    fault: Fault,
    schema: SchemaRef,
    count: f64,
    hour: Micros,
}

static MADE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

impl Broken {
    fn new(schema: &SchemaRef, fault: Fault) -> Self {
        let schema = extended(schema, [Field::new("odd", DataType::Float64, true)]);
        let made = MADE.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Self { fault, schema, count: if fault == Fault::Differs { made as f64 } else { 0.0 }, hour: 0 }
    }
}

impl Operator for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn describe(&self) -> String {
        "odd".into()
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError> {
        let close = batch.column_by_name("close").unwrap().as_primitive::<Float64Type>().values().to_vec();
        let opens = batch
            .column_by_name("open_time")
            .unwrap()
            .as_primitive::<arrow::datatypes::TimestampMicrosecondType>()
            .values()
            .to_vec();
        let n = close.len();
        let value = |state: &mut Self, row: usize| match state.fault {
            Fault::Peeks => close[(row + 1).min(n - 1)],
            Fault::Averages => close.iter().sum::<f64>() / n as f64,
            Fault::Repaints => {
                let hour = opens[row].div_euclid(3_600_000_000);
                if hour != state.hour {
                    (state.hour, state.count) = (hour, 0.0);
                }
                state.count = state.count.max(close[row]);
                state.count
            }
            Fault::Differs => state.count,
            Fault::Forgets | Fault::Understates | Fault::Counts => {
                state.count += 1.0;
                state.count
            }
        };
        let values: Float64Array = (0..n).map(|row| Some(value(self, row))).collect();
        out.rows.push(append("broken", &self.schema, &batch, vec![std::sync::Arc::new(values) as ArrayRef])?);
        Ok(())
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        if self.fault != Fault::Forgets {
            out.extend_from_slice(&self.count.to_le_bytes());
            out.extend_from_slice(&self.hour.to_le_bytes());
        }
    }

    fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), OperatorError> {
        if self.fault != Fault::Forgets {
            let (own, rest) = bytes.split_at(16);
            self.count = f64::from_le_bytes(own[..8].try_into().unwrap());
            self.hour = i64::from_le_bytes(own[8..].try_into().unwrap());
            *bytes = rest;
        }
        Ok(())
    }

    fn state_bound(&self) -> usize {
        if self.fault == Fault::Understates { 8 } else { 16 }
    }
}

fn ema(schema: &SchemaRef, input: &str, name: &str, period: f64) -> Box<dyn Operator> {
    let ema = indicator::lookup("ema").unwrap();
    let column = schema.index_of(input).unwrap();
    Box::new(IndicatorOp::new(schema, ema, vec![period, 0.0], vec![column], &[name.to_owned()]).unwrap())
}

/// Intake, a good column, the broken one, and one that is built on it.
fn chain(fault: Option<Fault>) -> Chain {
    chain_of(fault, 5.0)
}

fn chain_of(fault: Option<Fault>, period: f64) -> Chain {
    let mut operators: Vec<Box<dyn Operator>> = vec![Box::new(Intake::default())];
    operators.push(ema(&intake::SCHEMA, "close", "good", period));
    let schema = operators[1].schema();
    let inner: Vec<Box<dyn Operator>> = vec![ema(&intake::SCHEMA, "close", "trend", 4.0)];
    let at = inner[0].schema().index_of("trend").unwrap();
    let all = (0..inner[0].schema().fields().len()).collect();
    let inner = Chain::new(inner, Some(all), Micros::MIN);
    operators.push(Box::new(Higher::new(&schema, "1h".parse::<Interval>().unwrap(), inner, &[at], &["trend".into()])));
    if let Some(fault) = fault {
        let schema = operators[2].schema();
        operators.push(Box::new(Broken::new(&schema, fault)));
        let schema = operators[3].schema();
        operators.push(ema(&schema, "odd", "built_on_it", 3.0));
    }
    let last = operators.last().unwrap().schema();
    let shown = (0..3).chain(intake::SCHEMA.fields().len()..last.fields().len()).collect();
    Chain::new(operators, Some(shown), Micros::MIN)
}

fn checked(fault: Option<Fault>) -> Checked {
    let make = |_: Cut| Ok(chain(fault));
    let mut higher = vec![("trend".to_owned(), "1h".parse::<Interval>().unwrap())];
    let mut stated = vec![("good".to_owned(), Some(60)), ("trend".to_owned(), Some(60 * 60))];
    if fault.is_some() {
        stated.push(("odd".to_owned(), Some(3)));
    }
    if fault == Some(Fault::Repaints) {
        higher.push(("odd".to_owned(), "1h".parse::<Interval>().unwrap()));
    }
    let bars = laws::market("BTCUSDT", 3, 4_000);
    let prefix = |rows: usize, _| Ok(bars.slice(0, rows));
    let subject = Subject {
        symbol: Symbol::from("BTCUSDT"),
        make: &make,
        bars: bars.clone(),
        prefix: &prefix,
        arrivals: Vec::new(),
        from: 0,
        names: BTreeMap::from([("odd".to_owned(), "rule 'odd'".to_owned())]),
        higher,
        stated,
    };
    check(&subject, &Effort::default()).unwrap()
}

/// Which laws are said to be broken, by whom.
fn broken(checked: &Checked) -> Vec<(Law, String)> {
    checked.findings.iter().map(|f| (f.law, f.what.clone())).collect()
}

#[test]
fn a_good_chain_passes_and_its_warm_up_is_measured() {
    let checked = checked(None);
    assert_eq!(broken(&checked), [], "{:?}", checked.findings);
    assert_eq!(checked.done.len(), 6);
    let of = |name: &str| checked.warmups.iter().find(|w| w.column == name).unwrap();
    // An EMA of 5 forgets a third each bar: 1e-8 of a start that is a tenth off is gone after 35 to 46 bars.
    let good = of("good").measured.unwrap();
    assert!((30..=60).contains(&good), "{good}");
    assert!(of("good").off.unwrap() <= 1e-8);
}

#[test]
fn a_peek_at_the_next_row_is_caught_and_the_column_is_named_before_what_is_built_on_it() {
    let checked = checked(Some(Fault::Peeks));
    let found = broken(&checked);
    assert_eq!(found[0], (Law::LookAhead, "rule 'odd'".to_owned()), "{found:?}");
    assert!(found.contains(&(Law::LookAhead, "column 'built_on_it'".to_owned())), "{found:?}");
    assert!(!found.iter().any(|(_, what)| what.contains("good")), "{found:?}");
    let text = checked.findings[0].to_string();
    assert!(text.contains("it looks ahead") && text.contains("first at 1970"), "{text}");
}

#[test]
fn a_value_of_the_whole_batch_is_look_ahead_and_depends_on_batches() {
    let found = broken(&checked(Some(Fault::Averages)));
    assert!(found.contains(&(Law::LookAhead, "rule 'odd'".to_owned())), "{found:?}");
    assert!(found.contains(&(Law::Batches, "rule 'odd'".to_owned())), "{found:?}");
}

#[test]
fn state_that_is_forgotten_or_larger_than_stated_is_caught() {
    let found = broken(&checked(Some(Fault::Forgets)));
    assert!(found.contains(&(Law::Snapshots, "rule 'odd'".to_owned())), "{found:?}");
    let understated = checked(Some(Fault::Understates));
    assert_eq!(broken(&understated), [(Law::Snapshots, "the state".to_owned())]);
    assert!(understated.findings[0].text.contains("law 5"), "{:?}", understated.findings);
}

#[test]
fn a_column_that_shows_the_open_bar_repaints() {
    let found = broken(&checked(Some(Fault::Repaints)));
    assert!(found.contains(&(Law::Repainting, "rule 'odd'".to_owned())), "{found:?}");
    assert!(!found.iter().any(|(law, what)| *law == Law::Repainting && what.contains("trend")), "{found:?}");
}

#[test]
fn a_warm_up_that_is_stated_too_short_is_caught() {
    let checked = checked(Some(Fault::Counts));
    let found = broken(&checked);
    assert!(found.contains(&(Law::Warmup, "rule 'odd'".to_owned())), "{found:?}");
    let odd = checked.warmups.iter().find(|w| w.column == "rule 'odd'").unwrap();
    assert_eq!(odd.measured, None, "a count of all rows never settles");
}

#[test]
fn a_chain_that_is_another_one_each_time_is_caught() {
    let found = broken(&checked(Some(Fault::Differs)));
    assert!(found.iter().any(|(law, what)| *law == Law::Threads && what == "rule 'odd'"), "{found:?}");
}

#[test]
fn what_arrives_beside_the_bars_may_not_be_known_before_it_is_due() {
    let bars = laws::market("BTCUSDT", 3, 4_000);
    let due = bars.column_by_name("time").unwrap().as_primitive::<TimestampMicrosecondType>().value(19);
    let prefix = |rows: usize, _| Ok(bars.slice(0, rows));
    // The whole run knows it from its first bar on; a run that ends before it is due does not.
    let make = |cut: Cut| Ok(chain_of(None, if cut.until.is_some_and(|until| until < due) { 4.0 } else { 5.0 }));
    let found = |arrivals: Vec<Micros>, prefix: &(dyn Fn(usize, Micros) -> Result<RecordBatch, String> + Sync)| {
        let subject = Subject {
            symbol: Symbol::from("BTCUSDT"),
            make: &make,
            bars: bars.clone(),
            prefix,
            arrivals,
            from: 0,
            names: BTreeMap::new(),
            higher: Vec::new(),
            stated: Vec::new(),
        };
        broken(&check(&subject, &Effort::default()).unwrap())
    };
    assert_eq!(found(vec![due], &prefix)[0], (Law::LookAhead, "column 'good'".to_owned()));

    // The bars of a source that ends at the cut are others than those of one that goes on: what is joined to them looks ahead.
    let others = laws::market("BTCUSDT", 4, 4_000);
    let joined = |rows: usize, _| Ok(others.slice(0, rows));
    assert!(found(Vec::new(), &joined).iter().any(|(law, _)| *law == Law::LookAhead));
}

/// An account over two symbols that is long where the last column is above the close.
fn account(fault: Option<Fault>) -> Checked {
    let rule = |program: u32, columns: &[f64], _: &PositionView| {
        f64::from(u8::from((columns[1] > columns[0]) == (program == 0)))
    };
    let make = |cut: Cut| {
        let mut spec = Spec::new(Money::parse("10000").unwrap(), Fees::default());
        spec.account.scope = Scope::Portfolio;
        spec.long = Some(SideSpec {
            entry: vec![EntryRule::market(Expr::Program(0))],
            exit: vec![ExitRule::market(Expr::Program(1))],
            size: Some(Size::Equity(Ratio::parse("0.4").unwrap())),
            ..SideSpec::default()
        });
        let chains: Vec<Chain> = (0..2).map(|_| chain(fault).meeting()).collect();
        let member = |(key, chain): (usize, &Chain)| Member {
            symbol: format!("S{key}"),
            schema: chain.schema().unwrap(),
            slots: vec!["close".into(), if fault.is_some() { "odd".into() } else { "good".into() }],
            rules: Box::new(rule),
            funding: Default::default(),
        };
        let engine = Engine::new(spec, vec![SymbolSpec::default(); 2]).map_err(|e| e.to_string())?;
        let members = chains.iter().enumerate().map(member).collect();
        let portfolio = Portfolio::new(engine, members, vec![], cut.from).map_err(|e| e.to_string())?;
        Ok((chains, portfolio))
    };
    let bars = vec![laws::market("S0", 3, 2_000), laws::market("S1", 4, 2_000)];
    let prefix = |key: usize, rows: usize, _| Ok(bars[key].slice(0, rows));
    let account = Account { make: &make, bars: bars.clone(), prefix: &prefix, arrivals: Vec::new(), from: 0 };
    check_account(&account, &Effort::default()).unwrap()
}

#[test]
fn an_account_over_all_symbols_passes_and_is_caught_where_a_symbol_peeks() {
    let good = account(None);
    assert_eq!(broken(&good), [], "{:?}", good.findings);
    assert!(good.done.iter().any(|d| d.law == Law::LookAhead && !d.text.contains(" 0 trades")), "{:?}", good.done);
    let found = broken(&account(Some(Fault::Peeks)));
    assert!(found.iter().any(|(law, what)| *law == Law::LookAhead && what.contains("of the account")), "{found:?}");
    assert!(found.iter().any(|(law, _)| *law == Law::Batches), "{found:?}");
}
