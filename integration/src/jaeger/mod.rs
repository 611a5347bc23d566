//! A real Jaeger: built once into the cache, started on loopback with its traces in memory, and asked for
//! traces by the HTTP API that its own page uses.

mod build;
mod query;
mod server;

pub use build::JAEGER;
pub use server::Jaeger;
