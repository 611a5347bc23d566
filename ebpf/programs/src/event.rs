//! Making events of what was followed.

use aya_ebpf::{bindings::BPF_RB_NO_WAKEUP, helpers::generated::bpf_ringbuf_output};
use slowmap_abi::{Counter, EventKind, InFlight, Target, WriteEvent};

use crate::{
    goroutine,
    maps::{EVENTS, count},
    process::Thread,
    registers::Position,
    spans, stack,
};

/// The reader polls on a timer: a wakeup per event would cost the target's CPU more than the event.
const NO_WAKEUP: u64 = BPF_RB_NO_WAKEUP as u64;

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
    let caller = stack::walk(event, target, position);
    let from = if caller == 0 { position.sp } else { caller };
    spans::search(event, target, g, from);
}

/// Sends an in-flight write that has come to an end, if it took long enough to tell.
#[inline(always)]
pub fn emit(
    kind: EventKind,
    span: (u64, u64),
    flight: &InFlight,
    map_size_after: u64,
    context: (&Target, Thread, u64, &Position),
) {
    let (target, thread, g, position) = context;
    let Some(mut entry) = EVENTS.reserve::<WriteEvent>(0) else {
        count(Counter::RingFull);
        return;
    };
    // SAFETY: every field is written below, but the frames past `frame_count`, which nobody reads.
    let event = unsafe { &mut *entry.as_mut_ptr() };
    event.kind = kind as u32;
    (event.start, event.end) = span;
    event.parts = flight.parts;
    event.map = flight.map;
    event.map_type = flight.map_type;
    event.map_len = flight.map_len;
    event.map_size_before = flight.map_size;
    event.map_size_after = map_size_after;
    event.table_capacity = flight.table_capacity;
    describe(event, target, thread, g, position);
    entry.submit(NO_WAKEUP);
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
            NO_WAKEUP,
        )
    };
    count(if status == 0 {
        Counter::Emitted
    } else {
        Counter::RingFull
    });
}
