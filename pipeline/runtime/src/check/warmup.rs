//! Warm-up: how much a column still depends on where the data begin.
//!
//! At some places the values that all bars give are compared with those that a run gives which began a number of bars
//! earlier. The number rises by a quarter each time, so what is found is at most a quarter more than what is needed. A
//! column is settled when it stays within 1e-8 of the value that all bars give, as a part of its size.

use super::{
    Checked, Done, Effort, Finding, Law, Subject,
    measure::{SETTLED, distance},
};
use arrow::array::RecordBatch;

/// Rows that are compared at each place.
const COMPARED: usize = 50;
/// Places, from the middle of the bars to their end.
const PLACES: usize = 3;

/// How much a column depends on where the data begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Warmup {
    /// The column, or what a hidden one computes.
    pub column: String,
    /// The bars that it is said to need; `None`: all there are.
    pub stated: Option<usize>,
    /// The bars after which it was settled at every place; `None`: not with as many as there are.
    pub measured: Option<usize>,
    /// How far it was off with as many bars as stated, as a part of its size; `None`: there are not so many.
    pub off: Option<f64>,
    /// The most bars that could be tried at every place.
    pub tried: usize,
}

pub(super) fn check(subject: &Subject<'_>, _: &Effort, checked: &mut Checked) -> Result<(), String> {
    let rows = subject.bars.num_rows();
    if subject.stated.is_empty() {
        return Ok(());
    }
    if rows < 2 * COMPARED {
        let text = format!("{rows} bars are too few: it takes {} or more", 2 * COMPARED);
        checked.done.push(Done { law: Law::Warmup, text, tried: false });
        return Ok(());
    }
    let whole = subject.columns(&subject.bars)?;
    let ends: Vec<usize> = (0..PLACES).map(|i| rows - (PLACES - 1 - i) * rows / (2 * PLACES)).collect();
    let tried = ends[0] - COMPARED - 1;
    let ladder = ladder(tried);
    // Per column and length, the largest distance at any place.
    let mut off = vec![vec![0.0f64; ladder.len()]; subject.stated.len()];
    let stated: Vec<usize> = subject.stated.iter().filter_map(|(_, s)| *s).filter(|s| *s <= tried).collect();
    let mut at_stated = vec![0.0f64; subject.stated.len()];
    for end in &ends {
        for (step, bars) in ladder.iter().enumerate() {
            let seen = begun(subject, *end, *bars)?;
            for (place, (column, _)) in subject.stated.iter().enumerate() {
                off[place][step] = off[place][step].max(apart(&seen, &whole, column, *end)?);
            }
        }
        let mut lengths = stated.clone();
        lengths.sort_unstable();
        lengths.dedup();
        for bars in lengths {
            let seen = begun(subject, *end, bars)?;
            for (place, (column, stated)) in subject.stated.iter().enumerate() {
                if *stated == Some(bars) {
                    at_stated[place] = at_stated[place].max(apart(&seen, &whole, column, *end)?);
                }
            }
        }
    }
    for (place, (column, stated)) in subject.stated.iter().enumerate() {
        // Settled from here on, not only here by chance.
        let last_bad = off[place].iter().rposition(|d| *d > SETTLED);
        let measured = ladder.get(last_bad.map_or(0, |i| i + 1)).copied();
        let known = stated.is_some_and(|s| s <= tried);
        let warmup = Warmup {
            column: subject.label(column),
            stated: *stated,
            measured,
            off: known.then_some(at_stated[place]),
            tried,
        };
        if let (Some(stated), Some(off)) = (warmup.stated, warmup.off)
            && off > SETTLED
        {
            checked.findings.push(Finding {
                law: Law::Warmup,
                symbol: subject.symbol.to_string(),
                what: subject.called(column),
                at: None,
                text: format!("is said to need {stated} bars, after which it is still off by {off:.1e} of its size"),
            });
        }
        checked.warmups.push(warmup);
    }
    let text = format!("{} columns at {PLACES} places, begun up to {tried} bars earlier", subject.stated.len());
    checked.done.push(Done::compared(Law::Warmup, text));
    Ok(())
}

/// 0, 1, 2, ... and then a quarter more each time, up to `most`.
fn ladder(most: usize) -> Vec<usize> {
    let mut ladder = vec![0];
    while let Some(next) = ladder.last().map(|l| (l + 1).max(l + l / 4)).filter(|next| *next <= most) {
        ladder.push(next);
    }
    ladder
}

/// The rows before `end`, of a run that began so many bars before the first of them.
fn begun(subject: &Subject<'_>, end: usize, bars: usize) -> Result<RecordBatch, String> {
    let seen = subject.columns(&subject.bars.slice(end - COMPARED - bars, COMPARED + bars))?;
    Ok(seen.slice(bars, COMPARED))
}

fn apart(seen: &RecordBatch, whole: &RecordBatch, column: &str, end: usize) -> Result<f64, String> {
    let lacks = || format!("the chain shows no column '{column}'");
    let (got, all) = (seen.column_by_name(column).ok_or_else(lacks)?, whole.column_by_name(column).ok_or_else(lacks)?);
    Ok(distance(got, &all.slice(end - COMPARED, COMPARED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_rises_by_at_most_a_quarter() {
        let ladder = ladder(1_000);
        assert_eq!(ladder[..6], [0, 1, 2, 3, 4, 5]);
        assert!(ladder.windows(2).all(|w| w[1] > w[0] && w[1] as f64 <= (w[0] as f64 * 1.25).max(w[0] as f64 + 1.0)));
        assert!(*ladder.last().unwrap() <= 1_000 && *ladder.last().unwrap() > 800);
    }
}
