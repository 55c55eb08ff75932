//! Someone with a browser: keeps cookies, speaks, writes.

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::events::{self, SentEvent};

pub struct Person {
    client: Client,
    url: String,
}

impl Person {
    pub fn new(url: &str) -> Self {
        let client = rose::providers::client_builder().cookie_store(true).build().expect("a client");
        Self { client, url: url.to_owned() }
    }

    /// The same person, cookies and all, at a server started anew.
    pub fn moved_to(&self, url: &str) -> Self {
        Self { client: self.client.clone(), url: url.to_owned() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("the server answers")
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.expect("the server answers")
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        self.request(method, path).json(body).send().await.expect("the server answers")
    }

    /// The JSON of an answer that must be a good one.
    pub async fn get_json(&self, path: &str) -> Value {
        json_of(self.get(path).await).await
    }

    pub async fn start_session(&self) -> String {
        let started = json_of(self.request(Method::POST, "/api/session/start").send().await.expect("an answer")).await;
        started["session_id"].as_str().expect("a session id").to_owned()
    }

    pub async fn say(&self, session: &str, recording: Vec<u8>) -> Response {
        let form = Form::new().part("audio", Part::bytes(recording)).text("session_id", session.to_owned());
        self.request(Method::POST, "/api/voice/process").multipart(form).send().await.expect("the server answers")
    }

    pub async fn chat(&self, session: &str, message: &str) -> Response {
        self.send(Method::POST, "/api/chat", &json!({"session_id": session, "message": message})).await
    }

    /// Every event of an answer that must be a good one.
    pub async fn chat_events(&self, body: &Value) -> Vec<SentEvent> {
        let response = self.send(Method::POST, "/api/chat", body).await;
        assert_eq!(response.status(), StatusCode::OK);
        events::parse(&response.text().await.expect("the whole stream"))
    }

    /// What Rose answers to a message.
    pub async fn ask(&self, session: &str, message: &str) -> String {
        let events = self.chat_events(&json!({"session_id": session, "message": message})).await;
        events::reply(&events)
    }
}

pub async fn json_of(response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.expect("a body");
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Checks that an answer is a refusal in the envelope, of this status and code, with a sentence and the request id.
pub async fn assert_refused(response: Response, status: u16, code: &str) {
    let got = response.status().as_u16();
    let id = response.headers().get("x-request-id").map(|id| id.to_str().expect("ASCII").to_owned());
    let text = response.text().await.expect("a body");
    let envelope: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{got}, not an envelope: {text}"));
    let error = &envelope["error"];
    assert_eq!((got, error["code"].as_str()), (status, Some(code)), "{text}");
    assert_eq!(error["request_id"].as_str(), id.as_deref(), "{text}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.len() > 15 && message.ends_with('.'), "not a sentence: {message:?}");
    assert_eq!(envelope.as_object().expect("an object").len(), 1);
    assert_eq!(error.as_object().expect("an object").len(), 3);
}
