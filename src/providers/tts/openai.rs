//! Speech behind the OpenAI protocol: OpenAI, Groq, Kokoro-FastAPI, speaches.
//! Format: <https://platform.openai.com/docs/api-reference/audio/createSpeech>.

use std::time::Instant;

use async_trait::async_trait;
use serde_json::json;

use super::{SpeechRequest, SpeechStream, TextToSpeech, Voice, check, pcm};
use crate::config::RemoteTtsConfig;
use crate::domain::audio::SampleRate;
use crate::domain::metering::Unit;
use crate::providers::http::{Service, is_sound};
use crate::providers::meter;
use crate::providers::{BackendStatus, Description, Place, ProviderError};

pub struct OpenAiVoice {
    service: Service,
    voices: Vec<Voice>,
    rate: SampleRate,
}

impl OpenAiVoice {
    /// # Errors
    /// `Failed` where the machine's TLS can't be set up.
    pub fn new(backend: &'static str, config: &RemoteTtsConfig, place: Place) -> Result<Self, ProviderError> {
        let service = Service::new(backend, &config.api, place)?;
        Ok(Self { service, voices: config.voices.iter().map(Voice::named).collect(), rate: config.sample_rate })
    }
}

#[async_trait]
impl TextToSpeech for OpenAiVoice {
    fn describe(&self) -> Description {
        self.service.status().description
    }

    fn backends(&self) -> Vec<BackendStatus> {
        vec![self.service.status()]
    }

    fn sample_rate(&self) -> SampleRate {
        self.rate
    }

    fn voices(&self) -> Vec<Voice> {
        self.voices.clone()
    }

    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
        check(self.service.backend(), &request, &self.voices)?;
        let since = Instant::now();
        let body = json!({
            "model": self.service.config().model,
            "input": request.text,
            "voice": request.voice.as_ref().unwrap_or(&self.voices[0].name),
            "response_format": "pcm",
            "speed": request.speed,
        });
        let sent = self.service.post("/audio/speech", |to| to.json(&body));
        let sent = request.cancel.run_until_cancelled(sent).await;
        let (response, permit) = sent.ok_or(ProviderError::Cancelled)??;
        meter::note(&self.describe(), Unit::Characters, request.text.chars().count() as f64);
        if !is_sound(&response) {
            return Err(self.service.garbage(permit, "the answer is no sound"));
        }
        Ok(pcm::stream(&self.service, response, permit, self.rate, request.cancel, since))
    }
}
