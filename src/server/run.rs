//! Serves until told to stop, then lets running turns finish.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tower_http::csrf::ConfigError as CsrfError;

use super::router;
use super::state::Server;
use crate::telemetry;

/// How long what was cancelled may take to notice, and a connection without a request to close.
const NOTICE: Duration = Duration::from_secs(2);
/// How often measured figures are folded into their buckets.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("`server.allowed_origins` can't be used: {0}")]
    Origins(#[from] CsrfError),
    #[error("the server failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown`: then accepts nothing new, gives up uploads that stand still, ends connections
/// in which nobody is being spoken to, lets running turns finish for `server.finish_seconds`, cancels those that are still
/// running, and returns.
///
/// # Errors
/// Where the origins of the config are not origins, or the listener fails.
pub async fn run(listener: TcpListener, server: Server, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    let router = router::build(&server)?.into_make_service_with_connect_info::<SocketAddr>();
    let stopping = server.stopping().clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let connections = server.connections().clone();
    let serving = async {
        let ended = serving.await;
        connections.close();
        connections.wait().await;
        ended
    };
    let mut serving = std::pin::pin!(serving);
    let mut shutdown = std::pin::pin!(shutdown);
    let mut upkeep = tokio::time::interval(METRICS_UPKEEP);
    loop {
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            () = &mut shutdown => break,
            _ = upkeep.tick() => telemetry::metrics().run_upkeep(),
        }
    }
    tracing::info!("stopping: running turns may finish");
    stopping.cancel();
    let finished = async {
        server.answering().close();
        server.answering().wait().await;
        connections.close();
        connections.wait().await;
    };
    let finish = server.config().finish;
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        // What is left has sent no whole request.
        () = finished => {}
        () = tokio::time::sleep(finish) => {
            tracing::warn!(waited_seconds = finish.as_secs(), "turns are still running: they are cancelled");
            server.turns().cancel();
        }
    }
    match tokio::time::timeout(NOTICE, &mut serving).await {
        Ok(ended) => Ok(ended?),
        // What is left is a connection that nobody writes to or reads from: it ends with the process.
        Err(_) => Ok(()),
    }
}
