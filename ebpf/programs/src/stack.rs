//! Walking frame pointers. Go keeps them in all code but a few assembly leaves.

use aya_ebpf::helpers::bpf_probe_read_user;
use slowmap_abi::{EventKind, MAX_FRAMES, NO_BASE, STATE_TRUNCATED, Target, WriteEvent};

use crate::registers::{Position, caller_frame, frame_at_entry, words_above};

/// How deep below `mapassign` a leaf can be (hashing, allocating, growing), with room.
const ASSIGN_DEPTH: usize = 24;

/// How far into `mapassign` its frame is set up and its arguments are where it keeps them during calls, in bytes: the
/// first two have been put there by the 69th in all releases from Go 1.18 to 1.27.
const PROLOGUE: u64 = 72;

/// Where the `mapassign` begins that an instruction belongs to; `None`: it belongs to none.
#[inline(always)]
fn assign_start(target: &Target, pc: u64) -> Option<u64> {
    let hull = target.code.assign_hull;
    if pc < hull.start || pc >= hull.end {
        return None;
    }
    let ranges = target.code.assign.iter();
    let mut ranges = ranges.filter(|range| pc >= range.start && pc < range.end);
    ranges.next().map(|range| range.start)
}

#[inline(always)]
fn is_assign(target: &Target, pc: u64) -> bool {
    assign_start(target, pc).is_some()
}

/// Where the caller of a map write begins whose own code is what runs, once its frame is set up; 0: it is not, or the leaf
/// is another function. Not so in its last two instructions, where it is the caller's caller.
#[inline(always)]
pub fn caller_of_leaf(target: &Target, position: &Position) -> u64 {
    match assign_start(target, position.pc) {
        Some(start) if position.pc - start >= PROLOGUE => caller_frame(position.bp),
        _ => 0,
    }
}

/// Saved frame pointer and return address of the frame at `bp`.
#[inline(always)]
fn frame(bp: u64) -> Option<[u64; 2]> {
    if bp == 0 {
        return None;
    }
    // SAFETY: the helper checks the address and faults nothing in.
    unsafe { bpf_probe_read_user(bp as *const [u64; 2]) }.ok()
}

/// `map_write`: there is none.
pub const NO_WRITE: u64 = 0;
/// `map_write`: there is one, whose caller is not seen.
pub const UNKNOWN_CALLER: u64 = 1;

/// Whether a map write is on the stack, and where its caller begins: `NO_WRITE`, `UNKNOWN_CALLER`, or that address. Looks also
/// at the words that hold the return address while the leaf's frame is not set up.
#[inline(never)]
pub fn map_write(target: &Target, position: &Position) -> u64 {
    if is_assign(target, position.pc) {
        return caller_of_leaf(target, position).max(UNKNOWN_CALLER);
    }
    // The frame pointer is the write's own then.
    for word in words_above(position) {
        if word.is_some_and(|word| is_assign(target, word)) {
            return caller_frame(position.bp).max(UNKNOWN_CALLER);
        }
    }
    let mut bp = position.bp;
    for _ in 0..ASSIGN_DEPTH {
        let Some([next, return_address]) = frame(bp) else {
            return NO_WRITE;
        };
        if is_assign(target, return_address) {
            return caller_frame(next).max(UNKNOWN_CALLER);
        }
        bp = next;
    }
    NO_WRITE
}

#[inline(always)]
pub fn in_map_write(target: &Target, position: &Position) -> bool {
    map_write(target, position) != NO_WRITE
}

/// For `WriteEvent::bases`.
#[inline(always)]
fn base(origin: u64, bp: u64) -> u16 {
    let words = bp.wrapping_sub(origin) >> 3;
    if words < u64::from(NO_BASE) {
        words as u16
    } else {
        NO_BASE
    }
}

/// Fills in the event's stack, leaf first. Returns where on the stack the caller of the map write begins: below are
/// the write's own frames, whose dead slots may hold anything. 0: not seen.
#[inline(never)]
pub fn walk(event: &mut WriteEvent, target: &Target, position: &Position) -> u64 {
    event.top_words = words_above(position).map(|word| word.unwrap_or(0));
    event.frames[0] = position.pc;
    event.bases[0] = base(event.origin, position.bp);
    event.frame_count = 1;
    let mut bp = position.bp;
    // A goroutine that its own prologue took off its thread has no frame yet.
    let mut caller = if event.kind == EventKind::Deschedule as u32 && is_assign(target, position.pc)
    {
        frame_at_entry(position)
    } else {
        0
    };
    for index in 1..MAX_FRAMES {
        let Some([next, return_address]) = frame(bp) else {
            return caller;
        };
        if return_address == 0 {
            return caller;
        }
        if caller == 0 && is_assign(target, return_address) {
            caller = caller_frame(next);
        }
        event.frames[index] = return_address;
        event.bases[index] = base(event.origin, next);
        event.frame_count = index as u64 + 1;
        bp = next;
    }
    event.state |= STATE_TRUNCATED;
    caller
}
