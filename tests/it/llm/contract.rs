//! What every language model promises, whatever answers.

use std::sync::Arc;

use futures::StreamExt;
use rose::domain::message::Role;
use rose::providers::ProviderError;
use rose::providers::llm::{ChatMessage, Delta, Finish, LanguageModel};
use strsim::normalized_levenshtein;

use super::{Room, answer, answer_once_free, ask, piece, request};

/// Runs the suite over a backend: `contract!(name, make)` with `make: fn(Room) -> Arc<dyn LanguageModel>`.
macro_rules! contract {
    ($make:path) => {
        contract!(
            $make,
            streams_and_then_says_that_it_is_done,
            stops_within_one_token_when_cancelled,
            is_cancelled_before_it_begins,
            gives_its_place_back_when_dropped,
            is_busy_at_once_when_full,
            ends_at_the_token_limit,
            ends_before_a_stop_text,
            counts_tokens,
            refuses_a_prompt_that_does_not_fit,
            refuses_a_prompt_without_messages,
            takes_every_script,
            keeps_sessions_apart,
            computes_only_what_is_new,
            works_ahead
        );
    };
    ($make:path, $($promise:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            super::contract::$promise($make).await;
        })+
    };
}
pub(super) use contract;

type Make = fn(Room) -> Arc<dyn LanguageModel>;

pub(super) async fn streams_and_then_says_that_it_is_done(make: Make) {
    let model = make(Room::default());
    let mut stream = model.stream(ask("Good morning, how are you?")).await.expect("the request is taken");
    let mut pieces = Vec::new();
    let usage = loop {
        match stream.next().await.expect("an end").expect("no error") {
            Delta::Text(text) => pieces.push(text),
            Delta::Call(_) | Delta::Again => panic!("one backend, and no function"),
            Delta::Done(usage) => break usage,
        }
    };
    assert!(stream.next().await.is_none(), "something came after the end");
    assert!(pieces.len() > 3, "{} pieces: it doesn't stream", pieces.len());
    assert!(!pieces.iter().any(String::is_empty), "an empty piece");
    assert!(usage.completion_tokens >= pieces.len());
    assert!(usage.prompt_tokens > 8);
    assert_eq!(usage.computed_prompt_tokens, usage.prompt_tokens, "a new session has nothing cached");
    assert!(usage.timing.inference > std::time::Duration::ZERO);
    let whole = answer(&model, ask("Good morning, how are you?")).await;
    assert!(normalized_levenshtein(&whole.text, &pieces.concat()) > 0.7, "collected and streamed differ");
}

pub(super) async fn stops_within_one_token_when_cancelled(make: Make) {
    let model = make(Room::default());
    let mut request = ask("Tell me a long story about a bear, a river and a village.");
    request.max_tokens = 400;
    let cancel = request.cancel.clone();
    let mut stream = model.stream(request).await.expect("the request is taken");
    for _ in 0..2 {
        piece(&mut stream).await;
    }
    cancel.cancel();
    let mut more = 0;
    let usage = loop {
        match stream.next().await.expect("an end").expect("no error") {
            Delta::Text(_) => more += 1,
            Delta::Call(_) | Delta::Again => panic!("one backend, and no function"),
            Delta::Done(usage) => break usage,
        }
    };
    assert!(more <= 1, "{more} pieces came after cancelling");
    assert_eq!(usage.finish, Finish::Cancelled);
    assert!(stream.next().await.is_none());
}

pub(super) async fn is_cancelled_before_it_begins(make: Make) {
    let model = make(Room::default());
    let request = ask("Hello.");
    request.cancel.cancel();
    match model.stream(request).await {
        Err(ProviderError::Cancelled) => {}
        Err(error) => panic!("cancelled, but {error}"),
        Ok(mut stream) => match stream.next().await {
            Some(Ok(Delta::Done(usage))) => assert_eq!(usage.finish, Finish::Cancelled),
            _ => panic!("it spoke after being cancelled"),
        },
    }
}

pub(super) async fn gives_its_place_back_when_dropped(make: Make) {
    let model = make(Room { places: 1, ..Room::default() });
    let mut long = ask("Tell me a long story.");
    long.max_tokens = 800;
    let mut stream = model.stream(long).await.expect("the request is taken");
    piece(&mut stream).await;
    drop(stream);
    assert!(!answer_once_free(&model, ask("Hello.")).await.text.is_empty());
}

pub(super) async fn is_busy_at_once_when_full(make: Make) {
    let model = make(Room { places: 2, ..Room::default() });
    // Nobody reads, so nobody gets done: the places stay taken however fast the backend is.
    let mut long = ask("Tell me a long story about the sea and the people who live by it.");
    long.max_tokens = 800;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(model.stream(long.clone()).await.expect("the request is taken"));
    }
    match model.stream(ask("Hello.")).await {
        Err(ProviderError::Busy { retry_after, .. }) => assert!(!retry_after.is_zero()),
        Err(error) => panic!("full, but {error}"),
        Ok(_) => panic!("a third was taken where two fit"),
    }
    drop(held);
    assert!(!answer_once_free(&model, ask("Hello.")).await.text.is_empty());
}

pub(super) async fn ends_at_the_token_limit(make: Make) {
    let model = make(Room::default());
    let mut request = ask("Tell me everything about rivers.");
    request.max_tokens = 4;
    let reply = answer(&model, request).await;
    assert_eq!(reply.usage.finish, Finish::Length);
    assert_eq!(reply.usage.completion_tokens, 4);
    assert!(!reply.text.is_empty());
}

pub(super) async fn ends_before_a_stop_text(make: Make) {
    let model = make(Room::default());
    let mut request = ask("Tell me about the weather in the mountains.");
    let free = answer(&model, request.clone()).await.text;
    // Part of two words and the space between them, so that it crosses a token.
    let from = free.len() / 3;
    let space = free[from..].find(' ').expect("several words") + from;
    let stop = free.get(space - 1..space + 2).expect("letters of one byte").to_owned();
    request.stop = vec!["never said".into(), stop.clone()];
    let stopped = answer(&model, request).await;
    assert_eq!(stopped.usage.finish, Finish::Stop);
    assert!(!stopped.text.contains(&stop), "the stop text was said");
    assert_eq!(stopped.text, free[..free.find(&stop).expect("it is part of the reply")]);
}

pub(super) async fn counts_tokens(make: Make) {
    let model = make(Room::default());
    assert_eq!(model.count_tokens(""), 0);
    let few = model.count_tokens("one two three");
    let many = model.count_tokens("one two three four five six seven eight nine");
    assert!(few >= 3 && many >= few * 2, "{few} and {many}");
}

pub(super) async fn refuses_a_prompt_that_does_not_fit(make: Make) {
    let model = make(Room { context_tokens: 512, ..Room::default() });
    assert_eq!(model.context_tokens(), 512);
    match model.stream(ask(&"very long ".repeat(400))).await {
        Err(ProviderError::InvalidInput { reason, .. }) => {
            assert!(reason.contains("512"), "the limit isn't named: {reason}");
            let tokens = reason.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok());
            assert!(tokens.into_iter().any(|n| n > 800), "the length isn't named: {reason}");
        }
        Err(error) => panic!("too long, but {error}"),
        Ok(_) => panic!("a prompt past the context was taken"),
    }
}

pub(super) async fn refuses_a_prompt_without_messages(make: Make) {
    let model = make(Room::default());
    assert!(matches!(model.stream(request(Vec::new())).await, Err(ProviderError::InvalidInput { .. })));
}

pub(super) async fn takes_every_script(make: Make) {
    let model = make(Room::default());
    for text in ["Ça va, Zoë? 你好吗？ ¿Y tú? 🙂👩‍👩‍👧", "\u{0}null\u{7}bell\u{202e}turned", "   \n\t "]
    {
        let reply = answer(&model, ask(text)).await;
        assert!(!reply.text.contains('\u{fffd}'), "a letter was broken");
    }
}

pub(super) async fn keeps_sessions_apart(make: Make) {
    let model = make(Room::default());
    let questions = ["What do bees make, and why?", "Please tell me about the moon and the tides."];
    let [bees, moon] = questions.map(ask);
    let alone = [answer(&model, bees.clone()).await.text, answer(&model, moon.clone()).await.text];
    let (bees, moon) = (answer(&model, ask(questions[0])), answer(&model, ask(questions[1])));
    let (bees, moon) = tokio::join!(bees, moon);
    for (together, own, other) in [(bees.text, &alone[0], &alone[1]), (moon.text, &alone[1], &alone[0])] {
        let (own, other) = (normalized_levenshtein(&together, own), normalized_levenshtein(&together, other));
        assert!(own > 0.6 && own > other, "own {own}, other {other}");
    }
}

pub(super) async fn computes_only_what_is_new(make: Make) {
    let model = make(Room::default());
    let mut request = ask("My sister is called Ana and she lives by the sea.");
    for turn in ["What did I tell you?", "And where does she live?", "Thank you, that is kind of you.", "Good night."] {
        let reply = answer(&model, request.clone()).await;
        request.messages.push(ChatMessage::new(Role::Assistant, reply.text));
        request.messages.push(ChatMessage::new(Role::User, turn));
    }
    let usage = answer(&model, request.clone()).await.usage;
    // The last message, the template's marks around it, and the last token of the reply before it.
    let new = model.count_tokens("Good night.") + 12;
    assert!(usage.computed_prompt_tokens <= new, "{} computed, {new} are new", usage.computed_prompt_tokens);
    assert!(usage.prompt_tokens > 5 * usage.computed_prompt_tokens);
}

pub(super) async fn works_ahead(make: Make) {
    let model = make(Room::default());
    let request = ask("I walked along the river for two hours today and I saw a heron.");
    model.prepare(&request).await.expect("there is room to work ahead");
    let usage = answer(&model, request).await.usage;
    assert!(usage.computed_prompt_tokens <= 2, "{} computed after preparing", usage.computed_prompt_tokens);
}
