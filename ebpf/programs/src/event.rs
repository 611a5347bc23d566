//! Making events of what was followed.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{bpf_ktime_get_ns, generated::bpf_ringbuf_output},
    maps::ring_buf::RingBufEntry,
};
use slowmap_abi::{Counter, EventKind, InFlight, NO_BASE, STATE_CONTEXT_FOUND, Target, WriteEvent};

use crate::{
    goroutine,
    maps::{EVENT_BYTES, EVENTS, count},
    process::Thread,
    registers::{Position, argument_slots},
    requests, spans, stack,
};

/// What it takes at least to describe a write, in nanoseconds, where it is fast. A write that is so much short of the
/// threshold is described, which makes it a slow one, and is told of if it did: a cut at the threshold itself would miss
/// those that what is not seen of them takes beyond it.
const DESCRIBING: u64 = 1_500;

/// The reader polls on a timer: a wakeup per event would cost the target's CPU more than the event.
pub const NO_WAKEUP: u64 = BPF_RB_NO_WAKEUP as u64;

/// Bytes that may wait for the timer: three quarters of the ring buffer are left for what comes while the reader wakes up.
const PRESSING: u64 = EVENT_BYTES as u64 / 4;
/// Room for events that are reserved at the same time as the one that fills that: one of them is the one that wakes.
const AT_ONCE: u64 = 8 * size_of::<WriteEvent>() as u64;

/// With what an event is given to the reader: it is woken as the ring buffer comes to be filled so far, and not again while
/// it stays so.
#[inline(always)]
fn wakeup() -> u64 {
    let waiting = EVENTS.query(BPF_RB_AVAIL_DATA as u64);
    if (PRESSING..PRESSING + AT_ONCE).contains(&waiting) {
        BPF_RB_FORCE_WAKEUP as u64
    } else {
        NO_WAKEUP
    }
}

/// What an event says of the goroutine: numbers, stack and open span. `event` must be zeroed or fresh.
#[inline(always)]
pub fn describe(
    event: &mut WriteEvent,
    target: &Target,
    thread: Thread,
    g: u64,
    position: &Position,
) {
    event.state = 0;
    event.pid = thread.pid;
    event.tid = thread.tid;
    event.g = g;
    (event.goid, event.parent_goid) = goroutine::numbers(target, g);
    event.origin = goroutine::stack_end(target, g).wrapping_sub(u64::from(NO_BASE) << 3);
    let caller = stack::walk(event, target, position);
    if event.map_type == 0 {
        let caller = if caller == 0 {
            stack::caller_of_leaf(target, position)
        } else {
            caller
        };
        if caller != 0 {
            describe_map(event, target, caller);
        }
    }
    let from = if caller == 0 { position.sp } else { caller };
    spans::search(event, target, g, from);
    if event.state & STATE_CONTEXT_FOUND == 0 {
        requests::search(event, target, g, position.bp);
    }
}

/// The type and the map, which are the first two arguments of every `mapassign`: while it calls something they are where
/// it keeps them then, in the slots above its frame that Go's calling convention has for just that
/// (https://github.com/golang/go/blob/go1.26.0/src/cmd/compile/abi-internal.md). Whether there is a map's type at that
/// address, the collector sees.
#[inline(always)]
pub fn describe_map(event: &mut WriteEvent, target: &Target, caller: u64) {
    let slots = argument_slots(caller);
    event.map_type = goroutine::read_word(slots).unwrap_or(0);
    event.map = goroutine::read_word(slots.wrapping_add(8)).unwrap_or(0);
    if event.map_type != 0 && event.map != 0 {
        let length = event.map.wrapping_add(u64::from(target.offsets.map_len));
        event.map_len = goroutine::read_word(length).unwrap_or(u64::MAX);
    }
}

/// Whether a write that took that long so far may be a slow one in the end.
#[inline(always)]
pub fn is_worth_describing(target: &Target, elapsed: u64) -> bool {
    elapsed + DESCRIBING >= target.threshold
}

/// Sends an in-flight write that comes to an end `after_nano` after this. It lasts until then: what is done here is part
/// of it. Does nothing if that was less than the threshold.
#[inline(always)]
pub fn emit(
    kind: EventKind,
    (start, after_nano): (u64, u64),
    flight: &InFlight,
    map_size_after: u64,
    context: (&Target, Thread, u64, &Position),
) {
    let Some(entry) = filled(kind, flight, map_size_after, context) else {
        return;
    };
    let end = unsafe { bpf_ktime_get_ns() } + after_nano;
    if end.saturating_sub(start) < context.0.threshold {
        entry.discard(NO_WAKEUP);
        return;
    }
    submit(entry, start, end);
}

/// Sends a write whose beginning and end were measured: what is done here is no part of it.
#[inline(always)]
pub fn emit_measured(
    kind: EventKind,
    (start, end): (u64, u64),
    flight: &InFlight,
    map_size_after: u64,
    context: (&Target, Thread, u64, &Position),
) {
    if let Some(entry) = filled(kind, flight, map_size_after, context) {
        submit(entry, start, end);
    }
}

/// With all but when it began and ended.
#[inline(always)]
fn filled(
    kind: EventKind,
    flight: &InFlight,
    map_size_after: u64,
    (target, thread, g, position): (&Target, Thread, u64, &Position),
) -> Option<RingBufEntry<WriteEvent>> {
    let Some(mut entry) = EVENTS.reserve::<WriteEvent>(0) else {
        count(Counter::RingFull);
        return None;
    };
    // SAFETY: every field is written here and by `submit`, but the frames past `frame_count`, which nobody reads.
    let event = unsafe { &mut *entry.as_mut_ptr() };
    event.kind = kind as u32;
    event.parts = flight.parts;
    event.map = flight.map;
    event.map_type = flight.map_type;
    event.map_len = flight.map_len;
    event.map_size_before = flight.map_size;
    event.map_size_after = map_size_after;
    event.table_capacity = flight.table_capacity;
    describe(event, target, thread, g, position);
    Some(entry)
}

#[inline(always)]
pub fn submit(mut entry: RingBufEntry<WriteEvent>, start: u64, end: u64) {
    // SAFETY: as above.
    let event = unsafe { &mut *entry.as_mut_ptr() };
    event.start = start;
    event.end = end;
    entry.submit(wakeup());
    count(Counter::Emitted);
}

/// Sends an event that was filled in earlier.
#[inline(always)]
pub fn emit_filled(event: &WriteEvent) {
    // SAFETY: the event is a map value of exactly that size.
    let status = unsafe {
        bpf_ringbuf_output(
            (&raw const EVENTS).cast_mut().cast(),
            core::ptr::from_ref(event).cast_mut().cast(),
            size_of::<WriteEvent>() as u64,
            wakeup(),
        )
    };
    count(if status == 0 {
        Counter::Emitted
    } else {
        Counter::RingFull
    });
}
