//! The processor's cores, taken in turns by the engines that compute on several threads.
//!
//! ggml's threads spin while they wait for each other. With more of them than cores, each wait lasts as long as the
//! scheduler keeps the awaited one off the processor, and there are hundreds of waits in a step: two engines at once took
//! a hundred times as long as one after the other. So each step of an engine takes the cores that it computes on; who
//! came first goes first.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// How long the sight of others on the cores holds: a browser that draws is not on them at every moment.
const CROWDED_FOR: Duration = Duration::from_secs(1);

/// Another process may just have handed something over; this much later it is off the core.
const HAND_OVER: Duration = Duration::from_micros(300);

struct Cores {
    free: Semaphore,
    count: usize,
    /// When others were last seen on the cores, and how many.
    crowd: Mutex<Option<(Instant, usize)>>,
}

static CORES: LazyLock<Cores> = LazyLock::new(|| {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Cores { free: Semaphore::new(count), count, crowd: Mutex::new(None) }
});

/// Runs one step of an engine on up to `threads` cores; waits until so many are free. The step is told how many threads
/// to compute on: fewer where other processes keep cores busy, for the same reason. Called on the engine's own thread,
/// and not from within a step.
pub(crate) fn compute<T>(threads: usize, step: impl FnOnce(usize) -> T) -> T {
    let cores = &*CORES;
    let wanted = threads.clamp(1, cores.count);
    // The semaphore is never closed; without a permit the step would only be slower.
    let _taken = futures::executor::block_on(cores.free.acquire_many(u32::try_from(wanted).unwrap_or(u32::MAX))).ok();
    step(if wanted > 1 { wanted.min(cores.count.saturating_sub(cores.others())).max(1) } else { 1 })
}

impl Cores {
    /// How many threads of other processes were on the cores within the last second, at most.
    fn others(&self) -> usize {
        let mut seen = running().saturating_sub(1);
        // Those of this process that aren't engines, a listener or a writer, are on the cores for a moment only.
        for wait in [Duration::ZERO, HAND_OVER] {
            if seen > 0 {
                std::thread::sleep(wait);
                seen = seen.min(running().saturating_sub(running_here()));
            }
        }
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        match *crowd {
            Some((at, most)) if at.elapsed() < CROWDED_FOR && most > seen => most,
            _ if seen > 0 => {
                *crowd = Some((Instant::now(), seen));
                seen
            }
            _ => 0,
        }
    }
}

/// The threads of the whole machine that run or could, this one among them; 1 where the system doesn't say.
fn running() -> usize {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    // "0.20 0.18 0.12 2/300 4321": the fourth field, see proc_loadavg(5).
    let field = load.split_whitespace().nth(3).and_then(|field| field.split_once('/'));
    field.and_then(|(running, _)| running.parse().ok()).unwrap_or(1)
}

/// Those of this process.
fn running_here() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let states = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
    // "4321 (name) R …", see proc_pid_stat(5).
    states.filter(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))).count().max(1)
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
                        compute(threads, |granted| {
                            assert!((1..=taken).contains(&granted));
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
