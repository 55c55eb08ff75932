//! Whom to call, by country: `helplines.toml` of the characters.

use regex::{RegexSet, RegexSetBuilder};
use serde::Deserialize;

use super::Kind;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    SelfHarm,
    /// A poison centre.
    Overdose,
    EatingDisorder,
    Violence,
    ChildAtRisk,
    /// Advice where nobody's life is in danger.
    Medical,
    /// For people under 18.
    Young,
}

impl Purpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::SelfHarm => "self_harm",
            Purpose::Overdose => "overdose",
            Purpose::EatingDisorder => "eating_disorder",
            Purpose::Violence => "violence",
            Purpose::ChildAtRisk => "child_at_risk",
            Purpose::Medical => "medical",
            Purpose::Young => "young",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub r#for: Vec<Purpose>,
    pub name: String,
    /// As it is written: digits and signs, or an address.
    pub number: String,
    pub hours: String,
    /// ISO 639-1.
    pub languages: Vec<String>,
    /// Where this was looked up.
    pub source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: String,
    /// As it stands in a sentence: "the United Kingdom".
    pub name: String,
    /// IANA's, of this country alone.
    pub time_zones: Vec<String>,
    /// The number for police, fire and ambulance, or for an ambulance where there is none for all.
    pub emergency: String,
    pub line: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    country: Vec<Country>,
    unknown: Unknown,
}

/// Where nobody knows where the person is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unknown {
    emergency: String,
    name: String,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, thiserror::Error)]
pub enum HelplinesError {
    #[error("{0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("{code} {what}")]
    Country { code: String, what: &'static str },
    #[error("a country's name can't be looked for: {0}")]
    Pattern(#[from] regex::Error),
}

pub struct Helplines {
    countries: Vec<Country>,
    /// For each country, how a person says that they are there.
    said: RegexSet,
    unknown: Unknown,
}

/// Whom to call: an emergency number, and a helpline in words ("Samaritans on 116 123").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    pub emergency: &'a str,
    pub line: String,
    /// The telephone numbers in both, for the voice.
    pub numbers: Vec<&'a str>,
}

impl Helplines {
    /// # Errors
    /// Where the text is not such a file, or a country lacks an emergency number or a crisis line.
    pub fn parse(text: &str) -> Result<Self, HelplinesError> {
        let raw: Raw = toml::from_str(text)?;
        for (at, country) in raw.country.iter().enumerate() {
            let wrong = |what| HelplinesError::Country { code: country.code.clone(), what };
            if raw.country[..at].iter().any(|other| other.code == country.code) {
                return Err(wrong("stands there twice"));
            }
            if country.emergency.trim().is_empty() {
                return Err(wrong("has no emergency number"));
            }
            if !country.line.iter().any(|line| line.r#for.contains(&Purpose::SelfHarm)) {
                return Err(wrong("has no line of `for = [\"self_harm\"]`"));
            }
        }
        let said = RegexSetBuilder::new(raw.country.iter().map(said)).unicode(false).case_insensitive(true).build()?;
        Ok(Self { countries: raw.country, said, unknown: raw.unknown })
    }

    pub fn countries(&self) -> &[Country] {
        &self.countries
    }

    pub fn country(&self, code: &str) -> Option<&Country> {
        self.countries.iter().find(|country| country.code.eq_ignore_ascii_case(code))
    }

    /// By a time zone of IANA's that only one country uses.
    pub fn by_time_zone(&self, zone: &str) -> Option<&Country> {
        self.countries.iter().find(|country| country.time_zones.iter().any(|own| own == zone))
    }

    /// By what a person says of where they are: "I live in Canada".
    pub fn by_words(&self, message: &str) -> Option<&Country> {
        self.said.matches(message).iter().next().map(|at| &self.countries[at])
    }

    /// Whom to call in such a danger; `young` people have lines of their own.
    pub fn call<'a>(&'a self, country: Option<&'a Country>, kind: Kind, young: bool) -> Call<'a> {
        let Some(country) = country else {
            let emergency = self.unknown.emergency.as_str();
            return Call { emergency, line: self.unknown.name.clone(), numbers: vec![emergency] };
        };
        let wanted: &[Purpose] = match kind {
            Kind::SelfHarm | Kind::ThirdPerson => &[],
            Kind::Overdose => &[Purpose::Overdose],
            Kind::EatingDisorder => &[Purpose::EatingDisorder],
            Kind::Violence => &[Purpose::Violence],
            Kind::ChildAtRisk => &[Purpose::ChildAtRisk, Purpose::Young],
            Kind::Medical => &[Purpose::Medical],
        };
        let young = (young && !matches!(kind, Kind::Overdose | Kind::Medical)).then_some(Purpose::Young);
        let order = young.into_iter().chain(wanted.iter().copied()).chain([Purpose::SelfHarm]);
        let line = order
            .filter_map(|purpose| country.line.iter().find(|line| line.r#for.contains(&purpose)))
            .next()
            .expect("each country has a crisis line");
        let is_number = line.number.chars().all(|c| c.is_ascii_digit() || " +-()/.*#".contains(c));
        let mut numbers = vec![country.emergency.as_str()];
        numbers.extend(is_number.then_some(line.number.as_str()));
        let joint = if is_number { "on" } else { "at" };
        Call { emergency: &country.emergency, line: format!("{} {joint} {}", line.name, line.number), numbers }
    }
}

fn said(country: &Country) -> String {
    let name = regex::escape(country.name.strip_prefix("the ").unwrap_or(&country.name));
    let here = r"(?:i(?:(?:'|’)m| am| live| work| study| moved| grew up)?|we(?:(?:'|’)re| are| live)?|my home is|here)";
    format!(r"\b{here}(?: \w+){{0,3}} (?:in|to|from) (?:the )?{name}\b")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helplines() -> Helplines {
        Helplines::parse(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/helplines.toml"))).unwrap()
    }

    #[test]
    fn the_table_holds_many_countries_and_each_source_is_named() {
        let helplines = helplines();
        assert!(helplines.countries().len() >= 40);
        for country in helplines.countries() {
            assert_eq!(country.code.len(), 2, "{}", country.name);
            for line in &country.line {
                assert!(line.source.starts_with("https://"), "{}: {}", country.code, line.name);
                assert!(!line.hours.is_empty() && !line.languages.is_empty(), "{}: {}", country.code, line.name);
                assert!(line.number.chars().any(|c| c.is_ascii_digit()) || line.number.contains('.'), "{}", line.name);
            }
        }
    }

    #[test]
    fn a_country_is_found_by_its_code_its_clock_and_what_is_said() {
        let helplines = helplines();
        let code = |country: Option<&Country>| country.map(|country| country.code.clone());
        assert_eq!(code(helplines.country("gb")).as_deref(), Some("GB"));
        assert_eq!(code(helplines.by_time_zone("Europe/Lisbon")).as_deref(), Some("PT"));
        assert_eq!(code(helplines.by_words("I live in Canada with my sister")).as_deref(), Some("CA"));
        assert_eq!(code(helplines.by_words("my aunt flew to Canada")), None);
        assert_eq!(code(helplines.by_time_zone("Etc/UTC")), None);
    }

    #[test]
    fn the_kind_and_age_decide_whom_to_call() {
        let helplines = helplines();
        let britain = helplines.country("GB");
        let call = helplines.call(britain, Kind::SelfHarm, false);
        assert_eq!((call.emergency, call.line.as_str()), ("999", "Samaritans on 116 123"));
        assert_eq!(call.numbers, ["999", "116 123"]);
        assert_ne!(helplines.call(britain, Kind::Violence, false).line, call.line);
        assert_ne!(helplines.call(britain, Kind::SelfHarm, true).line, call.line);
        let unknown = helplines.call(None, Kind::SelfHarm, false);
        assert_eq!((unknown.emergency, unknown.line.as_str()), ("112", "findahelpline.com"));
    }
}
