//! Random bars in random calls, with compaction and new processes in between, against a model of a few lines.

use crate::data::{bar, count, open, stored};
use candleflow_lake::{At, CompactRule, Counts, Error};
use candleflow_schema::{Bar, Origin};
use proptest::{collection::vec, option, prelude::*};
use std::collections::BTreeMap;

const SYMBOLS: [&str; 3] = ["A", "B", "C"];

/// Symbol, minute, close and number of trades.
type Said = (usize, i64, i64, Option<i64>);

#[derive(Debug, Clone)]
enum Step {
    Bars(Vec<Said>),
    Compact,
    NewProcess,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let said = (0usize..3, 0i64..30, 11i64..14, option::of(1i64..3));
    let step = prop_oneof![
        6 => vec(said, 1..40).prop_map(Step::Bars),
        1 => Just(Step::Compact),
        1 => Just(Step::NewProcess),
    ];
    vec(step, 1..8)
}

/// Close and number of trades by symbol and minute.
type Rows = BTreeMap<(usize, i64), (i64, Option<i64>)>;

/// What the table should hold, and how many values lost.
#[derive(Default)]
struct Model {
    rows: Rows,
    losers: usize,
}

/// Puts a value where another may be; true if that one lost.
fn put(rows: &mut Rows, said: Said, counts: &mut Counts) -> bool {
    let (symbol, minute, close, trades) = said;
    let Some((known, known_trades)) = rows.get_mut(&(symbol, minute)) else {
        rows.insert((symbol, minute), (close, trades));
        counts.added += 1;
        return false;
    };
    let differs = *known != close || (trades.is_some() && known_trades.is_some() && trades != *known_trades);
    match differs {
        true => {
            (*known, *known_trades) = (close, trades.or(*known_trades));
            counts.restated += 1;
        }
        false if known_trades.is_none() && trades.is_some() => {
            *known_trades = trades;
            counts.filled += 1;
        }
        false => counts.same += 1,
    }
    differs
}

impl Model {
    /// What one call says is settled first, later values winning; then the winners meet the table.
    fn take(&mut self, said: &[Said]) -> Counts {
        let (mut call, mut counts) = (Rows::new(), Counts::default());
        self.losers += said.iter().filter(|said| put(&mut call, **said, &mut counts)).count();
        counts.added = 0;
        for ((symbol, minute), (close, trades)) in call {
            self.losers += usize::from(put(&mut self.rows, (symbol, minute, close, trades), &mut counts));
        }
        counts
    }

    fn bars(&self) -> Vec<Bar> {
        self.rows.iter().map(|((s, m), (close, trades))| said((*s, *m, *close, *trades))).collect()
    }
}

fn said((symbol, minute, close, trades): Said) -> Bar {
    Bar { trades, origin: Origin::File, ..bar(SYMBOLS[symbol], minute, close) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_table_is_what_the_rules_say(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut lake = open(dir.path());
            let mut model = Model::default();
            for step in steps {
                match step {
                    Step::Bars(bars) => {
                        let counts = lake.upsert_bars(&bars.iter().map(|s| said(*s)).collect::<Vec<_>>()).await.unwrap();
                        let expected = model.take(&bars);
                        assert_eq!((counts.added, counts.restated), (expected.added, expected.restated));
                        assert_eq!((counts.same, counts.filled), (expected.same, expected.filled));
                    }
                    Step::Compact => match lake.compact("klines", &CompactRule { small: u64::MAX, least: 2, most: 9 }).await {
                        Ok(_) | Err(Error::NoTable(_)) => {}
                        Err(error) => panic!("{error}"),
                    },
                    Step::NewProcess => lake = open(dir.path()),
                }
                if model.rows.is_empty() {
                    continue;
                }
                assert_eq!(stored(&lake, &SYMBOLS).await, model.bars());
                let losers = lake.read_rows("restated", &At::Latest).await;
                assert_eq!(losers.map_or(0, |rows| count(&rows)), model.losers);
            }
        });
    }
}
