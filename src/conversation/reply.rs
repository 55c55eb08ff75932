//! A reply on its way from the model to the person: made speakable, cut into sentences, shaped, sent and spoken.

use std::ops::ControlFlow;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::outbox::Outbox;
use super::phrasing::Phrasing;
use super::sentences::Sentences;
use super::shape::Piece;
use super::speaker::{Speaker, Voice};
use super::{Event, Speak};
use crate::domain::ids::BlobId;
use crate::domain::memory::RecalledMemory;
use crate::domain::route::Route;
use crate::domain::stage::StageTiming;
use crate::graph::character::Character;
use crate::graph::guardrail::Grounds;
use crate::graph::node::Listener;
use crate::graph::state::{Said, SpokenSentence};
use crate::providers::image::Step;
use crate::providers::llm::Usage;

pub(super) struct Reply<'a> {
    character: &'a Character,
    outbox: Outbox,
    cancel: CancellationToken,
    speak: Speak,
    voice: Voice,
    speaker: Option<Speaker>,
    asked_to_hear: bool,

    phrasing: Phrasing,

    /// What was sent.
    text: String,
    /// For each piece that the voice was given, where it ends in the text.
    ends: Vec<usize>,
    /// The person stopped the reply before its end.
    cut: bool,
    usage: Option<Usage>,
    voice_failed: bool,
}

impl<'a> Reply<'a> {
    pub(super) fn new(
        character: &'a Character,
        outbox: Outbox,
        cancel: CancellationToken,
        speak: Speak,
        voice: Voice,
    ) -> Self {
        Self {
            character,
            outbox,
            cancel,
            speak,
            voice,
            speaker: None,
            asked_to_hear: false,
            phrasing: Phrasing::new(&character.name, Grounds::default()),
            text: String::new(),
            ends: Vec::new(),
            cut: false,
            usage: None,
            voice_failed: false,
        }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    pub(super) fn voice_failed(&self) -> bool {
        self.voice_failed
    }

    fn is_spoken(&self) -> bool {
        match self.speak {
            Speak::Always => true,
            Speak::IfAskedFor => self.asked_to_hear,
            Speak::Never => false,
        }
    }

    async fn send(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            if self.cancel.is_cancelled() {
                self.cut = true;
                return;
            }
            if !self.outbox.send(Event::TextDelta(piece.text.clone())).await {
                self.cut = true;
                return;
            }
            self.text.push_str(&piece.text);
            if piece.spoken.is_empty() {
                // A mark that ends the piece before it.
                if let Some(end) = self.ends.last_mut() {
                    *end = self.text.len();
                }
                continue;
            }
            self.ends.push(self.text.len());
            if self.is_spoken() {
                let (voice, outbox, cancel) = (&self.voice, &self.outbox, &self.cancel);
                let speaker =
                    self.speaker.get_or_insert_with(|| Speaker::start(voice.clone(), outbox.clone(), cancel.clone()));
                speaker.say(piece.spoken).await;
            }
        }
    }
}

#[async_trait]
impl Listener for Reply<'_> {
    async fn memories_used(&mut self, memories: &[RecalledMemory]) {
        self.outbox.send(Event::MemoriesUsed(memories.to_vec())).await;
    }

    async fn routed(&mut self, route: Route) {
        self.asked_to_hear = route == Route::Audio;
        self.outbox.send(Event::Route(route)).await;
    }

    async fn stage(&mut self, timing: StageTiming) {
        self.outbox.stage(timing).await;
    }

    fn generated(&mut self, usage: &Usage) {
        self.usage = Some(*usage);
    }

    fn begin_reply(&mut self, grounds: Grounds) {
        self.phrasing = Phrasing::new(&self.character.name, grounds);
    }

    async fn write(&mut self, text: &str) -> ControlFlow<()> {
        let pieces = self.phrasing.push(text, &self.character.guardrail);
        self.send(pieces).await;
        if self.cancel.is_cancelled() {
            self.cut = true;
        }
        let over = self.cut || self.phrasing.ended();
        if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn said(&self) -> &str {
        &self.text
    }

    async fn end_reply(&mut self, whole: bool) -> bool {
        if self.cancel.is_cancelled() && !self.phrasing.enough() {
            self.cut = true;
        }
        if !self.cut {
            let pieces = self.phrasing.finish(whole, &self.character.guardrail);
            self.send(pieces).await;
        }
        !self.text.is_empty()
    }

    async fn image_progress(&mut self, step: Step) {
        self.outbox.send(Event::ImageProgress(step)).await;
    }

    async fn image(&mut self, id: BlobId, caption: &str) {
        self.outbox.send(Event::Image { id, caption: caption.to_owned() }).await;
    }

    async fn recite(&mut self, text: &str, spoken: &str) {
        // Sentence by sentence, so that the first is heard early.
        let (mut written, mut read) = (Sentences::new(), Sentences::new());
        let mut texts = written.push(text);
        texts.extend(written.finish());
        let mut voices = read.push(spoken);
        voices.extend(read.finish());
        let pieces = if texts.len() == voices.len() {
            texts.into_iter().zip(voices).collect()
        } else {
            vec![(text.to_owned(), spoken.to_owned())]
        };
        for (index, (text, spoken)) in pieces.into_iter().enumerate() {
            let text = if index == 0 && self.text.is_empty() { text } else { format!(" {text}") };
            self.send(vec![Piece { text, spoken }]).await;
        }
    }

    async fn deliver(&mut self) -> Said {
        let Some(speaker) = self.speaker.take() else {
            return Said { text: self.text.clone(), interrupted: self.cut, sentences: Vec::new() };
        };
        let spoken = speaker.finish().await;
        self.voice_failed = spoken.failed.is_some();
        let sentences: Vec<_> = self.ends.iter().zip(&spoken.durations).map(spoken_sentence).collect();
        let all = spoken.durations.len() == self.ends.len() || self.voice_failed;
        let interrupted = self.cut || !all;
        let heard = if interrupted { sentences.last().map_or(0, |last| last.end) } else { self.text.len() };
        Said { text: self.text[..heard].to_owned(), interrupted, sentences }
    }
}

fn spoken_sentence((end, duration): (&usize, &std::time::Duration)) -> SpokenSentence {
    SpokenSentence { end: *end, duration: *duration }
}
