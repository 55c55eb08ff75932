//! What of a person's message is worth keeping, as sentences in the third person.
//!
//! Rules judge each clause; where none fits, the nearest prototype does. What isn't the person's own statement —
//! questions, quotations, suppositions, words about Rose — is dropped before. Everything that decides is in
//! `rules.toml`.

mod clauses;
mod prototypes;
mod rules;
mod third_person;

use std::sync::{Arc, LazyLock};

use regex::Regex;
use tokio::sync::OnceCell;

use crate::domain::memory::MemoryType;
use crate::language::en::words::is_english;
use crate::providers::ProviderError;
use crate::providers::embeddings::Embedder;
use prototypes::{Bar, Prototypes};
use rules::{Keep, Rules, Verdict};

pub(super) use clauses::one_line;
pub use third_person::MAX_CHARS;

/// Something worth keeping.
#[derive(Clone, PartialEq, Eq)]
pub struct Extracted {
    /// One sentence in the third person.
    pub text: String,
    pub memory_type: MemoryType,
}

/// Shows the type only: memories never reach a log.
impl std::fmt::Debug for Extracted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Extracted({})", self.memory_type.as_str())
    }
}

/// A message as the rules part it.
#[derive(Default)]
pub(super) struct Parted {
    pub(super) certain: Vec<Extracted>,
    /// Clauses that no rule fits.
    pub(super) doubtful: Vec<String>,
    /// All that is stated, in the third person; empty where nothing is.
    pub(super) whole: String,
}

pub struct Extractor {
    rules: Rules,
    name: String,
    embedder: Arc<dyn Embedder>,
    /// Embedded when first needed, so that start-up doesn't wait for them.
    prototypes: OnceCell<Prototypes>,
}

/// A clause on its way to a memory.
struct Judged {
    /// What was said, a pronoun replaced by whom it stands for.
    text: String,
    tie: String,
    verdict: Option<Verdict>,
    /// The person asked for it to be kept.
    told: bool,
    /// Speaks of what the clause before it named.
    refers_back: bool,
}

impl Extractor {
    /// `name` is the character's, whom the person may speak to by it.
    pub fn new(embedder: Arc<dyn Embedder>, name: &str) -> Self {
        Self { rules: Rules::embedded(name), name: name.to_owned(), embedder, prototypes: OnceCell::new() }
    }

    /// # Errors
    /// What the embedder says; it is asked only where no rule fits a clause.
    pub async fn extract(&self, message: &str) -> Result<Vec<Extracted>, ProviderError> {
        let text = clauses::clean(message, &self.rules);
        if self.rules.silences(&text) || self.rules.silences(&one_line(message)) {
            return Ok(Vec::new());
        }
        let mut judged = self.judge(&text);
        self.settle_doubts(&mut judged).await?;
        Ok(joined(judged, &self.name))
    }

    /// What the rules are sure of, and what they leave to a judge. In other languages than English all is left to it, but
    /// questions.
    pub(super) fn parted(&self, message: &str) -> Parted {
        let text = clauses::clean(message, &self.rules);
        if !is_english(&text) {
            return Parted { doubtful: self.statements(message), ..Parted::default() };
        }
        if self.rules.silences(&text) || self.rules.silences(&one_line(message)) {
            return Parted::default();
        }
        let judged = self.judge(&text);
        let doubtful = judged.iter().filter(|clause| clause.verdict.is_none());
        let doubtful = doubtful.map(|clause| format!("{}.", clause.text.trim_end_matches([',', ' ', '.']))).collect();
        let said: Vec<&str> = judged.iter().map(|clause| clause.text.as_str()).collect();
        let whole = third_person::third_person(&said.join(", "), &self.name);
        Parted { certain: joined(judged, &self.name), doubtful, whole }
    }

    /// The sentences that may tell something of the person, in their own words without hesitation: no questions, no
    /// quotations, suppositions, secrets or jokes taken back. In other languages than English, what has no question mark.
    pub(super) fn statements(&self, message: &str) -> Vec<String> {
        let text = clauses::clean(message, &self.rules);
        if self.rules.silences(&text) || self.rules.silences(&one_line(message)) {
            return Vec::new();
        }
        let mut statements = Vec::new();
        for sentence in clauses::sentences(&text) {
            if self.rules.greeted(sentence.text).is_some() {
                statements.push(format!("{}.", sentence.text));
                continue;
            }
            let opened = self.rules.open(sentence.text);
            let remembered = self.rules.told_to_remember(opened);
            let statement = remembered.unwrap_or(opened);
            if self.rules.no_statement(statement) {
                continue;
            }
            let tail = self.rules.question_tail(statement);
            let statement = &statement[..tail.unwrap_or(statement.len())];
            let statement = match sentence.asked && remembered.is_none() && tail.is_none() {
                true => before_the_question(statement),
                false => statement,
            };
            if statement.split_whitespace().count() >= 2 {
                statements.push(format!("{}.", statement.trim_end_matches([',', ' '])));
            }
        }
        statements
    }

    /// Every clause of every statement; those that no rule fits have no verdict yet.
    fn judge(&self, text: &str) -> Vec<Judged> {
        let mut judged = Vec::new();
        let mut before = String::new();
        for sentence in clauses::sentences(text) {
            if let Some(text) = self.rules.greeted(sentence.text) {
                judged.push(Judged {
                    text: sentence.text.to_owned(),
                    tie: String::new(),
                    verdict: Some(Verdict { keep: Keep::Fact, text: Some(text) }),
                    told: false,
                    refers_back: false,
                });
                continue;
            }
            let opened = self.rules.open(sentence.text);
            let remembered = self.rules.told_to_remember(opened);
            let told = remembered.is_some();
            let mut statement = remembered.unwrap_or(opened);
            if self.rules.no_statement(statement) {
                continue;
            }
            let tail = self.rules.question_tail(statement);
            statement = &statement[..tail.unwrap_or(statement.len())];
            let mut clauses = clauses::clauses(statement);
            if sentence.asked && !told && tail.is_none() {
                clauses.pop();
            }
            for clause in clauses {
                judged.push(self.judge_clause(&clause, &before, told));
                before.push_str(clause.text);
                before.push_str(". ");
            }
        }
        judged
    }

    fn judge_clause(&self, clause: &clauses::Clause<'_>, before: &str, told: bool) -> Judged {
        static PRONOUN: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(?i)^(he|she|it|they)(\b.*)$").expect("a pattern of this file is valid"));
        let opened = self.rules.open(clause.text).trim_end_matches([',', ' ']);
        let mut text = self.rules.subject_restored(opened).unwrap_or_else(|| opened.to_owned());
        let mut verdict = None;
        let mut about_another = false;
        if let Some(found) = PRONOUN.captures(opened) {
            let pronoun = found[1].to_lowercase();
            match self.rules.antecedent(&pronoun, before) {
                Some(who) => {
                    about_another = true;
                    text = format!("my {who}{}", &found[2]);
                }
                // "It's my birthday" stands for nothing said before.
                None if pronoun == "it" => {}
                None => verdict = Some(Verdict { keep: Keep::Nothing, text: None }),
            }
        }
        let verdict =
            verdict.or_else(|| self.rules.judge(&text)).or_else(|| self.rules.judge(core(&text)?)).or_else(|| {
                let nothing = self.rules.no_statement(&text) || !speaks_of_self(&text);
                nothing.then_some(Verdict { keep: Keep::Nothing, text: None })
            });
        let refers_back = (about_another && is_conjunction(clause.tie)) || refers_back(&text);
        // Joined to the clause before, a pronoun needs no name.
        let text = if refers_back && about_another { opened.to_owned() } else { text };
        Judged { text, tie: clause.tie.to_owned(), verdict, told, refers_back }
    }

    async fn settle_doubts(&self, judged: &mut [Judged]) -> Result<(), ProviderError> {
        let doubtful: Vec<&mut Judged> = judged.iter_mut().filter(|clause| clause.verdict.is_none()).collect();
        if doubtful.is_empty() {
            return Ok(());
        }
        let prototypes = self.prototypes.get_or_try_init(|| Prototypes::embed(&self.rules, &*self.embedder)).await?;
        let texts = doubtful.iter().map(|clause| clause.text.clone()).collect();
        let embeddings = self.embedder.embed(texts).await?.embeddings;
        for (clause, embedding) in doubtful.into_iter().zip(&embeddings) {
            let bar = match clause.told {
                true => Bar::TypeOnly,
                false if self.rules.of_the_moment(&clause.text) => Bar::High,
                false => Bar::Usual,
            };
            clause.verdict = Some(Verdict { keep: prototypes.judge(embedding, bar), text: None });
        }
        Ok(())
    }
}

/// The kept clauses; one that refers back is joined to the kept one before it.
fn joined(judged: Vec<Judged>, name: &str) -> Vec<Extracted> {
    let mut kept: Vec<(String, Keep, Option<String>)> = Vec::new();
    let mut last_was_kept = false;
    for clause in judged {
        let Some(Verdict { keep, text }) = clause.verdict else { continue };
        match kept.last_mut() {
            Some((said, type_so_far, None)) if last_was_kept && clause.refers_back && !clause.tie.is_empty() => {
                said.push_str(&clause.tie);
                said.push_str(&clause.text);
                // What is felt or liked tells more than the fact behind it.
                if keep != Keep::Nothing {
                    *type_so_far = (*type_so_far).max(keep);
                }
            }
            _ => {
                last_was_kept = keep != Keep::Nothing;
                if last_was_kept {
                    kept.push((clause.text, keep, text));
                }
            }
        }
    }
    kept.into_iter()
        .filter_map(|(said, keep, text)| {
            let text =
                text.map_or_else(|| third_person::third_person(&said, name), |text| third_person::sentence(&text));
            Some(Extracted { text, memory_type: keep.memory_type()? })
        })
        .collect()
}

/// "I have lunch with her" of "On Fridays I have lunch with her".
fn core(text: &str) -> Option<&str> {
    static CORE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)^(?:on|at|in|since|as|when|whenever|while|after|before|during|every|for|until|tomorrow|yesterday|today|next|last|this|these|nowadays|sometimes|usually|most|once|years ago|back|growing up|with|without|because of|due to)\b.*?,? (?P<core>(?:i|we)\b.*)$",
        )
        .expect("a pattern of this file is valid")
    });
    CORE.captures(text)?.name("core").map(|core| core.as_str())
}

/// "My cat is ill" of "My cat is ill, what can I do".
fn before_the_question(sentence: &str) -> &str {
    let clauses = clauses::clauses(sentence);
    let last = clauses.last().map_or(0, |last| last.text.as_ptr() as usize - sentence.as_ptr() as usize);
    &sentence[..if clauses.len() > 1 { last } else { 0 }]
}

fn speaks_of_self(text: &str) -> bool {
    static SELF: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:i|me|my|mine|myself|we|us|our)\b").expect("a pattern of this file is valid")
    });
    SELF.is_match(text) && text.split_whitespace().count() >= 3
}

fn is_conjunction(tie: &str) -> bool {
    tie.chars().any(char::is_alphabetic)
}

/// "I look after her", "I feel awful about it"; not "I hate it when…".
fn refers_back(text: &str) -> bool {
    static BACK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^(?:i|we)\b.*\b(?:(?:him|her|them|his)\b|it(?:$|[^\p{L}' ]| [^wti]))")
            .expect("a pattern of this file is valid")
    });
    BACK.is_match(text)
}
