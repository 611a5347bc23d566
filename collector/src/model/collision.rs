//! Goroutines that used one map at the same time, of which at least one was writing to it: Go ends the program then.

use serde::{Deserialize, Serialize};

use super::{binary::VirtualAddress, frame::Frame, write};

/// A goroutine that came upon another one's write to its map. What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collision {
    /// In which of the recordings that were merged, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<u32>,
    pub pid: u32,
    pub service_name: Option<String>,
    pub time_unix_nano: u64,
    /// What Go said, e.g. `concurrent map writes`.
    pub message: String,
    pub goid: u64,
    /// Of the map that it was about to write to; where it was about to read, Go's own frames do not tell.
    pub map_type: Option<String>,
    pub map_address: Option<VirtualAddress>,
    /// Leaf first, inlined calls expanded.
    pub stack: Vec<Frame>,
    /// The growth of that map that was in flight in another goroutine then.
    pub growing: Option<Growing>,
}

/// A goroutine in which a map grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growing {
    pub goid: u64,
    /// For how long it did so far.
    pub nano: u64,
    /// Leaf first, inlined calls expanded.
    pub stack: Vec<Frame>,
}

impl Collision {
    /// From the line that uses the map outwards, as far as that is the program's own.
    pub fn callers(&self) -> &[Frame] {
        callers(&self.stack)
    }
}

impl Growing {
    /// The same, from the line that writes to the map.
    pub fn callers(&self) -> &[Frame] {
        callers(&self.stack)
    }
}

fn callers(stack: &[Frame]) -> &[Frame] {
    let caller = write::caller(stack, None);
    caller.map_or(&[], |caller| &stack[caller..])
}
