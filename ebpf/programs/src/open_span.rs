//! What is behind a pointer on the stack: an open span, or a context that leads to one.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_probe_read_user;
use slowmap_abi::{FoundSpan, MAX_SLOTS, MAX_SPANS, STATE_CONTEXT_FOUND, Slot, Target};

use crate::goroutine::read_word;
use crate::spans::{self, CONTINUE, STOP, Search};

/// `time.Time.wall`: the second word then holds the monotonic clock.
/// https://github.com/golang/go/blob/go1.26.0/src/time/time.go#L144
const HAS_MONOTONIC: u64 = 1 << 63;
/// One in 65,536 random numbers is smaller.
const RANDOM: u64 = 1 << 48;
/// Code and variables of a program.
const PROGRAM_SIZE: u64 = 1 << 31;

/// One interface: an open span ends the chain, being its innermost; a context is followed to its parent.
pub unsafe extern "C" fn follow(_index: u32, state: *mut c_void) -> i64 {
    // SAFETY: the search passes its state.
    let search = unsafe { &mut *state.cast::<Search>() };
    // SAFETY: a map value, which lives as long as the program runs.
    let spans = unsafe { &(*search.target).spans };
    let (itab, data) = (search.itab, search.data);
    let (mut kind, mut span, mut parent) = (itab, data, [0; 2]);
    let (mut recording, mut non_recording) = (spans.span_itab, spans.non_recording_itab);
    let is_value = itab == spans.value_context_itab;
    if is_value || spans.context_itabs.iter().any(|known| *known == itab) {
        // The parent is the first field of every context that is followed; the value stands behind it and the key.
        // SAFETY: the helper checks the address and faults nothing in.
        let Ok(first) = (unsafe { bpf_probe_read_user(data as *const [u64; 2]) }) else {
            return STOP;
        };
        parent = first;
    }
    if is_value {
        // SAFETY: as above.
        let value = unsafe { bpf_probe_read_user((data.wrapping_add(32)) as *const [u64; 2]) };
        let Ok([value_type, value]) = value else {
            return STOP;
        };
        (kind, span) = (value_type, value);
        (recording, non_recording) = (spans.span_type, spans.non_recording_type);
    }
    if kind == recording && recording_span(search, span) {
        return STOP;
    }
    if non_recording != 0 && kind == non_recording {
        // It is not sampled, and stays: nothing is linked to a wider span by mistake.
        let offset = u64::from(spans.non_recording_span_context);
        take(search, span, span.wrapping_add(offset), 0);
        return STOP;
    }
    [search.itab, search.data] = parent;
    if parent[0] == 0 { STOP } else { CONTINUE }
}

/// A span of the SDK: it counts while its end time is the zero time.
#[inline(always)]
fn recording_span(search: &mut Search, span: u64) -> bool {
    // SAFETY: a map value, which lives as long as the program runs.
    let spans = unsafe { &(*search.target).spans };
    let end = span.wrapping_add(u64::from(spans.end_time));
    let start = span.wrapping_add(u64::from(spans.start_time));
    // SAFETY: the helper checks the addresses and faults nothing in.
    let (ended, started) = unsafe {
        (
            bpf_probe_read_user(end as *const [u64; 3]),
            bpf_probe_read_user(start as *const [u64; 2]),
        )
    };
    let (Ok([wall, extra, location]), Ok([started_wall, monotonic])) = (ended, started) else {
        return false;
    };
    if wall | extra | location != 0 {
        return false;
    }
    // A start time that the service set itself orders nothing.
    let began = if started_wall & HAS_MONOTONIC == 0 {
        0
    } else {
        monotonic
    };
    let context = span.wrapping_add(u64::from(spans.span_context));
    take(search, span, context, began)
}

/// Of a pointer that does not carry its type: a span is what has its content, which is that of no other. It began at a time by
/// the monotonic clock, in the zone of the process, which is a variable of the program itself, and it is in a sampled trace.
#[inline(always)]
pub fn is_span(search: &mut Search, pointer: u64, now: u64) -> bool {
    // SAFETY: a map value, which lives as long as the program runs.
    let target = unsafe { &*search.target };
    let layout = &target.spans;
    let start = pointer.wrapping_add(u64::from(layout.start_time));
    let Some(&[wall, monotonic, zone, ..]) = spans::behind(search, start, 3) else {
        return false;
    };
    let is_time = wall & HAS_MONOTONIC != 0 && monotonic != 0 && monotonic <= now;
    if !is_time || zone.wrapping_sub(target.code.text.start) >= PROGRAM_SIZE {
        return false;
    }
    let flags = u64::from(layout.span_context) + u64::from(layout.trace_flags);
    let flags = read_word(pointer.wrapping_add(flags)).unwrap_or(0);
    // Behind the byte with the flags is nothing.
    flags & !0xfe == 1
}

/// Likewise of a span that is not sampled, which has little but a pointer to its tracer and its identity. That is of random
/// numbers: so large are neither pointers nor what is counted.
#[inline(always)]
pub fn is_unsampled_span(search: &mut Search, pointer: u64) -> bool {
    // SAFETY: a map value, which lives as long as the program runs.
    let layout = unsafe { &(*search.target).spans };
    if layout.non_recording_itab == 0 {
        return false;
    }
    let context = pointer.wrapping_add(u64::from(layout.non_recording_span_context));
    // Both stand before the rest in all releases.
    let tracer = context.wrapping_sub(8);
    let Some(&[tracer, trace, rest_of_trace, span, flags, _]) = spans::behind(search, tracer, 5)
    else {
        return false;
    };
    // Behind the byte with the flags is nothing.
    spans::is_heap(tracer)
        && trace >= RANDOM
        && rest_of_trace >= RANDOM
        && span >= RANDOM
        && flags & !0xfe == 0
}

/// Notes the slot, and the span, if it is a new one. False: it is none.
#[inline(always)]
fn take(search: &mut Search, address: u64, context: u64, began: u64) -> bool {
    // SAFETY: `search` was called with the event.
    let event = unsafe { &mut *search.event };
    let (mut index, count) = (0, event.span_count as usize);
    while index < MAX_SPANS && index < count && event.spans[index].address != address {
        index += 1;
    }
    if index >= MAX_SPANS {
        return true;
    }
    if index >= count {
        // SAFETY: a map value, which lives as long as the program runs.
        let target = unsafe { &*search.target };
        let Some(mut found) = read(target, context) else {
            return false;
        };
        (found.address, found.began) = (address, began);
        event.spans[index] = found;
        event.span_count = index as u64 + 1;
        event.state |= STATE_CONTEXT_FOUND;
    }
    note(search, index as u16);
    true
}

/// Notes the slot that is looked at.
#[inline(always)]
pub fn note(search: &mut Search, span: u16) {
    // SAFETY: `search` was called with the event.
    let event = unsafe { &mut *search.event };
    let slot = event.slot_count as usize;
    if slot < MAX_SLOTS {
        let offset = (search.slot.wrapping_sub(search.origin) >> 3) as u16;
        let span = span | spans::added_to_slots(event);
        event.slots[slot] = Slot { offset, span };
        event.slot_count = slot as u64 + 1;
    }
}

/// Reads a `SpanContext`; `None`: it is not valid.
#[inline(always)]
fn read(target: &Target, context: u64) -> Option<FoundSpan> {
    let spans = &target.spans;
    let trace = context.wrapping_add(u64::from(spans.trace_id));
    let span = context.wrapping_add(u64::from(spans.span_id));
    let flags = context.wrapping_add(u64::from(spans.trace_flags));
    // SAFETY: the helper checks the addresses and faults nothing in.
    let (trace_id, span_id, flags) = unsafe {
        (
            bpf_probe_read_user(trace as *const [u64; 2]).ok()?,
            bpf_probe_read_user(span as *const u64).ok()?,
            bpf_probe_read_user(flags as *const u64).ok()?,
        )
    };
    // Behind the byte with the flags is nothing: where the compiler has put an interface's words apart, the word beside its
    // itab is any other.
    if trace_id[0] | trace_id[1] == 0 || span_id == 0 || flags > 0xff {
        return None;
    }
    Some(FoundSpan {
        address: 0,
        // SAFETY: bytes are bytes.
        trace_id: unsafe { core::mem::transmute::<[u64; 2], [u8; 16]>(trace_id) },
        span_id: span_id.to_ne_bytes(),
        began: 0,
        trace_flags: flags,
    })
}
