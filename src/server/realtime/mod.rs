//! A spoken conversation over a WebSocket, in the OpenAI Realtime protocol. `docs/REALTIME.md` says what of it is there.
//!
//! One task for each connection. In it, side by side: the session, which reads the client and moves things on, and the
//! writer, which sends what the session puts into a bounded queue.

mod client_event;
mod items;
mod outgoing;
mod playback;
mod problem;
mod reply;
mod server_event;
mod session;
mod settings;
mod sound;
mod tools;

use std::net::IpAddr;

use axum::extract::ws::WebSocket;
use futures::StreamExt;

use super::state::Server;
use crate::app::App;
use crate::domain::ids::{SessionId, UserId};
use crate::telemetry;
use outgoing::Outgoing;
use session::Session;

/// Who is connected.
pub(super) struct Caller {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    /// Whose allowance of turns is used; `None` where none is counted.
    pub(super) counted: Option<IpAddr>,
    /// The name that the client gave the model.
    pub(super) model: Option<String>,
}

/// Serves one connection to its end. Nothing of it is left then.
pub(super) async fn serve(server: Server, app: std::sync::Arc<App>, caller: Caller, socket: WebSocket) {
    let begin = std::time::Instant::now();
    let session_id = caller.session;
    let counted = telemetry::count_connection();
    let (sink, stream) = socket.split();
    let (outgoing, writer) = Outgoing::new();
    let session = Session::new(server, app, caller, outgoing);
    let (summary, ()) = tokio::join!(session.run(stream), writer.run(sink));
    drop(counted);
    tracing::info!(
        session.id = %session_id,
        request.id = super::request_id::current(),
        outcome = summary.ended,
        realtime.turns = summary.turns,
        realtime.interruptions = summary.interruptions,
        total_duration_ms = telemetry::milliseconds(begin.elapsed()),
        "realtime connection ended"
    );
}
