//! The schema's frame; each route adds itself. The front end's client is generated from it.

use utoipa::OpenApi;
use utoipa::openapi::{Ref, RefOr, Response};

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
    let schema = finished(router::routes(server).into_openapi());
    let mut text = schema.to_pretty_json().expect("the schema is made of strings and maps");
    text.push('\n');
    text
}

/// What the routes can't say of themselves: a wildcard of the router's is a parameter like any other to the schema, and the
/// paths of the OpenAI protocol refuse in its own shape.
fn finished(mut schema: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let paths = std::mem::take(&mut schema.paths.paths);
    for (path, mut item) in paths {
        if error::speaks_the_protocol(&path) {
            let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
            for operation in operations.into_iter().flatten() {
                if let Some(RefOr::T(refusal)) = operation.responses.responses.get_mut("default") {
                    say_in_protocol(refusal);
                }
            }
        }
        schema.paths.paths.insert(path.replace("{*", "{"), item);
    }
    schema
}

fn say_in_protocol(refusal: &mut Response) {
    for content in refusal.content.values_mut() {
        if let RefOr::T(content) = content {
            content.schema = Some(Ref::from_schema_name("OpenAiErrorEnvelope").into());
        }
    }
}
