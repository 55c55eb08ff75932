//! What Kokoro takes beside the text: the ids of its symbols, and its voices' styles.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

/// The most symbols of one run, by its 512 positions less the two at the ends.
pub(super) const MOST_SYMBOLS: usize = 510;

/// Stands before and behind the symbols.
const END: i64 = 0;

/// Each symbol's id. Other keys of the file don't matter here, so that hexgrad's own `config.json` serves too.
#[derive(Debug, Deserialize)]
pub(super) struct Symbols {
    vocab: HashMap<char, i64>,
}

impl Symbols {
    /// # Errors
    /// Why it is no list of symbols.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let symbols: Self = serde_json::from_str(text).map_err(|error| format!("not Kokoro's symbols: {error}"))?;
        if symbols.vocab.is_empty() || symbols.vocab.values().any(|id| *id <= END) {
            return Err("its symbols have no ids above 0".into());
        }
        Ok(symbols)
    }

    /// The ids of what Kokoro knows of the phonemes, 0 before and behind; `None` where it knows no sound among them.
    pub(super) fn ids(&self, phonemes: &[String]) -> Option<Vec<i64>> {
        let known = || phonemes.iter().flat_map(|phoneme| phoneme.chars()).filter(|c| self.vocab.contains_key(c));
        if !known().any(char::is_alphabetic) {
            return None;
        }
        let ids = known().filter_map(|symbol| self.vocab.get(&symbol)).copied().take(MOST_SYMBOLS);
        Some(std::iter::once(END).chain(ids).chain([END]).collect())
    }
}

/// How a voice sounds, by the number of symbols that it is to say.
pub(super) struct Style {
    rows: Vec<f32>,
}

impl Style {
    pub(super) const WIDTH: usize = 256;
    const ROWS: usize = 510;

    /// Reads `f32`s, little-endian, of shape `(510, 1, 256)`.
    ///
    /// # Errors
    /// Why it is no style.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let rows: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if bytes.len() != Self::ROWS * Self::WIDTH * size_of::<f32>() || !rows.iter().all(|value| value.is_finite()) {
            return Err(format!("{} is not a voice of Kokoro's", path.display()));
        }
        Ok(Self { rows })
    }

    /// For so many ids, the ends among them.
    pub(super) fn row(&self, ids: usize) -> &[f32] {
        let row = ids.saturating_sub(2).min(Self::ROWS - 1);
        &self.rows[row * Self::WIDTH..(row + 1) * Self::WIDTH]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phonemes(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn the_ends_stand_around_what_is_known() {
        let symbols = Symbols::parse(r#"{"vocab": {"a": 43, ".": 4, " ": 16}, "n_token": 178}"#).expect("symbols");
        assert_eq!(symbols.ids(&phonemes("a xa.")), Some(vec![0, 43, 16, 43, 4, 0]));
        assert_eq!(symbols.ids(&phonemes(". .")), None);
        assert_eq!(symbols.ids(&phonemes(&"a".repeat(2_000))).map(|ids| ids.len()), Some(512));
        assert!(Symbols::parse("{}").is_err() && Symbols::parse(r#"{"vocab": {"a": 0}}"#).is_err());
    }

    #[test]
    fn a_style_has_a_row_for_each_length() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let rows = (0..510_u16).flat_map(|row| std::iter::repeat_n(f32::from(row), 256));
        std::fs::write(file.path(), rows.flat_map(f32::to_le_bytes).collect::<Vec<u8>>()).expect("written");
        let style = Style::read(file.path()).expect("a style");
        for (ids, row) in [(2, 0.0), (12, 10.0), (511, 509.0), (512, 509.0)] {
            assert!(style.row(ids).iter().all(|value| (value - row).abs() < f32::EPSILON), "{ids}");
        }
        std::fs::write(file.path(), [0; 100]).expect("written");
        assert!(Style::read(file.path()).is_err());
    }
}
