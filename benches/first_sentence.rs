//! Speech: from a sentence to its first chunk, which is when a listener hears something, and how much faster than real
//! time the whole is spoken.

mod budget;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::StreamExt;
use rose::config::{Config, Overrides};
use rose::providers::tts::{SpeechRequest, TextToSpeech, build};
use rose::weights::ModelStore;
use tokio_util::sync::CancellationToken;

const TEXTS: [(&str, &str); 3] = [
    // What the cutter gives first of a reply, where it can.
    ("clause", "It sounds as if today was hard,"),
    ("sentence", "I am glad that you told me, and I am here."),
    (
        "long sentence",
        "There was once a bear who lived by a river, and every morning she walked down to the water, looked at the mist \
         between the trees, and waited until the sun stood above the hill.",
    ),
];

/// Side by side: one is small, the other the more natural.
const VOICES: [(&str, &str); 2] = [("piper", "en_US-joe-medium"), ("kokoro", "kokoro-82m")];

fn voice(model: &str) -> Arc<dyn TextToSpeech> {
    let settings = vec![("tts.backends".into(), "local".into()), ("tts.local.model".into(), model.into())];
    let config = Config::load(&Overrides { settings, model_set: Some("tiny".into()), ..Overrides::default() })
        .expect("valid settings");
    let models = ModelStore::open(&config.models).expect("a models folder");
    build(&config.tts, &models).expect("the voice is installed")
}

/// How one text was spoken.
struct Spoken {
    first_chunk: Duration,
    whole: Duration,
    speech: Duration,
}

impl Spoken {
    fn real_time_factor(self) -> f64 {
        self.whole.as_secs_f64() / self.speech.as_secs_f64()
    }
}

/// For the real-time factors.
const RUNS: usize = 11;

async fn speak(voice: &dyn TextToSpeech, text: &str) -> Spoken {
    let request = SpeechRequest { text: text.into(), voice: None, speed: 1.0, cancel: CancellationToken::new() };
    let started = Instant::now();
    let mut stream = voice.speak(request).await.expect("the request is taken");
    let mut first_chunk = None;
    let mut speech = Duration::ZERO;
    // To its end, so that the rest does not stand before the next run.
    while let Some(chunk) = stream.next().await {
        first_chunk.get_or_insert_with(|| started.elapsed());
        speech += chunk.expect("no error").clip.duration();
    }
    Spoken { first_chunk: first_chunk.expect("a chunk"), whole: started.elapsed(), speech }
}

fn first_sentence(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for (voice_name, model) in VOICES {
        let voice = voice(model);
        for (name, text) in TEXTS {
            let speak = || runtime.block_on(speak(voice.as_ref(), text));
            let mut whole: Vec<f64> = (0..RUNS).map(|_| speak()).map(Spoken::real_time_factor).collect();
            whole.sort_by(f64::total_cmp);
            #[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
            {
                println!("{voice_name}, whole {name}: real-time factor {:.3}, median of {RUNS}", whole[RUNS / 2]);
            }
            criterion.bench_function(&format!("{voice_name}, first chunk of a {name}"), |bencher| {
                bencher.iter_custom(|runs| (0..runs).map(|_| speak().first_chunk).sum());
            });
        }
        budget::print_share(&format!("{voice_name}, a whole clause"), || {
            runtime.block_on(speak(voice.as_ref(), TEXTS[0].1));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = first_sentence
}
criterion_main!(benches);
