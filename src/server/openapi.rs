//! The schema's frame; each route adds itself. The front end's client is generated from it.

use utoipa::OpenApi;

use super::state::Server;
use super::{error, router};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rose",
        description = "A voice companion that listens, remembers and answers aloud. \
                       A signed cookie, set by the first answer, owns sessions, memories and recordings. \
                       Every failure answers with the same envelope.",
        license(name = "GPL-3.0-or-later", identifier = "GPL-3.0-or-later"),
        contact()
    ),
    components(schemas(error::ErrorEnvelope, error::ErrorCode, error::OpenAiErrorEnvelope))
)]
struct Frame;

pub(super) fn base() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

/// The whole schema as JSON, ending with a newline. The same for every config.
pub fn document(server: &Server) -> String {
    let schema = router::routes(server).into_openapi();
    let mut text = schema.to_pretty_json().expect("the schema is made of strings and maps");
    text.push('\n');
    text
}
