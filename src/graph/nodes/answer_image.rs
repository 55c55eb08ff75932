//! Answers the wish for a picture: makes it, and says a word to it; or says that there is none to be had.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::ids::BlobId;
use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::character::Lines;
use crate::graph::node::{Context, Listener, Node, Painter, Ports};
use crate::graph::prompt;
use crate::graph::state::State;
use crate::providers::ProviderError;
use crate::providers::image::{ImageRequest, Progress, Wishes};
use crate::store::NewBlob;

use super::answer_danger::answered_alarm;

pub(super) const NAME: &str = "answer_image";

pub struct AnswerImage;

#[async_trait]
impl Node for AnswerImage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Image)
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        if answered_alarm(state, context).await {
            return Ok(EngineTiming::default());
        }
        let ports = context.ports;
        let lines = &ports.character.lines;
        let said: Vec<&str> = prompt::replies(&state.entries).take(2).collect();
        let (line, made) = match &ports.painter {
            None => (Lines::fresh(&lines.no_image, &said), None),
            Some(painter) => match paint(painter, state, ports, context.cancel.clone(), &mut *context.listener).await {
                Ok(made) => (Lines::fresh(&lines.image, &said), Some(made)),
                Err(GraphError::Provider(ProviderError::Cancelled)) => {
                    return Err(GraphError::Provider(ProviderError::Cancelled));
                }
                Err(error) => {
                    warn!(error = %error, "no picture could be made");
                    (Lines::fresh(&lines.image_failed, &said), None)
                }
            },
        };
        let line = line.to_owned();
        let (image, timing) = made.unzip();
        if let Some(id) = image {
            context.listener.image(id, &line).await;
        }
        context.listener.recite(&line, &line).await;
        state.record_message(None);
        let said = context.listener.deliver().await;
        state.record_reply(said, (ports.clock)().timestamp());
        if let (Some(id), Some(reply)) = (image, state.entries.last_mut()) {
            reply.message.images.push(id);
        }
        Ok(timing.unwrap_or_default())
    }
}

/// The picture that the person's message asks for, kept.
async fn paint(
    painter: &Painter,
    state: &State,
    ports: &Ports,
    cancel: CancellationToken,
    listener: &mut dyn Listener,
) -> Result<(BlobId, EngineTiming), GraphError> {
    // Only the newest step is kept for a listener that is slow.
    let (tell, mut told) = tokio::sync::watch::channel(None);
    let request = ImageRequest {
        prompt: state.current_turn().text.clone(),
        width: painter.width,
        height: painter.height,
        wishes: Wishes::default(),
        progress: Progress::to(move |step| {
            tell.send_replace(Some(step));
        }),
        cancel,
    };
    let mut making = painter.generator.generate(request);
    let mut last = None;
    let made = loop {
        let made = tokio::select! {
            made = &mut making => Some(made),
            Ok(()) = told.changed() => None,
        };
        let step = *told.borrow_and_update();
        if let Some(step) = step.filter(|step| last.replace(*step) != Some(*step)) {
            listener.image_progress(step).await;
        }
        if let Some(made) = made {
            break made?;
        }
    };
    let blob = NewBlob {
        user_id: state.user,
        session_id: Some(state.session),
        media_type: made.image.format.media_type().to_owned(),
        bytes: made.image.bytes,
    };
    Ok((ports.blobs.put_blob(blob).await?, made.timing))
}
