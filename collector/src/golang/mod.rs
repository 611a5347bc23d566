//! Go's own binary formats, read from bytes: no I/O but the mapping of the file, no knowledge of probes.
//! Stages may use it as they use `model`.

pub mod image;
