//! What the root says until the web app lives there.

const TEXT: &str = "Rose, a voice companion. This is her API:

  POST   /api/session/start        begins a conversation
  POST   /api/voice/process        a recording in, a spoken reply out (multipart: audio, session_id)
  GET    /api/voice/audio/{id}     the reply's sound
  POST   /api/chat                 a message in, server-sent events out
  GET    /api/sessions             your conversations
  GET    /api/memories             what Rose remembers of you
  GET    /api/health               what is ready
  GET    /api/openapi.json         all of it, as a schema
";

/// A short text that names the API.
#[utoipa::path(get, path = "/", operation_id = "get_index", tag = "service", responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn index() -> &'static str {
    TEXT
}
