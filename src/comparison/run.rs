//! Leads a comparison: every variant is loaded once and asked in turns.

use std::process::Command;

use jiff::Timestamp;

use super::ComparisonError;
use super::process::Worker;
use super::protocol::{Answer, Door, Order, TurnMeasure};
use super::recordings::Recording;
use super::summary::{Machine, Measured, Report, summarize};
use super::variant::Variant;
use crate::config::Overrides;

/// What is measured, and how often.
#[derive(Debug, Clone)]
pub struct Plan {
    pub recordings: Vec<Recording>,
    pub variants: Vec<Variant>,
    /// Rounds of warm measurements; each takes every recording through every variant.
    pub runs: usize,
    /// Turns at once in the last part; 1 leaves it out.
    pub at_once: usize,
    pub doors: Vec<Door>,
    pub overrides: Overrides,
}

impl Plan {
    /// How often [`run`] calls `progress`.
    pub fn steps(&self) -> usize {
        let variants = self.variants.len();
        let recordings = self.recordings.len();
        let crowded = if self.at_once > 1 { self.runs } else { 0 };
        variants * (1 + recordings + self.runs * recordings * (1 + self.doors.len()) + crowded)
    }
}

/// Runs the plan. `worker` makes the command of a process that runs [`super::worker::work`]; `progress` hears of each
/// step before it begins.
///
/// # Errors
/// Where a variant can't be loaded or its process ends; a turn that fails is counted instead.
pub fn run(
    plan: &Plan,
    worker: impl Fn() -> Command,
    mut progress: impl FnMut(&str),
) -> Result<Report, ComparisonError> {
    let started = Timestamp::now();
    let mut sides = Vec::with_capacity(plan.variants.len());
    for variant in &plan.variants {
        progress(&format!("{}: loading", variant.label));
        sides.push(Side::load(plan, variant, worker())?);
    }
    // The first turns after loading. The engines are warm by then, the caches of files and prompts are not.
    for recording in &plan.recordings {
        for side in &mut sides {
            progress(&format!("{}: first turns", side.label));
            let turn = side.turns(&[recording], plan.doors[0])?;
            side.measured.first.extend(turn);
        }
    }
    for round in 0..plan.runs {
        for recording in &plan.recordings {
            for &door in &plan.doors {
                for index in order(round, sides.len()) {
                    let side = &mut sides[index];
                    progress(&format!("{}: turns, {}", side.label, door.as_str()));
                    let turns = side.turns(&[recording], door)?;
                    side.measured.turns.entry(door).or_default().extend(turns);
                }
            }
            for index in order(round, sides.len()) {
                progress(&format!("{}: each stage alone", sides[index].label));
                sides[index].alone(recording)?;
            }
        }
    }
    if plan.at_once > 1 {
        for round in 0..plan.runs {
            for index in order(round, sides.len()) {
                progress(&format!("{}: {} turns at once", sides[index].label, plan.at_once));
                let crowd: Vec<&Recording> = plan.recordings.iter().cycle().take(plan.at_once).collect();
                let turns = sides[index].turns(&crowd, Door::Upload)?;
                sides[index].measured.at_once.extend(turns);
            }
        }
    }
    let measured = sides.into_iter().map(|side| side.measured).collect();
    Ok(summarize(Machine::this(), started, plan, measured))
}

/// Who goes first changes from round to round.
fn order(round: usize, sides: usize) -> impl Iterator<Item = usize> {
    (0..sides).map(move |place| (place + round) % sides)
}

struct Side {
    label: String,
    worker: Worker,
    measured: Measured,
}

impl Side {
    fn load(plan: &Plan, variant: &Variant, command: Command) -> Result<Self, ComparisonError> {
        let mut worker = Worker::start(&variant.label, command)?;
        let mut overrides = plan.overrides.clone();
        overrides.settings.extend(variant.settings.iter().cloned());
        let answer = worker.ask(&Order::Load { overrides: Box::new(overrides) })?;
        let measured = match answer {
            Answer::Loaded { seconds, services } => Measured::new(variant.clone(), seconds, services),
            other => return Err(unexpected(&variant.label, other)),
        };
        Ok(Self { label: variant.label.clone(), worker, measured })
    }

    fn turns(
        &mut self,
        recordings: &[&Recording],
        door: Door,
    ) -> Result<Vec<(Recording, TurnMeasure)>, ComparisonError> {
        let paths = recordings.iter().map(|recording| recording.path.clone()).collect();
        match self.worker.ask(&Order::Turns { recordings: paths, door })? {
            Answer::Turns { turns, seconds, peak_bytes } => {
                self.measured.peak_bytes = self.measured.peak_bytes.max(peak_bytes);
                if recordings.len() > 1 {
                    self.measured.crowd_seconds.push(seconds);
                }
                Ok(recordings.iter().map(|&recording| recording.clone()).zip(turns).collect())
            }
            other => Err(unexpected(&self.label, other)),
        }
    }

    fn alone(&mut self, recording: &Recording) -> Result<(), ComparisonError> {
        match self.worker.ask(&Order::Alone { recording: recording.path.clone() })? {
            Answer::Alone { measures, peak_bytes } => {
                self.measured.peak_bytes = self.measured.peak_bytes.max(peak_bytes);
                self.measured.alone.push((recording.clone(), measures));
                Ok(())
            }
            // One stage that fails, such as speech-to-text on a hum, leaves the rest to be measured.
            Answer::Failed { reason } => {
                self.measured.failures.push(reason);
                Ok(())
            }
            other => Err(unexpected(&self.label, other)),
        }
    }
}

fn unexpected(variant: &str, answer: Answer) -> ComparisonError {
    let what = match answer {
        Answer::Failed { reason } => format!("says: {reason}"),
        _ => "answered another question than it was asked".into(),
    };
    ComparisonError::Worker { variant: variant.to_owned(), what }
}
