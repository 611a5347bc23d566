//! Real targets, a receiving end for OTLP, real backends, and what compares what slowmap says with what is
//! known to be true. The end-to-end tests and `cargo xtask demo` are made of these; nothing here is part of
//! slowmap itself, which is only ever run as the program that users run.

pub mod agreement;
pub mod beside;
pub mod cache;
pub mod cargo;
pub mod case;
pub mod collector;
pub mod cpu_limit;
pub mod cycles;
pub mod debian;
pub mod frameworks;
pub mod gateway;
pub mod go;
pub mod go_module;
pub mod image;
pub mod jaeger;
pub mod kernel;
pub mod kubernetes;
pub mod load;
pub mod loki;
pub mod machine;
pub mod observation;
pub mod podman;
pub mod ports;
pub mod probed;
pub mod program;
pub mod prometheus;
pub mod python;
pub mod recording;
pub mod requirement;
pub mod sink;
pub mod slowmap;
pub mod sources;
pub mod trace;
pub mod traceback;
pub mod truth;
pub mod usage;
pub mod vm;
