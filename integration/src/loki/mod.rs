//! A real Loki: built once into the cache, started on loopback with everything in memory or in files of its own, fed by
//! OTLP, and asked by its HTTP API.

mod server;

pub use server::{LOKI, Loki, Record};
