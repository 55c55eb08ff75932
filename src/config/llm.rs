//! Language models.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::api::{ApiDefaults, RawApi};
use super::vendors;
use super::{ApiConfig, ConfigError, ModelReference};

#[derive(Debug, Clone)]
pub struct LlmConfig {
    /// In the order in which they are tried.
    pub backends: Vec<LlmBackend>,
    pub max_reply_tokens: usize,
    /// `None`: as suits the model's ability.
    pub temperature: Option<f32>,
    pub top_p: f32,
    pub min_p: f32,
    pub repeat_penalty: f32,
    /// `None` draws a new one for each reply.
    pub seed: Option<u32>,
    pub local: LocalLlmConfig,
    pub groq: RemoteLlmConfig,
    /// Any service that speaks the OpenAI protocol.
    pub openai: RemoteLlmConfig,
    pub fake: FakeLlmConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LlmBackend {
    Local,
    Groq,
    OpenAi,
    Fake,
}

#[derive(Debug, Clone)]
pub struct RemoteLlmConfig {
    pub api: ApiConfig,
    /// Prompt and reply together.
    pub context_tokens: usize,
    /// What a request with pictures goes to; `None`: the same model as every other.
    pub vision_model: Option<String>,
    pub reasoning: ReasoningConfig,
    /// Fields that every request carries on top.
    pub extra_body: serde_json::Map<String, serde_json::Value>,
}

/// How long a model may think before it answers: <https://console.groq.com/docs/reasoning>.
#[derive(Debug, Clone, Default)]
pub struct ReasoningConfig {
    /// `reasoning_effort`; `None` leaves it to the service.
    pub effort: Option<String>,
    /// That of the vision model.
    pub vision_effort: Option<String>,
    /// `reasoning_format`; `None` leaves it to the service.
    pub format: Option<String>,
    /// What a model that reasons may write before its answer: services count it as part of the reply.
    pub max_tokens: usize,
}

impl ReasoningConfig {
    /// On top of the answer's.
    pub fn tokens(&self, effort: Option<&str>) -> usize {
        if effort.is_none_or(|effort| effort == "none") { 0 } else { self.max_tokens }
    }
}

const GROQ: ApiDefaults = ApiDefaults {
    base_url: "https://api.groq.com/openai/v1",
    model: vendors::GROQ_LLM.model,
    key_variable: "GROQ_API_KEY",
    key_needed: true,
};

/// A server of one's own (vLLM, llama-server, TGI) often asks for no key.
const OPENAI: ApiDefaults = ApiDefaults {
    base_url: "http://127.0.0.1:8000/v1",
    model: "default",
    key_variable: "OPENAI_API_KEY",
    key_needed: false,
};

#[derive(Debug, Clone)]
pub struct LocalLlmConfig {
    pub model: ModelReference,
    pub threads: usize,
    /// Waiting requests beyond those that are being answered.
    pub queue_length: usize,
    /// Sessions whose prompt stays in the KV cache and that decode in one batch.
    pub slots: usize,
    /// Of each slot; `None` takes the model's own, at most 4096.
    pub context_tokens: Option<usize>,
    /// With it, the model itself sees pictures: a GGUF made for it.
    pub projector: Option<PathBuf>,
    /// What a message with pictures goes to where the model sees none.
    pub vision: LocalVisionConfig,
}

#[derive(Debug, Clone)]
pub struct LocalVisionConfig {
    pub model: ModelReference,
    /// Of a model of one's own; one of the manifest has its own.
    pub projector: Option<PathBuf>,
    /// People whose picture is talked about at the same time.
    pub slots: usize,
}

/// How the backend without weights behaves.
#[derive(Debug, Clone)]
pub struct FakeLlmConfig {
    /// Prompt and reply together, in words.
    pub context_tokens: usize,
    /// Replies at the same time; one more is told that it is busy.
    pub concurrency: usize,
    /// Before the first word.
    pub first_token_delay: Duration,
    /// Before each further word.
    pub token_delay: Duration,
}

/// Engines take the physical work; more threads than cores slow each other down.
pub(super) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLlm {
    backends: Vec<LlmBackend>,
    max_reply_tokens: usize,
    temperature: Option<f32>,
    top_p: f32,
    min_p: f32,
    repeat_penalty: f32,
    seed: Option<u32>,
    local: RawLocalLlm,
    groq: RawRemoteLlm,
    openai: RawRemoteLlm,
    fake: RawFakeLlm,
}

impl Default for RawLlm {
    fn default() -> Self {
        Self {
            backends: vec![LlmBackend::Local],
            max_reply_tokens: 120,
            temperature: None,
            top_p: 0.95,
            min_p: 0.08,
            repeat_penalty: 1.12,
            seed: None,
            local: RawLocalLlm::default(),
            groq: RawRemoteLlm::default(),
            openai: RawRemoteLlm::default(),
            fake: RawFakeLlm::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLocalLlm {
    model: Option<String>,
    threads: usize,
    queue_length: usize,
    slots: usize,
    context_tokens: Option<usize>,
    projector: Option<PathBuf>,
    vision: RawLocalVision,
}

impl Default for RawLocalLlm {
    fn default() -> Self {
        Self {
            model: None,
            threads: default_threads(),
            queue_length: 4,
            slots: 4,
            context_tokens: None,
            projector: None,
            vision: RawLocalVision::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLocalVision {
    model: Option<String>,
    projector: Option<PathBuf>,
    slots: usize,
}

impl Default for RawLocalVision {
    fn default() -> Self {
        Self { model: None, projector: None, slots: 2 }
    }
}

/// Flat, and not around a [`RawApi`]: serde refuses no unknown key in what is flattened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRemoteLlm {
    context_tokens: Option<usize>,
    vision_model: Option<String>,
    reasoning_effort: Option<String>,
    vision_reasoning_effort: Option<String>,
    reasoning_format: Option<String>,
    reasoning_tokens: Option<usize>,
    extra_body: Option<serde_json::Map<String, serde_json::Value>>,
    base_url: Option<String>,
    model: Option<String>,
    connect_timeout_ms: Option<u64>,
    first_byte_timeout_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
}

impl RawRemoteLlm {
    fn validate(
        self,
        section: &'static str,
        defaults: &ApiDefaults,
        vendor: VendorDefaults,
        used: bool,
        missing: &mut Vec<ConfigError>,
    ) -> Result<RemoteLlmConfig, ConfigError> {
        let context_tokens = self.context_tokens.unwrap_or(8192);
        if context_tokens < 512 {
            return Err(ConfigError::invalid(section, context_tokens, "give context_tokens of at least 512"));
        }
        let api = RawApi {
            base_url: self.base_url,
            model: self.model,
            connect_timeout_ms: self.connect_timeout_ms,
            first_byte_timeout_ms: self.first_byte_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
        };
        // Another model than the default one may not know what the default one is told.
        let own_model = api.model.as_ref().is_some_and(|model| model != defaults.model);
        let own_vision = self.vision_model.as_deref().is_some_and(|model| Some(model) != vendor.vision_model);
        let text = |given: Option<String>, default: Option<&str>| given.or_else(|| default.map(str::to_owned));
        let reasoning = ReasoningConfig {
            effort: text(self.reasoning_effort, vendor.effort.filter(|_| !own_model)),
            vision_effort: text(self.vision_reasoning_effort, vendor.vision_effort.filter(|_| !own_vision)),
            format: self.reasoning_format,
            max_tokens: self.reasoning_tokens.unwrap_or(REASONING_TOKENS),
        };
        let hides = vendor.hides_reasoning && !own_model && reasoning.format.is_none();
        let extra_body = self
            .extra_body
            .unwrap_or_else(|| hides.then(|| ("include_reasoning".to_owned(), false.into())).into_iter().collect());
        if let Some(own) = extra_body.keys().find(|key| OWN_FIELDS.contains(&key.as_str())) {
            let expected = "leave it out of extra_body: Rose fills it in herself";
            return Err(ConfigError::invalid(section, format!("extra_body.{own}"), expected));
        }
        let vision_model = text(self.vision_model, vendor.vision_model);
        let api = api.validate(section, defaults, used, missing)?;
        Ok(RemoteLlmConfig { api, context_tokens, vision_model, reasoning, extra_body })
    }
}

/// What a vendor's own models are told.
#[derive(Clone, Copy, Default)]
struct VendorDefaults {
    vision_model: Option<&'static str>,
    effort: Option<&'static str>,
    vision_effort: Option<&'static str>,
    /// Whether it takes `include_reasoning`.
    hides_reasoning: bool,
}

const GROQ_VENDOR: VendorDefaults = VendorDefaults {
    vision_model: Some(vendors::GROQ_VISION.model),
    effort: Some("low"),
    vision_effort: Some("none"),
    hides_reasoning: true,
};

/// What a model of low effort thinks before a spoken reply, and room to spare.
const REASONING_TOKENS: usize = 512;

/// Fields of a request that the settings don't overrule.
const OWN_FIELDS: [&str; 5] = ["model", "messages", "stream", "stream_options", "response_format"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFakeLlm {
    context_tokens: usize,
    concurrency: usize,
    first_token_delay_ms: u64,
    token_delay_ms: u64,
}

impl Default for RawFakeLlm {
    fn default() -> Self {
        Self { context_tokens: 4096, concurrency: 1024, first_token_delay_ms: 0, token_delay_ms: 0 }
    }
}

impl RawLlm {
    pub(super) fn validate(self, missing: &mut Vec<ConfigError>) -> Result<LlmConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid(
                "llm.backends",
                "empty",
                "name at least one of local, groq, openai, fake",
            ));
        }
        for (key, value, most) in [
            ("llm.temperature", self.temperature.unwrap_or_default(), 2.0),
            ("llm.top_p", self.top_p, 1.0),
            ("llm.min_p", self.min_p, 1.0),
            ("llm.repeat_penalty", self.repeat_penalty, 2.0),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(ConfigError::invalid(key, value, format!("give a number from 0 to {most}")));
            }
        }
        if self.max_reply_tokens == 0 {
            return Err(ConfigError::invalid("llm.max_reply_tokens", 0, "give at least 1"));
        }
        if self.local.threads == 0 {
            return Err(ConfigError::invalid("llm.local.threads", 0, "give at least 1"));
        }
        for (key, slots) in [("llm.local.slots", self.local.slots), ("llm.local.vision.slots", self.local.vision.slots)]
        {
            if !(1..=64).contains(&slots) {
                return Err(ConfigError::invalid(key, slots, "give 1 to 64"));
            }
        }
        if let Some(context) = self.local.context_tokens.filter(|context| *context < 512) {
            return Err(ConfigError::invalid("llm.local.context_tokens", context, "give at least 512"));
        }
        if self.fake.context_tokens == 0 {
            return Err(ConfigError::invalid("llm.fake.context_tokens", 0, "give at least 1"));
        }
        if self.fake.concurrency == 0 {
            return Err(ConfigError::invalid("llm.fake.concurrency", 0, "give at least 1"));
        }
        let uses = |backend| self.backends.contains(&backend);
        Ok(LlmConfig {
            groq: self.groq.validate("llm.groq", &GROQ, GROQ_VENDOR, uses(LlmBackend::Groq), missing)?,
            openai: self.openai.validate(
                "llm.openai",
                &OPENAI,
                VendorDefaults::default(),
                uses(LlmBackend::OpenAi),
                missing,
            )?,
            backends: self.backends,
            max_reply_tokens: self.max_reply_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            seed: self.seed,
            local: LocalLlmConfig {
                model: ModelReference::parse(self.local.model),
                threads: self.local.threads,
                queue_length: self.local.queue_length,
                slots: self.local.slots,
                context_tokens: self.local.context_tokens,
                projector: self.local.projector,
                vision: LocalVisionConfig {
                    model: ModelReference::parse(self.local.vision.model),
                    projector: self.local.vision.projector,
                    slots: self.local.vision.slots,
                },
            },
            fake: FakeLlmConfig {
                context_tokens: self.fake.context_tokens,
                concurrency: self.fake.concurrency,
                first_token_delay: Duration::from_millis(self.fake.first_token_delay_ms),
                token_delay: Duration::from_millis(self.fake.token_delay_ms),
            },
        })
    }
}
