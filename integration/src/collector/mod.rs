//! A real OpenTelemetry Collector: built once into the cache, run on loopback with the configuration that users are
//! given, and asked what it has taken.

mod build;
mod server;
mod taken;

pub use build::executable;
pub use server::Collector;
pub use taken::Taken;
