//! A slow write as a recording tells it: what is the same in many writes is shared between them.

use std::sync::Arc;

use super::{
    binary::VirtualAddress,
    cause::{Breakdown, Cause},
    frame::Frame,
    plan::ProbePair,
    time::{Ktime, UnixNanos},
    trace::{Correlation, SpanContext},
    write,
};

/// A line of `events.jsonl`; docs/interface.md says what its fields mean.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedWrite {
    pub start: Ktime,
    pub time: UnixNanos,
    pub duration_nano: u64,
    pub duration_is_lower_bound: bool,
    pub pid: u32,
    pub tid: u32,
    pub target_pid: u32,
    pub target_tid: u32,
    pub goid: Option<u64>,
    pub parent_goid: Option<u64>,
    pub service_name: Option<Arc<str>>,
    pub executable: Option<Arc<str>>,
    pub go_version: Option<Arc<str>>,
    pub container_id: Option<Arc<str>>,
    /// The runtime's entry for the write.
    pub function: Option<Arc<str>>,
    pub map_type: Option<Arc<str>>,
    /// Of the map's type, in bytes.
    pub map_key_size: Option<u64>,
    pub map_value_size: Option<u64>,
    /// Where a map that grew is for as long as it is there; another may be there later.
    pub map_address: Option<VirtualAddress>,
    pub map_len: Option<u64>,
    pub map_capacity_before: Option<u64>,
    pub map_capacity_after: Option<u64>,
    /// Pairs of probes that were not in the target for the whole of the write.
    pub unobserved: Vec<ProbePair>,
    pub cause: Cause,
    pub breakdown: Breakdown,
    pub stack: Arc<Stack>,
    pub context: Option<SpanContext>,
    pub correlation: Correlation,
    /// In which of the recordings that were merged, counted from 0.
    pub recording: Option<u32>,
    /// How long its process had been there when it began. `None`: not known.
    pub since_start_nano: Option<u64>,
}

/// A process of a recording: those of several, which may be of several machines, can have the same number.
pub type ProcessKey = (Option<u32>, u32);

impl RecordedWrite {
    pub fn process(&self) -> ProcessKey {
        (self.recording, self.pid)
    }
}

/// A stack that any number of writes have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Counted from 0 in the order in which the recording has them; two stacks of a recording with the same number are
    /// the same.
    pub number: usize,
    /// Leaf first, inlined calls expanded.
    pub frames: Vec<Frame>,
    caller: Option<usize>,
}

impl Stack {
    /// `entry` is the runtime's entry for the write.
    pub fn new(number: usize, frames: Vec<Frame>, entry: Option<&str>) -> Self {
        let caller = write::caller(&frames, entry);
        Self {
            number,
            frames,
            caller,
        }
    }

    /// Which frame it is that writes to the map.
    pub fn caller_index(&self) -> Option<usize> {
        self.caller
    }

    /// From the line that writes to the map outwards; empty where that is not known.
    pub fn callers(&self) -> &[Frame] {
        let callers = self.caller.and_then(|caller| self.frames.get(caller..));
        callers.unwrap_or_default()
    }

    /// The line that writes to the map.
    pub fn caller(&self) -> Option<&Frame> {
        self.frames.get(self.caller?)
    }
}
