//! OpenTelemetry protocol, over gRPC or HTTP. Writes wait in a bounded queue; offering one never blocks, and a
//! backend that is slow or down costs dropped writes (counted by reason), never the pipeline's time.

mod attributes;
mod counts;
mod health;
mod http;
mod resource;
mod retry;
mod sender;
mod services;
mod settings;
mod span;
mod transport;
mod worker;

pub use self::{
    counts::{Dropped, ExportCounts},
    sender::TraceSender,
    settings::{Compression, Headers, Protocol, Settings, TlsFiles},
    transport::ExportError,
};

use tokio::task::JoinHandle;

use self::{transport::Transport, worker::Worker};

/// Sends slow writes as spans of the requests that they slowed down.
#[derive(Debug)]
pub struct TraceExporter;

impl TraceExporter {
    /// Starts the export task on the current tokio runtime. The endpoint need not be up. The task ends, within
    /// `settings.grace`, when the last clone of the sender is gone, and returns its final counts.
    ///
    /// # Errors
    /// An endpoint, header or certificate that cannot be used: a mistake in the configuration.
    pub fn start(
        settings: Settings,
    ) -> Result<(TraceSender, JoinHandle<ExportCounts>), ExportError> {
        let transport = Transport::new(&settings)?;
        let (sender, queue) = sender::channel(&settings);
        let worker = Worker::new(settings, transport, queue);
        Ok((sender, tokio::spawn(worker.run())))
    }
}
