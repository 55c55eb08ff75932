//! What comes before the language model: the route of a message, and the prompt of a conversation of thirty messages.

mod budget;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rose::domain::ids::{SessionId, TurnId, UserId};
use rose::graph::character::Character;
use rose::graph::prompt;
use rose::graph::routing::RouteClassifier;
use rose::graph::state::{Said, State, TurnState};
use rose::providers::llm::Ability;
use tokio_util::sync::CancellationToken;

const MESSAGE: &str = "I have slept badly since my sister moved away, and the evenings are the worst of it.";

fn thirty_messages() -> State {
    let mut state = State::new(SessionId::generate(), UserId::generate());
    for _ in 0..15 {
        state.turn = Some(TurnState::new(TurnId::generate(), MESSAGE.into(), Vec::new(), jiff::Timestamp::now()));
        state.record_message(None);
        state.record_reply(Said { text: MESSAGE.into(), ..Said::default() }, jiff::Timestamp::now());
    }
    state
}

fn before_the_model(criterion: &mut Criterion) {
    let router = RouteClassifier::new(None, "Rose");
    let route = || {
        let route = router.route(black_box(MESSAGE), CancellationToken::new());
        black_box(futures::executor::block_on(route));
    };
    budget::print_share("route", route);
    criterion.bench_function("route", |bencher| bencher.iter(route));

    let character = Character::load(None, "en", Ability::Small).expect("the built-in character");
    let state = thirty_messages();
    let messages = || {
        black_box(prompt::messages(black_box(&state), &character));
    };
    budget::print_share("prompt", messages);
    criterion.bench_function("prompt", |bencher| bencher.iter(messages));
}

criterion_group!(benches, before_the_model);
criterion_main!(benches);
