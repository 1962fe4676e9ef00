//! The same work on many items, on a few threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Fewer are done sooner than a thread begins.
const WORTH_A_THREAD: usize = 64;
const THREADS: usize = 8;
/// Each thread takes the next of so many parts for each: some items are far more work than others.
const PARTS: usize = 8;

/// What `one` makes of each item, in the items' order; of many items on several threads.
pub(crate) fn map_all<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let useful = THREADS.min(items.len() / WORTH_A_THREAD);
    // More than there are cores take each other's time, and each keeps memory of its own. How many there are is asked for many items
    // only: the answer takes a dozen files of /proc and /sys.
    let threads = if useful < 2 { 1 } else { std::thread::available_parallelism().map_or(1, usize::from).min(useful) };
    if threads < 2 {
        return items.iter().map(one).collect();
    }
    let parts: Vec<&[T]> = items.chunks(items.len().div_ceil(threads * PARTS)).collect();
    let next = AtomicUsize::new(0);
    let run = || {
        let taken = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let made = taken.map_while(|at| Some((at, parts.get(at)?.iter().map(&one).collect::<Vec<R>>())));
        made.collect::<Vec<_>>()
    };
    let mut made: Vec<(usize, Vec<R>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().flat_map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::map_all;

    /// Would miss: a part that is left out, or put before another.
    #[test]
    fn every_item_is_mapped_in_its_place() {
        for count in [0, 1, 127, 128, 129, 1000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map_all(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
