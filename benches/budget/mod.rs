//! A stage's share of the turn's budget: 3.6 s from the end of speech to the first audio.

use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_millis(3_600);

/// Runs `stage` some times and prints its median beside the budget. Criterion's own report follows.
pub(crate) fn print_share(name: &str, mut stage: impl FnMut()) {
    const RUNS: usize = 21;
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            stage();
            started.elapsed()
        })
        .collect();
    times.sort();
    let median = times[RUNS / 2];
    #[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
    {
        println!("{name}: median {median:?}, {:.2} % of 3.6 s", 100.0 * median.as_secs_f64() / TURN.as_secs_f64());
    }
}
