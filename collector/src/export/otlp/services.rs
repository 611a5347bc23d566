//! An exporter for each service: opentelemetry-otlp ties an exporter to one resource. They share a connection.

use std::{num::NonZeroUsize, sync::Arc};

use lru::LruCache;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::{
    resource::resource,
    transport::{ExportError, Transport},
};
use crate::model::process::{GoProcess, Pid};

/// More services at a time only cost building an exporter again, which opens no connection.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// A process in one of its lives.
type Life = (Pid, u64);

#[derive(Debug)]
pub struct Services {
    transport: Transport,
    exporters: LruCache<Life, Arc<SpanExporter>>,
}

impl Services {
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            exporters: LruCache::new(CAPACITY),
        }
    }

    /// The exporter of a process's service.
    pub fn exporter(&mut self, process: &GoProcess) -> Result<Arc<SpanExporter>, ExportError> {
        let life = (process.pid, process.start_ticks);
        let build = || -> Result<_, ExportError> {
            let mut exporter = self.transport.span_exporter()?;
            exporter.set_resource(&resource(process));
            Ok(Arc::new(exporter))
        };
        self.exporters.try_get_or_insert(life, build).cloned()
    }
}
