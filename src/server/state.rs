//! What every handler can reach. There before the engines are loaded, so that health can say "starting".

use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum_extra::extract::cookie::Key;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cookie_key::{self, CookieKeyError};
use super::error::ApiError;
use super::rate_limit::RateLimiter;
use crate::app::App;
use crate::config::ServerConfig;

/// One server. Cheap to clone: all clones are the same one.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    config: ServerConfig,
    ready: OnceLock<Ready>,
    limiter: Option<RateLimiter>,
    stopping: CancellationToken,
    turns: CancellationToken,
    connections: TaskTracker,
    answering: TaskTracker,
}

struct Ready {
    app: Arc<App>,
    places: Arc<Semaphore>,
    cookie_key: Key,
}

impl Server {
    /// Answers "starting" to everything that needs the app, until [`Server::ready`].
    pub fn new(config: ServerConfig) -> Self {
        let limiter = config.rate_limit_per_minute.map(RateLimiter::per_minute);
        let shared = Shared {
            config,
            ready: OnceLock::new(),
            limiter,
            stopping: CancellationToken::new(),
            turns: CancellationToken::new(),
            connections: TaskTracker::new(),
            answering: TaskTracker::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Hands over the app. From here on the server answers; a second call changes nothing.
    ///
    /// # Errors
    /// Where the cookie key can't be read or made.
    pub fn ready(&self, app: Arc<App>, cookie_key_file: &Path) -> Result<(), CookieKeyError> {
        let cookie_key = cookie_key::load_or_create(cookie_key_file)?;
        // A second call loses: the first app goes on serving.
        let places = Arc::new(Semaphore::new(app.config.realtime.max_connections.min(Semaphore::MAX_PERMITS)));
        let _ = self.shared.ready.set(Ready { app, places, cookie_key });
        Ok(())
    }

    pub(super) fn config(&self) -> &ServerConfig {
        &self.shared.config
    }

    pub(super) fn app(&self) -> Result<&Arc<App>, ApiError> {
        self.shared.ready.get().map(|ready| &ready.app).ok_or_else(ApiError::starting)
    }

    /// A place for a connection that stays; `None` where all are taken.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.ready.get()?.places).try_acquire_owned().ok()
    }

    /// The connections that stay, beyond the answer to their request.
    pub(super) fn connections(&self) -> &TaskTracker {
        &self.shared.connections
    }

    /// The requests that are being answered, until the last byte of the answer was taken.
    pub(super) fn answering(&self) -> &TaskTracker {
        &self.shared.answering
    }

    pub(super) fn cookie_key(&self) -> Result<&Key, ApiError> {
        self.shared.ready.get().map(|ready| &ready.cookie_key).ok_or_else(ApiError::starting)
    }

    pub(super) fn limiter(&self) -> Option<&RateLimiter> {
        self.shared.limiter.as_ref()
    }

    /// Cancelled once the server was told to stop: running turns go on, new ones are refused.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.shared.stopping
    }

    /// The parent of every turn's token: cancelled when a stop has waited long enough.
    pub(super) fn turns(&self) -> &CancellationToken {
        &self.shared.turns
    }
}
