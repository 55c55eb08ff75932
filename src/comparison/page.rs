//! A report as one page that needs nothing else: charts as SVG, the tables below them.

use charts_rs::{BarChart, Box as Margin, HorizontalBarChart, Series};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ComparisonError;
use super::protocol::Door;
use super::summary::{Report, Spread, Summary, Turns};
use super::tables::{Section, failures, headline, sections};
use crate::domain::stage::Stage;

pub(super) const STYLE: &str = "
:root { color-scheme: light; --ink: #2b2430; --soft: #6d6373; --line: #e4dde6; --ground: #fbf9fb; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 66rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem; }
p { color: var(--soft); margin: .25rem 0 1rem; max-width: 46rem; }
.charts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); }
figure { margin: 0; padding: 1rem; background: #fff; border: 1px solid var(--line); border-radius: 12px; }
figure.wide { grid-column: 1 / -1; } figure svg { width: 100%; height: auto; display: block; }
figcaption { font-weight: 600; } figcaption small { display: block; font-weight: 400; color: var(--soft); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; background: #fff; font-size: .9rem; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } td { white-space: nowrap; } td.words { white-space: normal; text-align: left; }
";

/// # Errors
/// Where a chart can't be drawn.
pub fn html(report: &Report) -> Result<String, ComparisonError> {
    let charts = charts(report)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Comparison of backends" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Comparison of backends" }
                p { (headline(report)) ". " (report.started.strftime("%Y-%m-%d %H:%M UTC").to_string()) "." }
                div .charts { @for chart in &charts { (chart) } }
                @for section in sections(report) { (table(report, &section)) }
                (heard(report))
                @let failures = failures(report);
                @if !failures.is_empty() {
                    h2 { "What failed" }
                    ul { @for failure in &failures { li { (failure) } } }
                }
            }
        }
    };
    Ok(page.into_string())
}

fn charts(report: &Report) -> Result<Vec<Markup>, ComparisonError> {
    let variants = &report.variants;
    let labels: Vec<String> = variants.iter().map(|variant| variant.variant.label.clone()).collect();
    let mut charts = vec![where_time_goes(variants)?, first_audio(variants)?];
    let single = |title: &str, unit: &str, values: Vec<Option<f64>>| {
        if values.iter().all(Option::is_none) {
            return Ok(None);
        }
        let values: Vec<_> = values.into_iter().map(|value| value.map(legible)).collect();
        let most = values.iter().flatten().copied().fold(0.0, f32::max);
        let series = labelled(Series::new_nullable(unit.to_owned(), values));
        let mut chart = BarChart::new(vec![series], labels.clone());
        // The colour of a variant is the same as where each has a series of its own.
        let colors = chart.series.colors.iter().cycle().take(labels.len()).copied().map(Some).collect();
        chart.series_list[0].colors = Some(colors);
        chart.legend.show = Some(false);
        figure(title, unit, false, sized(&mut chart, 520.0, most).svg()).map(Some)
    };
    let turns = |of: fn(&Turns) -> Option<f64>| -> Vec<Option<f64>> {
        variants.iter().map(|variant| variant.turns.values().next().and_then(of)).collect()
    };
    let alone = |key: &str| -> Vec<Option<f64>> {
        variants.iter().map(|variant| variant.alone.get(key).map(|spread| spread.p50)).collect()
    };
    charts.extend(single(
        "Word error rate",
        "percent of the words",
        turns(|turns| turns.word_error_rate.map(|rate| 100.0 * rate)),
    )?);
    charts.extend(single("Speech to text", "ms, alone, p50", alone("speech_to_text"))?);
    charts.extend(single("Language model", "tokens/s, alone, p50", alone("tokens_per_second"))?);
    charts.extend(single(
        "Text to speech",
        "seconds of work for a second of speech, p50",
        alone("speech_real_time_factor"),
    )?);
    let mebibytes = variants.iter().map(|variant| variant.peak_bytes.map(|bytes| bytes as f64 / 1_048_576.0)).collect();
    charts.extend(single("Peak memory", "MiB", mebibytes)?);
    if report.at_once > 1 {
        let rates =
            variants.iter().map(|variant| variant.at_once.as_ref().map(|crowd| crowd.turns_per_minute)).collect();
        charts.extend(single(&format!("{} turns at once", report.at_once), "turns a minute", rates)?);
    }
    Ok(charts)
}

/// The way to the first sound, one bar for each variant and door.
fn where_time_goes(variants: &[Summary]) -> Result<Markup, ComparisonError> {
    const PARTS: [(&str, &[Stage]); 4] = [
        ("decode", &[Stage::Decode]),
        ("speech to text", &[Stage::SpeechToText]),
        ("memory and route", &[Stage::ExtractMemories, Stage::Route, Stage::InjectContext]),
        ("first token", &[Stage::FirstToken]),
    ];
    let bars: Vec<(String, &Turns)> = bars(variants).collect();
    let p50 = |turns: &Turns, stage: Stage| turns.stages.get(stage.as_str()).map_or(0.0, |spread: &Spread| spread.p50);
    let part = |turns: &Turns, stages: &[Stage]| stages.iter().map(|stage| p50(turns, *stage)).sum::<f64>();
    let mut series: Vec<Series> = PARTS
        .iter()
        .map(|(name, stages)| {
            Series::new((*name).to_owned(), bars.iter().map(|(_, turns)| part(turns, stages) as f32).collect())
        })
        .collect();
    let rest = |turns: &Turns| {
        let before: f64 = PARTS.iter().map(|(_, stages)| part(turns, stages)).sum();
        (p50(turns, Stage::FirstAudio) - before).max(0.0) as f32
    };
    series.push(Series::new("first sentence".into(), bars.iter().map(|(_, turns)| rest(turns)).collect()));
    for series in &mut series {
        series.stack = Some("first sound".into());
    }
    let chart = horizontal(series, bars.iter().map(|(name, _)| name.clone()).collect());
    figure("Where the time to the first sound goes", "ms, medians of warm turns", true, chart.svg())
}

fn bar_name(variant: &Summary, door: Door) -> String {
    if variant.turns.len() == 1 {
        variant.variant.label.clone()
    } else {
        format!("{}, {}", variant.variant.label, door.as_str())
    }
}

fn first_audio(variants: &[Summary]) -> Result<Markup, ComparisonError> {
    let bars: Vec<(String, Option<Spread>)> =
        bars(variants).map(|(name, turns)| (name, turns.stages.get(Stage::FirstAudio.as_str()).copied())).collect();
    let series = |name: &str, of: fn(Spread) -> f64| {
        let values = bars.iter().map(|(_, spread)| spread.map(|spread| legible(of(spread)))).collect();
        labelled(Series::new_nullable(name.to_owned(), values))
    };
    let series = vec![series("p50", |spread| spread.p50), series("p95", |spread| spread.p95)];
    let names: Vec<_> = bars.iter().map(|(name, _)| name.clone()).collect();
    figure("First sound", "ms from the end of speech; the budget is 3600", true, horizontal(series, names).svg())
}

fn bars(variants: &[Summary]) -> impl Iterator<Item = (String, &Turns)> {
    variants.iter().flat_map(|variant| variant.turns.iter().map(move |(door, turns)| (bar_name(variant, *door), turns)))
}

fn horizontal(series: Vec<Series>, names: Vec<String>) -> HorizontalBarChart {
    let height = 90.0 + 46.0 * names.len() as f32;
    let mut chart = HorizontalBarChart::new(series, names);
    chart.width = 1000.0;
    chart.height = height;
    chart.margin = Margin { left: 10.0, top: 10.0, right: 50.0, bottom: 10.0 };
    chart
}

fn labelled(mut series: Series) -> Series {
    series.label_show = true;
    series
}

/// Three figures, or whole numbers.
fn legible(value: f64) -> f32 {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let scale = 10_f64.powi(digits);
    ((value * scale).round() / scale) as f32
}

/// Up to `most`, with room for the labels above.
fn sized(chart: &mut BarChart, width: f32, most: f32) -> &BarChart {
    chart.width = width;
    chart.height = 300.0;
    chart.margin = Margin { left: 10.0, top: 20.0, right: 10.0, bottom: 10.0 };
    chart.y_axis_configs[0].min = Some(0.0);
    if most > 0.0 {
        let step = 10_f32.powf(most.log10().floor()) / 2.0;
        chart.y_axis_configs[0].max = Some((most * 1.1 / step).ceil() * step);
    }
    chart
}

fn figure<E: std::fmt::Display>(
    title: &str,
    unit: &str,
    wide: bool,
    svg: Result<String, E>,
) -> Result<Markup, ComparisonError> {
    let svg = svg.map_err(|error| ComparisonError::Chart(error.to_string()))?;
    Ok(html! {
        figure .wide[wide] {
            figcaption { (title) small { (unit) } }
            (PreEscaped(svg))
        }
    })
}

fn table(report: &Report, section: &Section) -> Markup {
    html! {
        h2 { (section.title) }
        div .scroll { table {
            thead { tr { th {} @for variant in &report.variants { th scope="col" { (variant.variant.label) } } } }
            tbody { @for (name, cells) in &section.rows { tr { td { (name) } @for cell in cells { td { (cell) } } } } }
        } }
    }
}

/// What each variant understood, beside what was said.
fn heard(report: &Report) -> Markup {
    html! {
        h2 { "What was heard" }
        div .scroll { table {
            thead { tr { th { "recording" } th { "said" } @for variant in &report.variants { th scope="col" { (variant.variant.label) } } } }
            tbody { @for recording in &report.recordings { tr {
                td { (recording.name) }
                td .words { (recording.words.as_deref().unwrap_or("not known")) }
                @for variant in &report.variants {
                    td .words { @for turns in variant.turns.values().take(1) {
                        @for text in turns.heard.get(&recording.name).into_iter().flatten() { div { (text) } }
                    } }
                }
            } } }
        } }
    }
}
