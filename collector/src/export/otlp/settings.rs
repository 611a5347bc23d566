//! What the trace exporter has to be told.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use url::Url;

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
    /// Writes that may wait in the queue, beside the batch in flight.
    pub queue_capacity: usize,
    pub batch_size: usize,
    /// How long a batch waits to become full.
    pub schedule_delay: Duration,
    /// How long a batch is tried again before it is given up.
    pub retry_limit: Duration,
    /// How long the queue is flushed once the last sender is gone.
    pub grace: Duration,
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
