//! Speech that a service sends as raw 16-bit samples, in pieces of any length.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::Response;
use tokio_util::sync::CancellationToken;

use super::{SpeechChunk, SpeechStream};
use crate::audio::samples_from_pcm16;
use crate::config::Timeouts;
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::providers::ProviderError;
use crate::providers::breaker::Permit;
use crate::providers::http::Service;

/// The body of an answer on its way.
struct Reading {
    backend: &'static str,
    timeouts: Timeouts,
    permit: Option<Permit>,
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    rate: SampleRate,
    /// A byte whose other half has not come yet.
    half: Option<u8>,
    spoken: bool,
    cancel: CancellationToken,
    since: Instant,
}

/// The samples of `response` as they come, `rate` a second.
pub(super) fn stream(
    service: &Service,
    response: Response,
    permit: Permit,
    rate: SampleRate,
    cancel: CancellationToken,
    since: Instant,
) -> SpeechStream {
    let reading = Reading {
        backend: service.backend(),
        timeouts: service.config().timeouts,
        permit: Some(permit),
        body: Box::pin(response.bytes_stream()),
        rate,
        half: None,
        spoken: false,
        cancel,
        since,
    };
    Box::pin(futures::stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        let item = reading.next().await?;
        let more = item.is_ok();
        Some((item, more.then_some(reading)))
    }))
}

impl Reading {
    async fn next(&mut self) -> Option<Result<SpeechChunk, ProviderError>> {
        loop {
            let next = tokio::time::timeout(self.timeouts.idle, self.body.next());
            let bytes = match self.cancel.run_until_cancelled(next).await {
                None => return Some(Err(ProviderError::Cancelled)),
                Some(Err(_)) => {
                    let error = ProviderError::Timeout { backend: self.backend, after: self.timeouts.idle };
                    return Some(Err(self.fault(error)));
                }
                Some(Ok(Some(Err(error)))) => {
                    let error = crate::providers::http::broken(self.backend, self.timeouts, &error);
                    return Some(Err(self.fault(error)));
                }
                Some(Ok(None)) if !self.spoken => return Some(Err(self.failed("it sent no sound"))),
                Some(Ok(None)) => {
                    if let Some(permit) = self.permit.take() {
                        permit.succeeded();
                    }
                    return None;
                }
                Some(Ok(Some(Ok(bytes)))) => bytes,
            };
            let samples = self.samples(&bytes);
            if !samples.is_empty() {
                self.spoken = true;
                let inference = self.since.elapsed();
                self.since = Instant::now();
                let timing = EngineTiming { queued: Duration::ZERO, inference };
                return Some(Ok(SpeechChunk { clip: Clip::new(samples, self.rate), timing }));
            }
        }
    }

    fn samples(&mut self, bytes: &Bytes) -> Vec<f32> {
        let mut whole = Vec::with_capacity(bytes.len() + 1);
        whole.extend(self.half.take());
        whole.extend_from_slice(bytes);
        if !whole.len().is_multiple_of(2) {
            self.half = whole.pop();
        }
        samples_from_pcm16(&whole)
    }

    fn failed(&mut self, reason: &str) -> ProviderError {
        let error = ProviderError::Failed { backend: self.backend, reason: reason.into() };
        self.fault(error)
    }

    fn fault(&mut self, error: ProviderError) -> ProviderError {
        if let Some(permit) = self.permit.take() {
            permit.failed();
        }
        error
    }
}
