//! The HTTP side.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub bind: SocketAddr,
    /// Pages of these origins may call the API; none by default.
    pub allowed_origins: Vec<String>,
    pub max_upload_bytes: usize,
    /// Per address, over the routes that run a model; `None` is no limit.
    pub rate_limit_per_minute: Option<NonZeroU32>,
    /// Loopback is not limited.
    pub rate_limit_loopback: bool,
    /// Proxies of ours, whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Sends cookies over HTTPS only, and HSTS.
    pub https: bool,
    /// How long running turns may take to finish once the server was told to stop.
    pub finish: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    pub(super) bind: String,
    allowed_origins: Vec<String>,
    max_upload_bytes: usize,
    rate_limit_per_minute: u32,
    rate_limit_loopback: bool,
    trusted_proxies: Vec<IpAddr>,
    https: bool,
    finish_seconds: u64,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8080".into(),
            allowed_origins: Vec::new(),
            max_upload_bytes: 10 * 1024 * 1024,
            rate_limit_per_minute: 10,
            rate_limit_loopback: false,
            trusted_proxies: Vec::new(),
            https: false,
            finish_seconds: 10,
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
        if self.finish_seconds > 3_600 {
            return Err(ConfigError::invalid("server.finish_seconds", self.finish_seconds, "give at most 3600"));
        }
        for origin in &self.allowed_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if !origin.is_ascii() || !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ']))
            {
                return Err(ConfigError::invalid(
                    "server.allowed_origins",
                    origin,
                    "give scheme, host and port alone, such as https://rose.example",
                ));
            }
        }
        Ok(ServerConfig {
            bind,
            allowed_origins: self.allowed_origins,
            max_upload_bytes: self.max_upload_bytes,
            rate_limit_per_minute: NonZeroU32::new(self.rate_limit_per_minute),
            rate_limit_loopback: self.rate_limit_loopback,
            trusted_proxies: self.trusted_proxies,
            https: self.https,
            finish: Duration::from_secs(self.finish_seconds),
        })
    }
}
