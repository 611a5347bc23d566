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

impl Frame {
    /// `function file:line`, as far as that is known.
    pub fn text(&self) -> String {
        let function = self.function.as_deref().unwrap_or("(not known)");
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{function} {file}:{line}"),
            _ => function.to_owned(),
        }
    }
}
