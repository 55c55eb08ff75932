//! Text to sound, streamed as it is spoken.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::refuse;
use crate::app::App;
use crate::audio::{Resampler, StreamEncoder, StreamFormat};
use crate::conversation::sentences::Sentences;
use crate::conversation::speakable;
use crate::providers::ProviderError;
use crate::providers::tts::{SpeechChunk, SpeechRequest};
use crate::server::error::ApiError;
use crate::server::extract::Body;
use crate::server::state::Server;

/// As the protocol says.
const MOST_CHARS: usize = 4096;
/// Pieces that wait for a slow client; the voice waits when there are more.
const PIECES: usize = 8;

/// What the protocol has beyond this is ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct OpenAiSpeechRequest {
    /// At most 4096 characters.
    input: String,
    /// A voice of the backend's; any other name takes its default.
    #[serde(default)]
    voice: Option<String>,
    #[serde(default)]
    response_format: Format,
    /// 0.25 to 4; 1 is the voice's own pace.
    #[serde(default)]
    speed: Option<f32>,
}

/// All of them mono; `pcm` is 16-bit samples at 24 kHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Mp3,
    Opus,
    Wav,
    Pcm,
}

impl Format {
    fn stream(self) -> StreamFormat {
        match self {
            Format::Mp3 => StreamFormat::Mp3,
            Format::Opus => StreamFormat::Opus,
            Format::Wav => StreamFormat::Wav,
            Format::Pcm => StreamFormat::Pcm16,
        }
    }
}

/// Speaks a text.
#[utoipa::path(
    post,
    path = "/v1/audio/speech", operation_id = "openai_create_speech", tag = "openai",
    request_body = OpenAiSpeechRequest,
    responses((status = 200, content_type = "audio/mpeg", body = Vec<u8>), ApiError)
)]
pub(crate) async fn create(
    State(server): State<Server>,
    Body(request): Body<OpenAiSpeechRequest>,
) -> Result<Response, ApiError> {
    if request.input.chars().count() > MOST_CHARS {
        return Err(refuse(format!("`input` has more than {MOST_CHARS} characters.")));
    }
    let text = speakable::whole(&request.input);
    let mut splitter = Sentences::new();
    let mut sentences = splitter.push(&text);
    sentences.extend(splitter.finish());
    // A piece without a word says nothing, and voices refuse it.
    sentences.retain(|sentence| sentence.contains(char::is_alphanumeric));
    if sentences.is_empty() {
        return Err(refuse("`input` has no word in it."));
    }
    let app = server.app()?.clone();
    let known = app.ports.tts.voices();
    let format = request.response_format.stream();
    let encoder = StreamEncoder::new(format).map_err(|error| ApiError::internal(&error))?;
    let cancel = server.turns().child_token();
    let speech = Speech {
        resampler: Resampler::new(app.ports.tts.sample_rate(), StreamEncoder::RATE),
        app,
        sentences: sentences.into(),
        voice: request.voice.filter(|voice| known.contains(voice)),
        speed: request.speed.unwrap_or(server.app()?.config.tts.speed),
        encoder,
        cancel: cancel.clone(),
    };
    let (pieces, mut receiver) = mpsc::channel(PIECES);
    tokio::spawn(speech.run(pieces));
    // What can be refused is refused with a status: it shows before the first sound.
    let first = receiver.recv().await.ok_or_else(|| ApiError::internal(&"a voice ended without sound"))??;
    let guard = cancel.drop_guard();
    let rest = ReceiverStream::new(receiver).take_while(|piece| {
        if let Err(error) = piece {
            tracing::warn!(error = %error, "a voice broke off while a client was listening");
        }
        std::future::ready(piece.is_ok())
    });
    let pieces = futures::stream::iter([Ok(first)]).chain(rest).map(move |piece| {
        // Whoever goes away ends the work.
        let _held = &guard;
        Ok::<_, Infallible>(piece.unwrap_or_default())
    });
    Ok(([(header::CONTENT_TYPE, format.media_type())], HttpBody::from_stream(pieces)).into_response())
}

struct Speech {
    app: Arc<App>,
    sentences: VecDeque<String>,
    voice: Option<String>,
    speed: f32,
    resampler: Resampler,
    encoder: StreamEncoder,
    cancel: CancellationToken,
}

impl Speech {
    /// Until all is said, or nobody listens.
    async fn run(mut self, pieces: mpsc::Sender<Result<Bytes, ApiError>>) {
        while let Some(sentence) = self.sentences.pop_front() {
            if let Err(error) = self.say(sentence, &pieces).await {
                // Nobody may be there to hear of it.
                let _ = pieces.send(Err(error)).await;
                return;
            }
        }
        let mut left = Vec::new();
        let Self { resampler, mut encoder, .. } = self;
        resampler.finish(&mut left);
        let bytes = encoder.push(&left).and_then(|mut bytes| {
            bytes.extend(encoder.finish()?);
            Ok(bytes)
        });
        let _ = pieces.send(bytes.map(Bytes::from).map_err(|error| ApiError::internal(&error))).await;
    }

    async fn say(&mut self, text: String, pieces: &mpsc::Sender<Result<Bytes, ApiError>>) -> Result<(), ApiError> {
        let request = SpeechRequest { text, voice: self.voice.clone(), speed: self.speed, cancel: self.cancel.clone() };
        let mut chunks = self.app.ports.tts.speak(request).await?;
        while let Some(chunk) = chunks.next().await {
            let chunk: SpeechChunk = chunk?;
            let bytes = self.encode(&chunk.clip.samples)?;
            if !bytes.is_empty() && pieces.send(Ok(Bytes::from(bytes))).await.is_err() {
                return Err(ProviderError::Cancelled.into());
            }
        }
        Ok(())
    }

    /// Some milliseconds of work for a sentence.
    fn encode(&mut self, samples: &[f32]) -> Result<Vec<u8>, ApiError> {
        let mut resampled = Vec::new();
        self.resampler.push(samples, &mut resampled);
        self.encoder.push(&resampled).map_err(|error| ApiError::internal(&error))
    }
}
