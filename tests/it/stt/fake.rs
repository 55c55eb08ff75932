//! The fake: it keeps the contract, and can't be mistaken for the real thing.

use std::sync::Arc;
use std::time::Duration;

use rose::config::FakeSttConfig;
use rose::providers::stt::{FakeSpeechToText, SpeechToText};

use super::contract::contract;
use super::request;
use crate::audio::original;

fn make(queue_length: usize) -> Arc<dyn SpeechToText> {
    let config = FakeSttConfig { text: None, delay: Duration::from_millis(100), queue_length };
    Arc::new(FakeSpeechToText::start(&config).expect("a thread"))
}

contract!(make);

#[tokio::test]
async fn every_transcript_says_that_it_is_fake_unless_config_sets_it() {
    let config = FakeSttConfig { text: None, delay: Duration::ZERO, queue_length: 1 };
    let fake = FakeSpeechToText::start(&config).expect("a thread");
    assert_eq!(fake.describe().backend, "fake");
    let heard = fake.transcribe(request(original("jfk.wav"))).await.expect("an answer");
    assert_eq!(heard.text, "This is a fake transcript of 11.0 seconds.");
    let told = FakeSttConfig { text: Some("Draw me a bear.".into()), ..config };
    let heard = FakeSpeechToText::start(&told).expect("a thread").transcribe(request(original("jfk.wav"))).await;
    assert_eq!(heard.expect("an answer").text, "Draw me a bear.");
}
