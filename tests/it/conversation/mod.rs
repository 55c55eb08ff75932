//! Whole conversations, through the room's own door.

mod long;
mod services;

use rose::app::App;
use rose::conversation::{Outcome, Speak, TurnInput, TurnRequest, collect};
use rose::domain::ids::{SessionId, UserId};
use tokio_util::sync::CancellationToken;

async fn session(app: &App, user: UserId) -> SessionId {
    app.sessions.create_session(user).await.expect("a session").id
}

/// One written turn, to its end.
async fn ask(app: &App, user: UserId, session: SessionId, message: &str) -> Outcome {
    let turn = app.conversation.start(TurnRequest {
        user,
        session,
        input: TurnInput::Text(message.into()),
        images: Vec::new(),
        speak: Speak::Never,
        voice: None,
        speed: 1.0,
        instructions: None,
        calling: Default::default(),
        cancel: CancellationToken::new(),
    });
    collect(turn).await.expect("the turn is answered").outcome
}
