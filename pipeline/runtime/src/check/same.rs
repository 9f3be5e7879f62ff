//! Laws 1, 2, 4 and 5: batches, snapshots, repetition, another thread.

use super::{Checked, Done, Effort, Law, Subject, measure::BATCH};
use candleflow_schema::Micros;
use candleflow_stream::laws::{Observed, SIZES, Seeded, Unlawful};
use std::thread;

/// Batches of fewer rows than this are tried on fewer bars: they are slow.
const SMALL: usize = 100;
/// Places of snapshots.
const SNAPSHOTS: usize = 8;

pub(super) fn check(
    subject: &Subject<'_>,
    effort: &Effort,
    whole: &Observed,
    checked: &mut Checked,
) -> Result<(), String> {
    let rows = subject.bars.num_rows();
    let start = rows.saturating_sub(effort.small);
    let few = subject.bars.slice(start, rows - start);
    // The account begins soon enough to act on the few.
    let times = subject.times()?;
    let from =
        if start == 0 { subject.from } else { times.get(start + few.num_rows() / 4).copied().unwrap_or(Micros::MIN) };
    let expected = subject.observe(from, None, &few, &[BATCH], &[])?;
    let mut law_1 = None;
    for size in SIZES.into_iter().filter(|s| *s < usize::MAX) {
        let (bars, from, expected) =
            if size < SMALL { (&few, from, &expected) } else { (&subject.bars, subject.from, whole) };
        let got = subject.observe(from, None, bars, &[size], &[])?;
        law_1 = law_1.or_else(|| expected.difference(&got).map(|d| (d, size)));
    }
    if let Some((difference, size)) = law_1 {
        checked.findings.push(subject.finding(Law::Batches, &difference, format!("differs in batches of {size}")));
    }
    let text = format!("batches of 1, 2, 3 and 7 over {} bars, of 100 and {BATCH} over all {rows}", few.num_rows());
    checked.done.push(Done::compared(Law::Batches, text));

    let mut seeded = Seeded::new(effort.seed);
    let cuts: Vec<usize> = (0..SNAPSHOTS).map(|_| 1 + seeded.below(rows.max(1) as u64) as usize).collect();
    match subject.observe(subject.from, None, &subject.bars, &[997], &cuts) {
        Ok(got) => {
            let difference = whole.difference(&got);
            checked.findings.extend(
                difference.map(|d| subject.finding(Law::Snapshots, &d, "differs after a snapshot was restored")),
            );
        }
        Err(error) => checked.findings.push(subject.unlawful(&error)),
    }
    checked.done.push(Done::compared(Law::Snapshots, format!("saved and restored at {SNAPSHOTS} places")));

    let again = || subject.observe(subject.from, None, &subject.bars, &[BATCH], &[]);
    let (one, two) = thread::scope(|scope| {
        let other = scope.spawn(again);
        (again(), other.join().unwrap_or_else(|_| Err(Unlawful::Failed("a thread panicked".into()))))
    });
    for (got, text) in [(one?, "differs when it is computed again"), (two?, "differs on another thread")] {
        let difference = whole.difference(&got);
        checked.findings.extend(difference.map(|d| subject.finding(Law::Threads, &d, text)));
    }
    checked.done.push(Done::compared(Law::Threads, "again, and on another thread at the same time"));
    Ok(())
}
