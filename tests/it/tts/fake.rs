//! The voice without a voice.

use std::sync::Arc;
use std::time::Duration;

use rose::config::FakeTtsConfig;
use rose::domain::audio::SampleRate;
use rose::providers::tts::{FakeVoice, TextToSpeech};

use super::contract::contract;
use super::{STORY, say, spoken};

fn fake(places: usize) -> Arc<dyn TextToSpeech> {
    let config = FakeTtsConfig { sample_rate: SampleRate(22_050), concurrency: places, chunk_delay: Duration::ZERO };
    Arc::new(FakeVoice::new(&config))
}

contract!(fake);

#[tokio::test]
async fn the_same_text_sounds_the_same() {
    assert!(spoken(&fake(1), say(STORY)).await == spoken(&fake(1), say(STORY)).await);
}

#[tokio::test]
async fn longer_texts_last_longer() {
    let voice = fake(1);
    let short = spoken(&voice, say("A chair by the fire.")).await.duration();
    let long = spoken(&voice, say("A chair by the fire. A chair by the fire.")).await.duration();
    assert_eq!(long.as_millis() / 10, (short * 2).as_millis() / 10);
}

#[tokio::test]
async fn it_cannot_be_mistaken_for_a_voice() {
    assert_eq!(fake(1).describe().backend, "fake");
}

#[tokio::test(start_paused = true)]
async fn it_takes_its_time_when_told_to() {
    let config =
        FakeTtsConfig { sample_rate: SampleRate(16_000), concurrency: 1, chunk_delay: Duration::from_millis(50) };
    let voice: Arc<dyn TextToSpeech> = Arc::new(FakeVoice::new(&config));
    let before = tokio::time::Instant::now();
    spoken(&voice, say("One two three four.")).await;
    assert!(before.elapsed() >= Duration::from_millis(200));
}
