//! Searching a goroutine's own stack for open spans.
//!
//! What counts is an interface whose first word is the itab of the SDK's span, or of one of the standard library's contexts,
//! whose chain of parents is then followed. The compiler may keep an interface's two words apart: so does a pointer to what
//! has the content of a context, or of a span that is open. All reads are bounded and checked.
//!
//! A slot need not be alive: it may hold what an earlier call left there, and the memory that it points to may be that of
//! another request's span since. Which are alive only Go's stack maps tell, so that all are put into the event, and the
//! collector chooses.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_ktime_get_ns, bpf_probe_read_user_buf,
    generated::{bpf_loop, bpf_probe_read_user as read_user},
};
use slowmap_abi::{BY_HOLDER, MAX_POINTERS, SCRATCH, StackPointer, Target, UNSAMPLED, WriteEvent};

use crate::{goroutine, open_span};

/// Words read at once. They are read into the event: before Linux 6.13, 512 bytes of stack have to do for a program and all
/// that it calls.
const CHUNK: usize = 16;
/// What may be a context is read in behind them.
const BEHIND: usize = CHUNK + 1;
const CONTEXT: usize = 6;
/// What is added to the slots that are noted: `BY_HOLDER` or 0.
const ADDED: usize = BEHIND + CONTEXT;
const _FITS: () = assert!(ADDED < SCRATCH);
/// 8 KiB of stack at most.
const MAX_WORDS: u32 = 1024;
/// Contexts in a chain.
const MAX_CONTEXTS: u32 = 64;

/// Pointers to the heap are higher, and those of a program that is no longer in the lower half of what it can address.
const HEAP: u64 = 1 << 32;
const USER_END: u64 = 1 << 47;
/// What contexts and spans are multiples of, where they are allocated.
const ALIGNMENT: u64 = 16;

pub const CONTINUE: i64 = 0;
pub const STOP: i64 = 1;

/// The loops' state. Pointers to kernel memory in it keep their type for the verifier. What changes from round to
/// round by what was found stands in the event instead: of that memory the verifier assumes nothing, while each value
/// on the stack would be one more state to look at, in a loop within a loop (measured: 9 s to load, not 1).
#[repr(C)]
pub struct Search {
    pub target: *const Target,
    pub event: *mut WriteEvent,
    low: u64,
    high: u64,
    now: u64,
    pub origin: u64,
    /// Where on the stack the pointer is that led to what is looked at.
    pub slot: u64,
    /// The interface looked at by the inner loop: itab and data.
    pub itab: u64,
    pub data: u64,
}

#[inline(always)]
pub fn search(event: &mut WriteEvent, target: &Target, g: u64, from: u64) {
    event.span_count = 0;
    event.slot_count = 0;
    event.pointer_count = 0;
    if target.spans.enabled == 0 {
        return;
    }
    let Some((low, high)) = goroutine::stack_in_use(target, g, from) else {
        return;
    };
    note_deferred(event, target, g);
    let origin = event.origin;
    let mut search = Search {
        target,
        event,
        low: low & !7,
        high,
        now: unsafe { bpf_ktime_get_ns() },
        origin,
        slot: 0,
        itab: 0,
        data: 0,
    };
    // SAFETY: the callback gets the state of this frame, which outlives the loop.
    unsafe {
        bpf_loop(
            MAX_WORDS,
            look_at as *mut c_void,
            (&raw mut search).cast(),
            0,
        )
    };
}

/// Only the goroutine itself leads to its deferred calls, some of which are noted on the stack. Read to where it stays: a
/// branch here would double what the verifier looks at.
#[inline(always)]
fn note_deferred(event: &mut WriteEvent, target: &Target, g: u64) {
    let newest = g.wrapping_add(u64::from(target.offsets.g_defer));
    // SAFETY: the helper checks the address, faults nothing in, and leaves zero where it cannot read.
    unsafe { read_user((&raw mut event.deferred).cast(), 8, newest as *const c_void) };
}

/// One word of the stack. A callback for each, rather than for each chunk: what the verifier has to look at is a
/// sixteenth of that.
unsafe extern "C" fn look_at(index: u32, state: *mut c_void) -> i64 {
    // SAFETY: `search` passes its state.
    let search = unsafe { &mut *state.cast::<Search>() };
    search.slot = search.low.wrapping_add(u64::from(index) * 8);
    if search.slot >= search.high {
        return STOP;
    }
    let at = index as usize % CHUNK;
    // One word more than the chunk: an interface may straddle its end. At the top of the stack the read may
    // fail for that word; what is there is the goroutine's first frame, which holds no span.
    if at == 0 && !read_scratch(search, 0, search.slot, (CHUNK + 1) * 8) {
        return STOP;
    }
    add_to_slots(search, 0);
    // SAFETY: `search` was called with the event, and a map value.
    let (words, itabs) = unsafe { (&(*search.event).scratch, (*search.target).spans.itabs) };
    let word = words[at];
    if word >= itabs.start && word <= itabs.end {
        // The interface's second word is the pointer.
        search.slot += 8;
        (search.itab, search.data) = (word, words[at + 1]);
    } else if !is_heap(word) || !leads_somewhere(search, word) {
        return CONTINUE;
    }
    // SAFETY: as in `search`.
    unsafe { bpf_loop(MAX_CONTEXTS, open_span::follow as *mut c_void, state, 0) };
    CONTINUE
}

#[inline(always)]
fn add_to_slots(search: &mut Search, added: u16) {
    // SAFETY: `search` was called with the event.
    unsafe { (*search.event).scratch[ADDED] = u64::from(added) };
}

#[inline(always)]
pub fn added_to_slots(event: &WriteEvent) -> u16 {
    event.scratch[ADDED] as u16
}

/// Whether it may be a pointer to the heap.
#[inline(always)]
pub fn is_heap(word: u64) -> bool {
    word >= HEAP && word < USER_END
}

/// Reads words of the target to a place in the event that means nothing to others.
#[inline(always)]
fn read_scratch(search: &mut Search, at: usize, from: u64, size: usize) -> bool {
    // SAFETY: `search` was called with the event, of which nobody else has that part; the helper checks the address and
    // faults nothing in.
    unsafe {
        let words = (&raw mut (*search.event).scratch[at]).cast::<u8>();
        let bytes = core::slice::from_raw_parts_mut(words, size);
        bpf_probe_read_user_buf(from as *const u8, bytes).is_ok()
    }
}

/// What a pointer leads to, as many of its first words as are asked for.
#[inline(always)]
pub fn behind(search: &mut Search, pointer: u64, count: usize) -> Option<&'static [u64; CONTEXT]> {
    if !read_scratch(search, BEHIND, pointer, count * 8) {
        return None;
    }
    // SAFETY: it is in the event, which outlives the search; nobody else has that part.
    Some(unsafe { &*(&raw const (*search.event).scratch[BEHIND]).cast() })
}

/// A pointer: to the stack, or to what may be a context or a span. Whether there is an interface now to be followed.
#[inline(always)]
fn leads_somewhere(search: &mut Search, pointer: u64) -> bool {
    if pointer >= search.low && pointer < search.high {
        note_pointer(search, pointer);
        return false;
    }
    if pointer & (ALIGNMENT - 1) != 0 {
        return false;
    }
    // SAFETY: a map value, which lives as long as the program runs.
    let spans = unsafe { &(*search.target).spans };
    if open_span::is_span(search, pointer, search.now) {
        (search.itab, search.data) = (spans.span_itab, pointer);
        return true;
    }
    if open_span::is_unsampled_span(search, pointer) {
        open_span::note(search, UNSAMPLED);
        return false;
    }
    let Some(&[itab, parent, lock, _, value, last]) = behind(search, pointer, CONTEXT) else {
        return false;
    };
    let has_server_streams = spans.server_transport_itab != 0;
    if has_server_streams && parent == spans.server_transport_itab {
        // A stream of a gRPC server has its context behind its transport, or in what its first word points to.
        (search.itab, search.data) = (value, last);
        if is_heap(itab) {
            let Some(&[context, data, ..]) = behind(search, itab.wrapping_add(8), 2) else {
                return false;
            };
            (search.itab, search.data) = (context, data);
        }
        return true;
    }
    if itab < spans.itabs.start || itab > spans.itabs.end {
        return false;
    }
    if value == spans.span_type
        || spans.non_recording_type != 0 && value == spans.non_recording_type
    {
        (search.itab, search.data) = (spans.value_context_itab, pointer);
        return true;
    }
    (search.itab, search.data) = (itab, parent);
    // What can be cancelled has a mutex behind its parent, which nobody holds.
    if lock != 0 && has_server_streams {
        // Since gRPC-Go 1.80 or so the streams of a server begin with the context, as do things of other kinds.
        add_to_slots(search, BY_HOLDER);
    }
    lock == 0 || has_server_streams
}

#[inline(always)]
fn note_pointer(search: &mut Search, pointer: u64) {
    // SAFETY: `search` was called with the event.
    let event = unsafe { &mut *search.event };
    let count = event.pointer_count as usize;
    if count < MAX_POINTERS {
        event.pointers[count] = StackPointer {
            offset: (search.slot.wrapping_sub(search.origin) >> 3) as u16,
            target: (pointer.wrapping_sub(search.origin) >> 3) as u16,
        };
        event.pointer_count = count as u64 + 1;
    }
}
