//! Speech-to-text: 5.3 s of speech to its words, and the voice activity detection that goes before.

mod budget;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rose::audio::{DurationLimits, decode};
use rose::config::{Config, Overrides};
use rose::providers::stt::{self, TranscriptionRequest};
use rose::providers::vad;
use rose::weights::ModelStore;
use tokio_util::sync::CancellationToken;

fn speech_to_text(criterion: &mut Criterion) {
    let recording = include_bytes!("../tests/fixtures/speech/austen-0890.wav");
    let clip = Arc::new(decode(recording, &DurationLimits::ANY).expect("a WAV file"));
    let config =
        Config::load(&Overrides { model_set: Some("tiny".into()), ..Overrides::default() }).expect("valid settings");
    let models = ModelStore::open(&config.models).expect("a models folder");
    let detector = vad::build(&config.vad, &models).expect("the voice activity model is installed");
    let model = stt::build(&config.stt, &models, Some(&detector)).expect("the speech model is installed");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");

    let detect = || {
        let heard = runtime.block_on(detector.listen().push(&clip.samples)).expect("an answer");
        black_box(heard);
    };
    let name = "detect speech in 5.3 s";
    budget::print_share(name, detect);
    criterion.bench_function(name, |bencher| bencher.iter(detect));

    let transcribe = || {
        let request = TranscriptionRequest::new(Arc::clone(&clip), CancellationToken::new());
        let heard = runtime.block_on(model.transcribe(request)).expect("an answer");
        assert!(!heard.text.is_empty(), "the words");
    };
    let name = "transcribe 5.3 s";
    budget::print_share(name, transcribe);
    let mut group = criterion.benchmark_group("speech to text");
    group.sample_size(10);
    group.bench_function(name, |bencher| bencher.iter(transcribe));
    group.finish();
}

criterion_group!(benches, speech_to_text);
criterion_main!(benches);
