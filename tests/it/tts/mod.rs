//! Text-to-speech: one contract over every backend, and what only one of them promises.

mod contract;
mod fake;
#[cfg(feature = "tts-local")]
mod kokoro;
#[cfg(feature = "tts-local")]
mod local;
mod ordered;
#[cfg(feature = "tts-local")]
mod piper;
mod services;

use std::sync::Arc;

use futures::StreamExt;
use rose::domain::audio::Clip;
use rose::providers::ProviderError;
use rose::providers::tts::{SpeechChunk, SpeechRequest, SpeechStream, TextToSpeech, collect};
use tokio_util::sync::CancellationToken;

/// Long enough to come in many chunks.
const STORY: &str = "There was once a bear who lived by a river, and every morning she walked down to the water, looked \
at the mist between the trees, and waited until the sun stood above the hill; then she caught one fish, ate it slowly, \
and went back to her cave, where her cubs were asleep, warm and safe under a blanket of leaves. In the evening she told \
them of the water, of the mist, and of the hill.";

fn say(text: &str) -> SpeechRequest {
    SpeechRequest { text: text.into(), voice: None, speed: 1.0, cancel: CancellationToken::new() }
}

async fn spoken(voice: &Arc<dyn TextToSpeech>, request: SpeechRequest) -> Clip {
    let stream = voice.speak(request).await.expect("the request is taken");
    collect(voice.sample_rate(), stream).await.expect("the sentence is whole").clip
}

async fn chunk(stream: &mut SpeechStream) -> SpeechChunk {
    stream.next().await.expect("a chunk").expect("no error")
}

/// Asks again and again until a place is free: a place is given back soon after its stream is gone, not at once.
async fn spoken_once_free(voice: &Arc<dyn TextToSpeech>, request: SpeechRequest) -> Clip {
    loop {
        match voice.speak(request.clone()).await {
            Ok(stream) => return collect(voice.sample_rate(), stream).await.expect("the sentence is whole").clip,
            Err(ProviderError::Busy { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("the request is refused: {error}"),
        }
    }
}
