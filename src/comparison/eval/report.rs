//! What became of the conversations: counted, as tables, as a page.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::check::{Check, Kind};
use super::judge::Scores;
use super::play::{Played, PlayedTurn};
use super::script::Part;
use crate::comparison::page::STYLE;

#[derive(Debug, Serialize)]
pub struct Report {
    pub started: Timestamp,
    pub machine: String,
    /// With it, and the same model files, a run can be repeated.
    pub seed: u32,
    pub variants: Vec<Judged>,
}

/// A variant's conversations.
#[derive(Debug, Serialize)]
pub struct Judged {
    pub label: String,
    pub model: String,
    pub played: Vec<Played>,
}

/// Checks passed, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: usize,
    pub all: usize,
}

impl Count {
    /// In [0, 1]; `None` of nothing.
    pub fn share(self) -> Option<f64> {
        (self.all > 0).then(|| self.passed as f64 / self.all as f64)
    }

    fn cell(self) -> String {
        self.share().map_or_else(String::new, |share| format!("{:.1} % ({}/{})", 100.0 * share, self.passed, self.all))
    }
}

impl Judged {
    fn turns(&self) -> impl Iterator<Item = (&Played, &PlayedTurn)> {
        self.played.iter().flat_map(|played| played.turns.iter().map(move |turn| (played, turn)))
    }

    /// The checks that `counts` takes.
    pub fn count(&self, counts: impl Fn(&Played, &Check) -> bool) -> Count {
        let mut count = Count::default();
        for (played, turn) in self.turns() {
            for check in turn.checks.iter().filter(|check| counts(played, check)) {
                count.all += 1;
                count.passed += usize::from(check.passed);
            }
        }
        count
    }

    fn median_seconds(&self) -> f64 {
        let mut seconds: Vec<f64> = self.turns().map(|(_, turn)| turn.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or(0.0)
    }

    fn mean_score(&self, at: usize) -> Option<f64> {
        let scores: Vec<f64> =
            self.played.iter().filter_map(|played| played.scores).map(|scores| f64::from(scores.all()[at])).collect();
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// A row is a name and a cell for each variant; rows that no variant fills are left out.
fn rows(report: &Report) -> Vec<(String, Vec<String>)> {
    let cells = |cell: &dyn Fn(&Judged) -> String| report.variants.iter().map(cell).collect::<Vec<_>>();
    let scripted = |part: Option<Part>| {
        cells(&|judged| {
            judged.count(|played, check| check.kind.is_scripted() && part.is_none_or(|part| played.part == part)).cell()
        })
    };
    let mut rows = vec![
        ("language model".to_owned(), cells(&|judged| judged.model.clone())),
        ("checks that the scripts name".to_owned(), scripted(None)),
        ("  of the conversations kept apart".to_owned(), scripted(Some(Part::Apart))),
        ("  of the others".to_owned(), scripted(Some(Part::Tune))),
        (
            "checks of every reply".to_owned(),
            cells(&|judged| judged.count(|_, check| !check.kind.is_scripted()).cell()),
        ),
    ];
    for kind in Kind::ALL {
        rows.push((kind.as_str().to_owned(), cells(&|judged| judged.count(|_, check| check.kind == kind).cell())));
    }
    rows.push(("a reply in writing, s, p50".to_owned(), cells(&|judged| format!("{:.2}", judged.median_seconds()))));
    for (at, name) in Scores::NAMES.iter().enumerate() {
        let score = |judged: &Judged| judged.mean_score(at).map_or_else(String::new, |mean| format!("{mean:.2}"));
        rows.push((format!("judged: {name}, of 5"), cells(&score)));
    }
    rows.retain(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()));
    rows
}

fn headline(report: &Report) -> String {
    let played = report.variants.first().map_or(0, |judged| judged.played.len());
    let turns: usize = report.variants.first().map_or(0, |judged| judged.turns().count());
    format!("{played} conversations, {turns} turns, seed {}, on {}", report.seed, report.machine)
}

fn table(report: &Report) -> Table {
    let mut table = Table::new();
    let labels = report.variants.iter().map(|judged| judged.label.clone());
    table.set_header(std::iter::once(String::new()).chain(labels));
    for (name, cells) in rows(report) {
        table.add_row(std::iter::once(name).chain(cells));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// For a terminal.
pub fn text(report: &Report) -> String {
    let mut table = table(report);
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    format!("{}\n{table}\n", headline(report))
}

pub fn markdown(report: &Report) -> String {
    let failed = report.variants.iter().map(|judged| {
        let lines = judged.turns().flat_map(|(played, turn)| {
            turn.checks.iter().filter(|check| !check.passed && check.kind.is_scripted()).map(move |check| {
                format!(
                    "- {}: \"{}\" → \"{}\": {} ({})\n",
                    played.name,
                    turn.said,
                    turn.reply,
                    check.kind.as_str(),
                    check.wanted
                )
            })
        });
        format!("\n## What {} missed\n\n{}", judged.label, lines.collect::<String>())
    });
    let mut table = table(report);
    table.load_style(ASCII_MARKDOWN);
    format!("{}.\n\n{table}\n{}", headline(report), failed.collect::<String>())
}

/// One page with every word that was said.
pub fn page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Conversations, judged" }
                style { (PreEscaped(STYLE)) }
                style { "details { margin: .4rem 0; } dt { font-weight: 600; margin-top: .7rem; } dd { margin: .1rem 0 0 1rem; } .missed { color: #a3262f; }" }
            }
            body {
                h1 { "Conversations, judged" }
                p { (headline(report)) ". " (report.started.strftime("%Y-%m-%d %H:%M UTC").to_string()) "." }
                div .scroll { table {
                    tr { th {} @for judged in &report.variants { th { (judged.label) } } }
                    @for (name, cells) in rows(report) { tr { td { (name) } @for cell in cells { td { (cell) } } } }
                } }
                @for judged in &report.variants {
                    h2 { (judged.label) }
                    @for played in &judged.played { (conversation(played)) }
                }
            }
        }
    };
    page.into_string()
}

fn conversation(played: &Played) -> Markup {
    let missed = played.turns.iter().flat_map(|turn| &turn.checks).filter(|check| !check.passed).count();
    html! {
        details {
            summary { (played.name) @if missed > 0 { span .missed { " · " (missed) " missed" } } }
            dl {
                @for turn in &played.turns {
                    dt { (turn.said) }
                    dd { (turn.reply) }
                    @for check in turn.checks.iter().filter(|check| !check.passed) {
                        dd .missed { (check.kind.as_str()) @if !check.wanted.is_empty() { ": " (check.wanted) } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let check = |kind, passed| Check { kind, wanted: "tea".into(), passed };
        let turn = PlayedTurn {
            said: "I like <tea>.".into(),
            reply: "So do I.".into(),
            seconds: 0.5,
            checks: vec![check(Kind::Must, false), check(Kind::Remembered, true), check(Kind::Plain, true)],
            memories: Vec::new(),
        };
        let scores = Some(Scores { warmth: 4, relevance: 3, truth: 5, memory: 2, speech: 4 });
        let played = Played { name: "tea".into(), part: Part::Apart, turns: vec![turn], scores };
        let judged = Judged { label: "small".into(), model: "local a-model".into(), played: vec![played] };
        Report { started: Timestamp::UNIX_EPOCH, machine: "a machine".into(), seed: 7, variants: vec![judged] }
    }

    #[test]
    fn it_counts_and_shows() {
        let report = report();
        assert_eq!(report.variants[0].count(|_, check| check.kind.is_scripted()), Count { passed: 1, all: 2 });
        let text = text(&report);
        for part in ["50.0 % (1/2)", "seed 7", "judged: truth, of 5"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("of the others"), "no conversation of the other part was played");
        assert!(markdown(&report).contains("- tea: \"I like <tea>.\" → \"So do I.\": says what it must (tea)"));
        let page = page(&report);
        assert!(page.contains("I like &lt;tea&gt;.") && page.contains("1 missed"), "{page}");
    }
}
