//! What a message changes in memory, over labelled messages that were written before the judgement: by the default set's
//! model, and, printed only, by the rules. Only the part kept apart is asserted.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Zoned;
use rose::config::{Config, Overrides};
use rose::domain::ids::UserId;
use rose::domain::memory::{Memory, MemoryType};
use rose::memory::{Memories, Said};
use rose::providers::llm::LanguageModel;
use rose::store::{MemoryStore, NewMemory, SqliteStore};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
struct Labelled {
    message: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    said: String,
    at: Zoned,
    known: Vec<String>,
    part: Part,
    kind: String,
    expect: Vec<Expected>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Tune,
    Apart,
}

#[derive(Debug, Deserialize)]
struct Expected {
    operation: Operation,
    id: Option<usize>,
    #[serde(default)]
    types: Vec<MemoryType>,
    #[serde(default)]
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operation {
    Add,
    Update,
    Delete,
}

/// What became of the memories.
#[derive(Debug)]
struct Change {
    operation: Operation,
    id: Option<usize>,
    /// The memory that is there now.
    kept: Option<Memory>,
}

impl Expected {
    /// Whether `change` brought what was wanted, by whatever operation.
    fn is_met_by(&self, change: &Change) -> bool {
        match &change.kept {
            None => self.operation == Operation::Delete && change.id == self.id,
            Some(memory) => {
                let text = memory.text.to_lowercase();
                let holds = |word: &String| word.split('|').any(|one| text.contains(&one.to_lowercase()));
                self.operation != Operation::Delete && self.words.iter().all(holds)
            }
        }
    }

    fn by_the_right_operation(&self, change: &Change) -> bool {
        self.operation == change.operation && (self.operation == Operation::Add || self.id == change.id)
    }
}

#[derive(Default)]
struct Tally {
    messages: usize,
    changes: usize,
    right: usize,
    wanted: usize,
    met: usize,
    right_operation: usize,
    right_type: usize,
    typed: usize,
}

impl Tally {
    /// Whether there was no fault.
    fn add(&mut self, message: &Message, changes: &[Change]) -> bool {
        self.messages += 1;
        self.changes += changes.len();
        self.wanted += message.expect.len();
        let right = changes.iter().filter(|change| message.expect.iter().any(|wanted| wanted.is_met_by(change)));
        let right = right.count();
        self.right += right;
        let mut flawless = right == changes.len();
        for wanted in &message.expect {
            let met: Vec<&Change> = changes.iter().filter(|change| wanted.is_met_by(change)).collect();
            self.met += usize::from(!met.is_empty());
            let operation = met.iter().any(|change| wanted.by_the_right_operation(change));
            self.right_operation += usize::from(operation);
            flawless &= operation;
            if let Some(kept) = met.first().and_then(|change| change.kept.as_ref()) {
                self.typed += 1;
                self.right_type += usize::from(wanted.types.contains(&kept.memory_type));
            }
        }
        flawless
    }

    fn precision(&self) -> f64 {
        self.right as f64 / self.changes.max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.met as f64 / self.wanted as f64
    }

    /// Of what was met.
    fn operation(&self) -> f64 {
        self.right_operation as f64 / self.met.max(1) as f64
    }

    fn line(&self) -> String {
        format!(
            "{} messages: precision {:.3} ({}/{}), recall {:.3} ({}/{}), right operation {:.3}, right type {:.3}",
            self.messages,
            self.precision(),
            self.right,
            self.changes,
            self.recall(),
            self.met,
            self.wanted,
            self.operation(),
            self.right_type as f64 / self.typed.max(1) as f64,
        )
    }
}

fn labelled() -> Vec<Message> {
    let text = include_str!("../../fixtures/labelled/judgement.toml");
    let labelled: Labelled = toml::from_str(text).expect("the labels are TOML");
    labelled.message
}

/// The memories of one person after another, in one store.
struct Fixture {
    memories: Memories,
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

fn fixture(judge: Option<Arc<dyn LanguageModel>>) -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let overrides = Overrides { data_dir: Some(folder.path().to_owned()), ..Overrides::default() };
    let config = Config::defaults(&overrides).expect("defaults are valid");
    let store = SqliteStore::open(&config.data).expect("a new store");
    let memories = Memories::new(Arc::new(store.clone()), crate::embeddings::local(), judge, "Rose", config.memory);
    Fixture { memories, store, _folder: folder }
}

impl Fixture {
    /// Says the message to someone who knows what is known, and compares.
    async fn changes(&self, message: &Message) -> Vec<Change> {
        let user = UserId::generate();
        let embedder = crate::embeddings::local();
        let mut before = Vec::new();
        for text in &message.known {
            let embedded = embedder.embed(vec![text.clone()]).await.expect("an embedder that works");
            let new = NewMemory {
                user_id: user,
                session_id: None,
                text: text.clone(),
                memory_type: MemoryType::Fact,
                embedding: embedded.embeddings.into_iter().next().expect("one each"),
            };
            before.push(self.store.insert_memory(new).await.expect("a store that works"));
        }
        let forgotten = self.memories.forget(user, &message.said, CancellationToken::new()).await;
        if forgotten.expect("a store that works").is_none() {
            let said = Said { session: None, message: &message.said, at: &message.at };
            self.memories.consider(user, said, CancellationToken::new()).await.expect("a store that works");
        }
        let after = self.memories.export(user).await.expect("a store that works");
        let mut changes = Vec::new();
        for (id, old) in before.iter().enumerate() {
            match after.iter().find(|memory| memory.id == old.id) {
                None => changes.push(Change { operation: Operation::Delete, id: Some(id), kept: None }),
                Some(new) if new.text != old.text => {
                    changes.push(Change { operation: Operation::Update, id: Some(id), kept: Some(new.clone()) });
                }
                Some(_) => {}
            }
        }
        for new in after.into_iter().filter(|memory| before.iter().all(|old| old.id != memory.id)) {
            changes.push(Change { operation: Operation::Add, id: None, kept: Some(new) });
        }
        changes
    }
}

async fn judged(judge: Option<Arc<dyn LanguageModel>>, part: Part) -> Tally {
    let fixture = fixture(judge);
    let mut tally = Tally::default();
    let mut faults = String::new();
    for message in labelled().iter().filter(|message| message.part == part) {
        let changes = fixture.changes(message).await;
        // What is kept apart is only counted: whoever mends the judgement must not see it.
        if !tally.add(message, &changes) && part == Part::Tune {
            let changes: Vec<_> = changes
                .iter()
                .map(|change| {
                    let kept = change.kept.as_ref();
                    format!("{:?} {:?} {:?}", change.operation, change.id, kept.map(|kept| kept.text.as_str()))
                })
                .collect();
            let wanted: Vec<_> =
                message.expect.iter().map(|e| format!("{:?} {:?} {:?}", e.operation, e.id, e.words)).collect();
            writeln!(
                faults,
                "[{}] {:?} {:?}\n    {changes:?}\n    wanted {wanted:?}",
                message.kind, message.said, message.known
            )
            .expect("memory to write to");
        }
    }
    if !faults.is_empty() {
        println!("faults in what is not kept apart:\n{faults}");
    }
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_are_counted() {
    for part in [Part::Tune, Part::Apart] {
        println!("by rules, {part:?}: {}", judged(None, part).await.line());
    }
}

/// On the part that the judgement is improved on; for whoever improves it.
#[cfg(feature = "llm-llama")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and asserts nothing: run it with --ignored --nocapture when the judgement is changed"]
async fn the_model_is_counted_on_the_other_part() {
    println!("by the model, tune: {}", judged(Some(crate::support::settings::small_llm()), Part::Tune).await.line());
}

#[cfg(feature = "llm-llama")]
#[tokio::test(flavor = "multi_thread")]
async fn the_default_model_judges_what_is_kept() {
    let tally = judged(Some(crate::support::settings::small_llm()), Part::Apart).await;
    println!("by the model, apart: {}", tally.line());
    assert!(tally.messages >= 60);
    // Measured 0.855, 0.767 and 0.964; a little less is left for other processors' rounding.
    assert!(tally.precision() >= 0.80, "{}", tally.line());
    assert!(tally.recall() >= 0.72, "{}", tally.line());
    assert!(tally.operation() >= 0.90, "{}", tally.line());
}
