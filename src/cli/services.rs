//! Whether each service that the settings name can be reached, takes the key and has the model: one call each that costs
//! nothing. And whether the memories are the embedding model's.

use std::time::Duration;

use futures::FutureExt;
use jiff::civil::Date;

use super::doctor::{Finding, State};
use crate::config::{ApiConfig, Config, ConfigError, MemoryBackend, ServiceModel};
use crate::providers::catalogue::{ListError, Standing, list_models, standing};
use crate::providers::embeddings;
use crate::store::{QdrantFault, QdrantMemories, SqliteStore, StoreError, StoredModel, ask_qdrant};
use crate::weights::ModelStore;

/// Longer than Qdrant takes that a conversation could bear.
const PATIENCE: Duration = Duration::from_secs(10);

/// One finding for each model of a service, in the order of the ports.
pub(super) fn examine(config: &Config, missing: &[ConfigError], today: Date) -> Vec<Finding> {
    let models = config.service_models();
    let addressed = !missing.iter().any(|one| matches!(one, ConfigError::MissingAddress { .. }));
    let qdrant = (config.memory.backend == MemoryBackend::Qdrant && addressed).then_some(&config.memory.qdrant);
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::missing("services", error.to_string(), "see that threads can be started")],
    };
    let key_missed = |model: &ServiceModel| {
        missing
            .iter()
            .any(|one| matches!(one, ConfigError::MissingKey { variable, .. } if *variable == model.key_variable))
    };
    let asked = models.iter().map(|model| service(model, key_missed(model), today).boxed());
    let all = asked.chain(qdrant.map(|api| reach_qdrant(api).boxed()));
    let mut findings = runtime.block_on(futures::future::join_all(all));
    let reached = qdrant.is_some() && findings.last().is_some_and(|last| last.state == State::Ok);
    if config.memory.backend == MemoryBackend::Local || reached {
        findings.extend(runtime.block_on(memories(config)));
    }
    findings
}

async fn service(asked: &ServiceModel, key_missed: bool, today: Date) -> Finding {
    let what = format!("{} for {}", asked.backend, asked.purpose);
    let ServiceModel { model, key_variable, .. } = asked;
    let url = format!("{}/models", asked.api.base_url);
    let wrong = |detail: String, mend: &str| Finding::missing(what.as_str(), detail, mend);
    let address = "see that the address is right (base_url), and that this machine may go there";
    let error = match list_models(asked).await {
        Ok(list) => {
            let found = standing(asked, &list, today);
            let mend = match found.instead() {
                Some(instead) => format!("name another model in the settings, such as {instead}"),
                None => "name another model in the settings; services retire them".to_owned(),
            };
            return match found {
                Standing::Announced { on, .. } => {
                    let day = on.map_or("a day that it doesn't name".to_owned(), |on| on.to_string());
                    Finding::note(what, format!("reached; it shuts {model} off on {day}"), mend)
                }
                Standing::Inactive { .. } => wrong(format!("reached, but its {model} is inactive"), &mend),
                Standing::Gone { .. } => wrong(format!("reached, but it has no model {model}"), &mend),
                Standing::Present | Standing::Unknown(_) => Finding::ok(what, format!("reached; it has {model}")),
            };
        }
        Err(error) => error,
    };
    match error {
        // That the key is missing is told already.
        ListError::KeyRefused if key_missed => {
            Finding::note(what, "reached; without its key it tells nothing more", format!("set {key_variable}"))
        }
        ListError::KeyRefused => {
            let detail = match asked.api.key {
                Some(_) => format!("it refuses the key of {key_variable}"),
                None => format!("it asks for a key, and {key_variable} is not set"),
            };
            wrong(detail, &format!("set {key_variable} to a key that is valid"))
        }
        ListError::UnusableKey => wrong(error.to_string(), &format!("set {key_variable} anew")),
        ListError::LimitUsedUp => Finding::note(what, format!("reached, but {error}"), "wait, or ask for more"),
        ListError::NoList | ListError::TooLong => {
            let mend = format!("see that base_url is right; {url} should list the models");
            Finding::note(what, format!("reached, but {error}: whether it has {model} is not known"), mend)
        }
        ListError::Unreachable => wrong(format!("{url} can't be reached"), address),
        ListError::Silent => wrong(format!("{url} does not answer in time"), address),
        ListError::Status(status) => wrong(format!("{url} answers HTTP {status}"), address),
        ListError::Tls(_) => wrong(error.to_string(), "see that the machine's TLS can be set up"),
    }
}

/// Qdrant speaks gRPC.
async fn reach_qdrant(api: &ApiConfig) -> Finding {
    const WHAT: &str = "qdrant for memories";
    let wrong = |fault: QdrantFault, mend: &str| Finding::missing(WHAT, format!("{}: {fault}", api.base_url), mend);
    let answer = tokio::time::timeout(PATIENCE, ask_qdrant(api)).await;
    let fault = match answer.unwrap_or(Err(QdrantFault::Silent(PATIENCE))) {
        Ok(()) => return Finding::ok(WHAT, "reached"),
        Err(fault) => fault,
    };
    match fault {
        QdrantFault::Busy(_) => Finding::note(WHAT, "reached, but the key's limit is used up", "wait, or ask for more"),
        QdrantFault::KeyRefused | QdrantFault::UnusableKey => wrong(fault, "set QDRANT_API_KEY to a key that is valid"),
        _ => wrong(fault, "see that the address is that of gRPC (base_url), and that this machine may go there"),
    }
}

/// Whether the model that embeds is the one that embedded the memories; nothing where there are none, or it can't be told.
async fn memories(config: &Config) -> Option<Finding> {
    const WHAT: &str = "embeddings of the memories";
    let models = ModelStore::open(&config.models).ok()?;
    let (model, dimension) = embeddings::named(&config.embeddings, &models)?;
    let stored = match config.memory.backend {
        MemoryBackend::Local => SqliteStore::embedded_by(&config.data),
        MemoryBackend::Qdrant => in_qdrant(&config.memory.qdrant, &model, dimension).await,
    };
    let stored: StoredModel = match stored {
        Ok(stored) => stored?,
        // Whether the service is there is told already.
        Err(StoreError::Failed(_)) if config.memory.backend == MemoryBackend::Qdrant => return None,
        Err(error) => return Some(Finding::note(WHAT, error.to_string(), "see that the memories can be read")),
    };
    let StoredModel { model: old, dimension: width, memories } = stored;
    if old == model && dimension.is_none_or(|dimension| dimension == width) {
        return Some(Finding::ok(WHAT, format!("{memories} by {old}")));
    }
    let widths = if old == model { format!(", {width} wide") } else { String::new() };
    let detail = format!("{memories} memories were embedded with {old}{widths}, and the settings name {model}");
    let mend = format!("rose memories reembed, or memory.reembed_at_start = true; or name {old} again");
    Some(if config.memory.reembed_at_start {
        Finding::note(WHAT, detail, mend)
    } else {
        Finding::missing(WHAT, detail, mend)
    })
}

async fn in_qdrant(api: &ApiConfig, model: &str, dimension: Option<usize>) -> Result<Option<StoredModel>, StoreError> {
    let store = QdrantMemories::new(api, model, dimension.unwrap_or_default())?;
    let silent = |_| Err(StoreError::Failed("no answer in time".into()));
    tokio::time::timeout(PATIENCE, store.embedded_by()).await.unwrap_or_else(silent)
}
