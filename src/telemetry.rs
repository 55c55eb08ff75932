//! The log subscriber, what a panic may say, and the names of metrics.
//!
//! Field names of the log, the same everywhere: `request.id`, `session.id`, `turn.id`, `stage`, `error.reason`,
//! `backend`, and `*_duration_ms`. Never audio, transcripts, prompts, memories or keys.

use std::any::Any;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};
use crate::domain::stage::StageTiming;

/// Histogram, by `stage`: all of a stage's time.
pub const STAGE_DURATION: &str = "rose_stage_duration_seconds";
/// Histogram, by `stage`: of that, waiting for the engine.
pub const STAGE_QUEUED: &str = "rose_stage_queued_seconds";
/// Counter, by `outcome`.
pub const TURNS: &str = "rose_turns_total";
/// Counter: turns refused since an engine's queue was full.
pub const BUSY: &str = "rose_busy_total";
/// Counter, by `backend`, `model` and `unit`: thousandths, so that a part of a second of sound is not lost.
pub const USED: &str = "rose_used_thousandths_total";
/// Counter: requests refused since their address had too many.
pub const RATE_LIMITED: &str = "rose_rate_limited_total";
/// Gauge, by `backend` and `model`, of the models of services: 0 it is there, 1 its end is announced, 2 it is inactive, 3 it
/// is gone, -1 not known.
pub const VENDOR_MODEL_STATE: &str = "rose_vendor_model_state";
/// Gauge: connections of `/v1/realtime`.
pub const CONNECTIONS: &str = "rose_realtime_connections";
/// Counter: replies that the person spoke over.
pub const INTERRUPTIONS: &str = "rose_interruptions_total";
/// Histogram, by `method`, `route`, `status`.
pub const REQUEST_DURATION: &str = "rose_http_request_duration_seconds";

/// Bounds at the turn budget's own numbers (0.2, 0.3, 0.8, 1, 1.2 and 3.6 s), and around them.
const BUCKETS: [f64; 17] =
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.2, 2.0, 3.6, 10.0, 30.0];

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("`log.filter` can't be read: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("the log can't be set up: {0}")]
    AlreadySet(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up the log on stderr, once in a process.
///
/// # Errors
/// Where the filter doesn't parse, or a log is there already.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(directives)?,
        _ => EnvFilter::try_new(&config.filter)?,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let subscriber = tracing_subscriber::registry().with(filter);
    match config.format {
        LogFormat::Json => {
            let json = layer.json().flatten_event(true).with_current_span(true).with_span_list(false);
            subscriber.with(json).try_init()?;
        }
        LogFormat::Text => subscriber.with(layer).try_init()?,
    }
    log_panics();
    Ok(())
}

/// A panic's text may quote what it choked on ("byte index 5 is not a char boundary; it is inside …"), so only a text
/// fixed in the source is logged, and the place.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(error.place = place, error.reason = fixed_text(panic.payload()), "a panic");
    }));
}

fn fixed_text(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("[not shown]")
}

/// The process's metrics; the first call starts to count.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Prefix("rose_".into()), &BUCKETS)
            .expect("there is at least one bucket")
            .build_recorder();
        let handle = recorder.handle();
        // Fails where a program around this library counts already: then its recorder gets the figures.
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder counts the metrics; /metrics stays empty");
        }
        describe();
        handle
    })
}

fn describe() {
    metrics::describe_histogram!(STAGE_DURATION, metrics::Unit::Seconds, "Time of one stage of a turn");
    metrics::describe_histogram!(STAGE_QUEUED, metrics::Unit::Seconds, "Time a stage waited for its engine");
    metrics::describe_counter!(TURNS, "Turns, by how they ended");
    metrics::describe_counter!(
        USED,
        "Thousandths of what services were used for: tokens, characters, seconds of sound, pictures"
    );
    metrics::describe_counter!(BUSY, "Turns refused since an engine's queue was full");
    metrics::describe_counter!(RATE_LIMITED, "Requests refused since their address had too many");
    metrics::describe_gauge!(
        VENDOR_MODEL_STATE,
        "A service's model: 0 there, 1 its end is announced, 2 inactive, 3 gone, -1 not known"
    );
    metrics::describe_gauge!(CONNECTIONS, "Spoken conversations that are open");
    metrics::describe_counter!(INTERRUPTIONS, "Replies that the person spoke over");
    metrics::describe_histogram!(REQUEST_DURATION, metrics::Unit::Seconds, "Time to the answer's first byte");
}

pub fn record_stage(timing: &StageTiming) {
    let stage = timing.stage.as_str();
    metrics::histogram!(STAGE_DURATION, "stage" => stage).record(timing.total);
    if !timing.queued.is_zero() {
        metrics::histogram!(STAGE_QUEUED, "stage" => stage).record(timing.queued);
    }
}

/// `outcome` is one of a fixed few words.
pub fn count_turn(outcome: &'static str) {
    metrics::counter!(TURNS, "outcome" => outcome).increment(1);
}

pub fn count_busy() {
    metrics::counter!(BUSY).increment(1);
}

pub fn count_rate_limited() {
    metrics::counter!(RATE_LIMITED).increment(1);
}

pub fn count_interruption() {
    metrics::counter!(INTERRUPTIONS).increment(1);
}

/// A connection counts until this is dropped.
pub struct CountedConnection(());

pub fn count_connection() -> CountedConnection {
    metrics::gauge!(CONNECTIONS).increment(1.0);
    CountedConnection(())
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        metrics::gauge!(CONNECTIONS).decrement(1.0);
    }
}

/// `method` is any word that a stranger chose: those outside the standard count as one.
pub fn record_request(method: &str, route: &str, status: u16, duration: Duration) {
    let method = match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method.to_owned(),
        _ => "other".to_owned(),
    };
    metrics::histogram!(REQUEST_DURATION, "method" => method, "route" => route.to_owned(), "status" => status.to_string())
        .record(duration);
}

/// For log fields: milliseconds with three decimals.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_quotes_nothing_that_was_said() {
        let said = "thé secret";
        let quoting = std::panic::catch_unwind(|| said.split_at(3).0.len()).unwrap_err();
        assert_eq!(fixed_text(quoting.as_ref()), "[not shown]");
        let fixed = std::panic::catch_unwind(|| panic!("a fixed text")).unwrap_err();
        assert_eq!(fixed_text(fixed.as_ref()), "a fixed text");
    }

    #[test]
    fn a_stage_is_counted_in_seconds() {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Prefix("rose_".into()), &BUCKETS)
            .unwrap()
            .build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            record_stage(&StageTiming::own(crate::domain::stage::Stage::Decode, Duration::from_millis(3)));
        });
        let page = handle.render();
        assert!(page.contains(r#"rose_stage_duration_seconds_bucket{stage="decode",le="0.002"} 0"#), "{page}");
        assert!(page.contains(r#"rose_stage_duration_seconds_bucket{stage="decode",le="0.005"} 1"#), "{page}");
    }
}
