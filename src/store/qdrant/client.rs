//! Calls of Qdrant's REST interface, with the time limits, attempts and breaker of every service.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::ApiConfig;
use crate::providers::{BackendStatus, Place, ProviderError, Service, ServiceAuth};
use crate::store::StoreError;

pub(super) struct Client {
    service: Service,
}

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

impl From<ProviderError> for StoreError {
    fn from(error: ProviderError) -> Self {
        StoreError::Failed(error.to_string())
    }
}

impl Client {
    pub(super) fn new(config: &ApiConfig) -> Result<Self, StoreError> {
        let service = Service::new("qdrant", config, Place::Last)?;
        Ok(Self { service: service.with_auth(ServiceAuth::Header("api-key")) })
    }

    pub(super) fn status(&self, collection: &str) -> BackendStatus {
        let mut status = self.service.status();
        collection.clone_into(&mut status.description.model);
        status
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, StoreError> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, StoreError> {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, StoreError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Every call may be made twice: points are written under ids that were chosen here.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, StoreError> {
        let filled = |request: reqwest::RequestBuilder| match body {
            Some(body) => request.json(body),
            None => request,
        };
        let (response, permit) = self.service.call(method, path, filled).await?;
        let answer: Answer<T> = self.service.json(response, permit).await?;
        Ok(answer.result)
    }
}
