//! A spoken turn on the tiny models, from the recording's bytes to the last sound of the reply, and where its time goes.

mod budget;

use std::collections::BTreeMap;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rose::app::App;
use rose::config::{Config, Overrides};
use rose::conversation::{Outcome, Speak, TurnInput, TurnRequest, collect};
use rose::domain::ids::UserId;
use rose::domain::stage::Stage;
use tokio_util::sync::CancellationToken;

const RECORDINGS: [(&str, &[u8]); 3] = [
    ("austen-0890, 5.3 s", include_bytes!("../tests/fixtures/speech/austen-0890.wav")),
    ("austen-0870, 7.1 s", include_bytes!("../tests/fixtures/speech/austen-0870.wav")),
    ("jfk, 11.0 s", include_bytes!("../tests/fixtures/speech/jfk.wav")),
];

const RUNS: usize = 15;

/// One turn of a new person's, so that each is like the others.
async fn turn(app: &App, recording: &'static [u8]) -> Outcome {
    let user = UserId::generate();
    let session = app.sessions.create_session(user).await.expect("a session").id;
    app.conversation.prepare(user, session);
    app.conversation.idle().await;
    let turn = app.conversation.start(TurnRequest {
        user,
        session,
        input: TurnInput::Recording { bytes: bytes::Bytes::from_static(recording), language: None },
        images: Vec::new(),
        speak: Speak::Always,
        voice: None,
        speed: 1.0,
        instructions: None,
        calling: Default::default(),
        cancel: CancellationToken::new(),
    });
    let outcome = collect(turn).await.expect("the turn is answered").outcome;
    app.conversation.idle().await;
    outcome
}

fn percentile(sorted: &[Duration], part: usize) -> Duration {
    sorted[(sorted.len() * part / 100).min(sorted.len() - 1)]
}

fn whole_turn(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let data = tempfile::tempdir().expect("a folder for the bench");
    let overrides =
        Overrides { data_dir: Some(data.path().to_owned()), model_set: Some("tiny".into()), ..Overrides::default() };
    let config = Config::load(&overrides).expect("valid settings");
    let app = runtime.block_on(App::build(config)).expect("the tiny models are installed");
    for (name, recording) in RECORDINGS {
        let mut stages: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
        for _ in 0..RUNS {
            for timing in runtime.block_on(turn(&app, recording)).stages {
                stages.entry(timing.stage.as_str()).or_default().push(timing.total);
            }
        }
        #[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
        {
            println!("\n{name}, {RUNS} turns, milliseconds");
            println!("{:<18} {:>9} {:>9} {:>12}", "stage", "p50", "p95", "of 3.6 s");
            for (stage, times) in &mut stages {
                times.sort();
                let (p50, p95) = (percentile(times, 50).as_secs_f64() * 1e3, percentile(times, 95).as_secs_f64() * 1e3);
                println!("{stage:<18} {p50:>9.1} {p95:>9.1} {:>10.1} %", p50 / 36.0);
            }
        }
        assert!(stages.contains_key(Stage::FirstAudio.as_str()), "the reply was spoken");
    }
    let (name, recording) = RECORDINGS[0];
    budget::print_share("whole turn", || {
        runtime.block_on(turn(&app, recording));
    });
    let mut group = criterion.benchmark_group("whole turn");
    group.sample_size(10);
    group.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(turn(&app, recording))));
    group.finish();
}

criterion_group!(benches, whole_turn);
criterion_main!(benches);
