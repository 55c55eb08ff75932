//! Texts to embeddings.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{ProtocolBody, ProtocolRequest, whole};
use super::refuse;
use crate::domain::embedding::Embedding;
use crate::server::error::ApiError;
use crate::server::state::Server;

/// As the protocol says.
const MOST_TEXTS: usize = 2048;

/// Texts to embed. `model` may have any name; `user` changes no answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiEmbeddingRequest {
    #[serde(default)]
    #[expect(dead_code, reason = "what answers is what the settings name")]
    model: Option<String>,
    input: Input,
    #[serde(default)]
    encoding_format: EncodingFormat,
    /// The model's own width, or nothing.
    #[serde(default, deserialize_with = "whole")]
    dimensions: Option<i64>,
}

impl ProtocolRequest for OpenAiEmbeddingRequest {
    const WITHOUT_EFFECT: &'static [&'static str] = &["user"];
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "`input` is a text or a list of texts; tokens are not taken")]
enum Input {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum EncodingFormat {
    #[default]
    Float,
    /// `f32` after `f32`, little-endian.
    Base64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiEmbeddings {
    /// `list`.
    object: &'static str,
    data: Vec<OpenAiEmbedding>,
    model: String,
    usage: OpenAiEmbeddingUsage,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiEmbedding {
    /// `embedding`.
    object: &'static str,
    index: usize,
    embedding: Encoded,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Encoded {
    Float(Vec<f32>),
    Base64(String),
}

/// An estimate: backends don't all tell.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiEmbeddingUsage {
    prompt_tokens: usize,
    total_tokens: usize,
}

fn encoded(embedding: &Embedding, format: EncodingFormat) -> Encoded {
    match format {
        EncodingFormat::Float => Encoded::Float(embedding.as_slice().to_vec()),
        EncodingFormat::Base64 => {
            let bytes: Vec<u8> = embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
            Encoded::Base64(BASE64_STANDARD.encode(bytes))
        }
    }
}

/// Embeds one text or many.
#[utoipa::path(
    post,
    path = "/v1/embeddings", operation_id = "openai_create_embeddings", tag = "openai",
    request_body = OpenAiEmbeddingRequest,
    responses((status = 200, body = OpenAiEmbeddings), ApiError)
)]
pub(crate) async fn create(
    State(server): State<Server>,
    ProtocolBody(request): ProtocolBody<OpenAiEmbeddingRequest>,
) -> Result<Json<OpenAiEmbeddings>, ApiError> {
    let app = server.app()?;
    let embedder = &app.ports.embedder;
    let texts = match request.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    if texts.is_empty() || texts.len() > MOST_TEXTS || texts.iter().any(String::is_empty) {
        return Err(refuse("input", format!("`input` is 1 to {MOST_TEXTS} texts, none of them empty.")));
    }
    if let Some(other) = request.dimensions.filter(|wanted| usize::try_from(*wanted) != Ok(embedder.dimension())) {
        let message = format!("`dimensions` is {other}; this model has {} and no other.", embedder.dimension());
        return Err(refuse("dimensions", message));
    }
    let tokens = texts.iter().map(|text| text.chars().count().div_ceil(4)).sum();
    let embedded = embedder.embed(texts).await?;
    let data = embedded.embeddings.iter().enumerate();
    let data = data.map(|(index, embedding)| OpenAiEmbedding {
        object: "embedding",
        index,
        embedding: encoded(embedding, request.encoding_format),
    });
    Ok(Json(OpenAiEmbeddings {
        object: "list",
        data: data.collect(),
        model: embedder.describe().model,
        usage: OpenAiEmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens },
    }))
}
