//! A client of the Realtime protocol, over a bare WebSocket.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::{SinkExt, StreamExt};
use reqwest::header::HeaderMap;
use rose::audio::{Encoding, encode, resample};
use rose::domain::audio::{Clip, SampleRate};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far beyond what anything takes; only so that a broken server ends the test.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Of the answer to the request.
    pub(super) headers: HeaderMap,
    /// Everything that came, in order.
    pub(super) seen: Vec<Value>,
}

/// Status and body of a refusal.
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Client {
    pub(super) async fn connect(url: &str) -> Self {
        Self::connect_with(url, "", &[]).await.unwrap_or_else(|refused| panic!("{}: {}", refused.status, refused.body))
    }

    pub(super) async fn connect_with(url: &str, query: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let url = format!("{}/v1/realtime{query}", url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a WebSocket request");
        for (name, value) in headers {
            let name: reqwest::header::HeaderName = name.parse().expect("a header's name");
            request.headers_mut().append(name, value.parse().expect("a header's value"));
        }
        match connect_async(request).await {
            Ok((socket, answer)) => Ok(Self { socket, headers: answer.headers().clone(), seen: Vec::new() }),
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(body).unwrap_or_default();
                Err(Refused { status: answer.status().as_u16(), body })
            }
            Err(error) => panic!("no connection: {error}"),
        }
    }

    /// Without voice activity detection.
    pub(super) async fn push_to_talk(url: &str) -> Self {
        let mut client = Self::connect(url).await;
        client.send(json!({"type": "session.update", "session": {"audio": {"input": {"turn_detection": null}}}})).await;
        client.until("session.updated").await;
        client
    }

    pub(super) async fn send(&mut self, event: Value) {
        self.send_raw(Message::text(event.to_string())).await;
    }

    pub(super) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("the server is there");
    }

    /// Whether it was sent: false once the server has closed the connection.
    pub(super) async fn try_send(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// Sound as a microphone gives it: 16-bit samples at 24 kHz, 40 ms at a time, but as fast as they are taken.
    pub(super) async fn speak(&mut self, clip: &Clip) {
        let clip = resample(clip, SampleRate::REALTIME);
        for piece in clip.samples.chunks(960) {
            let sound = encode(&Clip::new(piece.to_vec(), SampleRate::REALTIME), Encoding::Pcm16);
            let audio = BASE64_STANDARD.encode(sound);
            self.send(json!({"type": "input_audio_buffer.append", "audio": audio})).await;
        }
    }

    pub(super) async fn write(&mut self, text: &str) {
        let content = json!([{"type": "input_text", "text": text}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        self.send(json!({"type": "conversation.item.create", "item": item})).await;
    }

    pub(super) async fn ask(&mut self) {
        self.send(json!({"type": "response.create"})).await;
    }

    /// The next event; `None` where the server has closed the connection.
    pub(super) async fn next(&mut self) -> Option<Value> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let next = tokio::time::timeout_at(until, self.socket.next()).await;
            let next = next.unwrap_or_else(|_| panic!("nothing came; before it: {:?}", self.names()));
            match next {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text).expect("events are JSON");
                    assert!(event["event_id"].is_string(), "{event}");
                    self.seen.push(event.clone());
                    return Some(event);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads on to the next event of this type.
    pub(super) async fn until(&mut self, name: &str) -> Value {
        loop {
            match self.next().await {
                Some(event) if event["type"] == name => return event,
                Some(event) if event["type"] == "error" && name != "error" => panic!("{event}"),
                Some(_) => {}
                None => panic!("closed before {name}; {:?}", self.names()),
            }
        }
    }

    /// Reads on to the next event of one of these types; returns which.
    pub(super) async fn until_any(&mut self, names: &[&str]) -> String {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("closed before any of {names:?}"));
            if let Some(name) = event["type"].as_str().filter(|name| names.contains(name)) {
                return name.to_owned();
            }
        }
    }

    /// As a client does that means to go.
    pub(super) async fn close(&mut self) {
        self.socket.close(None).await.expect("the server is there");
        while self.next().await.is_some() {}
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.seen.iter().map(|event| event["type"].as_str().expect("a type")).collect()
    }

    pub(super) fn all(&self, name: &str) -> Vec<&Value> {
        self.seen.iter().filter(|event| event["type"] == name).collect()
    }

    /// The named field of all events of a type, joined.
    pub(super) fn joined(&self, name: &str, field: &str) -> String {
        self.all(name).iter().map(|event| event[field].as_str().expect("a text")).collect()
    }

    /// How much sound came, in seconds, of 16-bit samples at 24 kHz.
    pub(super) fn heard_seconds(&self) -> f64 {
        let bytes =
            |event: &&Value| BASE64_STANDARD.decode(event["delta"].as_str().expect("base64")).expect("base64").len();
        self.all("response.output_audio.delta").iter().map(bytes).sum::<usize>() as f64 / 48_000.0
    }

    pub(super) fn cookie(&self) -> String {
        let cookie = self.headers["set-cookie"].to_str().expect("ASCII");
        cookie.split(';').next().expect("a cookie").to_owned()
    }

    pub(super) fn session_id(&self) -> String {
        self.all("session.created")[0]["session"]["id"].as_str().expect("an id").to_owned()
    }
}
