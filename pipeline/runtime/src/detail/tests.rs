//! Two inputs, each as slow as it likes.

use super::*;
use arrow::{array::ListArray, compute::concat_batches};
use candleflow_stream::{detail::DETAIL, laws};
use std::collections::VecDeque;

/// Inputs in memory; after the last it is silent, or ends.
struct Memory(VecDeque<Input>, bool);

#[async_trait]
impl Source for Memory {
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError> {
        match self.0.pop_front() {
            None if self.1 => futures::future::pending().await,
            input => Ok(input),
        }
    }

    fn position(&self) -> Vec<u8> {
        Vec::new()
    }
}

fn memory(inputs: impl IntoIterator<Item = Input>, silent: bool) -> Box<dyn Source> {
    Box::new(Memory(inputs.into_iter().collect(), silent))
}

fn finer_of(rows: &RecordBatch) -> Vec<i32> {
    let lists = rows.column_by_name(DETAIL).unwrap().as_any().downcast_ref::<ListArray>().unwrap();
    (0..rows.num_rows()).map(|row| lists.value_length(row)).collect()
}

#[test]
fn a_symbol_without_finer_bars_holds_up_its_own_task_alone() {
    let symbols: Vec<Symbol> = vec!["A".into(), "B".into(), "C".into()];
    let rows = |symbol: &str, seed| laws::market(symbol, seed, 40);
    let all: Vec<RecordBatch> = vec![rows("A", 1), rows("B", 2), rows("C", 3)];
    let bars = all.iter().cloned().map(Input::Rows).collect::<Vec<_>>();
    // Each bar is its own finer bar; of A nothing comes, of C they end.
    let finer: Vec<(Vec<Symbol>, Box<dyn Source>)> = vec![
        (vec![symbols[0].clone()], memory([], true)),
        (vec![symbols[1].clone()], memory([Input::Rows(all[1].clone())], true)),
        (vec![symbols[2].clone()], memory([Input::Rows(all[2].slice(0, 9))], false)),
    ];
    let mut source = Detailed::new(&symbols, &[0, 1, 2], Micros::MIN, memory(bars, false), finer);
    let mut came: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
    while let Some(input) = source.next().now_or_never() {
        let Some(Input::Rows(rows)) = input.unwrap() else { panic!("only rows were given") };
        let symbol = rows.column(0).as_string::<i32>().value(0).to_owned();
        came.entry(symbol).or_default().push(rows);
    }
    let came: BTreeMap<String, Vec<i32>> = came
        .into_iter()
        .map(|(symbol, parts)| (symbol, finer_of(&concat_batches(&parts[0].schema(), &parts).unwrap())))
        .collect();
    let ended = [vec![1; 9], vec![0; 31]].concat();
    assert_eq!(came, BTreeMap::from([("B".to_owned(), vec![1; 40]), ("C".to_owned(), ended)]));
}

#[test]
fn bars_are_not_read_on_while_too_many_wait() {
    let symbols: Vec<Symbol> = vec!["A".into()];
    let bars = laws::market("A", 5, 3 * MOST_BARS);
    let parts = (0..3).map(|i| Input::Rows(bars.slice(i * MOST_BARS, MOST_BARS)));
    let finer: Vec<(Vec<Symbol>, Box<dyn Source>)> = vec![(symbols.clone(), memory([], true))];
    let mut source = Detailed::new(&symbols, &[0], Micros::MIN, memory(parts, false), finer);
    assert!(source.next().now_or_never().is_none());
    assert_eq!(source.join.bars(), MOST_BARS);
}

#[test]
fn bars_of_one_account_are_not_read_far_ahead_of_a_symbol_whose_finer_bars_do_not_come() {
    let symbols: Vec<Symbol> = vec!["A".into(), "B".into()];
    let (a, b) = (laws::market("A", 5, 2 * MOST_BARS), laws::market("B", 6, 2 * MOST_BARS));
    let joined = || {
        let parts = (0..2 * MOST_BARS / 128).flat_map(|i| [a.slice(i * 128, 128), b.slice(i * 128, 128)]);
        let ahead = (0..2 * MOST_BARS / 1_024).map(|i| Input::Rows(a.slice(i * 1_024, 1_024)));
        let finer: Vec<(Vec<Symbol>, Box<dyn Source>)> =
            vec![(vec![symbols[0].clone()], memory(ahead, false)), (vec![symbols[1].clone()], memory([], true))];
        Detailed::new(&symbols, &[0, 1], Micros::MIN, memory(parts.map(Input::Rows), false), finer)
    };
    let left = |mut source: Detailed| {
        let mut rows = 0;
        while let Some(input) = source.next().now_or_never() {
            let Some(Input::Rows(batch)) = input.unwrap() else { panic!("only rows were given") };
            rows += batch.num_rows();
        }
        rows
    };
    assert_eq!(left(joined()), MOST_BARS, "as many of B wait");
    assert_eq!(left(joined().together()), MOST_BARS / 2);
}
