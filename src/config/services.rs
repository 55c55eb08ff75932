//! The services that the settings name, by port: each model that is asked for, and how to get at its service's list of models.

use super::{ApiConfig, Config, EmbeddingsBackend, ImageBackend, LlmBackend, SttBackend, TtsBackend};

/// A model of a service's.
#[derive(Debug, Clone)]
pub struct ServiceModel {
    /// As health calls it.
    pub port: &'static str,
    /// As people call it.
    pub purpose: &'static str,
    /// The settings' name of the service.
    pub backend: &'static str,
    pub api: ApiConfig,
    /// Not always that of `api`: pictures may go to one of their own.
    pub model: String,
    /// The header that holds nothing but the key; `None`: a bearer token.
    pub key_header: Option<&'static str>,
    pub key_variable: &'static str,
}

impl ServiceModel {
    fn new(port: &'static str, purpose: &'static str, backend: &'static str, api: &ApiConfig) -> Self {
        let key_variable = match backend {
            "groq" => "GROQ_API_KEY",
            "elevenlabs" => "ELEVENLABS_API_KEY",
            "together" => "TOGETHER_API_KEY",
            _ => "OPENAI_API_KEY",
        };
        let key_header = (backend == "elevenlabs").then_some("xi-api-key");
        let (api, model) = (api.clone(), api.model.clone());
        Self { port, purpose, backend, api, model, key_header, key_variable }
    }
}

impl Config {
    /// In the order of the ports and of their lists.
    pub fn service_models(&self) -> Vec<ServiceModel> {
        let Self { stt, llm, tts, embeddings, image, .. } = self;
        let mut all = Vec::new();
        for backend in &stt.backends {
            let new = |name, api| ServiceModel::new("speech_to_text", "speech to text", name, api);
            match backend {
                SttBackend::Groq => all.push(new("groq", &stt.groq)),
                SttBackend::OpenAi => all.push(new("openai", &stt.openai)),
                SttBackend::Local | SttBackend::Fake => {}
            }
        }
        for backend in &llm.backends {
            let (name, remote) = match backend {
                LlmBackend::Groq => ("groq", &llm.groq),
                LlmBackend::OpenAi => ("openai", &llm.openai),
                LlmBackend::Local | LlmBackend::Fake => continue,
            };
            let words = ServiceModel::new("llm", "language model", name, &remote.api);
            if let Some(model) = remote.vision_model.clone().filter(|model| *model != words.model) {
                all.push(words.clone());
                all.push(ServiceModel { model, purpose: "pictures in a message", ..words });
            } else {
                all.push(words);
            }
        }
        for backend in &tts.backends {
            let new = |name, api| ServiceModel::new("text_to_speech", "text to speech", name, api);
            match backend {
                TtsBackend::ElevenLabs => all.push(new("elevenlabs", &tts.elevenlabs.api)),
                TtsBackend::OpenAi => all.push(new("openai", &tts.openai.api)),
                TtsBackend::Local | TtsBackend::Fake => {}
            }
        }
        for backend in &embeddings.backends {
            match backend {
                EmbeddingsBackend::OpenAi => {
                    all.push(ServiceModel::new("embeddings", "embeddings", "openai", &embeddings.openai.api));
                }
                EmbeddingsBackend::Local | EmbeddingsBackend::Fake => {}
            }
        }
        for backend in &image.backends {
            match backend {
                ImageBackend::Together => {
                    all.push(ServiceModel::new("image", "pictures", "together", &image.together.api));
                }
                ImageBackend::Local | ImageBackend::Fake => {}
            }
        }
        all
    }
}
