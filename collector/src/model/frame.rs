//! Stack frames.

use serde::{Deserialize, Serialize};

use super::binary::VirtualAddress;

/// A symbolized frame; inlined calls are frames of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// Fully qualified, as Go's own tracebacks write it, e.g. `main.(*shop).checkout`.
    /// `null` where nothing is known about the address.
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub inlined: bool,
    /// The run-time address (for callers: of the instruction after the call).
    pub address: VirtualAddress,
}
