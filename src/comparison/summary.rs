//! From measurements to what is reported: medians, 95th percentiles, word error rates.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::protocol::{AloneMeasure, Door, Service, TurnMeasure};
use super::recordings::Recording;
use super::run::Plan;
use super::variant::Variant;
use crate::domain::stage::Stage;
use crate::domain::word_error_rate::word_errors;

/// The turn's budget, in milliseconds: from the end of speech to the first sound of the answer.
pub const BUDGET_MS: f64 = 3_600.0;

/// What is given to a stage of the budget, in milliseconds.
pub fn budget_ms(stage: &str) -> Option<f64> {
    const BUDGETS: [(Stage, f64); 5] = [
        (Stage::SpeechToText, 800.0),
        (Stage::InjectContext, 200.0),
        (Stage::FirstToken, 1_000.0),
        (Stage::TextToSpeech, 1_200.0),
        (Stage::FirstAudio, BUDGET_MS),
    ];
    BUDGETS.iter().find(|(of, _)| of.as_str() == stage).map(|(_, budget)| *budget)
}

/// Everything that a run measured; as JSON, the result that other programs read.
#[derive(Debug, Serialize)]
pub struct Report {
    pub rose: &'static str,
    pub started: Timestamp,
    pub machine: Machine,
    pub runs: usize,
    pub at_once: usize,
    pub recordings: Vec<Recording>,
    pub variants: Vec<Summary>,
}

#[derive(Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_bytes: Option<u64>,
    pub system: String,
}

impl std::fmt::Display for Machine {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}, {} cores, {}", self.processor, self.cores, self.system)
    }
}

#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub variant: Variant,
    pub services: Vec<Service>,
    pub load_seconds: f64,
    pub peak_bytes: Option<u64>,
    /// The first turn with each recording after loading.
    pub first: Turns,
    /// Warm turns, by how the recording came in.
    pub turns: BTreeMap<Door, Turns>,
    /// Each stage by itself: milliseconds, but for `tokens_per_second` and `speech_real_time_factor`.
    pub alone: BTreeMap<&'static str, Spread>,
    pub at_once: Option<Crowd>,
    /// Why turns or stages failed, each reason once.
    pub failures: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct Turns {
    pub count: usize,
    pub failed: usize,
    /// Milliseconds, by the stage's name; `first_audio` and `total` are the whole turn's.
    pub stages: BTreeMap<String, Spread>,
    /// Errors by the number of words, over all recordings whose words are known.
    pub word_error_rate: Option<f64>,
    /// Seconds of work for a second of speech.
    pub speech_to_text_real_time_factor: Option<Spread>,
    pub text_to_speech_real_time_factor: Option<Spread>,
    /// Of the reply, while it is spoken.
    pub tokens_per_second: Option<Spread>,
    /// Of a turn, in the currency of the settings' prices; 0 where all ran in this process.
    pub cost: Option<Spread>,
    /// Of a turn, by unit, what services were used for.
    pub used: BTreeMap<String, Spread>,
    /// What was heard, by the recording's name, each version once.
    pub heard: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Serialize)]
pub struct Crowd {
    #[serde(flatten)]
    pub turns: Turns,
    pub turns_per_minute: f64,
    /// Of all replies together.
    pub tokens_per_second: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub p50: f64,
    pub p95: f64,
    pub least: f64,
    pub most: f64,
    pub count: usize,
}

impl Spread {
    /// `None` of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&least, &most) = (values.first()?, values.last()?);
        Some(Self { p50: quantile(&values, 0.5), p95: quantile(&values, 0.95), least, most, count: values.len() })
    }
}

/// Between the two nearest values, as NumPy's default does it.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = sorted[place.floor() as usize];
    below + (sorted[place.ceil() as usize] - below) * place.fract()
}

/// What the leader has gathered of one variant.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) variant: Variant,
    pub(super) load_seconds: f64,
    pub(super) services: Vec<Service>,
    pub(super) peak_bytes: Option<u64>,
    pub(super) first: Vec<(Recording, TurnMeasure)>,
    pub(super) turns: BTreeMap<Door, Vec<(Recording, TurnMeasure)>>,
    pub(super) alone: Vec<(Recording, AloneMeasure)>,
    pub(super) at_once: Vec<(Recording, TurnMeasure)>,
    pub(super) crowd_seconds: Vec<f64>,
    pub(super) failures: Vec<String>,
}

impl Measured {
    pub(super) fn new(variant: Variant, load_seconds: f64, services: Vec<Service>) -> Self {
        Self {
            variant,
            load_seconds,
            services,
            peak_bytes: None,
            first: Vec::new(),
            turns: BTreeMap::new(),
            alone: Vec::new(),
            at_once: Vec::new(),
            crowd_seconds: Vec::new(),
            failures: Vec::new(),
        }
    }
}

pub(super) fn summarize(machine: Machine, started: Timestamp, plan: &Plan, measured: Vec<Measured>) -> Report {
    Report {
        rose: env!("CARGO_PKG_VERSION"),
        started,
        machine,
        runs: plan.runs,
        at_once: plan.at_once,
        recordings: plan.recordings.clone(),
        variants: measured.into_iter().map(summary).collect(),
    }
}

fn summary(measured: Measured) -> Summary {
    let every = measured.first.iter().chain(measured.turns.values().flatten()).chain(&measured.at_once);
    let mut failures: Vec<String> = every.filter_map(|(_, turn)| turn.failure.clone()).collect();
    failures.extend(measured.failures);
    failures.sort();
    failures.dedup();
    let crowd_seconds: f64 = measured.crowd_seconds.iter().sum();
    let answered = measured.at_once.iter().filter(|(_, turn)| turn.failure.is_none()).count();
    let written: usize =
        measured.at_once.iter().filter_map(|(_, turn)| turn.tokens).map(|tokens| tokens.completion).sum();
    let at_once = (crowd_seconds > 0.0).then(|| Crowd {
        turns: turns(&measured.at_once),
        turns_per_minute: answered as f64 * 60.0 / crowd_seconds,
        tokens_per_second: written as f64 / crowd_seconds,
    });
    Summary {
        variant: measured.variant,
        services: measured.services,
        load_seconds: measured.load_seconds,
        peak_bytes: measured.peak_bytes,
        first: turns(&measured.first),
        turns: measured.turns.iter().map(|(door, measures)| (*door, turns(measures))).collect(),
        alone: alone(&measured.alone),
        at_once,
        failures,
    }
}

fn turns(measures: &[(Recording, TurnMeasure)]) -> Turns {
    let answered: Vec<_> = measures.iter().filter(|(_, turn)| turn.failure.is_none()).collect();
    let mut by_stage: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut errors, mut words) = (0, 0);
    for (recording, turn) in &answered {
        for (stage, measure) in &turn.stages {
            by_stage.entry(stage.clone()).or_default().push(measure.total_ms);
        }
        let versions = heard.entry(recording.name.clone()).or_default();
        if !versions.contains(&turn.heard) {
            versions.push(turn.heard.clone());
        }
        if let Some(reference) = &recording.words {
            let (wrong, of) = word_errors(reference, &turn.heard);
            errors += wrong;
            words += of;
        }
    }
    let stage = |turn: &TurnMeasure, stage: Stage| turn.stages.get(stage.as_str()).copied();
    let seconds = |milliseconds: f64| milliseconds / 1e3;
    Turns {
        count: measures.len(),
        failed: measures.len() - answered.len(),
        stages: by_stage.into_iter().filter_map(|(stage, times)| Some((stage, Spread::of(times)?))).collect(),
        word_error_rate: (words > 0).then(|| errors as f64 / words as f64),
        speech_to_text_real_time_factor: Spread::of(answered.iter().filter_map(|(recording, turn)| {
            Some(seconds(stage(turn, Stage::SpeechToText)?.inference_ms) / recording.seconds)
        })),
        text_to_speech_real_time_factor: Spread::of(answered.iter().filter_map(|(_, turn)| {
            let worked = seconds(stage(turn, Stage::TextToSpeech)?.inference_ms);
            (turn.spoken_seconds > 0.0).then(|| worked / turn.spoken_seconds)
        })),
        tokens_per_second: Spread::of(answered.iter().filter_map(|(_, turn)| {
            let writing = seconds(stage(turn, Stage::Respond)?.total_ms);
            (writing > 0.0).then_some(turn.tokens?.completion as f64 / writing)
        })),
        cost: Spread::of(answered.iter().map(|(_, turn)| turn.cost)),
        used: used(&answered),
        heard,
    }
}

/// Turns that didn't use a unit count as none of it.
fn used(answered: &[&(Recording, TurnMeasure)]) -> BTreeMap<String, Spread> {
    let units: BTreeSet<&String> = answered.iter().flat_map(|(_, turn)| turn.used.keys()).collect();
    let amounts =
        |unit: &String| Spread::of(answered.iter().map(|(_, turn)| turn.used.get(unit).copied().unwrap_or_default()));
    units.into_iter().filter_map(|unit| Some((unit.clone(), amounts(unit)?))).collect()
}

fn alone(measures: &[(Recording, AloneMeasure)]) -> BTreeMap<&'static str, Spread> {
    let of = |take: fn(&AloneMeasure) -> f64| Spread::of(measures.iter().map(|(_, measure)| take(measure)));
    let spreads = [
        ("decode", of(|measure| measure.decode)),
        ("speech_to_text", of(|measure| measure.speech_to_text)),
        ("embedding", of(|measure| measure.embedding)),
        ("first_token", of(|measure| measure.first_token)),
        ("tokens_per_second", of(|measure| measure.tokens_per_second)),
        ("first_sound", of(|measure| measure.first_sound)),
        ("speech_real_time_factor", of(|measure| measure.speech_real_time_factor)),
    ];
    spreads.into_iter().filter_map(|(stage, spread)| Some((stage, spread?))).collect()
}

impl Machine {
    /// The one that this runs on, as far as it tells.
    pub fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (processor, memory_bytes) = hardware();
        let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
        Self { processor, cores, memory_bytes, system }
    }
}

#[cfg(target_os = "linux")]
fn hardware() -> (String, Option<u64>) {
    use procfs::Current;
    let processor = procfs::CpuInfo::current().ok().and_then(|info| info.model_name(0).map(str::to_owned));
    let memory = procfs::Meminfo::current().ok().map(|memory| memory.mem_total);
    (processor.unwrap_or_else(|| "unknown processor".into()), memory)
}

#[cfg(not(target_os = "linux"))]
fn hardware() -> (String, Option<u64>) {
    ("unknown processor".into(), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::protocol::StageMeasure;

    fn turn(heard: &str, first_audio: f64) -> TurnMeasure {
        let measure = StageMeasure { total_ms: first_audio, inference_ms: first_audio / 2.0, queued_ms: 0.0 };
        TurnMeasure {
            heard: heard.to_owned(),
            stages: [("first_audio".to_owned(), measure), ("speech_to_text".to_owned(), measure)].into(),
            ..TurnMeasure::default()
        }
    }

    fn recording(name: &str, words: Option<&str>) -> Recording {
        Recording { name: name.into(), path: name.into(), seconds: 2.0, words: words.map(str::to_owned) }
    }

    #[test]
    fn quantiles_lie_between_values() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).expect("values");
        assert_eq!((spread.p50, spread.least, spread.most, spread.count), (2.5, 1.0, 4.0, 4));
        assert!((spread.p95 - 3.85).abs() < 1e-9, "{}", spread.p95);
        assert_eq!(Spread::of([7.0]).expect("a value").p95, 7.0);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn failed_turns_are_counted_and_not_timed_and_long_recordings_weigh_more() {
        let failed = TurnMeasure { failure: Some("refused".into()), ..turn("", 9_999.0) };
        let measures = [
            (
                recording("a", Some("one two three four five six seven eight")),
                turn("one two three four five six seven eight", 100.0),
            ),
            (recording("b", Some("one two")), turn("one too", 300.0)),
            (recording("c", None), turn("whatever", 200.0)),
            (recording("a", Some("one")), failed),
        ];
        let turns = turns(&measures);
        assert_eq!((turns.count, turns.failed), (4, 1));
        assert_eq!(turns.word_error_rate, Some(0.1));
        assert_eq!(turns.stages["first_audio"].p50, 200.0);
        assert_eq!(turns.stages["first_audio"].most, 300.0);
        let factor = turns.speech_to_text_real_time_factor.expect("three turns");
        assert!((factor.p50 - 0.05).abs() < 1e-9, "{factor:?}");
        assert_eq!(turns.heard["b"], ["one too"]);
    }
}
