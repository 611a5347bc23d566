//! A slow map write, as it gains what is known about it from stage to stage.

use std::sync::Arc;

use super::{
    cause::{Breakdown, Cause},
    frame::Frame,
    process::GoProcess,
    time::{Ktime, UnixNanos},
    trace::{Correlation, SpanContext},
};

/// A goroutine's number (`g.goid`); never reused within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoroutineId(pub u64);

/// The leaf of the stack as the kernel saw it, and the words that tell a frame that was not set up yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawStack {
    /// Run-time addresses, leaf first; the first is the instruction itself, the others are return addresses.
    pub addresses: Vec<u64>,
    /// The words at `sp` and `sp + 8` of the leaf: a return address where the leaf's frame is not set up.
    pub top_words: [u64; 2],
    /// The walk ended at its limit, not at the goroutine's first frame.
    pub truncated: bool,
}

/// What the observed time is the time of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// A growth of the map, with all that happened in it.
    Growth,
    /// GC assist, or the wait for it, with all that happened in it.
    Assist,
    /// A wait (for the Go scheduler, the CPU, a page): it has no other content than its parts.
    Wait,
}

/// What the probes saw of a write: the time, not yet its explanation.
#[derive(Debug, Clone)]
pub struct SlowWrite {
    pub process: Arc<GoProcess>,
    pub go_version: String,
    /// Thread ids as the agent's and as the target's own pid namespace number them.
    pub tid: u32,
    pub target_tid: u32,
    pub goid: GoroutineId,
    pub parent_goid: Option<GoroutineId>,
    pub start: Ktime,
    pub duration_nano: u64,
    pub duration_is_lower_bound: bool,
    pub observed: Observed,
    /// Exclusive parts, as measured by the probes.
    pub parts: Breakdown,
    pub stack: RawStack,
    /// Run-time address of the map's type descriptor, 0 if not known.
    pub map_type_address: u64,
    pub map_len: Option<u64>,
    pub map_capacity_before: Option<u64>,
    pub map_capacity_after: Option<u64>,
    /// As found in the kernel at the time of the event.
    pub context: Option<SpanContext>,
}

/// A write with its cause.
#[derive(Debug, Clone)]
pub struct AttributedWrite {
    pub write: SlowWrite,
    pub cause: Cause,
    pub breakdown: Breakdown,
}

/// A write with names instead of addresses.
#[derive(Debug, Clone)]
pub struct SymbolizedWrite {
    pub attributed: AttributedWrite,
    /// The runtime entry, e.g. `runtime.mapassign_faststr`.
    pub function: Option<String>,
    pub map_type: Option<String>,
    /// Leaf first, inlined calls expanded.
    pub stack: Vec<Frame>,
}

/// A write with its request: what exporters get.
#[derive(Debug, Clone)]
pub struct CorrelatedWrite {
    pub symbolized: SymbolizedWrite,
    pub time: UnixNanos,
    pub context: Option<SpanContext>,
    pub correlation: Correlation,
}

impl CorrelatedWrite {
    pub fn observed(&self) -> &SlowWrite {
        &self.symbolized.attributed.write
    }

    pub fn cause(&self) -> Cause {
        self.symbolized.attributed.cause
    }

    pub fn breakdown(&self) -> &Breakdown {
        &self.symbolized.attributed.breakdown
    }

    pub fn end(&self) -> UnixNanos {
        UnixNanos(self.time.0.saturating_add(self.observed().duration_nano))
    }

    /// The first frame outside the runtime, above the runtime's entry for the write: the line that writes to the map.
    /// What the write itself calls may have names of other packages (hashing, for example).
    pub fn caller(&self) -> Option<&Frame> {
        let stack = &self.symbolized.stack;
        let entry = self.symbolized.function.as_deref();
        let above = stack
            .iter()
            .position(|frame| entry.is_some() && frame.function.as_deref() == entry)
            .map_or(0, |entry| entry + 1);
        stack[above..].iter().find(|frame| {
            frame
                .function
                .as_deref()
                .is_some_and(|name| !is_runtime_function(name))
        })
    }
}

/// Whether a function belongs to Go's runtime, as opposed to the program that called it.
pub fn is_runtime_function(name: &str) -> bool {
    [
        "runtime.",
        "internal/runtime/",
        "internal/abi.",
        "runtime/internal/",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}
