//! In: an event of the programs, and which process and binary it is of. Out: a [`SlowWrite`]. Pure: time comes
//! with the events.

mod capacity;
mod fatal;

pub use self::fatal::{Ending, ending};

use std::sync::Arc;

use slowmap_abi::{
    BY_HOLDER, EventKind, MAX_FRAMES, MAX_POINTERS, MAX_SLOTS, MAX_SPANS, NO_BASE, Part,
    STATE_DECIMAL_SPAN, STATE_OWN_LABELS, STATE_TRACEPARENT, STATE_TRUNCATED, Slot, UNSAMPLED,
    WriteEvent,
};

use crate::model::{
    binary::{Executable, MapImplementation},
    cause::{Breakdown, Cause},
    process::GoProcess,
    time::Ktime,
    trace::SpanContext,
    write::{GoroutineId, Observed, RawStack, SlowWrite, SpanSlot, TraceLabels},
};

/// What an event does not say itself.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    pub process: &'a Arc<GoProcess>,
    pub executable: &'a Arc<Executable>,
    pub go_version: &'a str,
    pub map_implementation: MapImplementation,
    /// The thread's number in the target's own pid namespace.
    pub target_tid: u32,
}

/// The write that an event tells of.
pub fn assemble(event: &WriteEvent, origin: Origin<'_>) -> SlowWrite {
    let capacity = capacity::of(event, origin.map_implementation);
    let observed = observed(event.kind);
    SlowWrite {
        process: Arc::clone(origin.process),
        executable: Arc::clone(origin.executable),
        go_version: origin.go_version.to_owned(),
        tid: event.tid,
        target_tid: origin.target_tid,
        goid: GoroutineId(event.goid),
        parent_goid: (event.parent_goid != 0).then_some(GoroutineId(event.parent_goid)),
        start: Ktime(event.start),
        duration_nano: event.end.saturating_sub(event.start),
        // What a write does before and after its slow path has no probe, unless it is followed as a whole.
        duration_is_lower_bound: observed != Observed::Write,
        observed,
        parts: parts(event),
        stack: stack(event),
        map_type_address: event.map_type,
        map_address: capacity::map(event),
        map_len: (event.map_len != u64::MAX).then_some(event.map_len),
        map_capacity_before: capacity.map(|(before, _)| before),
        map_capacity_after: capacity.map(|(_, after)| after),
        span_slots: span_slots(event),
        traceparent: (event.state & STATE_TRACEPARENT != 0).then_some(event.carried),
        labels: labels(event),
    }
}

/// What the event counts is held against what it has.
fn span_slots(event: &WriteEvent) -> Vec<SpanSlot> {
    let spans = &event.spans[..counted(event.span_count, MAX_SPANS)];
    let slots = &event.slots[..counted(event.slot_count, MAX_SLOTS)];
    let slot = |slot: &Slot| {
        if slot.span == UNSAMPLED {
            return Some(SpanSlot {
                offset: slot.offset,
                by_holder: false,
                context: None,
                began: 0,
            });
        }
        let span = spans.get(usize::from(slot.span & !BY_HOLDER))?;
        let context = SpanContext {
            trace_id: span.trace_id,
            span_id: span.span_id,
            trace_flags: (span.trace_flags & 0xff) as u8,
        };
        Some(SpanSlot {
            offset: slot.offset,
            by_holder: slot.span & BY_HOLDER != 0,
            context: Some(context),
            began: span.began,
        })
    };
    slots.iter().filter_map(slot).collect()
}

fn counted(count: u64, most: usize) -> usize {
    usize::try_from(count).unwrap_or(most).min(most)
}

fn labels(event: &WriteEvent) -> Option<TraceLabels> {
    let (own, is_held_against) = (STATE_OWN_LABELS, STATE_OWN_LABELS | STATE_TRACEPARENT);
    (event.state & is_held_against != 0).then_some(TraceLabels {
        trace_id: event.labels[0],
        span_id: event.labels[1],
        decimal_span: event.state & STATE_DECIMAL_SPAN != 0,
        own: event.state & own != 0,
    })
}

fn observed(kind: u32) -> Observed {
    if kind == EventKind::Growth as u32 {
        Observed::Growth
    } else if kind == EventKind::Assist as u32 {
        Observed::Assist
    } else if is_whole_write(kind) {
        Observed::Write
    } else {
        Observed::Wait
    }
}

fn is_whole_write(kind: u32) -> bool {
    kind == EventKind::Write as u32 || kind == EventKind::WriteWithGrowth as u32
}

const CAUSES: [(Part, Cause); 7] = [
    (Part::Assist, Cause::GcAssist),
    (Part::StopTheWorld, Cause::StopTheWorld),
    (Part::GoroutinePreempted, Cause::GoroutinePreempted),
    (Part::RunQueue, Cause::RunQueue),
    (Part::Blocked, Cause::Blocked),
    (Part::PageFault, Cause::PageFault),
    (Part::Growth, Cause::Growth),
];

fn parts(event: &WriteEvent) -> Breakdown {
    let mut parts = Breakdown::default();
    for (part, cause) in CAUSES {
        parts.add(cause, event.parts[part as usize]);
    }
    parts
}

fn stack(event: &WriteEvent) -> RawStack {
    let count = counted(event.frame_count, MAX_FRAMES);
    RawStack {
        addresses: event.frames[..count].to_vec(),
        top_words: event.top_words,
        truncated: event.state & STATE_TRUNCATED != 0,
        bases: event.bases[..count]
            .iter()
            .map(|base| (*base != NO_BASE).then_some(*base))
            .collect(),
        pointers: pointers(event),
    }
}

/// The goroutine's own pointer first, if that is to its stack.
fn pointers(event: &WriteEvent) -> Vec<(Option<u16>, u16)> {
    let deferred = event
        .deferred
        .checked_sub(event.origin)
        .map(|bytes| bytes / 8);
    let deferred = deferred.and_then(|words| u16::try_from(words).ok());
    let found = &event.pointers[..counted(event.pointer_count, MAX_POINTERS)];
    let own = deferred.map(|target| (None, target));
    let found = found
        .iter()
        .map(|pointer| (Some(pointer.offset), pointer.target));
    own.into_iter().chain(found).collect()
}

#[cfg(test)]
mod tests;
