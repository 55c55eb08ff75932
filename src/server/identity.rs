//! Who is calling: the holder of a signed cookie. Who has none gets one and is a new person.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use axum_extra::extract::cookie::{Cookie, SameSite, SignedCookieJar};

use super::error::ApiError;
use super::state::Server;
use crate::domain::ids::UserId;

const NAME: &str = "rose_user";

/// The person whose request this is. Only on routes behind [`identify`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Person(pub(super) UserId);

impl<S: Sync> FromRequestParts<S> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Person>()
            .copied()
            .ok_or_else(|| ApiError::internal(&"a route that asks for the person is not behind `identify`"))
    }
}

/// In a response: the cookie is sent again. Browsers keep one 400 days at most, so without this it would run out on
/// someone who comes back often.
#[derive(Clone, Copy)]
pub(super) struct Renew;

impl IntoResponseParts for Renew {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Self::Error> {
        response.extensions_mut().insert(self);
        Ok(response)
    }
}

/// The header with Rose's own cookies alone. Other programs of the same host write bytes beyond ASCII into theirs, for
/// which the jar would leave out all that stand in the same header.
fn own_cookies(headers: &HeaderMap) -> HeaderMap {
    let all = headers.get_all(header::COOKIE).into_iter();
    let each = all.flat_map(|value| value.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let mut own = HeaderMap::new();
    for cookie in each {
        if cookie.strip_prefix(NAME.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
            && let Ok(cookie) = HeaderValue::from_bytes(cookie)
        {
            own.append(header::COOKIE, cookie);
        }
    }
    own
}

pub(super) async fn identify(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let key = match server.cookie_key() {
        Ok(key) => key.clone(),
        Err(starting) => return starting.into_response(),
    };
    let jar = SignedCookieJar::from_headers(&own_cookies(request.headers()), key);
    let known = jar.get(NAME).and_then(|cookie| cookie.value().parse::<UserId>().ok());
    let user = known.unwrap_or_else(UserId::generate);
    request.extensions_mut().insert(Person(user));
    let response = next.run(request).await;
    if known.is_some() && response.extensions().get::<Renew>().is_none() {
        return response;
    }
    let cookie = Cookie::build((NAME, user.to_string()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(server.config().https)
        .permanent()
        .build();
    (jar.add(cookie), response).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_beside_those_of_others_is_found() {
        let mut headers = HeaderMap::new();
        for value in [&b"caf\xe9=cr\xe8me; rose_user=abc; name=\xe6\x97\xa5"[..], b"rose_user_2=no;rose_user=def"] {
            headers.append(header::COOKIE, HeaderValue::from_bytes(value).unwrap());
        }
        let own = own_cookies(&headers);
        assert_eq!(own.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["rose_user=abc", "rose_user=def"]);
    }
}
