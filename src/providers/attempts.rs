//! A call to a service, through its breaker, and again where that may help. What one attempt is, is the caller's matter.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use super::ProviderError;
use super::breaker::{Breaker, Permit};

/// A service that asks for a longer wait than this is told apart as busy: nobody waits that long for a reply.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What one attempt came to, where it was no answer.
pub(crate) struct Attempt {
    pub(crate) error: ProviderError,
    /// Whether the same request may yet succeed.
    pub(crate) again: bool,
    /// Whether it tells against the service, and not against what was asked.
    pub(crate) fault: bool,
    /// As the service asks.
    pub(crate) retry_after: Option<Duration>,
}

impl Attempt {
    /// The service's fault, which may pass.
    pub(crate) fn passing(error: ProviderError) -> Self {
        Self { error, again: true, fault: true, retry_after: None }
    }

    /// The service's fault, which no second request mends: the key, the account, the address, the model.
    pub(crate) fn lasting(error: ProviderError) -> Self {
        Self { again: false, ..Self::passing(error) }
    }

    /// What was asked, and not the service.
    pub(crate) fn refused(error: ProviderError) -> Self {
        Self { fault: false, ..Self::lasting(error) }
    }
}

/// Calls `once` up to three times, 1 s and 2 s apart, each with up to as much again on top, or as long as the service asks.
/// How what follows the answer's beginning went, the caller tells the permit.
///
/// # Errors
/// `Busy` where the breaker is open, else the last attempt's.
pub(crate) async fn attempt<T, Once>(
    breaker: &Arc<Breaker>,
    once: impl Fn() -> Once + Send + Sync,
) -> Result<(T, Permit), ProviderError>
where
    Once: Future<Output = Result<T, Attempt>> + Send,
{
    let attempt = || async {
        let permit = breaker
            .acquire()
            .map_err(|retry_after| Attempt::refused(ProviderError::Busy { backend: breaker.service(), retry_after }))?;
        match once().await {
            Ok(answer) => Ok((answer, permit)),
            Err(attempt) => {
                if attempt.fault {
                    permit.failed();
                } else {
                    permit.succeeded();
                }
                Err(attempt)
            }
        }
    };
    attempt
        .retry(ExponentialBuilder::default().with_factor(2.0).with_max_times(2).with_jitter())
        .when(|attempt| attempt.again)
        .adjust(|attempt, wait| match attempt.retry_after {
            Some(asked) if asked > LONGEST_WAIT => None,
            Some(asked) => wait.map(|_| asked),
            None => wait,
        })
        .notify(|attempt, wait| {
            tracing::info!(
                service = breaker.service(),
                error = %attempt.error,
                retry.wait_ms = wait.as_millis() as u64,
                "a call is tried again"
            );
        })
        .await
        .map_err(|attempt| attempt.error)
}
