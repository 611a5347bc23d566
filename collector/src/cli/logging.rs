//! Logs, on stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, value::LogFormat};

/// Turns logging on; the first call in a process decides.
pub fn start(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(log.level.as_str()))
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    // A second subscriber is refused, which is what this promises.
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
