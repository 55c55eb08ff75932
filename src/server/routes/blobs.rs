//! Recordings and pictures, to their owner only, also in parts.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_range_header::{EndPosition, StartPosition};

use crate::domain::ids::BlobId;
use crate::server::error::{ApiError, ErrorCode};
use crate::server::extract::PathId;
use crate::server::identity::Person;
use crate::server::state::Server;
use crate::store::{Blob, StoreError};

/// A blob never changes; shared caches must not keep it, since it is one person's.
const CACHE: &str = "private, max-age=31536000, immutable";

/// A reply's sound.
#[utoipa::path(
    get,
    path = "/api/voice/audio/{id}", operation_id = "get_audio", tag = "turns",
    params(("id" = BlobId, Path), ("range" = Option<String>, Header, description = "Such as `bytes=0-1023`")),
    responses(
        (status = 200, content_type = "audio/wav", body = [u8]),
        (status = 206, content_type = "audio/wav", body = [u8], description = "The part that was asked for"),
        ApiError
    )
)]
pub(crate) async fn audio(
    server: State<Server>,
    person: Person,
    id: PathId<BlobId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let blob = owned(server, person, id, "audio/").await?;
    in_parts(blob, &headers)
}

/// A picture of a conversation.
#[utoipa::path(
    get,
    path = "/api/images/{id}", operation_id = "get_image", tag = "sessions",
    params(("id" = BlobId, Path)),
    responses((status = 200, content_type = "image/png", body = [u8]), ApiError)
)]
pub(crate) async fn image(
    server: State<Server>,
    person: Person,
    id: PathId<BlobId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let blob = owned(server, person, id, "image/").await?;
    in_parts(blob, &headers)
}

async fn owned(
    State(server): State<Server>,
    Person(user): Person,
    PathId(id): PathId<BlobId>,
    kind: &str,
) -> Result<Blob, ApiError> {
    let blob = server.app()?.blobs.blob(user, id).await?;
    // A picture behind the audio route would be served under a type that the route does not promise.
    if !blob.media_type.starts_with(kind) {
        return Err(StoreError::NotFound("blob").into());
    }
    Ok(blob)
}

/// All of it, or the one range that was asked for (RFC 9110, section 14). Several ranges, or a unit other than bytes,
/// are answered with all of it, as the RFC allows.
fn in_parts(blob: Blob, request: &HeaderMap) -> Result<Response, ApiError> {
    let size = blob.bytes.len() as u64;
    let etag = format!("\"{}\"", blob.id);
    let media_type = HeaderValue::from_str(&blob.media_type).map_err(|error| ApiError::internal(&error))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    headers.insert(header::ETAG, HeaderValue::from_str(&etag).expect("a UUID in quotes is a header value"));

    if request.get(header::IF_NONE_MATCH).is_some_and(|known| known == etag.as_str()) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let part_is_of_this = request.get(header::IF_RANGE).is_none_or(|known| known == etag.as_str());
    let asked = request.get(header::RANGE).and_then(|value| value.to_str().ok()).filter(|_| part_is_of_this);
    headers.insert(header::CONTENT_TYPE, media_type);
    match asked.map_or(Ok(Range::All), |asked| range(asked, size)) {
        Ok(Range::All) => Ok((headers, blob.bytes).into_response()),
        Ok(Range::Part { first, last }) => {
            let content_range = format!("bytes {first}-{last}/{size}");
            let part = slice(&blob.bytes, first, last);
            Ok((StatusCode::PARTIAL_CONTENT, headers, [(header::CONTENT_RANGE, content_range)], Body::from(part))
                .into_response())
        }
        Err(Unsatisfiable) => {
            let error =
                ApiError::new(ErrorCode::RangeNotSatisfiable, format!("The range is outside of the {size} bytes."));
            Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], error).into_response())
        }
    }
}

#[derive(Debug, PartialEq)]
enum Range {
    All,
    Part { first: u64, last: u64 },
}

#[derive(Debug, PartialEq)]
struct Unsatisfiable;

fn range(asked: &str, size: u64) -> Result<Range, Unsatisfiable> {
    let one = match http_range_header::parse_range_header(asked) {
        Ok(parsed) if parsed.ranges.len() == 1 => parsed.ranges[0],
        _ => return Ok(Range::All),
    };
    // Not the library's `validate`: it refuses a suffix longer than the file and finds bytes in an empty one.
    let end = size.checked_sub(1).ok_or(Unsatisfiable)?;
    let first = match one.start {
        StartPosition::Index(index) => index,
        StartPosition::FromLast(count) => size.saturating_sub(count),
    };
    let last = match one.end {
        EndPosition::Index(index) if index < first => return Ok(Range::All),
        EndPosition::Index(index) => index.min(end),
        EndPosition::LastByte => end,
    };
    if first > end { Err(Unsatisfiable) } else { Ok(Range::Part { first, last }) }
}

/// `first` and `last` are inside, since `range` has checked them against the size.
fn slice(bytes: &Bytes, first: u64, last: u64) -> Bytes {
    bytes.slice(first as usize..=last as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        assert_eq!(range("bytes=0-9", 100), Ok(Range::Part { first: 0, last: 9 }));
        assert_eq!(range("bytes=90-", 100), Ok(Range::Part { first: 90, last: 99 }));
        assert_eq!(range("bytes=-10", 100), Ok(Range::Part { first: 90, last: 99 }));
        assert_eq!(range("bytes=0-999", 100), Ok(Range::Part { first: 0, last: 99 }));
        assert_eq!(range("bytes=-999", 100), Ok(Range::Part { first: 0, last: 99 }));
        assert_eq!(range("bytes=100-", 100), Err(Unsatisfiable));
        assert_eq!(range("bytes=0-0", 0), Err(Unsatisfiable));
        for ignored in ["bytes=9-0", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "", "bytes=-0x1"] {
            assert_eq!(range(ignored, 100), Ok(Range::All), "{ignored:?}");
        }
    }
}
