//! `rose doctor`: how fast this machine writes, and which set of models suits it.

use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::doctor::Finding;
use crate::config::{Config, LlmBackend, LlmConfig, ModelReference};
use crate::domain::message::Role;
use crate::providers::llm::{self, ChatMessage, Delta, GenerationRequest, Sampling};
use crate::weights::{Capability, Model, ModelSet, ModelStore, gigabytes};

/// Long enough to tell, short enough to wait for.
const TOKENS: usize = 32;

/// A first sentence has about a dozen tokens, and its prompt and the recording before it share the same cores: at this
/// speed it is spoken within a second.
const FAST_ENOUGH: f64 = 20.0;

/// Beside the weights: caches, buffers, the recordings that are heard.
const MEMORY_FACTOR: f64 = 1.5;

/// Measures the local model that the settings name, and judges each set by it.
pub(super) fn examine(config: &Config, store: &ModelStore) -> Finding {
    let what = "speed";
    let machine = Machine::look();
    let measured = match measure(config, store) {
        Ok(measured) => measured,
        Err(reason) => return Finding::note(what, format!("{machine}; not measured: {reason}"), "rose models pull"),
    };
    let speed = format!("{machine}; {} writes {:.0} tokens a second", measured.model, measured.tokens_per_second);
    let Some(best) = suited(store, &machine, &measured) else {
        return Finding::note(what, format!("{speed}, too few to talk with any set"), "name a service in llm.backends");
    };
    let estimate = measured.estimate(best.weights_bytes);
    let why = format!("the set {} suits it, at about {estimate:.0} tokens a second", best.name);
    if best.name == store.set() || config.llm.local.model != ModelReference::FromSet {
        return Finding::ok(what, format!("{speed}; {why}"));
    }
    let mend = format!("rose models pull {0}, then rose serve --models {0}", best.name);
    Finding::note(what, format!("{speed}; {why}, the settings name {}", store.set()), mend)
}

struct Machine {
    cores: usize,
    /// `None` where the system doesn't say.
    memory_bytes: Option<u64>,
}

impl Machine {
    fn look() -> Self {
        #[cfg(target_os = "linux")]
        let memory_bytes = {
            use procfs::Current;
            procfs::Meminfo::current().ok().map(|memory| memory.mem_total)
        };
        #[cfg(not(target_os = "linux"))]
        let memory_bytes = None;
        Self { cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get), memory_bytes }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cores = if self.cores == 1 { "core" } else { "cores" };
        write!(to, "{} {cores}", self.cores)?;
        self.memory_bytes.map_or(Ok(()), |bytes| write!(to, ", {} of memory", gigabytes(bytes)))
    }
}

/// What a model's speed on this machine was.
struct Measured {
    model: String,
    weights_bytes: u64,
    tokens_per_second: f64,
}

impl Measured {
    /// Each token reads all weights once, so that the time goes with their size.
    fn estimate(&self, weights_bytes: u64) -> f64 {
        self.tokens_per_second * self.weights_bytes as f64 / weights_bytes.max(1) as f64
    }
}

fn measure(config: &Config, store: &ModelStore) -> Result<Measured, String> {
    let installed = store.installed(Capability::Llm, &config.llm.local.model).map_err(|error| error.to_string())?;
    let weights = installed.file("weights").ok_or("the model names no weights")?;
    let weights_bytes = std::fs::metadata(weights).map_err(|error| error.to_string())?.len();
    let settings = LlmConfig { backends: vec![LlmBackend::Local], ..config.llm.clone() };
    let llm = llm::build(&settings, store).map_err(|error| error.to_string())?;
    let request = GenerationRequest {
        messages: vec![ChatMessage::new(Role::User, "Tell me about the sea, at length.")],
        session: None,
        max_tokens: TOKENS,
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        prefix: None,
        format: None,
        tools: None,
        plain: true,
        stop: Vec::new(),
        cancel: CancellationToken::new(),
    };
    let runtime = super::runtime().map_err(|error| error.to_string())?;
    let (tokens, took) = runtime.block_on(async {
        let mut stream = llm.stream(request).await.map_err(|error| error.to_string())?;
        let mut first = None;
        while let Some(delta) = stream.next().await {
            match delta.map_err(|error| error.to_string())? {
                Delta::Done(usage) => {
                    let since = first.map_or(Duration::ZERO, |first: Instant| first.elapsed());
                    return Ok::<_, String>((usage.completion_tokens.saturating_sub(1), since));
                }
                _ => drop(first.get_or_insert_with(Instant::now)),
            }
        }
        Err("the model broke off".to_owned())
    })?;
    if tokens == 0 || took.is_zero() {
        return Err("the model wrote nothing".into());
    }
    Ok(Measured { model: installed.name, weights_bytes, tokens_per_second: tokens as f64 / took.as_secs_f64() })
}

struct Suited {
    name: String,
    weights_bytes: u64,
}

/// The set with the largest language model that is fast enough here and fits the memory.
fn suited(store: &ModelStore, machine: &Machine, measured: &Measured) -> Option<Suited> {
    let model = |name: &str| store.model(name).ok().map(Model::size_bytes);
    let fits = |set: &ModelSet| {
        let all: u64 = set.models.values().filter_map(|name| model(name)).sum();
        machine.memory_bytes.is_none_or(|memory| all as f64 * MEMORY_FACTOR <= memory as f64)
    };
    let sets = store.manifest().sets.iter().filter(|(_, set)| fits(set));
    let sized = sets.filter_map(|(name, set)| {
        let weights_bytes = model(set.models.get(&Capability::Llm)?)?;
        Some(Suited { name: name.clone(), weights_bytes })
    });
    sized.filter(|set| measured.estimate(set.weights_bytes) >= FAST_ENOUGH).max_by_key(|set| set.weights_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelsConfig;

    fn best(tokens_per_second: f64, memory_gb: f64) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let config = ModelsConfig { dir: folder.path().to_owned(), set: "tiny".into() };
        let store = ModelStore::open(&config).unwrap();
        let machine = Machine { cores: 2, memory_bytes: Some((memory_gb * 1e9) as u64) };
        // Of a model as large as that of `small`.
        let measured = Measured { model: "a model".into(), weights_bytes: 1_117_320_768, tokens_per_second };
        suited(&store, &machine, &measured).map(|set| set.name)
    }

    #[test]
    fn the_largest_set_that_is_fast_enough_and_fits() {
        assert_eq!(best(50.0, 24.0).as_deref(), Some("laptop"));
        assert_eq!(best(34.0, 24.0).as_deref(), Some("small"));
        assert_eq!(best(50.0, 4.0).as_deref(), Some("small"));
        assert_eq!(best(10.0, 24.0).as_deref(), Some("tiny"));
        assert_eq!(best(0.5, 24.0), None);
    }
}
