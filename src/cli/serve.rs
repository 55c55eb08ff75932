//! `rose serve`: loads everything, serves until told to stop, leaves nothing half done.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::jobs::{Housekeeping, Jobs};
use crate::server::{self, Server};
use crate::telemetry;

/// Serve Rose over HTTP until told to stop.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  rose serve --models tiny --bind 127.0.0.1:8080 --data-dir data\n  rose serve --bind 127.0.0.1:0"
)]
pub struct ServeCommand {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) bind: Option<String>,
}

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// Where the settings are wrong, the address is taken, a model is missing or the data can't be opened.
pub fn run(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config.log)?;
    telemetry::metrics();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = stop_signal().context("the signals can't be listened to")?;
    let (bind, finish) = (config.server.bind, config.server.finish);
    let listener = TcpListener::bind(bind)
        .await
        .with_context(|| format!("{bind} can't be listened on; name another address with --bind"))?;
    let address = listener.local_addr()?;
    let server = Server::new(config.server.clone());
    let serving = tokio::spawn(server::run(listener, server.clone(), stop.clone().cancelled_owned()));

    let cookie_key = config.data.cookie_key();
    let built = tokio::select! {
        built = App::build(config) => built,
        // Told to stop while the engines load.
        () = stop.cancelled() => return Ok(serving.await??),
    };
    let app = Arc::new(built?);
    server.ready(app.clone(), &cookie_key)?;
    let housekeeping = Housekeeping {
        data: app.config.data.clone(),
        sessions: Arc::clone(&app.sessions),
        blobs: Arc::clone(&app.blobs),
        runs: Arc::new(app.store.clone()),
    };
    let jobs = Jobs::start(housekeeping, Arc::clone(&app.models));
    say_ready(address, &app);

    let served = serving.await?;
    jobs.stop().await;
    // What is left undone is made up for when the conversation goes on.
    if tokio::time::timeout(finish, app.close_soon()).await.is_err() {
        tracing::warn!("what comes after a turn did not end in time: it is left to the next one");
    }
    Ok(served?)
}

/// Cancelled at the first SIGTERM or Ctrl-C; the second ends the process where it stands.
fn stop_signal() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let told = stop.clone();
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            #[cfg(unix)]
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            #[cfg(not(unix))]
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            if told.is_cancelled() {
                std::process::exit(130);
            }
            told.cancel();
        }
    });
    Ok(stop)
}

#[expect(clippy::print_stderr, reason = "for the person who started it, beside the log")]
fn say_ready(address: SocketAddr, app: &App) {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let url = format!("http://{}", SocketAddr::new(host, address.port()));
    eprintln!("ready on {url}");
    let fakes: Vec<&str> =
        app.describe().into_iter().filter(|(_, all)| all.iter().any(is_fake)).map(|(port, _)| port).collect();
    if !fakes.is_empty() {
        eprintln!("  fake, without a model: {}", fakes.join(", "));
    }
    eprintln!(
        r#"  Begin a conversation, then speak or write (jar keeps the cookie that makes it yours):
    SESSION=$(curl -s -c jar -b jar -X POST {url}/api/session/start | cut -d '"' -f 4)
    curl -s -b jar -F audio=@question.wav -F session_id=$SESSION {url}/api/voice/process
    curl -sN -b jar -H 'content-type: application/json' \
      -d "{{\"session_id\":\"$SESSION\",\"message\":\"Good morning, Rose.\"}}" {url}/api/chat
  Everything else: {url}/api/openapi.json. Stop with Ctrl-C."#
    );
}

fn is_fake(backend: &crate::providers::BackendStatus) -> bool {
    backend.description.backend == "fake"
}
