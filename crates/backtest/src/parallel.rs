//! Work on many items at once, with results in the order of the items.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `work` makes of each number of a range, in their order, whatever the number
/// of threads.
pub(crate) fn map<T: Send>(range: Range<usize>, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if threads == 1 || range.len() < 2 {
        return range.map(work).collect();
    }
    let next = AtomicUsize::new(range.start);
    let mut done: Vec<(usize, T)> = Vec::with_capacity(range.len());
    thread::scope(|scope| {
        let run = || {
            let mut mine = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= range.end {
                    return mine;
                }
                mine.push((number, work(number)));
            }
        };
        let workers: Vec<_> = (0..threads.min(range.len()))
            .map(|_| scope.spawn(run))
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(mine) => done.extend(mine),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_the_order_of_items() {
        let squares = super::map(3..1000, |n| n * n);
        assert_eq!(squares, (3..1000).map(|n| n * n).collect::<Vec<_>>());
    }
}
