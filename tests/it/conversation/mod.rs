//! Whole conversations, through the room's own door.

mod everyday;
mod long;

use rose::app::App;
use rose::conversation::{Event, Outcome, Speak, TurnInput, TurnRequest};
use rose::domain::ids::{SessionId, UserId};
use tokio_util::sync::CancellationToken;

async fn session(app: &App, user: UserId) -> SessionId {
    app.sessions.create_session(user).await.expect("a session").id
}

/// One written turn, to its end.
async fn ask(app: &App, user: UserId, session: SessionId, message: &str) -> Outcome {
    let mut turn = app.conversation.start(TurnRequest {
        user,
        session,
        input: TurnInput::Text(message.into()),
        images: Vec::new(),
        speak: Speak::Never,
        voice: None,
        speed: 1.0,
        instructions: None,
        cancel: CancellationToken::new(),
    });
    while let Some(event) = turn.events.recv().await {
        match event {
            Event::Done(outcome) => return outcome,
            Event::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    panic!("the turn ended without an outcome");
}
