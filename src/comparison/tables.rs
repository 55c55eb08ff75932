//! A report as tables: a column for each variant, in the terminal and in Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::summary::{Report, Spread, Summary, Turns, budget_ms};
use crate::domain::stage::Stage;

/// A part of a report: `rows[i]` is a name and a cell for each variant.
#[derive(Debug)]
pub struct Section {
    pub title: String,
    pub rows: Vec<(String, Vec<String>)>,
}

/// In the order in which a turn passes through them, for people who read.
const STAGES: [Stage; 15] = [
    Stage::FirstAudio,
    Stage::Pause,
    Stage::Decode,
    Stage::SpeechToText,
    Stage::ExtractMemories,
    Stage::Route,
    Stage::InjectContext,
    Stage::Image,
    Stage::FirstToken,
    Stage::Respond,
    Stage::TextToSpeech,
    Stage::Checkpoint,
    Stage::InjectMemories,
    Stage::Summarize,
    Stage::Total,
];

const ALONE: [(&str, &str); 7] = [
    ("decode", "decode, ms"),
    ("speech_to_text", "speech to text, ms"),
    ("embedding", "embedding of a sentence, ms"),
    ("first_token", "first token, ms"),
    ("tokens_per_second", "tokens/s"),
    ("first_sound", "first sound of a sentence, ms"),
    ("speech_real_time_factor", "text to speech, real-time factor"),
];

/// Every part that was measured.
pub fn sections(report: &Report) -> Vec<Section> {
    let variants = &report.variants;
    let mut sections = vec![set_up(variants)];
    let doors: BTreeSet<_> = variants.iter().flat_map(|variant| variant.turns.keys().copied()).collect();
    for door in doors {
        let turns: Vec<_> = variants.iter().map(|variant| variant.turns.get(&door)).collect();
        sections.push(whole_turns(format!("Whole turns, {}, warm", door.as_str()), &turns));
    }
    let first: Vec<_> = variants.iter().map(|variant| Some(&variant.first)).collect();
    sections.push(whole_turns("The first turns after loading".into(), &first));
    let mut alone = Section { title: "Each stage alone, warm".into(), rows: Vec::new() };
    for (key, name) in ALONE {
        alone.push(name, variants.iter().map(|variant| variant.alone.get(key).map(spread)));
    }
    sections.push(alone);
    if report.at_once > 1 {
        let crowds: Vec<_> = variants.iter().map(|variant| variant.at_once.as_ref()).collect();
        let turns: Vec<_> = crowds.iter().map(|crowd| crowd.map(|crowd| &crowd.turns)).collect();
        let mut section = whole_turns(format!("{} turns at once, upload, warm", report.at_once), &turns);
        section.push("turns a minute", crowds.iter().map(|crowd| crowd.map(|crowd| number(crowd.turns_per_minute))));
        section.push(
            "tokens/s of all together",
            crowds.iter().map(|crowd| crowd.map(|crowd| number(crowd.tokens_per_second))),
        );
        sections.push(section);
    }
    sections
}

impl Section {
    /// Leaves out what no variant has.
    fn push(&mut self, name: &str, cells: impl Iterator<Item = Option<String>>) {
        let cells: Vec<_> = cells.collect();
        if cells.iter().any(Option::is_some) {
            self.rows.push((name.to_owned(), cells.into_iter().map(Option::unwrap_or_default).collect()));
        }
    }
}

fn set_up(variants: &[Summary]) -> Section {
    let mut section = Section { title: "What was measured".into(), rows: Vec::new() };
    let ports: BTreeSet<&str> =
        variants.iter().flat_map(|variant| &variant.services).map(|service| service.port.as_str()).collect();
    for port in ports {
        let served = |variant: &Summary| {
            let service = variant.services.iter().find(|service| service.port == port)?;
            Some(format!("{} {}", service.backend, service.model))
        };
        section.push(&port.replace('_', " "), variants.iter().map(served));
    }
    section.push("loading, s", variants.iter().map(|variant| Some(format!("{:.1}", variant.load_seconds))));
    let mebibytes = |bytes: u64| format!("{:.0}", bytes as f64 / 1_048_576.0);
    section.push("peak memory, MiB", variants.iter().map(|variant| variant.peak_bytes.map(mebibytes)));
    section
}

fn whole_turns(title: String, turns: &[Option<&Turns>]) -> Section {
    let mut section = Section { title, rows: Vec::new() };
    let answered = |turns: &Turns| format!("{} of {}", turns.count - turns.failed, turns.count);
    section.push("answered", turns.iter().map(|turns| turns.map(answered)));
    for stage in STAGES {
        let key = stage.as_str();
        let cell = |turns: &Turns| {
            let times = turns.stages.get(key)?;
            let share = budget_ms(key).map(|budget| format!(" ({:.0} % of {budget:.0})", 100.0 * times.p50 / budget));
            Some(format!("{}{}", spread(times), share.unwrap_or_default()))
        };
        section.push(&format!("{}, ms", key.replace('_', " ")), turns.iter().map(|turns| turns.and_then(cell)));
    }
    let percent = |rate: f64| format!("{:.1} %", 100.0 * rate);
    section
        .push("word error rate", turns.iter().map(|turns| turns.and_then(|turns| turns.word_error_rate).map(percent)));
    let mut factor = |name: &str, of: fn(&Turns) -> Option<Spread>| {
        section.push(name, turns.iter().map(|turns| turns.and_then(of).as_ref().map(spread)));
    };
    factor("speech to text, real-time factor", |turns| turns.speech_to_text_real_time_factor);
    factor("text to speech, real-time factor", |turns| turns.text_to_speech_real_time_factor);
    factor("tokens/s while speaking", |turns| turns.tokens_per_second);
    let units: BTreeSet<&String> = turns.iter().flatten().flat_map(|turns| turns.used.keys()).collect();
    for unit in units {
        let cell = |turns: &Turns| turns.used.get(unit).map(spread);
        section.push(&format!("services: {}", unit.replace('_', " ")), turns.iter().map(|turns| turns.and_then(cell)));
    }
    let thousand = |turns: &Turns| turns.cost.map(|cost| number(cost.p50 * 1e3));
    section.push("cost of a thousand turns", turns.iter().map(|turns| turns.and_then(thousand)));
    section
}

/// `p50 / p95`.
fn spread(spread: &Spread) -> String {
    format!("{} / {}", number(spread.p50), number(spread.p95))
}

/// Three figures that count, or whole numbers.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// What the figures are, in one line.
pub fn headline(report: &Report) -> String {
    format!(
        "rose {}, {}; {} warm runs of {} recordings, interleaved; p50 / p95",
        report.rose,
        report.machine,
        report.runs,
        report.recordings.len(),
    )
}

pub fn terminal(report: &Report) -> String {
    let mut text = headline(report);
    for section in sections(report) {
        let mut table = table(report, &section);
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        let _ = write!(text, "\n\n{}\n{table}", section.title);
    }
    for failure in failures(report) {
        let _ = write!(text, "\n{failure}");
    }
    text
}

pub fn markdown(report: &Report) -> String {
    let mut text = format!("# Comparison of backends\n\n{}, {}.\n", report.started, headline(report));
    for section in sections(report) {
        let mut table = table(report, &section);
        table.load_style(ASCII_MARKDOWN);
        let _ = write!(text, "\n## {}\n\n{table}\n", section.title);
    }
    for failure in failures(report) {
        let _ = write!(text, "\n- {failure}");
    }
    text
}

fn table(report: &Report, section: &Section) -> Table {
    let mut table = Table::new();
    let labels = report.variants.iter().map(|variant| variant.variant.label.clone());
    table.set_header(std::iter::once(String::new()).chain(labels));
    for (name, cells) in &section.rows {
        table.add_row(std::iter::once(name).chain(cells));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Why turns failed, a line for each reason.
pub fn failures(report: &Report) -> Vec<String> {
    let of = |variant: &Summary| {
        let label = variant.variant.label.clone();
        variant.failures.iter().map(move |reason| format!("{label}: {reason}")).collect::<Vec<_>>()
    };
    report.variants.iter().flat_map(of).collect()
}
