//! In: correlated writes. Out: files of a recording, and OTLP to a backend. Bounded queues only; each write
//! that is not exported is counted with its reason. Never decides what a write means.

pub mod files;
pub mod otlp;
