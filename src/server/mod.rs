//! The only room that knows HTTP.

mod access_log;
mod body;
mod client_address;
mod cookie_key;
mod error;
mod extract;
mod frontend;
mod functions;
mod identity;
mod openapi;
mod rate_limit;
mod realtime;
mod request_id;
mod router;
mod routes;
mod run;
mod security;
mod speech;
mod state;
mod takeout;
mod turn;

pub use cookie_key::CookieKeyError;
pub use error::{ApiError, ErrorBody, ErrorCode, ErrorEnvelope, OpenAiErrorBody, OpenAiErrorEnvelope};
pub use openapi::document;
pub use run::{RunError, run};
pub use state::Server;
