//! The same work on many items, on a few threads.

/// Fewer are done sooner than a thread begins.
const WORTH_A_THREAD: usize = 64;
const THREADS: usize = 4;

/// What `one` makes of each item, in the items' order; of many items on several threads.
pub(crate) fn map_all<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() < 2 * WORTH_A_THREAD {
        return items.iter().map(one).collect();
    }
    let (part, one) = (items.len().div_ceil(THREADS).max(WORTH_A_THREAD), &one);
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            items.chunks(part).map(|chunk| scope.spawn(move || chunk.iter().map(one).collect::<Vec<_>>())).collect();
        let joined = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
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
