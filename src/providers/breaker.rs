//! Stops asking a service that keeps failing, and tries it again after a while. Ours rather than a library's: those
//! that were looked at keep the time of `std`, so that their tests sleep.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open the breaker.
pub const FAILURES: u32 = 5;
/// How long it stays open before one call is let through.
pub const OPEN_FOR: Duration = Duration::from_secs(60);

/// Closed lets every call through, open none, half open the one that tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl BreakerState {
    pub fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

/// One for each service and capability.
pub struct Breaker {
    service: &'static str,
    inner: Mutex<Inner>,
}

enum Inner {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

/// Leave for one call. Its outcome must be told; a call that is dropped before says nothing of the service.
#[must_use = "a call's outcome must be told"]
pub struct Permit {
    breaker: Arc<Breaker>,
    trial: bool,
    told: bool,
}

impl Breaker {
    pub fn new(service: &'static str) -> Self {
        Self { service, inner: Mutex::new(Inner::Closed { failures: 0 }) }
    }

    /// What it guards, as the settings name it.
    pub fn service(&self) -> &'static str {
        self.service
    }

    pub fn state(&self) -> BreakerState {
        match *self.lock() {
            Inner::Closed { .. } => BreakerState::Closed,
            Inner::Open { .. } => BreakerState::Open,
            Inner::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// # Errors
    /// How long to wait, where the breaker is open or its one trial is under way.
    pub fn acquire(self: &Arc<Self>) -> Result<Permit, Duration> {
        let mut inner = self.lock();
        let trial = match *inner {
            Inner::Closed { .. } => false,
            Inner::HalfOpen => return Err(Duration::from_secs(1)),
            Inner::Open { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                self.change(&mut inner, Inner::HalfOpen, BreakerState::HalfOpen);
                true
            }
        };
        Ok(Permit { breaker: Arc::clone(self), trial, told: false })
    }

    fn change(&self, inner: &mut Inner, to: Inner, state: BreakerState) {
        *inner = to;
        let state = state.as_str();
        metrics::counter!("rose_breaker_changes_total", "service" => self.service, "state" => state).increment(1);
        tracing::warn!(breaker.service = self.service, breaker.state = state, "a breaker changed its state");
    }

    fn open(&self, inner: &mut Inner) {
        self.change(inner, Inner::Open { until: Instant::now() + OPEN_FOR }, BreakerState::Open);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    pub fn succeeded(mut self) {
        self.told = true;
        let breaker = Arc::clone(&self.breaker);
        let mut inner = breaker.lock();
        match *inner {
            Inner::HalfOpen if self.trial => {
                breaker.change(&mut inner, Inner::Closed { failures: 0 }, BreakerState::Closed);
            }
            Inner::Closed { .. } => *inner = Inner::Closed { failures: 0 },
            // A call from before the breaker opened; the trial decides.
            Inner::Open { .. } | Inner::HalfOpen => {}
        }
    }

    pub fn failed(mut self) {
        self.told = true;
        let breaker = Arc::clone(&self.breaker);
        let mut inner = breaker.lock();
        match *inner {
            Inner::HalfOpen if self.trial => breaker.open(&mut inner),
            Inner::Closed { failures } if failures + 1 >= FAILURES => breaker.open(&mut inner),
            Inner::Closed { failures } => *inner = Inner::Closed { failures: failures + 1 },
            Inner::Open { .. } | Inner::HalfOpen => {}
        }
    }
}

impl Drop for Permit {
    /// A trial that was cancelled leaves the place to the next call.
    fn drop(&mut self) {
        if self.trial && !self.told {
            *self.breaker.lock() = Inner::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Arc<Breaker> {
        let breaker = Arc::new(Breaker::new("test"));
        for _ in 0..FAILURES {
            breaker.acquire().unwrap_or_else(|_| panic!("still closed")).failed();
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let breaker = Arc::new(Breaker::new("test"));
        for call in 0..20 {
            let permit = breaker.acquire().unwrap_or_else(|_| panic!("call {call} is refused"));
            if call % 5 == 4 { permit.succeeded() } else { permit.failed() }
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        let breaker = opened();
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.acquire().err(), Some(OPEN_FOR));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_minute_one_trial_decides() {
        let breaker = opened();
        tokio::time::advance(OPEN_FOR - Duration::from_millis(1)).await;
        assert!(breaker.acquire().is_err());
        tokio::time::advance(Duration::from_millis(1)).await;
        let trial = breaker.acquire().unwrap_or_else(|_| panic!("the minute is over"));
        assert!(breaker.acquire().is_err(), "one trial, not two");
        trial.failed();
        assert_eq!(breaker.acquire().err(), Some(OPEN_FOR));

        tokio::time::advance(OPEN_FOR).await;
        breaker.acquire().unwrap_or_else(|_| panic!("the minute is over")).succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(breaker.acquire().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_dropped_leaves_its_place_to_the_next() {
        let breaker = opened();
        tokio::time::advance(OPEN_FOR).await;
        drop(breaker.acquire());
        assert!(breaker.acquire().is_ok());
    }
}
