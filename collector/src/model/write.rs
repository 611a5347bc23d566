//! A slow map write, as it gains what is known about it from stage to stage.

use std::{path::Path, sync::Arc};

use super::{
    binary::{Executable, VirtualAddress},
    cause::{Breakdown, Cause},
    frame::Frame,
    plan::ProbePair,
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
    /// Where each frame keeps its caller's frame pointer, in words from one place below the stack up; `None`: not known. The
    /// first is where the leaf's frame pointer points, which may be its caller's still.
    pub bases: Vec<Option<u16>>,
    /// Pointers on the stack to words of the stack, both in words from one place below the stack up; `None`: the goroutine's
    /// own, to the newest of its deferred calls.
    pub pointers: Vec<(Option<u16>, u16)>,
}

/// A pointer on the stack that leads to a span which was open, or does not tell whether it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanSlot {
    /// In words from one place below the stack up.
    pub offset: u16,
    /// What it leads to is known only by the function that keeps it there.
    pub by_holder: bool,
    /// `None`: a span that is not sampled, of which no more is known.
    pub context: Option<SpanContext>,
    /// When the span began, on the target's own monotonic clock; 0: not known.
    pub began: u64,
}

/// What the observed time is the time of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// A growth of the map, with all that happened in it.
    Growth,
    /// GC assist, or the wait for it, with all that happened in it.
    Assist,
    /// The write from its entry to its exit.
    Write,
    /// A wait (for the Go scheduler, the CPU, a page): it has no other content than its parts.
    Wait,
}

/// What the probes saw of a write: the time, not yet its explanation.
#[derive(Debug, Clone)]
pub struct SlowWrite {
    pub process: Arc<GoProcess>,
    pub executable: Arc<Executable>,
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
    /// Run-time address of a map that grew, which stays for as long as there is the map; `None`: not known.
    pub map_address: Option<VirtualAddress>,
    pub map_len: Option<u64>,
    pub map_capacity_before: Option<u64>,
    pub map_capacity_after: Option<u64>,
    /// As found in the kernel at the time of the event, leaf first.
    pub span_slots: Vec<SpanSlot>,
    /// The header of that name of the request that the goroutine served then: its text, then zeros.
    pub traceparent: Option<[u8; 64]>,
    /// The goroutine's labels for profiles that named a trace and a span then.
    pub labels: Option<TraceLabels>,
}

/// Labels that name a trace and a span, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceLabels {
    /// Each text, then zeros.
    pub trace_id: [u8; 32],
    pub span_id: [u8; 32],
    /// The span is a decimal number.
    pub decimal_span: bool,
    /// The goroutine was within a call that set labels for it: they are not inherited, nor left behind.
    pub own: bool,
}

/// A write with its cause.
#[derive(Debug, Clone)]
pub struct AttributedWrite {
    pub write: SlowWrite,
    pub cause: Cause,
    pub breakdown: Breakdown,
}

/// How many bytes a key and a value of a map's type take, wherever the map keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntrySize {
    pub key: u64,
    pub value: u64,
}

/// A write with names instead of addresses.
#[derive(Debug, Clone)]
pub struct SymbolizedWrite {
    pub attributed: AttributedWrite,
    /// The runtime entry, e.g. `runtime.mapassign_faststr`.
    pub function: Option<String>,
    pub map_type: Option<String>,
    /// Of the map's type; `None`: not known.
    pub entry_size: Option<EntrySize>,
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
    /// Pairs of probes that were not in the target for the whole of the write.
    pub unobserved: Vec<ProbePair>,
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
        caller(stack, self.symbolized.function.as_deref()).map(|index| &stack[index])
    }
}

/// Where in a stack the line stands that writes to the map; `entry` is the runtime's entry for the write.
pub fn caller(stack: &[Frame], entry: Option<&str>) -> Option<usize> {
    let above = stack
        .iter()
        .position(|frame| entry.is_some() && frame.function.as_deref() == entry)
        .map_or(0, |entry| entry + 1);
    let found = stack[above..]
        .iter()
        .position(|frame| frame.function.is_some() && !is_runtime(frame))?;
    Some(above + found)
}

/// Whether a frame is of Go's runtime, as opposed to the program that called it. What the runtime does for other
/// packages bears their names (`reflect.mapassign_faststr0`), but stands in its own files.
fn is_runtime(frame: &Frame) -> bool {
    let name = frame.function.as_deref().unwrap_or_default();
    let named_so = [
        "runtime.",
        "internal/runtime/",
        "internal/abi.",
        "runtime/internal/",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix));
    named_so || (LINKED.iter().any(|prefix| name.starts_with(prefix)) && in_its_files(frame))
}

/// Packages of the standard library whose functions the runtime has under their names.
const LINKED: [&str; 2] = ["reflect.", "maps."];

fn in_its_files(frame: &Frame) -> bool {
    let directory = frame.file.as_deref().map(Path::new).and_then(Path::parent);
    directory.is_some_and(|directory| directory.ends_with("runtime"))
}

#[cfg(test)]
mod tests {
    use super::{super::binary::VirtualAddress, *};

    fn frame(function: &str, file: &str) -> Frame {
        Frame {
            function: Some(function.to_owned()),
            file: Some(file.to_owned()),
            line: None,
            inlined: false,
            address: VirtualAddress(0),
        }
    }

    #[test]
    fn what_the_runtime_does_in_the_name_of_reflect_is_the_runtimes() {
        let linked = frame("reflect.mapassign_faststr0", "/go/src/runtime/map.go");
        let of_reflect = frame("reflect.Value.SetMapIndex", "/go/src/reflect/map_swiss.go");
        let of_the_service = frame("example.com/runtime.Store", "/app/runtime/store.go");
        assert!(is_runtime(&linked));
        assert!(!is_runtime(&of_reflect) && !is_runtime(&of_the_service));
    }
}
