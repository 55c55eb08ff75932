//! Calls to services over HTTP: time limits, and what each answer tells of the service. What it means otherwise is the
//! adapter's matter.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use super::attempts::{Attempt, attempt};
use super::breaker::{Breaker, Permit};
use super::{BackendStatus, Description, ProviderError};
use crate::config::{ApiConfig, Timeouts};

/// Every HTTP client of this process: reqwest is built without a cryptography of its own.
pub fn client_builder() -> reqwest::ClientBuilder {
    // The first to come installs it; another's is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // No service answers by sending elsewhere; whoever does would get the key, where a header of its own holds it, and what
    // was said.
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none())
}

pub(super) struct Service {
    backend: &'static str,
    client: reqwest::Client,
    config: ApiConfig,
    breaker: Arc<Breaker>,
    place: Place,
    auth: Auth,
}

/// How a service takes its key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Auth {
    Bearer,
    /// The header that holds nothing but the key.
    Header(&'static str),
}

/// Where a service stands in its port's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Last,
    /// Another backend stands behind it: a service that can't be reached or is silent is not asked again, since the
    /// next one answers sooner.
    BeforeAnother,
}

impl Place {
    /// Of `backend` in its port's list.
    pub(super) fn of<B: PartialEq>(backend: &B, list: &[B]) -> Self {
        if list.last() == Some(backend) { Place::Last } else { Place::BeforeAnother }
    }
}

impl Service {
    /// # Errors
    /// `Failed` where the machine's TLS can't be set up.
    pub(super) fn new(backend: &'static str, config: &ApiConfig, place: Place) -> Result<Self, ProviderError> {
        let client = client_builder()
            .connect_timeout(config.timeouts.connect)
            .read_timeout(config.timeouts.idle.max(config.timeouts.first_byte))
            .user_agent(concat!("rose/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ProviderError::Failed { backend, reason: error.to_string() })?;
        Ok(Self {
            backend,
            client,
            config: config.clone(),
            breaker: Arc::new(Breaker::new(backend)),
            place,
            auth: Auth::Bearer,
        })
    }

    pub(super) fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// What health shows of it, with the model that it serves.
    pub(super) fn status(&self) -> BackendStatus {
        let description = Description { backend: self.backend, model: self.config.model.clone() };
        BackendStatus { description, breaker: Some(self.breaker.state()) }
    }

    pub(super) fn backend(&self) -> &'static str {
        self.backend
    }

    pub(super) fn config(&self) -> &ApiConfig {
        &self.config
    }

    /// Posts to `path`, up to three times; `body` fills the request anew each time. Nothing of the answer's body was
    /// read when it returns; how that went, the caller tells the permit.
    ///
    /// # Errors
    /// `Busy` where the breaker is open or the service asks to wait, `Timeout`, else `Failed`.
    pub(super) async fn post(
        &self,
        path: &str,
        body: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync,
    ) -> Result<(Response, Permit), ProviderError> {
        let url = format!("{}{path}", self.config.base_url);
        attempt(&self.breaker, || self.once(body(self.client.post(&url)))).await
    }

    async fn once(&self, mut request: RequestBuilder) -> Result<Response, Attempt> {
        if let Some(key) = &self.config.key {
            request = match self.auth {
                Auth::Bearer => request.bearer_auth(key.expose_secret()),
                Auth::Header(name) => match HeaderValue::from_str(key.expose_secret()) {
                    Ok(mut value) => {
                        // Libraries print headers when they log much.
                        value.set_sensitive(true);
                        request.header(name, value)
                    }
                    Err(_) => return Err(self.unusable_key()),
                },
            };
        }
        let after = self.config.timeouts.first_byte;
        let sent = tokio::time::timeout(after, request.send()).await;
        let response = match sent {
            Err(_) => return Err(self.silent(ProviderError::Timeout { backend: self.backend, after })),
            Ok(Err(error)) => return Err(self.silent(self.broken(&error))),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // The body is not read: it may quote what was asked, and the reason may reach the log.
        let retry_after = retry_after(&response);
        let failed = |reason: String| ProviderError::Failed { backend: self.backend, reason };
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = retry_after.unwrap_or(Duration::from_secs(1));
                let busy = ProviderError::Busy { backend: self.backend, retry_after: wait };
                Attempt { retry_after, ..Attempt::passing(busy) }
            }
            StatusCode::REQUEST_TIMEOUT => Attempt { retry_after, ..Attempt::passing(failed("HTTP 408".into())) },
            _ if status.is_server_error() => {
                Attempt { retry_after, ..Attempt::passing(failed(format!("HTTP {status}"))) }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::PAYMENT_REQUIRED => {
                Attempt::lasting(failed(format!("HTTP {status}")))
            }
            // It may be the service's own limit, or a model that it retired: another backend may take the request.
            _ => Attempt::refused(failed(format!("HTTP {status}"))),
        })
    }

    fn unusable_key(&self) -> Attempt {
        let reason = "its key has characters that no key has".into();
        Attempt::lasting(ProviderError::Failed { backend: self.backend, reason })
    }

    fn silent(&self, error: ProviderError) -> Attempt {
        Attempt { again: self.place == Place::Last, ..Attempt::passing(error) }
    }

    pub(super) fn broken(&self, error: &reqwest::Error) -> ProviderError {
        broken(self.backend, self.config.timeouts, error)
    }

    /// The whole answer, read as JSON.
    ///
    /// # Errors
    /// `Failed` or `Timeout` where it breaks off or is something else.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        response: Response,
        permit: Permit,
    ) -> Result<T, ProviderError> {
        match response.bytes().await {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(answer) => {
                    permit.succeeded();
                    Ok(answer)
                }
                // What exactly is wrong may quote the answer.
                Err(_) => Err(self.garbage(permit, "the answer is not what the protocol says")),
            },
            Err(error) => {
                permit.failed();
                Err(self.broken(&error))
            }
        }
    }

    /// An answer that can't be used, told to the breaker.
    pub(super) fn garbage(&self, permit: Permit, reason: &str) -> ProviderError {
        permit.failed();
        ProviderError::Failed { backend: self.backend, reason: reason.into() }
    }
}

/// Without the address: it may hold a key.
pub(super) fn broken(backend: &'static str, timeouts: Timeouts, error: &reqwest::Error) -> ProviderError {
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => ProviderError::Timeout { backend, after: timeouts.connect },
        (false, true) => ProviderError::Timeout { backend, after: timeouts.idle },
        (true, false) => ProviderError::Failed { backend, reason: "can't be reached".into() },
        (false, false) => ProviderError::Failed { backend, reason: "the answer broke off".into() },
    }
}

/// Whether the body is what a voice says, rather than a page or a message; some services don't tell.
pub(super) fn is_sound(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    !media_type.is_some_and(|media_type| media_type.starts_with("text/") || media_type.contains("json"))
}

/// Seconds or a date, RFC 9110, 10.2.3.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let until = SystemTime::from(date.timestamp());
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}
