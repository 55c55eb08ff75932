//! What a connection is set to, and what `session.update` and `response.create` may change of it. A change is taken as a
//! whole or not at all.

use std::time::Duration;

use serde_json::{Value, json};

use super::client_event::{OutputUpdate, ResponseRequest, SessionUpdate, TurnDetectionUpdate};
use super::problem::Problem;
use super::sound::Format;
use super::tools;
use crate::config::TurnDetectionConfig;
use crate::conversation::{Delivery, Speak};
use crate::domain::audio::SampleRate;
use crate::domain::ids::SessionId;
use crate::providers::llm::Tools;
use crate::providers::stt::language_code;
use crate::providers::tts::SPEEDS;

/// With persona, memories and history it must fit the context of a small model.
const MOST_INSTRUCTION_CHARS: usize = 4_000;

/// OpenAI's voices: a client that names one gets Rose's own.
const FOREIGN_VOICES: &[&str] =
    &["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"];

/// Where a client names the language that is spoken.
pub(super) const LANGUAGE: &str = "session.audio.input.transcription.language";

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) speak: Speak,
    pub(super) instructions: Option<String>,
    pub(super) input: Format,
    pub(super) output: Format,
    /// As the client named it.
    voice: String,
    /// As the backend knows it; `None` is its default.
    pub(super) own_voice: Option<String>,
    pub(super) speed: f32,
    /// What the person speaks; `None` is as the server's settings say.
    pub(super) language: Option<String>,
    pub(super) turns: Option<Turns>,
    /// Functions that the model may call.
    pub(super) tools: Option<Tools>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Turns {
    kind: Detector,
    pub(super) detection: TurnDetectionConfig,
    pub(super) create_response: bool,
    pub(super) interrupt_response: bool,
}

/// As the client named it: both listen to the sound and to the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detector {
    Server,
    Semantic { eagerness: &'static str },
}

const EAGERNESSES: [&str; 4] = ["auto", "low", "medium", "high"];

/// What the server has to offer.
pub(super) struct Offered {
    pub(super) turns: TurnDetectionConfig,
    pub(super) detects_turns: bool,
    pub(super) voices: Vec<String>,
    pub(super) speed: f32,
}

impl Settings {
    /// How replies will be spoken; `None` where they are to be read.
    pub(super) fn delivery(&self) -> Option<Delivery> {
        (self.speak == Speak::Always).then(|| Delivery { voice: self.own_voice.clone(), speed: self.speed })
    }

    pub(super) fn new(offered: &Offered) -> Self {
        Self {
            speak: Speak::Always,
            instructions: None,
            input: Format::Pcm(SampleRate::REALTIME),
            output: Format::Pcm(SampleRate::REALTIME),
            voice: offered.voices.first().cloned().unwrap_or_default(),
            own_voice: None,
            speed: offered.speed,
            language: None,
            turns: offered.detects_turns.then_some(Turns::new(offered.turns)),
            tools: None,
        }
    }

    pub(super) fn updated(&self, update: SessionUpdate, offered: &Offered) -> Result<Self, Problem> {
        let mut new = self.clone();
        if update.kind.is_some_and(|kind| kind != "realtime") {
            return Err(Problem::value("session.type", "The session's type is realtime."));
        }
        new.set_manner(update.instructions, update.output_modalities)?;
        let input = update.audio.input;
        let format = input.format.map(|format| (format.kind, format.rate));
        if let Some((kind, rate)) = format.or(update.input_audio_format.map(|kind| (kind, None))) {
            new.input = Format::parse(&kind, rate, "session.audio.input.format")?;
        }
        if let Some(transcription) = input.transcription {
            let named = transcription.language.filter(|language| !language.is_empty() && language != "auto");
            let code = |named: String| {
                let message = "Give an ISO 639-1 code, or a language's English name.";
                language_code(&named).map(str::to_owned).ok_or_else(|| Problem::value(LANGUAGE, message))
            };
            new.language = named.map(code).transpose()?;
        }
        let mut output = update.audio.output;
        output.voice = output.voice.or(update.voice);
        new.set_output(output, update.output_audio_format, offered)?;
        new.tools = tools::updated(self.tools.as_ref(), update.tools, update.tool_choice, update.parallel_tool_calls)?;
        if let Some(turns) = input.turn_detection.or(update.turn_detection) {
            new.turns = turns.map(|turns| Turns::updated(self.turns, &turns, offered)).transpose()?;
        }
        Ok(new)
    }

    /// For one response.
    pub(super) fn for_response(&self, request: ResponseRequest, offered: &Offered) -> Result<Self, Problem> {
        if request.conversation.is_some_and(|conversation| conversation != "auto") {
            return Err(Problem::value("response.conversation", "A response belongs to the conversation: give auto."));
        }
        if request.input.is_some_and(|input| !input.is_null()) {
            return Err(Problem::value("response.input", "Add messages with conversation.item.create."));
        }
        let mut new = self.clone();
        new.set_manner(request.instructions, request.output_modalities)?;
        let mut output = request.audio.output;
        output.voice = output.voice.or(request.voice);
        new.set_output(output, None, offered)?;
        new.tools =
            tools::updated(self.tools.as_ref(), request.tools, request.tool_choice, request.parallel_tool_calls)?;
        Ok(new)
    }

    /// # Errors
    /// Where they grow too long.
    pub(super) fn add_instructions(&mut self, more: &str) -> Result<(), Problem> {
        let joined = match &self.instructions {
            None => more.to_owned(),
            Some(before) => format!("{before}\n{more}"),
        };
        self.set_manner(Some(joined), None)
    }

    fn set_manner(&mut self, instructions: Option<String>, modalities: Option<Vec<String>>) -> Result<(), Problem> {
        if let Some(instructions) = instructions {
            if instructions.chars().count() > MOST_INSTRUCTION_CHARS {
                let message = format!("Instructions may have {MOST_INSTRUCTION_CHARS} characters.");
                return Err(Problem::value("instructions", message));
            }
            let instructions = instructions.trim();
            self.instructions = (!instructions.is_empty()).then(|| instructions.to_owned());
        }
        if let Some(modalities) = modalities {
            let known = !modalities.is_empty() && modalities.iter().all(|one| matches!(one.as_str(), "audio" | "text"));
            if !known {
                return Err(Problem::value("output_modalities", "Give [\"audio\"] or [\"text\"]."));
            }
            let spoken = modalities.iter().any(|modality| modality == "audio");
            self.speak = if spoken { Speak::Always } else { Speak::Never };
        }
        Ok(())
    }

    fn set_output(&mut self, output: OutputUpdate, beta: Option<String>, offered: &Offered) -> Result<(), Problem> {
        let format = output.format.map(|format| (format.kind, format.rate));
        if let Some((kind, rate)) = format.or(beta.map(|kind| (kind, None))) {
            self.output = Format::parse(&kind, rate, "session.audio.output.format")?;
        }
        if let Some(voice) = output.voice {
            let name = voice.as_str().or_else(|| voice["id"].as_str()).unwrap_or_default();
            if offered.voices.iter().any(|own| own == name) {
                self.own_voice = Some(name.to_owned());
            } else if FOREIGN_VOICES.contains(&name) {
                self.own_voice = None;
            } else {
                let voices = offered.voices.join(", ");
                return Err(Problem::value("session.audio.output.voice", format!("The voices are {voices}.")));
            }
            self.voice = name.to_owned();
        }
        if let Some(speed) = output.speed {
            if !SPEEDS.contains(&speed) {
                return Err(Problem::value("session.audio.output.speed", "Give a speed from 0.25 to 4."));
            }
            self.speed = speed;
        }
        Ok(())
    }

    /// The `session` of the protocol's events.
    pub(super) fn to_json(&self, id: SessionId, model: &str) -> Value {
        let (tools, tool_choice) = tools::to_json(self.tools.as_ref());
        json!({
            "type": "realtime", "object": "realtime.session", "id": id, "model": model,
            "output_modalities": self.modalities(), "instructions": self.instructions.as_deref().unwrap_or(""),
            "tools": tools, "tool_choice": tool_choice, "max_output_tokens": "inf", "truncation": "auto",
            "audio": {
                "input": {
                    "format": self.input.to_json(), "noise_reduction": null,
                    "transcription": {"model": model, "language": self.language},
                    "turn_detection": self.turns.map(Turns::to_json),
                },
                "output": {"format": self.output.to_json(), "voice": self.voice, "speed": self.speed},
            },
        })
    }

    pub(super) fn modalities(&self) -> Value {
        json!([if self.speak == Speak::Never { "text" } else { "audio" }])
    }

    /// The `audio` of a response.
    pub(super) fn output_json(&self) -> Value {
        json!({"output": {"format": self.output.to_json(), "voice": self.voice}})
    }
}

impl Turns {
    fn new(detection: TurnDetectionConfig) -> Self {
        Self { kind: Detector::Server, detection, create_response: true, interrupt_response: true }
    }

    /// What the update leaves out stays as it was.
    fn updated(before: Option<Turns>, update: &TurnDetectionUpdate, offered: &Offered) -> Result<Self, Problem> {
        const PARAM: &str = "session.audio.input.turn_detection";
        const LONGEST_MS: u64 = 10_000;
        if !offered.detects_turns {
            let message = "There is no voice activity detector here: set turn_detection to null.";
            return Err(Problem::value(PARAM, message));
        }
        let mut new = before.unwrap_or(Turns::new(offered.turns));
        match update.kind.as_deref() {
            None => {}
            Some("server_vad") => new.kind = Detector::Server,
            Some("semantic_vad") => new.kind = Detector::Semantic { eagerness: EAGERNESSES[0] },
            Some(_) => {
                return Err(Problem::value(PARAM, "The types are server_vad and semantic_vad, or null for none."));
            }
        }
        if let (Some(eagerness), Detector::Semantic { .. }) = (&update.eagerness, new.kind) {
            let known = EAGERNESSES.into_iter().find(|known| known == eagerness);
            let message = format!("`eagerness` is one of {}.", EAGERNESSES.join(", "));
            new.kind = Detector::Semantic { eagerness: known.ok_or_else(|| Problem::value(PARAM, message))? };
        }
        if let Some(threshold) = update.threshold {
            if !(0.0..=1.0).contains(&threshold) {
                return Err(Problem::value(PARAM, "Give a threshold from 0 to 1."));
            }
            new.detection.threshold = threshold.clamp(0.05, 0.95);
        }
        let milliseconds = |given: u64| {
            let message = format!("Give at most {LONGEST_MS} ms.");
            if given > LONGEST_MS { Err(Problem::value(PARAM, message)) } else { Ok(Duration::from_millis(given)) }
        };
        if let Some(padding) = update.prefix_padding_ms {
            new.detection.prefix_padding = milliseconds(padding)?;
        }
        if let Some(silence) = update.silence_duration_ms {
            new.detection.silence = milliseconds(silence)?;
        }
        new.create_response = update.create_response.unwrap_or(new.create_response);
        new.interrupt_response = update.interrupt_response.unwrap_or(new.interrupt_response);
        Ok(new)
    }

    fn to_json(self) -> Value {
        if let Detector::Semantic { eagerness } = self.kind {
            return json!({
                "type": "semantic_vad", "eagerness": eagerness, "create_response": self.create_response,
                "interrupt_response": self.interrupt_response,
            });
        }
        let milliseconds = |duration: Duration| duration.as_millis() as u64;
        json!({
            "type": "server_vad", "threshold": self.detection.threshold,
            "prefix_padding_ms": milliseconds(self.detection.prefix_padding),
            "silence_duration_ms": milliseconds(self.detection.silence), "idle_timeout_ms": null,
            "create_response": self.create_response, "interrupt_response": self.interrupt_response,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Companding;
    use crate::config::Config;

    fn offered() -> Offered {
        let turns = Config::defaults(&Default::default()).unwrap().realtime.turns;
        Offered { turns, detects_turns: true, voices: vec!["joe".into()], speed: 1.0 }
    }

    fn update(settings: &Settings, text: &str) -> Result<Settings, Problem> {
        settings.updated(serde_json::from_str(text).unwrap(), &offered())
    }

    #[test]
    fn the_release_and_the_beta_set_the_same() {
        let start = Settings::new(&offered());
        let release = r#"{"type":"realtime","instructions":" Be brief. ","output_modalities":["text"],"audio":{
            "input":{"format":{"type":"audio/pcmu"},"turn_detection":null},
            "output":{"format":{"type":"audio/pcma"},"voice":"joe"}}}"#;
        let beta = r#"{"instructions":"Be brief.","modalities":["text"],"voice":"joe","turn_detection":null,
            "input_audio_format":"g711_ulaw","output_audio_format":"g711_alaw"}"#;
        let release = update(&start, release).unwrap();
        assert_eq!(release, update(&start, beta).unwrap());
        assert_eq!(release.input, Format::Telephone(Companding::Mu));
        assert_eq!((release.speak, release.turns), (Speak::Never, None));
        assert_eq!(release.instructions.as_deref(), Some("Be brief."));
    }

    #[test]
    fn what_is_left_out_stays() {
        let start = Settings::new(&offered());
        let one = r#"{"audio":{"input":{"turn_detection":{"type":"server_vad","silence_duration_ms":700}}}}"#;
        let other = r#"{"audio":{"input":{"turn_detection":{"interrupt_response":false}}}}"#;
        let turns = update(&update(&start, one).unwrap(), other).unwrap().turns.unwrap();
        assert_eq!(turns.detection.silence, Duration::from_millis(700));
        assert!(turns.create_response && !turns.interrupt_response);
        assert_eq!(update(&start, "{}").unwrap(), start);
    }

    #[test]
    fn the_kind_of_turn_detection_is_told_as_it_was_asked_for() {
        let start = Settings::new(&offered());
        let semantic = r#"{"audio":{"input":{"turn_detection":{"type":"semantic_vad","eagerness":"high"}}}}"#;
        let turns = update(&start, semantic).unwrap().turns.unwrap().to_json();
        assert_eq!((&turns["type"], &turns["eagerness"]), (&json!("semantic_vad"), &json!("high")));
        let wrong = r#"{"audio":{"input":{"turn_detection":{"type":"semantic_vad","eagerness":"very"}}}}"#;
        assert!(update(&start, wrong).is_err());
    }

    #[test]
    fn a_voice_of_openais_is_roses_own_and_an_unknown_one_is_refused() {
        let start = Settings::new(&offered());
        let marin = update(&start, r#"{"audio":{"output":{"voice":"marin"}}}"#).unwrap();
        assert_eq!((marin.voice.as_str(), marin.own_voice), ("marin", None));
        assert!(update(&start, r#"{"audio":{"output":{"voice":"nobody"}}}"#).is_err());
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let start = Settings::new(&offered());
        for wrong in [
            r#"{"type":"transcription"}"#,
            r#"{"output_modalities":[]}"#,
            r#"{"output_modalities":["smell"]}"#,
            r#"{"audio":{"output":{"speed":9}}}"#,
            r#"{"audio":{"input":{"turn_detection":{"type":"telepathy"}}}}"#,
            r#"{"audio":{"input":{"turn_detection":{"threshold":2}}}}"#,
            r#"{"audio":{"input":{"turn_detection":{"silence_duration_ms":60000}}}}"#,
            &format!(r#"{{"instructions":"{}"}}"#, "x".repeat(4_001)),
        ] {
            assert!(update(&start, wrong).is_err(), "{wrong}");
        }
    }
}
