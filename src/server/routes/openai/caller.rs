//! Whom a client of the protocol speaks for: the holder of its key, and of those the one it names as `user`.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::domain::ids::UserId;
use crate::server::error::{ApiError, ErrorCode};
use crate::server::rate_limit;
use crate::server::state::Server;

/// Shorter keys can be guessed.
const LEAST_KEY_CHARS: usize = 16;
const MOST_NAME_BYTES: usize = 512;

/// The key that came with a request, and from where.
pub(crate) struct Caller {
    key: String,
    /// From this machine itself: who is on it needs no key to be told apart from strangers.
    own_machine: bool,
}

impl FromRequestParts<Server> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Self::Rejection> {
        let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = authorization.and_then(|value| value.split_once(' ')).map(|(_, key)| key.trim().to_owned());
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = parts.headers.clone();
        *request.extensions_mut() = parts.extensions.clone();
        let own_machine = rate_limit::is_own_machine(&request, server);
        Ok(Self { key: key.unwrap_or_default(), own_machine })
    }
}

impl Caller {
    /// The person whom the client calls `name`. Another key's person of that name is another, and neither can be guessed:
    /// the server's own secret goes into it.
    ///
    /// # Errors
    /// Where the key is one that anybody could guess, or the name is too long.
    pub(super) fn person(&self, server: &Server, name: &str) -> Result<UserId, ApiError> {
        if name.len() > MOST_NAME_BYTES {
            return Err(super::refuse("user", format!("`user` has more than {MOST_NAME_BYTES} bytes.")));
        }
        if !self.own_machine && self.key.chars().count() < LEAST_KEY_CHARS {
            let message = format!(
                "With `user`, send an API key of your own choice of at least {LEAST_KEY_CHARS} characters: \
                 what is remembered belongs to the key and the user together."
            );
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
        let mut digest = Sha256::new();
        digest.update(server.cookie_key()?.signing());
        for part in [self.key.as_str(), name] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let bytes: [u8; 16] = digest[..16].try_into().expect("a digest of 32 bytes has 16");
        Ok(UserId(Builder::from_random_bytes(bytes).into_uuid()))
    }
}
