//! A text spoken outside of a turn: sound that leaves while the rest is still being spoken.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::state::Server;
use super::turn::Manner;
use crate::app::App;
use crate::audio::{Encoding, Resampler, StreamEncoder, StreamFormat, encode, samples_from_pcm16};
use crate::conversation::sentences::Sentences;
use crate::conversation::speakable;
use crate::domain::audio::Clip;
use crate::providers::ProviderError;
use crate::providers::tts::{SpeechChunk, SpeechRequest};

/// Pieces that wait for a slow client; the voice waits when there are more.
const PIECES: usize = 8;

/// What is to be said, sentence by sentence: every word of the text; empty where the text has no word in it.
pub(super) fn sentences(text: &str) -> VecDeque<String> {
    let mut splitter = Sentences::new();
    let mut sentences = splitter.push(&speakable::every_word(text));
    sentences.extend(splitter.finish());
    // A piece without a word says nothing, and voices refuse it.
    sentences.retain(|sentence| sentence.contains(char::is_alphanumeric));
    sentences.into()
}

/// Sound in pieces, as they are made. A piece that is an error is the last. Dropping it ends the work.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, ApiError>>;

/// # Errors
/// What the voice refuses before its first sound. Where it breaks off later, so does the answer.
pub(super) async fn stream(
    server: &Server,
    sentences: VecDeque<String>,
    manner: Manner,
    format: StreamFormat,
) -> Result<Response, ApiError> {
    let pieces = pieces(server, sentences, manner, format).await?;
    let heard = pieces.take_while(|piece| std::future::ready(piece.is_ok()));
    let heard = heard.map(|piece| Ok::<_, Infallible>(piece.unwrap_or_default()));
    Ok(([(header::CONTENT_TYPE, format.media_type())], Body::from_stream(heard)).into_response())
}

/// A WAV file that says how long it is: all of it is spoken before its first byte, so `sentences` are short.
///
/// # Errors
/// What the voice refuses, or where it breaks off.
pub(super) async fn whole_wav(
    server: &Server,
    sentences: VecDeque<String>,
    manner: Manner,
) -> Result<Response, ApiError> {
    let samples: Vec<Bytes> = pieces(server, sentences, manner, StreamFormat::Pcm16).await?.try_collect().await?;
    let clip = Clip::new(samples_from_pcm16(&samples.concat()), StreamEncoder::RATE);
    let file = encode(&clip, Encoding::SyntheticWav);
    Ok(([(header::CONTENT_TYPE, Encoding::SyntheticWav.media_type())], file).into_response())
}

/// # Errors
/// What the voice refuses before its first sound.
pub(super) async fn pieces(
    server: &Server,
    sentences: VecDeque<String>,
    manner: Manner,
    format: StreamFormat,
) -> Result<Pieces, ApiError> {
    let app = Arc::clone(server.app()?);
    let encoder = StreamEncoder::new(format).map_err(|error| ApiError::internal(&error))?;
    let cancel = server.turns().child_token();
    let speech = Speech {
        resampler: Resampler::new(app.ports.tts.sample_rate(), StreamEncoder::RATE),
        app,
        sentences,
        manner,
        encoder,
        cancel: cancel.clone(),
    };
    let (pieces, mut receiver) = mpsc::channel(PIECES);
    tokio::spawn(speech.run(pieces));
    // What can be refused is refused with a status: it shows before the first sound.
    let first = receiver.recv().await.ok_or_else(|| ApiError::internal(&"a voice ended without sound"))??;
    let guard = cancel.drop_guard();
    let rest = ReceiverStream::new(receiver).inspect_err(|error| {
        tracing::warn!(error = %error, "a voice broke off while a client was listening");
    });
    let pieces = futures::stream::iter([Ok(first)]).chain(rest).map(move |piece| {
        // Whoever goes away ends the work.
        let _held = &guard;
        piece
    });
    Ok(pieces.boxed())
}

struct Speech {
    app: Arc<App>,
    sentences: VecDeque<String>,
    manner: Manner,
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
        let request = SpeechRequest {
            text,
            voice: self.manner.voice.clone(),
            speed: self.manner.speed.unwrap_or(self.app.config.tts.speed),
            cancel: self.cancel.clone(),
        };
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
