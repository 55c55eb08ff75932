//! From a written text to one that is read aloud right: numbers, dates, money, units, abbreviations, addresses and
//! signs become the words a person says for them. It is no text sanitizer: Markdown and emoji are `speakable`'s.

mod abbreviation;
mod acronym;
mod date;
mod fraction;
mod money;
mod number;
mod phone;
mod roman;
mod rule;
mod symbol;
mod time;
mod unit;
mod web;
mod words;

use std::sync::LazyLock;

use rule::Rule;

/// Of two tokens that begin together, that of the kind named first.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    [
        web::rules(),
        date::rules(),
        number::decades(),
        phone::rules(),
        time::rules(),
        money::rules(),
        unit::rules(),
        abbreviation::rules(),
        roman::rules(),
        fraction::rules(),
        acronym::rules(),
        number::rules(),
        symbol::rules(),
    ]
    .into_iter()
    .flatten()
    .collect()
});

/// What a person says who reads `text` aloud, in the text's own order, as a voice's phonemizer reads it right.
///
/// Tokens that stand for other words are written out: times, dates, years, money, units, fractions, ranges, Roman
/// numerals, ordinals, telephone numbers, versions, addresses, abbreviations, acronyms that are spelled ("D.N.A"), signs
/// and numbers. All else, words and punctuation, stays as it is: no word is ever left out. Of an address, only the
/// `https://` before it is not said.
pub fn spoken(text: &str) -> String {
    rule::rewrite(text, &RULES)
}

/// A telephone number, digit by digit, as it is said.
pub fn telephone(number: &str) -> String {
    phone::grouped(number)
}

#[cfg(test)]
mod tests;
