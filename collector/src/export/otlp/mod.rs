//! OpenTelemetry protocol, over gRPC or HTTP: a slow write as a span, an event record, a
//! measurement and a sample of a profile, all with the same ids.
//! Each signal has a bounded queue and a task of its own; offering a write never blocks, and a backend that is slow
//! or down costs dropped writes (counted by reason), never the pipeline's time.

mod attributes;
mod backlog;
mod counts;
mod exporters;
mod failure;
mod grpc;
mod health;
mod http;
mod linked;
mod logs;
mod metrics;
mod profiles;
mod resource;
mod sender;
mod settings;
mod signal;
mod spill;
mod traces;
mod transport;
mod worker;

pub(super) use self::metrics::{Counter, counters};
pub use self::{
    counts::{Dropped, ExportCounts},
    exporters::{ExportTasks, Exporters},
    linked::LinkedWrite,
    metrics::{AgentUse, Temporality},
    settings::{
        Compression, ExportSettings, Headers, MetricSettings, Protocol, Settings, SpillSettings,
        TlsFiles,
    },
    transport::ExportError,
};
