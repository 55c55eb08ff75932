//! A service's list of its models, and what it says of one of them. Formats: <https://console.groq.com/docs/api-reference>
//! (`active`), <https://platform.openai.com/docs/api-reference/models/list> (`shutdown_date`),
//! <https://docs.mistral.ai/api> (`deprecation`), <https://elevenlabs.io/docs/api-reference/models/list> and
//! <https://docs.together.ai/reference/models> (bare lists).

use std::time::Duration;

use jiff::civil::Date;
use reqwest::{Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::client_builder;
use crate::config::{ServiceModel, announced_shut_off};

/// Nobody waits for it; longer than a service takes that a conversation could bear.
const PATIENCE: Duration = Duration::from_secs(10);

/// Together's list of some hundred models takes half a megabyte.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Fields in which vendors announce the day of a model's end, as `2027-01-14` or with a time behind it.
const SHUT_OFF_FIELDS: [&str; 3] = ["shutdown_date", "deprecation", "deprecation_date"];

/// Why no list was had. Never in the service's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("it can't be reached")]
    Unreachable,
    #[error("it does not answer in time")]
    Silent,
    #[error("the key has characters that no key has")]
    UnusableKey,
    #[error("it refuses the key")]
    KeyRefused,
    #[error("the key's limit is used up")]
    LimitUsedUp,
    #[error("it lists no models")]
    NoList,
    #[error("it answers HTTP {0}")]
    Status(u16),
    #[error("its list is longer than {} MB", MOST_BYTES / 1024 / 1024)]
    TooLong,
    #[error("the machine's TLS can't be set up: {0}")]
    Tls(String),
}

/// A model of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedModel {
    pub id: String,
    pub active: bool,
    /// Seconds since 1970.
    pub created: Option<i64>,
    pub going: Option<Going>,
}

/// A model's announced end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Going {
    /// `None` where no day was named.
    pub on: Option<Date>,
    /// What the vendor names in its place.
    pub instead: Option<String>,
}

/// What is known of a model that the settings name. `instead` is the newest of its family, or what the vendor names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Present,
    /// It is there, and the vendor announced that it shuts it off.
    Announced {
        on: Option<Date>,
        instead: Option<String>,
    },
    /// It is in the list, and answers nobody.
    Inactive {
        instead: Option<String>,
    },
    /// It is not in the list.
    Gone {
        instead: Option<String>,
    },
    /// There was no list.
    Unknown(ListError),
}

impl Standing {
    pub fn as_str(&self) -> &'static str {
        match self {
            Standing::Present => "present",
            Standing::Announced { .. } => "announced",
            Standing::Inactive { .. } => "inactive",
            Standing::Gone { .. } => "gone",
            Standing::Unknown(_) => "not_known",
        }
    }

    /// The model to name in the settings.
    pub fn instead(&self) -> Option<&str> {
        match self {
            Standing::Announced { instead, .. } | Standing::Inactive { instead } | Standing::Gone { instead } => {
                instead.as_deref()
            }
            Standing::Present | Standing::Unknown(_) => None,
        }
    }
}

/// Asks the service of a model for its list: one call that costs nothing.
///
/// # Errors
/// As [`ListError`].
pub async fn list_models(service: &ServiceModel) -> Result<Vec<ListedModel>, ListError> {
    let url = format!("{}/models", service.api.base_url);
    let client = client_builder().connect_timeout(service.api.timeouts.connect).timeout(PATIENCE).build();
    let mut request = client.map_err(|error| ListError::Tls(error.to_string()))?.get(&url);
    if let Some(key) = &service.api.key {
        request = match service.key_header {
            None => request.bearer_auth(key.expose_secret()),
            Some(name) => request.header(name, key.expose_secret()),
        };
    }
    let response = request.send().await.map_err(|error| told(&error))?;
    match response.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ListError::KeyRefused),
        StatusCode::TOO_MANY_REQUESTS => Err(ListError::LimitUsedUp),
        // A server of one's own need not list its models.
        StatusCode::NOT_FOUND => Err(ListError::NoList),
        status if !status.is_success() => Err(ListError::Status(status.as_u16())),
        _ => read(&bounded(response).await?).ok_or(ListError::NoList),
    }
}

fn told(error: &reqwest::Error) -> ListError {
    match (error.is_timeout(), error.is_builder()) {
        (true, _) => ListError::Silent,
        (false, true) => ListError::UnusableKey,
        (false, false) => ListError::Unreachable,
    }
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, ListError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(ListError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// `None` where it is no list, or one of nothing.
fn read(bytes: &[u8]) -> Option<Vec<ListedModel>> {
    let list: Value = serde_json::from_slice(bytes).ok()?;
    // OpenAI's `data`; ElevenLabs and Together send the bare list.
    let models: Vec<ListedModel> = list["data"].as_array().or(list.as_array())?.iter().filter_map(listed).collect();
    (!models.is_empty()).then_some(models)
}

fn listed(raw: &Value) -> Option<ListedModel> {
    let id = raw["id"].as_str().or(raw["model_id"].as_str())?.to_owned();
    let on = SHUT_OFF_FIELDS.iter().find_map(|field| date(raw[*field].as_str()?));
    let told = raw["deprecated"].as_bool() == Some(true);
    let instead = raw["deprecation_replacement_model"].as_str().map(str::to_owned);
    let going = (on.is_some() || told).then_some(Going { on, instead });
    Some(ListedModel { id, active: raw["active"].as_bool() != Some(false), created: raw["created"].as_i64(), going })
}

fn date(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// What the list, and the announcements that are known otherwise, say of the service's model.
pub fn standing(service: &ServiceModel, list: &[ListedModel], today: Date) -> Standing {
    let announced = announced_shut_off(&service.api.base_url, &service.model);
    let announced =
        announced.map(|one| Going { on: Some(one.on), instead: one.instead.map(str::to_owned) }).filter(|one| {
            // What the list still has behind that day was not shut off after all.
            one.on.is_none_or(|on| on >= today) || !list.iter().any(|listed| listed.id == service.model)
        });
    let named = announced.as_ref().and_then(|one| one.instead.clone());
    let instead = |named: Option<String>| named.or_else(|| newest_of_family(&service.model, list, today));
    match list.iter().find(|listed| listed.id == service.model) {
        None => Standing::Gone { instead: instead(named) },
        Some(listed) if !listed.active => Standing::Inactive { instead: instead(named) },
        Some(listed) => match listed.going.clone().or(announced) {
            Some(going) => Standing::Announced { on: going.on, instead: instead(going.instead.or(named)) },
            None => Standing::Present,
        },
    }
}

/// The newest model whose name begins as this one's does, up to its first number; else the newest of the same maker.
fn newest_of_family(model: &str, list: &[ListedModel], today: Date) -> Option<String> {
    let stays = |one: &&ListedModel| {
        one.id != model
            && one.active
            && one
                .going
                .as_ref()
                .is_none_or(|going| going.on.is_some_and(|on| on > today.saturating_add(jiff::Span::new().days(365))))
    };
    let family = family(model);
    let newest = |belongs: &dyn Fn(&ListedModel) -> bool| {
        let of_them = list.iter().filter(stays).filter(|one| belongs(one));
        of_them.max_by_key(|one| (one.created, numbers(&one.id))).map(|one| one.id.clone())
    };
    newest(&|one| self::family(&one.id) == family).or_else(|| {
        let (maker, _) = model.split_once('/')?;
        newest(&|one| one.id.split_once('/').is_some_and(|(other, _)| other == maker))
    })
}

/// `qwen/qwen` of `qwen/qwen3.8-27b`, `eleven_flash_v` of `eleven_flash_v2_5`.
fn family(model: &str) -> &str {
    let name = model.rfind('/').map_or(0, |slash| slash + 1);
    let end = model[name..].find(|c: char| c.is_ascii_digit()).map_or(model.len(), |digit| name + digit);
    // A name without a number is of the family of those that add one: `gpt-image` and `gpt-image-2`.
    model[..end].trim_end_matches(['-', '_', '.'])
}

/// Those of a name in their order: `[2, 5]` of `eleven_flash_v2_5`.
fn numbers(model: &str) -> Vec<u64> {
    model.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 27);

    fn service(model: &str) -> ServiceModel {
        let overrides = crate::config::Overrides { settings: Vec::new(), ..Default::default() };
        let mut config = crate::config::Config::defaults(&overrides).expect("the defaults are valid");
        config.llm.backends = vec![crate::config::LlmBackend::Groq];
        config.llm.groq.vision_model = None;
        config.llm.groq.api.model = model.to_owned();
        config.service_models().remove(0)
    }

    fn list(json: &Value) -> Vec<ListedModel> {
        read(json.to_string().as_bytes()).expect("a list")
    }

    fn groq(id: &str, created: i64, active: bool) -> Value {
        json!({"id": id, "object": "model", "created": created, "owned_by": "someone", "active": active,
            "context_window": 131_072, "public_apps": null, "max_completion_tokens": 65_536})
    }

    #[test]
    fn the_newest_of_the_family_is_named() {
        let models = json!({"object": "list", "data": [
            groq("openai/gpt-oss-20b", 1_754_407_957, true), groq("openai/gpt-oss-120b", 1_754_408_224, true),
            groq("qwen/qwen3.8-27b", 1_790_000_000, true), groq("qwen/qwen3-32b", 1_748_396_646, true),
            groq("qwen/qwen4-9b", 1_795_000_000, false), groq("whisper-large-v3", 1_693_721_698, true),
        ]});
        let list = list(&models);
        for (model, instead) in [
            ("qwen/qwen3.6-27b", Some("qwen/qwen3.8-27b")),
            ("openai/gpt-oss-safeguard", Some("openai/gpt-oss-120b")),
            ("whisper-large-v3-turbo", Some("whisper-large-v3")),
            ("llama-3.3-70b-versatile", Some("openai/gpt-oss-120b")),
            ("gemma2-9b-it", None),
        ] {
            let gone = standing(&service(model), &list, TODAY);
            assert_eq!(gone, Standing::Gone { instead: instead.map(str::to_owned) }, "{model}");
        }
        let inactive = standing(&service("qwen/qwen4-9b"), &list, TODAY);
        assert_eq!(inactive, Standing::Inactive { instead: Some("qwen/qwen3.8-27b".into()) });
        assert_eq!(standing(&service("qwen/qwen3.8-27b"), &list, TODAY), Standing::Present);
    }

    #[test]
    fn versions_decide_where_no_list_tells_when() {
        let models =
            json!([{"model_id": "eleven_flash_v2"}, {"model_id": "eleven_flash_v2_5"}, {"model_id": "eleven_v3"}]);
        let gone = standing(&service("eleven_flash_v1"), &list(&models), TODAY);
        assert_eq!(gone.instead(), Some("eleven_flash_v2_5"));
    }

    #[test]
    fn an_announced_end_is_read_as_each_vendor_writes_it() {
        let on = |month, day| Some(Date::constant(2027, month, day));
        let models = json!({"data": [
            {"id": "gpt-4o-mini", "created": 1, "shutdown_date": "2027-01-14"},
            {"id": "gpt-4o", "created": 2, "shutdown_date": null},
            {"id": "mistral-small-2506", "deprecation": "2027-03-31T12:00:00Z", "deprecation_replacement_model": "mistral-small-2603"},
            {"id": "old", "deprecated": true},
        ]});
        let list = list(&models);
        for (model, expected) in [
            ("gpt-4o-mini", Standing::Announced { on: on(1, 14), instead: Some("gpt-4o".into()) }),
            ("mistral-small-2506", Standing::Announced { on: on(3, 31), instead: Some("mistral-small-2603".into()) }),
            ("old", Standing::Announced { on: None, instead: None }),
            ("gpt-4o", Standing::Present),
        ] {
            assert_eq!(standing(&service(model), &list, TODAY), expected, "{model}");
        }
    }

    #[test]
    fn announcements_are_known_without_the_list() {
        let models = list(&json!({"data": [groq("llama-3.1-8b-instant", 1, true)]}));
        let model = service("llama-3.1-8b-instant");
        let before = standing(&model, &models, Date::constant(2026, 8, 1));
        let instead = Some("openai/gpt-oss-20b".to_owned());
        assert_eq!(before, Standing::Announced { on: Some(Date::constant(2026, 8, 16)), instead });
        assert_eq!(standing(&model, &models, TODAY), Standing::Present, "it was not shut off after all");
    }

    #[test]
    fn what_is_no_list_is_none() {
        for odd in ["", "{", "null", "[]", "{}", "\"a\"", "[1, 2]", "{\"data\": 7}", "{\"data\": [{\"name\": \"x\"}]}"]
        {
            assert_eq!(read(odd.as_bytes()), None, "{odd}");
        }
    }
}
