//! One response: a turn's events on their way to the client.

use std::time::Instant;

use serde_json::{Value, json};

use super::items::{Item, Items, new_item_id};
use super::outgoing::{Gone, Outgoing};
use super::playback::Playback;
use super::problem::Problem;
use super::server_event as event;
use super::settings::Settings;
use super::sound::Encoder;
use crate::conversation::{ConversationError, Event, Outcome, Speak};
use crate::providers::image::Step;
use crate::providers::llm::{ToolCall, Usage};
use crate::server::error::ApiError;
use crate::server::turn::{StageReport, UsedMemory, WatchedTurn};

/// Why a response ended before its end, as the protocol says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// The person spoke.
    TurnDetected,
    ByClient,
}

/// What a response is known by.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) item_id: String,
    pub(super) conversation_id: String,
    /// Counted from 1 in each connection.
    pub(super) number: u64,
    pub(super) settings: Settings,
    pub(super) metadata: Option<Value>,
}

pub(super) struct Reply {
    pub(super) head: Head,
    turn: WatchedTurn,
    encoder: Encoder,
    text: String,
    /// The client knows of the message.
    opened: bool,
    cancelled: Option<Cancelled>,
}

impl Head {
    pub(super) fn to_json(&self, status: &str, details: &Value, output: &[Value], usage: &Value) -> Value {
        json!({
            "object": "realtime.response", "id": self.id, "conversation_id": self.conversation_id, "status": status,
            "status_details": details, "output": output, "usage": usage, "metadata": self.metadata,
            "output_modalities": self.settings.modalities(), "audio": self.settings.output_json(),
            "max_output_tokens": "inf",
        })
    }

    pub(super) fn created(&self) -> Value {
        event::response("response.created", &self.to_json("in_progress", &Value::Null, &[], &Value::Null))
    }

    pub(super) fn failed(&self, problem: &Problem) -> Value {
        let details = json!({"type": "failed", "error": problem.to_json(None)});
        event::response("response.done", &self.to_json("failed", &details, &[], &usage_json(None)))
    }
}

impl Reply {
    pub(super) fn new(head: Head, turn: WatchedTurn) -> Self {
        let encoder = Encoder::new(head.settings.output);
        Self { head, turn, encoder, text: String::new(), opened: false, cancelled: None }
    }

    pub(super) async fn next(&mut self) -> Option<Event> {
        self.turn.next().await
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    /// Nothing more is said. What the turn tells of its end still comes.
    pub(super) fn cancel(&mut self, why: Cancelled) {
        self.cancelled.get_or_insert(why);
        self.turn.cancel();
    }

    fn is_spoken(&self) -> bool {
        self.head.settings.speak != Speak::Never
    }

    /// Returns whether that was the last.
    pub(super) fn forward(
        &mut self,
        happened: Option<Event>,
        outgoing: &mut Outgoing,
        items: &mut Items,
        playback: &mut Playback,
    ) -> Result<bool, Gone> {
        match happened {
            Some(Event::TextDelta(_) | Event::Audio { .. }) if self.is_cancelled() => {}
            Some(Event::TextDelta(delta)) => {
                self.open(outgoing, items)?;
                self.text.push_str(&delta);
                let name = if self.is_spoken() {
                    "response.output_audio_transcript.delta"
                } else {
                    "response.output_text.delta"
                };
                outgoing.send(self.of_part(name, json!({"delta": delta})))?;
            }
            Some(Event::Audio { clip, .. }) => {
                self.open(outgoing, items)?;
                let pieces = self.encoder.push(&clip);
                self.send_sound(pieces, outgoing, playback)?;
            }
            Some(Event::MemoriesUsed(memories)) => {
                let memories: Vec<UsedMemory> = memories.into_iter().map(UsedMemory::from).collect();
                let told = json!({
                    "type": "rose.memories_used", "response_id": self.head.id, "memories": memories,
                });
                outgoing.send(told)?;
            }
            Some(Event::Done(outcome)) => {
                self.done(&outcome, outgoing, items, playback)?;
                return Ok(true);
            }
            Some(Event::Failed(error)) => {
                self.failed(error, outgoing, items, playback)?;
                return Ok(true);
            }
            None => {
                let error = ConversationError::Graph("a turn ended without an outcome".into());
                self.failed(error, outgoing, items, playback)?;
                return Ok(true);
            }
            Some(Event::ImageProgress(Step { done, steps })) => {
                outgoing.send(json!({
                    "type": "rose.image_progress", "response_id": self.head.id, "step": done, "steps": steps,
                }))?;
            }
            Some(Event::Image { id, caption }) => {
                let url = format!("/api/images/{id}");
                outgoing.send(json!({
                    "type": "rose.image", "response_id": self.head.id, "id": id, "url": url, "caption": caption,
                }))?;
            }
            Some(Event::Transcript { .. } | Event::Route(_) | Event::Stage(_)) => {}
        }
        Ok(false)
    }

    fn of_part(&self, name: &'static str, more: Value) -> Value {
        event::of_part(name, &self.head.id, &self.head.item_id, more)
    }

    /// The message's content, with what was said so far.
    fn part(&self) -> Value {
        match self.is_spoken() {
            true => json!({"type": "output_audio", "transcript": self.text}),
            false => json!({"type": "output_text", "text": self.text}),
        }
    }

    /// With the first word the client learns of the message.
    fn open(&mut self, outgoing: &mut Outgoing, items: &mut Items) -> Result<(), Gone> {
        if self.opened {
            return Ok(());
        }
        self.opened = true;
        let item = Item::reply(self.head.item_id.clone());
        outgoing.send(event::output_item("response.output_item.added", &self.head.id, &item))?;
        let previous = items.add(item.clone());
        outgoing.send(event::item("conversation.item.added", &item, previous.as_deref()))?;
        outgoing.send(event::item("conversation.item.created", &item, previous.as_deref()))?;
        outgoing.send(self.of_part("response.content_part.added", json!({"part": self.part()})))
    }

    fn send_sound(
        &self,
        pieces: Vec<(String, std::time::Duration)>,
        outgoing: &mut Outgoing,
        playback: &mut Playback,
    ) -> Result<(), Gone> {
        for (delta, length) in pieces {
            let sound = self.of_part("response.output_audio.delta", json!({"delta": delta}));
            outgoing.send_sound(self.head.number, sound)?;
            playback.send(length, Instant::now());
        }
        Ok(())
    }

    /// Ends the message, where there is one; returns it.
    fn close(
        &mut self,
        complete: bool,
        outgoing: &mut Outgoing,
        items: &mut Items,
        playback: &mut Playback,
    ) -> Result<Vec<Value>, Gone> {
        if !self.opened {
            return Ok(Vec::new());
        }
        let rest = self.encoder.finish();
        if !self.is_cancelled() {
            self.send_sound(rest, outgoing, playback)?;
        }
        if self.is_spoken() {
            outgoing.send(self.of_part("response.output_audio.done", json!({})))?;
            let transcript = json!({"transcript": self.text});
            outgoing.send(self.of_part("response.output_audio_transcript.done", transcript))?;
        } else {
            outgoing.send(self.of_part("response.output_text.done", json!({"text": self.text})))?;
        }
        outgoing.send(self.of_part("response.content_part.done", json!({"part": self.part()})))?;
        let Some(item) = items.finish(&self.head.item_id, complete, self.part()) else { return Ok(Vec::new()) };
        outgoing.send(event::output_item("response.output_item.done", &self.head.id, item))?;
        outgoing.send(event::item("conversation.item.done", item, None))?;
        Ok(vec![item.to_json()])
    }

    /// Tells the client of a function that it is to run.
    fn call(&self, call: &ToolCall, index: usize, outgoing: &mut Outgoing, items: &mut Items) -> Result<Value, Gone> {
        let id = new_item_id();
        let item = Item::call(id.clone(), call.clone());
        let of_call = |name: &str, more: (&str, &str)| {
            json!({
                "type": name, "response_id": self.head.id, "item_id": id, "output_index": index, "call_id": call.id,
                more.0: more.1,
            })
        };
        let begun = item.begun();
        outgoing.send(event::output_item_at("response.output_item.added", &self.head.id, index, &begun))?;
        let previous = items.add(item.clone());
        outgoing.send(event::item("conversation.item.added", &begun, previous.as_deref()))?;
        outgoing.send(event::item("conversation.item.created", &begun, previous.as_deref()))?;
        outgoing.send(of_call("response.function_call_arguments.delta", ("delta", &call.arguments)))?;
        let mut done = of_call("response.function_call_arguments.done", ("arguments", &call.arguments));
        done["name"] = call.name.as_str().into();
        outgoing.send(done)?;
        outgoing.send(event::output_item_at("response.output_item.done", &self.head.id, index, &item))?;
        outgoing.send(event::item("conversation.item.done", &item, previous.as_deref()))?;
        Ok(item.to_json())
    }

    fn done(
        &mut self,
        outcome: &Outcome,
        outgoing: &mut Outgoing,
        items: &mut Items,
        playback: &mut Playback,
    ) -> Result<(), Gone> {
        let cancelled = self.cancelled.or(outcome.interrupted.then_some(Cancelled::ByClient));
        let mut output = self.close(cancelled.is_none(), outgoing, items, playback)?;
        if cancelled.is_none() {
            for call in &outcome.calls {
                output.push(self.call(call, output.len(), outgoing, items)?);
            }
        }
        let stages: Vec<StageReport> = outcome.stages.iter().map(StageReport::from).collect();
        outgoing.send(json!({
            "type": "rose.stages", "response_id": self.head.id, "turn_id": outcome.turn_id, "stages": stages,
        }))?;
        let (status, details) = match cancelled {
            None => ("completed", Value::Null),
            Some(why) => ("cancelled", why.to_json()),
        };
        let usage = usage_json(outcome.usage.as_ref());
        outgoing.send(event::response("response.done", &self.head.to_json(status, &details, &output, &usage)))
    }

    fn failed(
        &mut self,
        error: ConversationError,
        outgoing: &mut Outgoing,
        items: &mut Items,
        playback: &mut Playback,
    ) -> Result<(), Gone> {
        let output = self.close(false, outgoing, items, playback)?;
        let (status, details) = match self.cancelled {
            Some(why) => ("cancelled", why.to_json()),
            None => {
                let problem = Problem::from(ApiError::from(error));
                ("failed", json!({"type": "failed", "error": problem.to_json(None)}))
            }
        };
        outgoing
            .send(event::response("response.done", &self.head.to_json(status, &details, &output, &usage_json(None))))
    }
}

impl Cancelled {
    fn to_json(self) -> Value {
        let reason = match self {
            Cancelled::TurnDetected => "turn_detected",
            Cancelled::ByClient => "client_cancelled",
        };
        json!({"type": "cancelled", "reason": reason})
    }
}

/// All of it text: Rose's model neither hears nor speaks by itself.
fn usage_json(usage: Option<&Usage>) -> Value {
    let (input, computed, output) =
        usage.map_or((0, 0, 0), |usage| (usage.prompt_tokens, usage.computed_prompt_tokens, usage.completion_tokens));
    json!({
        "total_tokens": input + output, "input_tokens": input, "output_tokens": output,
        "input_token_details": {
            "text_tokens": input, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": input.saturating_sub(computed),
        },
        "output_token_details": {"text_tokens": output, "audio_tokens": 0},
    })
}
