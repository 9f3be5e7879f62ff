//! The same work on many things, some at the same time; results in their order, whoever was faster.

use std::sync::Mutex;

/// Pieces a thread takes at a time: enough pieces that no thread waits long for the last.
const PIECES: usize = 4;

/// Calls `work` on every item with at most `threads` threads. The first item's error wins, whenever it came.
pub(super) fn each<T: Send, R: Send, E: Send>(
    items: &mut [T],
    threads: usize,
    work: impl Fn(&mut T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let threads = threads.min(items.len());
    if threads < 2 {
        return items.iter_mut().map(work).collect();
    }
    let piece = items.len().div_ceil(threads * PIECES);
    let mut results: Vec<Option<Result<R, E>>> = items.iter().map(|_| None).collect();
    let pieces = Mutex::new(items.chunks_mut(piece).zip(results.chunks_mut(piece)));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    // A thread that panicked has taken its piece with it; the others go on, and the scope panics.
                    let next = pieces.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next();
                    let Some((items, results)) = next else { break };
                    items.iter_mut().zip(results).for_each(|(item, result)| *result = Some(work(item)));
                }
            });
        }
    });
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_the_first_error_wins_for_any_number_of_threads() {
        for count in [0, 1, 2, 7, 100] {
            for threads in [0, 1, 2, 3, 64] {
                let mut items: Vec<usize> = (0..count).collect();
                let doubled = each(&mut items, threads, |item| Ok::<_, ()>(*item * 2)).unwrap();
                assert_eq!(doubled, (0..count).map(|item| item * 2).collect::<Vec<_>>());
                let failed = each(&mut items, threads, |item| if *item % 5 == 3 { Err(*item) } else { Ok(()) });
                assert_eq!(failed.err(), (count > 3).then_some(3));
            }
        }
    }
}
