//! The whole server inside the test, on a free port, with its own data folder.

use std::net::SocketAddr;
use std::sync::Arc;

use rose::app::App;
use rose::config::{Config, EmbeddingsBackend, LlmBackend, Overrides, SttBackend, TtsBackend, VadBackend};
use rose::server::{self, RunError, Server};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::person::Person;

pub struct TestApp {
    pub url: String,
    pub app: Arc<App>,
    pub data: TempDir,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), RunError>>,
}

/// The settings of this machine, its data in `data`.
fn settings(data: &TempDir, set: &str) -> Config {
    super::settings::of_set(
        set,
        Overrides { bind: Some("127.0.0.1:0".into()), data_dir: Some(data.path().to_owned()), ..Overrides::default() },
    )
}

impl TestApp {
    /// Every engine a fake.
    pub async fn fake() -> Self {
        Self::fake_with(|_| {}).await
    }

    pub async fn fake_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::fake_in_with(tempfile::tempdir().expect("a folder for the test"), change).await
    }

    /// With what was kept there before.
    pub async fn fake_in(data: TempDir) -> Self {
        Self::fake_in_with(data, |_| {}).await
    }

    async fn fake_in_with(data: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = settings(&data, "tiny");
        config.stt.backends = vec![SttBackend::Fake];
        config.llm.backends = vec![LlmBackend::Fake];
        config.tts.backends = vec![TtsBackend::Fake];
        config.embeddings.backends = vec![EmbeddingsBackend::Fake];
        config.vad.backends = vec![VadBackend::Fake];
        // It asks the model once more for each message; the tests that count what is asked would count that too.
        config.care.judge = false;
        change(&mut config);
        Self::start(config, data).await
    }

    /// The real engines, on the tiny models.
    pub async fn tiny() -> Self {
        Self::real("tiny", |_| {}).await
    }

    /// The real engines, on the models of a set.
    pub async fn real(set: &str, change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a folder for the test");
        let mut config = settings(&data, set);
        change(&mut config);
        Self::start(config, data).await
    }

    async fn start(config: Config, data: TempDir) -> Self {
        let server = Server::new(config.server.clone());
        let cookie_key = config.data.cookie_key();
        let app = Arc::new(App::build(config).await.expect("the app can be built"));
        server.ready(app.clone(), &cookie_key).expect("a cookie key");
        let (url, stop, serving) = listen(server).await;
        Self { url, app, data, stop, serving }
    }

    /// Someone without a cookie.
    pub fn stranger(&self) -> Person {
        Person::new(&self.url)
    }

    /// What SIGTERM does.
    pub async fn stop(self) -> TempDir {
        self.stop.cancel();
        self.serving.await.expect("the server does not panic").expect("the server ends well");
        self.app.close().await;
        // The data folder's lock goes with the app.
        drop(self.app);
        self.data
    }
}

/// Serves on a free port.
pub async fn listen(server: Server) -> (String, CancellationToken, JoinHandle<Result<(), RunError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("its address");
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server::run(listener, server, stop.clone().cancelled_owned()));
    (format!("http://{address}"), stop, serving)
}
