//! The processor's cores, taken in turns by the engines that compute on several threads.
//!
//! ggml's threads spin while they wait for each other. With more of them than cores, each wait lasts as long as the
//! scheduler keeps the awaited one off the processor, and there are hundreds of waits in a step: two engines at once took
//! a hundred times as long as one after the other. So each step of an engine takes the cores that it computes on; who
//! came first goes first.

use std::sync::LazyLock;

use tokio::sync::Semaphore;

struct Cores {
    free: Semaphore,
    count: u32,
}

static CORES: LazyLock<Cores> = LazyLock::new(|| {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Cores { free: Semaphore::new(count), count: u32::try_from(count).unwrap_or(u32::MAX) }
});

/// Runs one step of an engine on `threads` cores, or on all where that is more; waits until so many are free. Called on
/// the engine's own thread, and not from within a step.
pub(crate) fn compute<T>(threads: usize, step: impl FnOnce() -> T) -> T {
    let cores = &*CORES;
    let wanted = u32::try_from(threads).unwrap_or(u32::MAX).clamp(1, cores.count);
    // The semaphore is never closed; without a permit the step would only be slower.
    let _taken = futures::executor::block_on(cores.free.acquire_many(wanted)).ok();
    step()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn never_more_than_there_are() {
        let most = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (busy, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for threads in [1, 2, most, most + 5, 1, 2] {
                let (busy, seen) = (&busy, &seen);
                scope.spawn(move || {
                    for _ in 0..100 {
                        let taken = threads.min(most);
                        compute(threads, || {
                            seen.fetch_max(busy.fetch_add(taken, Ordering::SeqCst) + taken, Ordering::SeqCst);
                            std::thread::yield_now();
                            busy.fetch_sub(taken, Ordering::SeqCst);
                        });
                    }
                });
            }
        });
        assert!(seen.into_inner() <= most);
    }
}
