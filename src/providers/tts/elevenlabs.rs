//! ElevenLabs' voices. Format: <https://elevenlabs.io/docs/api-reference/text-to-speech/stream>.

use std::time::Instant;

use async_trait::async_trait;
use serde_json::json;

use super::{SpeechRequest, SpeechStream, TextToSpeech, Voice, check, pcm};
use crate::config::RemoteTtsConfig;
use crate::domain::audio::SampleRate;
use crate::domain::metering::Unit;
use crate::providers::http::{Auth, Service, is_sound};
use crate::providers::meter;
use crate::providers::{BackendStatus, Description, Place, ProviderError};

const BACKEND: &str = "elevenlabs";

/// The paces that it takes, <https://elevenlabs.io/docs/best-practices/prompting/controls>; one beyond them is brought to the
/// nearest.
const SPEEDS: (f32, f32) = (0.7, 1.2);

pub struct ElevenLabsVoice {
    service: Service,
    /// Ids, not names.
    voices: Vec<Voice>,
    rate: SampleRate,
}

impl ElevenLabsVoice {
    /// # Errors
    /// `Failed` where the machine's TLS can't be set up.
    pub fn new(config: &RemoteTtsConfig, place: Place) -> Result<Self, ProviderError> {
        let service = Service::new(BACKEND, &config.api, place)?.with_auth(Auth::Header("xi-api-key"));
        Ok(Self { service, voices: config.voices.iter().map(Voice::named).collect(), rate: config.sample_rate })
    }
}

#[async_trait]
impl TextToSpeech for ElevenLabsVoice {
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
        check(BACKEND, &request, &self.voices)?;
        let since = Instant::now();
        let voice = request.voice.as_ref().unwrap_or(&self.voices[0].name);
        let path = format!("/text-to-speech/{voice}/stream?output_format=pcm_{}", self.rate.0);
        let body = json!({
            "text": request.text,
            "model_id": self.service.config().model,
            "voice_settings": {"speed": request.speed.clamp(SPEEDS.0, SPEEDS.1)},
        });
        let sent = self.service.post(&path, |to| to.json(&body));
        let sent = request.cancel.run_until_cancelled(sent).await;
        let (response, permit) = sent.ok_or(ProviderError::Cancelled)??;
        meter::note(&self.describe(), Unit::Characters, request.text.chars().count() as f64);
        if !is_sound(&response) {
            return Err(self.service.garbage(permit, "the answer is no sound"));
        }
        Ok(pcm::stream(&self.service, response, permit, self.rate, request.cancel, since))
    }
}
