//! In: an event of the programs, and which process and binary it is of. Out: a [`SlowWrite`]. Pure: time comes
//! with the events.

mod capacity;

use std::sync::Arc;

use slowmap_abi::{EventKind, MAX_FRAMES, Part, STATE_CONTEXT_FOUND, STATE_TRUNCATED, WriteEvent};

use crate::model::{
    binary::MapImplementation,
    cause::{Breakdown, Cause},
    process::GoProcess,
    time::Ktime,
    trace::SpanContext,
    write::{GoroutineId, Observed, RawStack, SlowWrite},
};

/// What an event does not say itself.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    pub process: &'a Arc<GoProcess>,
    pub go_version: &'a str,
    pub map_implementation: MapImplementation,
    /// The thread's number in the target's own pid namespace.
    pub target_tid: u32,
}

/// The write that an event tells of.
pub fn assemble(event: &WriteEvent, origin: Origin<'_>) -> SlowWrite {
    let capacity = capacity::of(event, origin.map_implementation);
    SlowWrite {
        process: Arc::clone(origin.process),
        go_version: origin.go_version.to_owned(),
        tid: event.tid,
        target_tid: origin.target_tid,
        goid: GoroutineId(event.goid),
        parent_goid: (event.parent_goid != 0).then_some(GoroutineId(event.parent_goid)),
        start: Ktime(event.start),
        duration_nano: event.end.saturating_sub(event.start),
        // What a write does before and after its slow path has no probe.
        duration_is_lower_bound: true,
        observed: observed(event.kind),
        parts: parts(event),
        stack: stack(event),
        map_type_address: event.map_type,
        map_len: (event.map_len != u64::MAX).then_some(event.map_len),
        map_capacity_before: capacity.map(|(before, _)| before),
        map_capacity_after: capacity.map(|(_, after)| after),
        context: (event.state & STATE_CONTEXT_FOUND != 0).then_some(SpanContext {
            trace_id: event.trace_id,
            span_id: event.span_id,
            trace_flags: (event.trace_flags & 0xff) as u8,
        }),
    }
}

fn observed(kind: u32) -> Observed {
    if kind == EventKind::Growth as u32 {
        Observed::Growth
    } else if kind == EventKind::Assist as u32 {
        Observed::Assist
    } else {
        Observed::Wait
    }
}

const CAUSES: [(Part, Cause); 6] = [
    (Part::Assist, Cause::GcAssist),
    (Part::StopTheWorld, Cause::StopTheWorld),
    (Part::GoroutinePreempted, Cause::GoroutinePreempted),
    (Part::RunQueue, Cause::RunQueue),
    (Part::Blocked, Cause::Blocked),
    (Part::PageFault, Cause::PageFault),
];

fn parts(event: &WriteEvent) -> Breakdown {
    let mut parts = Breakdown::default();
    for (part, cause) in CAUSES {
        parts.add(cause, event.parts[part as usize]);
    }
    parts
}

fn stack(event: &WriteEvent) -> RawStack {
    let count = usize::try_from(event.frame_count)
        .unwrap_or(MAX_FRAMES)
        .min(MAX_FRAMES);
    RawStack {
        addresses: event.frames[..count].to_vec(),
        top_words: event.top_words,
        truncated: event.state & STATE_TRUNCATED != 0,
    }
}

#[cfg(test)]
mod tests;
