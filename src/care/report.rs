//! How often care answered: counts by day, kind, level and layer, with nobody's words.

use comfy_table::{Table as TextTable, presets};
use serde::Serialize;

use super::{Counted, Kind, Level};

/// A year's counts: one row for each kind, one column for each level.
#[derive(Debug, Serialize)]
pub struct Table {
    pub year: i16,
    pub rows: Vec<Row>,
    pub days: Vec<Counted>,
}

#[derive(Debug, Serialize)]
pub struct Row {
    pub kind: &'static str,
    pub concern: u64,
    pub danger: u64,
}

impl Table {
    pub fn new(year: i16, counted: Vec<Counted>) -> Self {
        let sum = |kind: Kind, level: Level| {
            let of = counted.iter().filter(|one| one.kind == kind.as_str() && one.level == level.as_str());
            of.map(|one| one.count).sum()
        };
        let row = |kind: Kind| Row {
            kind: kind.as_str(),
            concern: sum(kind, Level::Concern),
            danger: sum(kind, Level::Danger),
        };
        Self { year, rows: Kind::ALL.into_iter().map(row).collect(), days: counted }
    }

    /// For a terminal.
    pub fn to_text(&self) -> String {
        let mut table = TextTable::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header([self.year.to_string().as_str(), "concern", "danger"]);
        for row in &self.rows {
            table.add_row([row.kind.to_owned(), row.concern.to_string(), row.danger.to_string()]);
        }
        let (concern, danger) =
            self.rows.iter().fold((0, 0), |(concern, danger), row| (concern + row.concern, danger + row.danger));
        table.add_row(["all".to_owned(), concern.to_string(), danger.to_string()]);
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_by_kind_and_level() {
        let counted = |day: &str, level: &str, count| Counted {
            day: day.into(),
            kind: "self_harm".into(),
            level: level.into(),
            layer: "patterns".into(),
            count,
        };
        let days = vec![
            counted("2026-03-01", "danger", 2),
            counted("2026-03-02", "danger", 3),
            counted("2026-03-02", "concern", 1),
        ];
        let table = Table::new(2026, days);
        assert_eq!((table.rows[0].kind, table.rows[0].concern, table.rows[0].danger), ("self_harm", 1, 5));
        let text = table.to_text();
        assert!(text.contains("self_harm") && text.lines().last().is_some_and(|line| line.contains('5')), "{text}");
    }
}
