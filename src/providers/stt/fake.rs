//! Speech-to-text without a model: it hears how long a clip is and whether there is sound, not what is said.
//! Health calls it `fake`, and so does every transcript unless config sets the text.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Segment, SpeechToText, Transcription, TranscriptionRequest, check_rate};
use crate::config::FakeSttConfig;
use crate::domain::audio::Clip;
use crate::providers::worker::Worker;
use crate::providers::{Description, ProviderError};

const BACKEND: &str = "fake";

/// Clips quieter than this, as root mean square, say nothing: -50 dB of full scale.
const SILENCE: f32 = 0.003;

/// How often a delayed job looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(2);

pub struct FakeSpeechToText {
    text: Option<String>,
    delay: Duration,
    /// Queues and answers "busy" as a real engine does.
    worker: Worker<()>,
}

impl FakeSpeechToText {
    /// # Errors
    /// `Failed` where no thread can be started.
    pub fn start(config: &FakeSttConfig) -> Result<Self, ProviderError> {
        let worker = Worker::start(BACKEND, config.queue_length, || Ok(()))?;
        Ok(Self { text: config.text.clone(), delay: config.delay, worker })
    }

    /// Nothing for silence; else the text that config sets, or one made from the clip's length.
    fn words(&self, clip: &Clip) -> String {
        if clip.rms() < SILENCE {
            return String::new();
        }
        match &self.text {
            Some(text) => text.clone(),
            None => format!("This is a fake transcript of {:.1} seconds.", clip.duration().as_secs_f32()),
        }
    }
}

#[async_trait]
impl SpeechToText for FakeSpeechToText {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: "length-of-clip".into() }
    }

    async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription, ProviderError> {
        check_rate(BACKEND, &request.clip)?;
        let text = self.words(&request.clip);
        let end = request.clip.duration();
        let delay = self.delay;
        let cancel = request.cancel.child_token();
        // A caller that goes away ends its job.
        let _gone = cancel.clone().drop_guard();
        let job = self.worker.run(move |()| wait(delay, &cancel));
        let timing = tokio::select! {
            outcome = job => {
                let (outcome, timing) = outcome?;
                outcome?;
                timing
            }
            () = request.cancel.cancelled() => return Err(ProviderError::Cancelled),
        };
        let segments = match text.is_empty() {
            true => Vec::new(),
            false => vec![Segment::new(Duration::ZERO, end, text.clone())],
        };
        Ok(Transcription { text, language: request.language, segments, timing })
    }
}

fn wait(delay: Duration, cancel: &CancellationToken) -> Result<(), ProviderError> {
    let until = Instant::now() + delay;
    loop {
        if cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::park_timeout(left.min(CANCEL_POLL));
    }
}
