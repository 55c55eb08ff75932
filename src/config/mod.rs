//! Settings: read raw, then validated into the types that the program uses. One file per concern.
//!
//! Order of precedence, weakest first: defaults, the file (`rose.toml` or `--config`), the environment
//! (`ROSE__SECTION__KEY`), the command line. `rose.example.toml` documents every key.

mod api;
mod care;
mod conversation;
mod data;
mod embeddings;
mod image;
mod judgement;
mod llm;
mod load;
mod log;
mod memory;
mod models;
mod prices;
mod profile;
mod realtime;
mod server;
mod services;
mod stt;
mod tts;
mod vad;
mod vendors;

pub use api::{ApiConfig, Timeouts};
pub use care::CareConfig;
pub use conversation::ConversationConfig;
pub use data::DataConfig;
pub use embeddings::{EmbeddingsBackend, EmbeddingsConfig, RemoteEmbeddingsConfig};
pub use image::{ImageBackend, ImageConfig, LocalImageConfig, RemoteImageConfig};
pub use judgement::{Judgement, JudgementConfig};
pub use llm::{
    FakeLlmConfig, LlmBackend, LlmConfig, LocalLlmConfig, LocalVisionConfig, ReasoningConfig, RemoteLlmConfig,
};
pub use load::{Config, ConfigError, Overrides, everywhere};
pub use log::{LogConfig, LogFormat};
pub use memory::{MemoryBackend, MemoryConfig};
pub use models::{ModelReference, ModelsConfig};
pub use prices::{Price, PricesConfig};
pub use profile::Profile;
pub use realtime::{RealtimeConfig, TurnDetectionConfig};
pub use server::ServerConfig;
pub use services::ServiceModel;
pub use stt::{FakeSttConfig, LocalSttConfig, SttBackend, SttConfig};
pub use tts::{FakeTtsConfig, LocalTtsConfig, RemoteTtsConfig, TtsBackend, TtsConfig};
pub use vad::{LocalVadConfig, VadBackend, VadConfig};
pub use vendors::{ShutOff, VendorModel, announced_shut_off, stale_vendor_models};
