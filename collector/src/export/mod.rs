//! In: correlated writes. Out: files of a recording, OTLP to a backend, and an endpoint for Prometheus. Bounded queues only; each write
//! that is not exported is counted with its reason. Never decides what a write means.

pub mod files;
pub mod otlp;
pub mod prometheus;
pub mod webhook;
