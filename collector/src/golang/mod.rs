//! Go's own binary formats, read from bytes.
//!
//! In: an executable as an [`image::Image`]. Out: functions, lines, inlined calls, type names, itabs and build
//! information, the same for stripped and unstripped files. Every reader is bounds-checked: the file may be
//! hostile. No I/O but the mapping of the file, no knowledge of ELF or of probes. Stages may use it as they use
//! `model`.

pub mod build_id;
pub mod buildinfo;
pub mod derived;
pub mod image;
pub mod itabs;
pub mod layout;
pub mod moduledata;
pub mod pclntab;
pub(crate) mod scalar;
pub mod structs;
pub mod types;
pub mod version;
