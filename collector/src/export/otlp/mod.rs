//! OpenTelemetry protocol, over gRPC or HTTP.

mod settings;

pub use self::settings::{Compression, Headers, Protocol, Settings, TlsFiles};
