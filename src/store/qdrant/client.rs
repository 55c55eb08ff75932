//! Calls of Qdrant over gRPC by its own client, with the time limits, attempts and breaker of every service.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qdrant_client::{Qdrant, QdrantError};
use secrecy::ExposeSecret;
use tonic::Code;
use tonic::metadata::AsciiMetadataValue;

use crate::config::ApiConfig;
use crate::providers::breaker::Breaker;
use crate::providers::{Attempt, BackendStatus, Description, ProviderError, attempt};
use crate::store::StoreError;

const BACKEND: &str = "qdrant";

/// How the client begins what it says where it could not connect; it has no error of its own for that.
const NOT_CONNECTED: &str = "Failed to connect";

pub(super) struct Client {
    qdrant: Mutex<Qdrant>,
    /// For one attempt, from the call to the end of the answer.
    limit: Duration,
    breaker: Arc<Breaker>,
}

/// Why Qdrant gave no answer. Never in its own words, which may quote what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QdrantFault {
    #[error("the address is not one")]
    Address,
    #[error("its key has characters that no key has")]
    UnusableKey,
    #[error("can't be reached")]
    Unreachable,
    #[error("no answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    #[error("it refuses the key")]
    KeyRefused,
    /// As long as it asks to wait, where it says how long.
    #[error("it asks to wait")]
    Busy(Option<Duration>),
    /// On its way, so that it can't be known which.
    #[error(
        "the connection broke, or what is there speaks no gRPC ({0:?}); its port is 6334, where nothing else was set"
    )]
    Broken(Code),
    #[error("gRPC status {0:?}")]
    Status(Code),
}

impl From<QdrantFault> for StoreError {
    fn from(fault: QdrantFault) -> Self {
        StoreError::Failed(format!("{BACKEND}: {fault}"))
    }
}

impl From<ProviderError> for StoreError {
    fn from(error: ProviderError) -> Self {
        StoreError::Failed(error.to_string())
    }
}

impl From<QdrantError> for QdrantFault {
    fn from(error: QdrantError) -> Self {
        let status = match error {
            QdrantError::ResourceExhaustedError { retry_after_seconds, .. } => {
                return QdrantFault::Busy(Some(Duration::from_secs(retry_after_seconds)));
            }
            QdrantError::ResponseError { status } => status,
            QdrantError::InvalidUri(_) => return QdrantFault::Address,
            _ => return QdrantFault::Status(Code::Unknown),
        };
        match status.code() {
            Code::Internal if status.message().starts_with(NOT_CONNECTED) => QdrantFault::Unreachable,
            Code::Unauthenticated | Code::PermissionDenied => QdrantFault::KeyRefused,
            Code::ResourceExhausted => QdrantFault::Busy(None),
            // The service's own have no source, and say more than these two.
            code if status.source().is_some() || matches!(code, Code::Unimplemented | Code::Unknown) => {
                QdrantFault::Broken(code)
            }
            code => QdrantFault::Status(code),
        }
    }
}

impl From<QdrantFault> for Attempt {
    fn from(fault: QdrantFault) -> Self {
        let failed = || ProviderError::Failed { backend: BACKEND, reason: fault.to_string() };
        match fault {
            QdrantFault::Silent(after) => Attempt::passing(ProviderError::Timeout { backend: BACKEND, after }),
            QdrantFault::Busy(wait) => {
                let retry_after = wait.unwrap_or(Duration::from_secs(1));
                let busy = ProviderError::Busy { backend: BACKEND, retry_after };
                Attempt { retry_after: wait, ..Attempt::passing(busy) }
            }
            QdrantFault::Address
            | QdrantFault::UnusableKey
            | QdrantFault::KeyRefused
            | QdrantFault::Broken(Code::Unimplemented)
            | QdrantFault::Status(Code::NotFound) => Attempt::lasting(failed()),
            QdrantFault::Status(
                Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists | Code::OutOfRange,
            ) => Attempt::refused(failed()),
            QdrantFault::Unreachable | QdrantFault::Broken(_) | QdrantFault::Status(_) => Attempt::passing(failed()),
        }
    }
}

impl Client {
    /// Connects at the first call.
    pub(super) fn new(config: &ApiConfig) -> Result<Self, QdrantFault> {
        let key = config.key.as_ref().map(|key| key.expose_secret().to_owned());
        // The crate would quote it in an error at each call.
        if key.as_ref().is_some_and(|key| AsciiMetadataValue::try_from(key).is_err()) {
            return Err(QdrantFault::UnusableKey);
        }
        let limit = config.timeouts.first_byte + config.timeouts.idle;
        let mut settings = Qdrant::from_url(&config.base_url)
            .api_key(key)
            .connect_timeout(config.timeouts.connect)
            .timeout(limit)
            // It asks the service from a thread of its own, and prints.
            .skip_compatibility_check();
        // One connection carries many calls at once; each more would have to be made first.
        settings.set_pool_size(1);
        Ok(Self { qdrant: Mutex::new(settings.build()?), limit, breaker: Arc::new(Breaker::new(BACKEND)) })
    }

    pub(super) fn status(&self, collection: &str) -> BackendStatus {
        let description = Description { backend: BACKEND, model: collection.to_owned() };
        BackendStatus { description, breaker: Some(self.breaker.state()) }
    }

    /// Every call may be made again, here or by the crate on a new connection: points are written under ids that were chosen
    /// here.
    pub(super) async fn call<R: Clone + Send + Sync, T: Send, Asked>(
        &self,
        request: R,
        ask: impl Fn(Qdrant, R) -> Asked + Send + Sync,
    ) -> Result<T, StoreError>
    where
        Asked: Future<Output = Result<T, QdrantError>> + Send,
    {
        let once = || async { self.once(|qdrant| ask(qdrant, request.clone())).await.map_err(Attempt::from) };
        let (answer, permit) = attempt(&self.breaker, once).await?;
        permit.succeeded();
        Ok(answer)
    }

    /// One attempt, of which the breaker learns nothing.
    pub(super) async fn once<T, Asked>(&self, ask: impl FnOnce(Qdrant) -> Asked + Send) -> Result<T, QdrantFault>
    where
        Asked: Future<Output = Result<T, QdrantError>> + Send,
    {
        let asked = ask(self.qdrant.lock().unwrap_or_else(PoisonError::into_inner).clone());
        match tokio::time::timeout(self.limit, asked).await {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                self.reconnect()?;
                Err(QdrantFault::Silent(self.limit))
            }
        }
    }

    /// A connection that died without a word would stay silent until the system gives its packets up, many minutes later.
    fn reconnect(&self) -> Result<(), QdrantFault> {
        let mut qdrant = self.qdrant.lock().unwrap_or_else(PoisonError::into_inner);
        *qdrant = Qdrant::new(qdrant.config.clone())?;
        Ok(())
    }
}
