//! Real targets, a receiving end for OTLP, real backends, and what compares what slowmap says with what is
//! known to be true. The end-to-end tests and `cargo xtask demo` are made of these; nothing here is part of
//! slowmap itself, which is only ever run as the program that users run.

pub mod agreement;
pub mod cache;
pub mod cargo;
pub mod go;
pub mod jaeger;
pub mod kernel;
pub mod load;
pub mod machine;
pub mod observation;
pub mod probed;
pub mod program;
pub mod recording;
pub mod requirement;
pub mod sink;
pub mod slowmap;
pub mod sources;
pub mod trace;
pub mod truth;
