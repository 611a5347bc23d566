//! A real Prometheus: built once into the cache, started on loopback with what users are given, fed by scrapes and by
//! OTLP, and asked by its HTTP API.

mod server;

pub use server::{PROMETHEUS, PROMTOOL, Prometheus, Series};
