//! So many turns a minute from one address. Only routes that run a model count.
//!
//! `governor` itself and not `tower_governor`: that one can't let an address through uncounted, rounds the wait down
//! to a `Retry-After` that comes too early, and never forgets an address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use super::client_address::{caller, client_address};
use super::error::{ApiError, ErrorCode};
use super::state::Server;
use crate::telemetry;

/// Addresses that have their whole allowance again are forgotten once in so many requests.
const FORGET_EVERY: usize = 1024;

pub(super) struct RateLimiter {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    seen: AtomicUsize,
}

impl RateLimiter {
    /// `turns` at once, then one each `60 / turns` seconds.
    pub(super) fn per_minute(turns: NonZeroU32) -> Self {
        Self { limiter: DefaultKeyedRateLimiter::keyed(Quota::per_minute(turns)), seen: AtomicUsize::new(0) }
    }

    fn check(&self, address: IpAddr) -> Result<(), ApiError> {
        if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&caller(address)).map_err(|refused| {
            telemetry::count_rate_limited();
            ApiError::new(ErrorCode::RateLimited, "Too many turns from this address; wait a little.")
                .retry_after(refused.wait_time_from(DefaultClock::default().now()))
        })
    }
}

/// Whose allowance a request uses; `None` where none is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted(pub(super) Option<IpAddr>);

/// Counts a turn.
///
/// # Errors
/// `RateLimited` where the address has had too many.
pub(super) fn count(server: &Server, address: IpAddr) -> Result<(), ApiError> {
    server.limiter().map_or(Ok(()), |limiter| limiter.check(address))
}

/// Middleware of the routes that run a model.
pub(super) async fn rate_limit(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let mut counted = Counted(None);
    if server.limiter().is_some() {
        let Some(address) = client_address(&request, &server.config().trusted_proxies) else {
            return ApiError::internal(&"the server was started without connection info").into_response();
        };
        let counts = server.config().rate_limit_loopback || is_forwarded(&request) || !address.is_loopback();
        if counts {
            if let Err(refused) = count(&server, address) {
                return refused.into_response();
            }
            counted = Counted(Some(address));
        }
    }
    request.extensions_mut().insert(counted);
    next.run(request).await
}

/// A request that was forwarded is not from this machine, even where the proxy is and nobody said that it is trusted: then
/// all of its callers share one allowance, rather than none being limited.
fn is_forwarded(request: &Request) -> bool {
    request.headers().contains_key("x-forwarded-for") || request.headers().contains_key("forwarded")
}

/// Whether someone on this machine asks, and nobody through it.
pub(super) fn is_own_machine(request: &Request, server: &Server) -> bool {
    let address = client_address(request, &server.config().trusted_proxies);
    address.is_some_and(|address| address.is_loopback()) && !is_forwarded(request)
}
