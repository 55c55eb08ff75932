//! `rose chat`: a conversation in the terminal, streamed, remembered.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::conversation::{Event, Speak, TurnInput, TurnRequest};
use crate::domain::ids::{SessionId, UserId};

/// Talk with Rose in the terminal; she remembers.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  rose chat\n  echo \"Good evening, Rose.\" | rose chat\n  rose chat --session 018f4c1e-6f0a-4c3b-9d53-0a4a2f0d7c11\n\n\
Ctrl-C stops a reply; Ctrl-D, or Ctrl-C at the prompt, ends the conversation."
)]
pub struct ChatCommand {
    /// Go on with an earlier conversation
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

impl ChatCommand {
    /// # Errors
    /// Where the engines can't be loaded, the session isn't this terminal's, or a turn fails.
    pub fn run(self, config: Config) -> anyhow::Result<()> {
        let session = self.session.as_deref().map(str::parse::<SessionId>).transpose()?;
        let runtime = super::runtime()?;
        runtime.block_on(async {
            let app = App::build(config).await?;
            let user = terminal_user(&app.config.data.dir)?;
            let session = match session {
                Some(id) => app.sessions.session(user, id).await?.id,
                None => app.sessions.create_session(user).await?.id,
            };
            talk(&app, user, session).await?;
            app.close().await;
            Ok(())
        })
    }
}

/// Whoever uses this data folder from a terminal: one person, across runs.
fn terminal_user(data_dir: &Path) -> anyhow::Result<UserId> {
    let path = data_dir.join("terminal-user");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            text.trim().parse().with_context(|| format!("{} is damaged; delete it to start anew", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let user = UserId::generate();
            std::fs::write(&path, user.to_string()).with_context(|| format!("{} can't be written", path.display()))?;
            Ok(user)
        }
        Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
    }
}

async fn talk(app: &App, user: UserId, session: SessionId) -> anyhow::Result<()> {
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        tell(&format!("Session {session}. Write, and press Enter; Ctrl-D ends."));
    }
    let mut lines = stdin_lines();
    loop {
        if terminal {
            print("you> ")?;
        }
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(line) = line else { break };
        let line = line.context("standard input can't be read as UTF-8 text")?;
        if line.trim().is_empty() {
            continue;
        }
        answer(app, user, session, line).await?;
    }
    if terminal {
        print("\n")?;
    }
    Ok(())
}

async fn answer(app: &App, user: UserId, session: SessionId, line: String) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    let request = TurnRequest {
        instructions: None,
        calling: Default::default(),
        user,
        session,
        input: TurnInput::Text(line),
        images: Vec::new(),
        speak: Speak::Never,
        voice: None,
        speed: app.config.tts.speed,
        cancel: cancel.clone(),
    };
    let mut turn = app.conversation.start(request);
    loop {
        let event = tokio::select! {
            event = turn.events.recv() => event,
            _ = tokio::signal::ctrl_c(), if !cancel.is_cancelled() => {
                cancel.cancel();
                continue;
            }
        };
        match event {
            Some(Event::TextDelta(text)) => print(&text)?,
            Some(Event::Done(_)) => return print("\n"),
            Some(Event::Failed(error)) => {
                print("\n")?;
                bail!(error);
            }
            Some(_) => {}
            None => bail!("the turn ended without an answer"),
        }
    }
}

/// Standard input a line at a time, read on a thread of its own: a blocked read must not hold the runtime.
fn stdin_lines() -> tokio::sync::mpsc::Receiver<std::io::Result<String>> {
    let (send, receive) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receive
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

#[expect(clippy::print_stderr, reason = "what is not the reply goes to stderr")]
fn tell(text: &str) {
    eprintln!("{text}");
}
