//! What the exporters have to be told.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use url::Url;

use super::metrics::Temporality;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    HttpProtobuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Paths of PEM files; empty: the system's certificate authorities, no client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    pub certificate: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
}

/// Headers of each export. Their values are secrets: they are not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(pub BTreeMap<String, String>);

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Of one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// For HTTP with the signal's path.
    pub endpoint: Url,
    pub protocol: Protocol,
    pub headers: Headers,
    pub compression: Compression,
    /// Of one attempt.
    pub timeout: Duration,
    pub tls: TlsFiles,
    /// What may wait in the queue, beside the batch in flight: writes, or collections of metrics.
    pub queue_capacity: usize,
    pub batch_size: usize,
    /// How long a batch waits to become full.
    pub schedule_delay: Duration,
    /// How long a batch is tried again before it is given up.
    pub retry_limit: Duration,
    /// How long the queue is flushed once the last sender is gone.
    pub grace: Duration,
}

/// `None`: the signal is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportSettings {
    pub traces: Option<Settings>,
    pub logs: Option<Settings>,
    pub metrics: Option<MetricSettings>,
    pub profiles: Option<Settings>,
    /// Where writes wait whose endpoint is down; otherwise in memory only.
    pub spill: Option<SpillSettings>,
    /// Metrics can be scraped.
    pub scraped: bool,
    /// Export writes without a trace context as traces of their own.
    pub roots: bool,
}

impl Settings {
    /// The endpoint for logs and errors: without a password.
    pub fn shown_endpoint(&self) -> String {
        let mut url = self.endpoint.clone();
        // Only a URL without a host refuses this, and it has no password either.
        let _ = url.set_password(None);
        url.to_string()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpillSettings {
    pub directory: PathBuf,
    /// Bytes of all files together.
    pub limit: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricSettings {
    pub export: Settings,
    pub temporality: Temporality,
    /// Of slowmap itself.
    pub resource: BTreeMap<String, String>,
}
