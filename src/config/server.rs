//! The HTTP side.

use std::net::SocketAddr;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub bind: SocketAddr,
    /// Pages of these origins may call the API; none by default.
    pub allowed_origins: Vec<String>,
    pub max_upload_bytes: usize,
    /// Per address, over the routes that run a model; `None` is no limit.
    pub rate_limit_per_minute: Option<u32>,
    /// Loopback is not limited.
    pub rate_limit_loopback: bool,
    /// Sends cookies over HTTPS only, and HSTS.
    pub https: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    pub(super) bind: String,
    allowed_origins: Vec<String>,
    max_upload_bytes: usize,
    rate_limit_per_minute: u32,
    rate_limit_loopback: bool,
    https: bool,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8080".into(),
            allowed_origins: Vec::new(),
            max_upload_bytes: 10 * 1024 * 1024,
            rate_limit_per_minute: 10,
            rate_limit_loopback: false,
            https: false,
        }
    }
}

impl RawServer {
    pub(super) fn validate(self) -> Result<ServerConfig, ConfigError> {
        let bind = self.bind.parse().map_err(|_| {
            ConfigError::invalid("server.bind", &self.bind, "give an address and a port, such as 127.0.0.1:8080")
        })?;
        if self.max_upload_bytes == 0 {
            return Err(ConfigError::invalid("server.max_upload_bytes", 0, "give at least 1"));
        }
        Ok(ServerConfig {
            bind,
            allowed_origins: self.allowed_origins,
            max_upload_bytes: self.max_upload_bytes,
            rate_limit_per_minute: (self.rate_limit_per_minute > 0).then_some(self.rate_limit_per_minute),
            rate_limit_loopback: self.rate_limit_loopback,
            https: self.https,
        })
    }
}
