//! Whether each service that the settings name can be reached and takes the key: one call each that costs nothing.

use std::time::Duration;

use futures::FutureExt;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::doctor::Finding;
use crate::config::{
    ApiConfig, Config, EmbeddingsBackend, ImageBackend, LlmBackend, MemoryBackend, SttBackend, TtsBackend,
};
use crate::providers::client_builder;
use crate::store::{QdrantFault, ask_qdrant};

/// What the list of models of a service that speaks the OpenAI protocol tells, or its like.
struct Check<'a> {
    what: String,
    api: &'a ApiConfig,
    /// Lists something, and needs the key.
    path: &'static str,
    /// The header that holds nothing but the key; `None`: a bearer token.
    key_header: Option<&'static str>,
    key_variable: &'static str,
}

/// Longer than a service takes that a conversation could bear.
const PATIENCE: Duration = Duration::from_secs(10);

/// One finding for each service, in the order of the ports.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let checks = checks(config);
    let qdrant = (config.memory.backend == MemoryBackend::Qdrant).then_some(&config.memory.qdrant);
    if checks.is_empty() && qdrant.is_none() {
        return Vec::new();
    }
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::missing("services", error.to_string(), "see that threads can be started")],
    };
    let checks = checks.iter().map(|check| check.run().boxed());
    let all = checks.chain(qdrant.map(|api| memories(api).boxed()));
    runtime.block_on(futures::future::join_all(all))
}

fn checks(config: &Config) -> Vec<Check<'_>> {
    fn openai<'a>(port: &str, service: &str, api: &'a ApiConfig, key_variable: &'static str) -> Check<'a> {
        let what = format!("{service} for {port}");
        Check { what, api, path: "/models", key_header: None, key_variable }
    }
    const GROQ: &str = "GROQ_API_KEY";
    const TOGETHER: &str = "TOGETHER_API_KEY";
    const OPENAI: &str = "OPENAI_API_KEY";
    let Config { stt, llm, tts, embeddings, image, .. } = config;
    let stt = stt.backends.iter().filter_map(|backend| match backend {
        SttBackend::Groq => Some(openai("speech to text", "groq", &stt.groq, GROQ)),
        SttBackend::OpenAi => Some(openai("speech to text", "openai", &stt.openai, OPENAI)),
        SttBackend::Local | SttBackend::Fake => None,
    });
    let llm = llm.backends.iter().filter_map(|backend| match backend {
        LlmBackend::Groq => Some(openai("language model", "groq", &llm.groq.api, GROQ)),
        LlmBackend::OpenAi => Some(openai("language model", "openai", &llm.openai.api, OPENAI)),
        LlmBackend::Local | LlmBackend::Fake => None,
    });
    let tts = tts.backends.iter().filter_map(|backend| match backend {
        TtsBackend::ElevenLabs => Some(Check {
            key_header: Some("xi-api-key"),
            ..openai("text to speech", "elevenlabs", &tts.elevenlabs.api, "ELEVENLABS_API_KEY")
        }),
        TtsBackend::OpenAi => Some(openai("text to speech", "openai", &tts.openai.api, OPENAI)),
        TtsBackend::Local | TtsBackend::Fake => None,
    });
    let embeddings = embeddings.backends.iter().filter_map(|backend| match backend {
        EmbeddingsBackend::OpenAi => Some(openai("embeddings", "openai", &embeddings.openai.api, OPENAI)),
        EmbeddingsBackend::Local | EmbeddingsBackend::Fake => None,
    });
    let image = image.backends.iter().filter_map(|backend| match backend {
        ImageBackend::Together => Some(openai("pictures", "together", &image.together.api, TOGETHER)),
        ImageBackend::Local | ImageBackend::Fake => None,
    });
    stt.chain(llm).chain(tts).chain(embeddings).chain(image).collect()
}

/// Qdrant speaks gRPC.
async fn memories(api: &ApiConfig) -> Finding {
    const WHAT: &str = "qdrant for memories";
    let wrong = |fault: QdrantFault, mend: &str| Finding::missing(WHAT, format!("{}: {fault}", api.base_url), mend);
    let answer = tokio::time::timeout(PATIENCE, ask_qdrant(api)).await;
    let fault = match answer.unwrap_or(Err(QdrantFault::Silent(PATIENCE))) {
        Ok(()) => return Finding::ok(WHAT, "reached"),
        Err(fault) => fault,
    };
    match fault {
        QdrantFault::Busy(_) => Finding::note(WHAT, "reached, but the key's limit is used up", "wait, or ask for more"),
        QdrantFault::KeyRefused | QdrantFault::UnusableKey => wrong(fault, "set QDRANT_API_KEY to a key that is valid"),
        _ => wrong(fault, "see that the address is that of gRPC (base_url), and that this machine may go there"),
    }
}

impl Check<'_> {
    async fn run(&self) -> Finding {
        let url = format!("{}{}", self.api.base_url, self.path);
        let client = client_builder().connect_timeout(self.api.timeouts.connect).timeout(PATIENCE).build();
        let mut request = match client {
            Ok(client) => client.get(&url),
            Err(error) => return self.wrong(error.to_string(), "see that the machine's TLS can be set up"),
        };
        if let Some(key) = &self.api.key {
            request = match self.key_header {
                None => request.bearer_auth(key.expose_secret()),
                Some(name) => request.header(name, key.expose_secret()),
            };
        }
        let address = "see that the address is right (base_url), and that this machine may go there";
        match request.send().await {
            Err(error) if error.is_timeout() => self.wrong(format!("{url} does not answer in time"), address),
            Err(error) if error.is_builder() => {
                self.wrong("the key has characters that no key has", format!("set {} anew", self.key_variable))
            }
            Err(_) => self.wrong(format!("{url} can't be reached"), address),
            Ok(response) => match response.status() {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    let detail = match self.api.key {
                        Some(_) => format!("it refuses the key of {}", self.key_variable),
                        None => format!("it asks for a key, and {} is not set", self.key_variable),
                    };
                    self.wrong(detail, format!("set {} to a key that is valid", self.key_variable))
                }
                StatusCode::TOO_MANY_REQUESTS => Finding::note(
                    self.what.as_str(),
                    "reached, but the key's limit is used up",
                    "wait, or ask for more",
                ),
                // A server of one's own need not list its models.
                StatusCode::NOT_FOUND => {
                    let mend = format!("see that base_url is right; {url} should list the models");
                    Finding::note(self.what.as_str(), "reached, but it lists no models", mend)
                }
                status if !status.is_success() => self.wrong(format!("{url} answers HTTP {status}"), address),
                _ => self.model(&response.text().await.unwrap_or_default()),
            },
        }
    }

    /// Whether the list names the model.
    fn model(&self, list: &str) -> Finding {
        let model = &self.api.model;
        let list: Value = serde_json::from_str(list).unwrap_or_default();
        // OpenAI's `data`; ElevenLabs and Together send the bare list.
        let models = list["data"].as_array().or(list.as_array());
        let name = |one: &Value| one["id"].as_str().or(one["model_id"].as_str()).map(str::to_owned);
        let names: Option<Vec<String>> = models.map(|models| models.iter().filter_map(name).collect());
        match names {
            Some(names) if names.contains(model) => Finding::ok(self.what.as_str(), format!("reached; it has {model}")),
            Some(names) if !names.is_empty() => {
                let mend = "name another model in the settings; services retire them";
                self.wrong(format!("reached, but it has no model {model}"), mend)
            }
            _ => Finding::note(self.what.as_str(), "reached, but it lists no models", "see that base_url is right"),
        }
    }

    fn wrong(&self, detail: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding::missing(self.what.as_str(), detail, mend)
    }
}
