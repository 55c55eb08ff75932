//! `rose health`: is the server ready? For health checks where no HTTP client is at hand, such as a container's.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::config::Config;

/// Less than a container's runtime waits for its check.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Ask a running server whether it is ready.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  rose health\n  rose health --url http://127.0.0.1:9090")]
pub struct HealthCommand {
    /// Where it serves [default: the settings' server.bind, on this machine]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl HealthCommand {
    /// Prints `ready`.
    ///
    /// # Errors
    /// Where it can't be reached, or is not ready.
    pub fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
        let url = self.url.unwrap_or_else(|| format!("http://{}", reachable(config.server.bind)));
        let url = url.trim_end_matches('/');
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // It asks its own machine, whatever the environment names for the rest of the world.
            .proxy(None)
            .build()
            .new_agent();
        let answer =
            agent.get(format!("{url}/api/health")).call().with_context(|| format!("{url} can't be reached"))?;
        match answer.status().as_u16() {
            200 => Ok(writeln!(out, "ready")?),
            503 => bail!("{url} is not ready: its engines are being loaded"),
            status => bail!("{url} answers {status}: is it Rose?"),
        }
    }
}

/// Who listens on every address is asked on the machine's own.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_its_own_machine() {
        for (bind, asked) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:80", "[::1]:80"), ("192.168.1.7:8080", "192.168.1.7:8080")]
        {
            assert_eq!(reachable(bind.parse().expect("an address")).to_string(), asked);
        }
    }
}
