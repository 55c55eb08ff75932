//! The local language model: the first token of a session's next turn, tokens a second, and how much more of them four
//! sessions get together than one.

mod budget;

use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::StreamExt;
use rose::config::{Config, Overrides};
use rose::domain::ids::SessionId;
use rose::domain::message::Role;
use rose::graph::character::Character;
use rose::providers::llm::{Ability, ChatMessage, Delta, GenerationRequest, LanguageModel, Sampling, build};
use rose::weights::ModelStore;
use tokio_util::sync::CancellationToken;

const TOKENS: usize = 64;

fn model() -> Arc<dyn LanguageModel> {
    let config =
        Config::load(&Overrides { model_set: Some("tiny".into()), ..Overrides::default() }).expect("valid settings");
    let models = ModelStore::open(&config.models).expect("a models folder");
    build(&config.llm, &models).expect("the language model is installed")
}

fn request(session: SessionId, message: &str, max_tokens: usize) -> GenerationRequest {
    let persona = Character::load(None, "en", Ability::Small).expect("the built-in character").persona;
    GenerationRequest {
        messages: vec![ChatMessage::new(Role::System, persona), ChatMessage::new(Role::User, message)],
        session: Some(session),
        max_tokens,
        sampling: Sampling::default(),
        prefix: None,
        format: None,
        tools: None,
        plain: true,
        stop: Vec::new(),
        cancel: CancellationToken::new(),
    }
}

/// Tokens written.
async fn write(model: &dyn LanguageModel, request: GenerationRequest) -> usize {
    let mut stream = model.stream(request).await.expect("the request is taken");
    let mut written = 0;
    while let Some(delta) = stream.next().await {
        if let Delta::Done(usage) = delta.expect("no error") {
            written = usage.completion_tokens;
        }
    }
    written
}

/// Tokens a second of `sessions` who are answered at once.
async fn rate(model: &dyn LanguageModel, sessions: usize) -> f64 {
    let requests: Vec<_> = (0..sessions)
        .map(|number| request(SessionId::generate(), &format!("Tell me a long story about river {number}."), TOKENS))
        .collect();
    // The prompts are computed before the clock starts.
    for request in &requests {
        model.prepare(request).await.expect("there is a place for each");
    }
    let started = Instant::now();
    let written: usize =
        futures::future::join_all(requests.into_iter().map(|request| write(model, request))).await.iter().sum();
    written as f64 / started.elapsed().as_secs_f64()
}

fn language_model(criterion: &mut Criterion) {
    const RUNS: usize = 7;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let model = model();
    let session = SessionId::generate();
    let mut turn = 0;
    let mut first_token = || {
        turn += 1;
        runtime.block_on(write(&*model, request(session, &format!("This is message {turn}, and it rains."), 1)));
    };
    first_token();
    budget::print_share("first token", &mut first_token);
    criterion.bench_function("first token", |bencher| bencher.iter(&mut first_token));

    // Interleaved, so that what disturbs the machine disturbs both.
    let (mut one, mut four): (Vec<f64>, Vec<f64>) =
        (0..RUNS).map(|_| runtime.block_on(async { (rate(&*model, 1).await, rate(&*model, 4).await) })).unzip();
    one.sort_by(f64::total_cmp);
    four.sort_by(f64::total_cmp);
    let (one, four) = (one[RUNS / 2], four[RUNS / 2]);
    #[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
    {
        println!(
            "tokens a second, median of {RUNS}: {one:.0} for one session, {four:.0} for four, ratio {:.2}",
            four / one
        );
    }
}

criterion_group!(benches, language_model);
criterion_main!(benches);
