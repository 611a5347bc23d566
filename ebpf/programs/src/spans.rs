//! Searching a goroutine's own stack for the innermost open span.
//!
//! Only words that carry their type count: an interface whose first word is the itab of the SDK's span, or of
//! one of the standard library's contexts, whose chain of parents is then followed. A span counts while it is
//! open: dead stack slots are full of spans that have ended. All reads are bounded and checked.

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_probe_read_user, generated::bpf_loop};
use slowmap_abi::{STATE_CONTEXT_FOUND, Target, WriteEvent};

use crate::goroutine;

/// Words read at once; they and the loop's state must fit in 512 bytes of BPF stack.
const CHUNK: usize = 16;
/// 8 KiB of stack at most.
const MAX_CHUNKS: u32 = 64;
/// Contexts in a chain.
const MAX_CONTEXTS: u32 = 64;

const CONTINUE: i64 = 0;
const STOP: i64 = 1;

/// The loops' state. Pointers to kernel memory in it keep their type for the verifier.
#[repr(C)]
struct Search {
    target: *const Target,
    event: *mut WriteEvent,
    next: u64,
    high: u64,
    /// The interface looked at by the inner loop: itab and data.
    itab: u64,
    data: u64,
    found: u64,
}

#[inline(always)]
pub fn search(event: &mut WriteEvent, target: &Target, g: u64, sp: u64) {
    if target.spans.enabled == 0 {
        return;
    }
    let Some((low, high)) = goroutine::stack_in_use(target, g, sp) else {
        return;
    };
    let mut search = Search {
        target,
        event,
        next: low & !7,
        high,
        itab: 0,
        data: 0,
        found: 0,
    };
    // SAFETY: the callback gets the state of this frame, which outlives the loop.
    unsafe {
        bpf_loop(
            MAX_CHUNKS,
            scan_chunk as *mut c_void,
            (&raw mut search).cast(),
            0,
        )
    };
}

unsafe extern "C" fn scan_chunk(_index: u32, state: *mut c_void) -> i64 {
    // SAFETY: `search` passes its state.
    let search = unsafe { &mut *state.cast::<Search>() };
    if search.next >= search.high {
        return STOP;
    }
    // One word more than the chunk: an interface may straddle its end. At the top of the stack the read may
    // fail for that word; what is there is the goroutine's first frame, which holds no span.
    // SAFETY: the helper checks the address and faults nothing in.
    let Ok(words) = (unsafe { bpf_probe_read_user(search.next as *const [u64; CHUNK + 1]) }) else {
        return STOP;
    };
    search.next += CHUNK as u64 * 8;
    let itabs = unsafe { (*search.target).spans.itabs };
    let mut index = 0;
    while index < CHUNK {
        let itab = words[index];
        if itab >= itabs.start && itab <= itabs.end {
            search.itab = itab;
            search.data = words[index + 1];
            // SAFETY: as in `search`.
            unsafe { bpf_loop(MAX_CONTEXTS, follow_context as *mut c_void, state, 0) };
            if search.found != 0 {
                return STOP;
            }
        }
        index += 1;
    }
    CONTINUE
}

/// One interface: a span ends the search if it is open; a context is followed to its parent.
unsafe extern "C" fn follow_context(_index: u32, state: *mut c_void) -> i64 {
    // SAFETY: `scan_chunk` passes the state that it got.
    let search = unsafe { &mut *state.cast::<Search>() };
    // SAFETY: a map value, which lives as long as the program runs.
    let spans = unsafe { &(*search.target).spans };
    let (itab, data) = (search.itab, search.data);
    if itab == spans.span_itab {
        recording_span(search, data);
        return STOP;
    }
    if spans.non_recording_itab != 0 && itab == spans.non_recording_itab {
        non_recording_span(search, data);
        return STOP;
    }
    let is_value = itab == spans.value_context_itab;
    if !is_value && !spans.context_itabs.iter().any(|known| *known == itab) {
        return STOP;
    }
    if is_value {
        // SAFETY: the helper checks the address and faults nothing in.
        let value = unsafe { bpf_probe_read_user((data.wrapping_add(32)) as *const [u64; 2]) };
        let Ok([value_type, value]) = value else {
            return STOP;
        };
        if value_type == spans.span_type {
            recording_span(search, value);
        } else if spans.non_recording_type != 0 && value_type == spans.non_recording_type {
            non_recording_span(search, value);
        }
        if search.found != 0 {
            return STOP;
        }
    }
    // The parent is the first field of every context that is followed.
    // SAFETY: as above.
    let Ok([parent_itab, parent]) = (unsafe { bpf_probe_read_user(data as *const [u64; 2]) })
    else {
        return STOP;
    };
    search.itab = parent_itab;
    search.data = parent;
    CONTINUE
}

/// A span of the SDK: it counts while its end time is the zero time.
#[inline(always)]
fn recording_span(search: &mut Search, span: u64) {
    // SAFETY: a map value, which lives as long as the program runs.
    let spans = unsafe { &(*search.target).spans };
    let end = span.wrapping_add(u64::from(spans.end_time));
    // SAFETY: the helper checks the address and faults nothing in.
    let Ok([wall, extra, location]) = (unsafe { bpf_probe_read_user(end as *const [u64; 3]) })
    else {
        return;
    };
    if wall | extra | location == 0 {
        take(search, span.wrapping_add(u64::from(spans.span_context)));
    }
}

/// A span that is not sampled: it ends the search, so that nothing is linked to a wider span by mistake.
#[inline(always)]
fn non_recording_span(search: &mut Search, span: u64) {
    // SAFETY: a map value, which lives as long as the program runs.
    let offset = unsafe { (*search.target).spans.non_recording_span_context };
    take(search, span.wrapping_add(u64::from(offset)));
}

#[inline(always)]
fn take(search: &mut Search, context: u64) {
    // SAFETY: map value and event live as long as the program runs; reads of the target are checked.
    unsafe {
        let spans = &(*search.target).spans;
        let trace = context.wrapping_add(u64::from(spans.trace_id));
        let span = context.wrapping_add(u64::from(spans.span_id));
        let flags = context.wrapping_add(u64::from(spans.trace_flags));
        let (Ok(trace_id), Ok(span_id), Ok(flags)) = (
            bpf_probe_read_user(trace as *const [u64; 2]),
            bpf_probe_read_user(span as *const u64),
            bpf_probe_read_user(flags as *const u8),
        ) else {
            return;
        };
        if trace_id[0] | trace_id[1] == 0 || span_id == 0 {
            return;
        }
        let event = &mut *search.event;
        event.trace_id = core::mem::transmute::<[u64; 2], [u8; 16]>(trace_id);
        event.span_id = span_id.to_ne_bytes();
        event.trace_flags = u64::from(flags);
        event.state |= STATE_CONTEXT_FOUND;
        search.found = 1;
    }
}
