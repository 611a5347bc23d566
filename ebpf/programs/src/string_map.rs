//! Looking up a key in one of the target's maps with strings as keys: through all of its groups or buckets, since the hash
//! is the runtime's. A map that grows has entries in its old buckets, too. All reads are bounded and checked.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_probe_read_user,
    generated::{bpf_loop, bpf_probe_read_user as read_user},
};
use slowmap_abi::{
    ABSENT, CARRIED, MapKind, SCRATCH, STATE_TRACEPARENT, StringMap, Target, WriteEvent,
};

use crate::{goroutine::read_word, labels};

/// Slots that are looked at: of a header of some 400 fields.
const MAX_SLOTS: u32 = 512;
const SLOTS: u64 = 8;

/// A bucket's `tophash` from here on: the slot holds an entry.
/// https://github.com/golang/go/blob/go1.23.0/src/runtime/map.go#L97
const MIN_TOP_HASH: u8 = 5;
/// A group's control byte with this bit: the slot holds none.
/// https://github.com/golang/go/blob/go1.24.0/src/internal/runtime/maps/group.go#L29
const EMPTY_OR_DELETED: u8 = 0x80;

/// `traceparent`, in two words that overlap: its first eight bytes, and its last.
const TRACEPARENT: [u64; 2] = [
    u64::from_le_bytes(*b"tracepar"),
    u64::from_le_bytes(*b"ceparent"),
];
const TRACEPARENT_LENGTH: u64 = 11;
/// Makes a letter small.
const SMALL: u64 = u64::from_le_bytes([b' '; 8]);
/// Of version 00.
const VALUE_LENGTH: u64 = 55;

const CONTINUE: i64 = 0;
const STOP: i64 = 1;

/// The loop's state: pointers, which keep their type for the verifier on the stack only.
#[repr(C)]
struct Lookup {
    target: *const Target,
    event: *mut WriteEvent,
}

/// What changes from round to round. It stands in the event: of that memory the verifier assumes
/// nothing, while each number on the stack would be one more state to look at (measured: 2 s to load, not 1).
#[repr(C)]
struct Place {
    /// Where the groups begin, how many there are, and which one is looked at.
    groups: u64,
    count: u64,
    index: u64,
    /// Those from before the map grew; 0: none. Of a list, the count is that of its pairs.
    old_groups: u64,
    old_count: u64,
    /// The slot that comes next, and its group.
    group: u64,
    slot: u64,
    /// Which control bytes the groups have.
    control: u64,
}

/// A list of pairs has no control bytes.
const NONE: u64 = 0;
const HMAP: u64 = 1;
const SWISS: u64 = 2;

const _FITS: () = assert!(size_of::<Place>() <= 8 * SCRATCH);

#[inline(always)]
fn place(event: &mut WriteEvent) -> &mut Place {
    // SAFETY: it is as large and as aligned, and any bytes are numbers.
    unsafe { &mut *event.scratch.as_mut_ptr().cast::<Place>() }
}

/// Puts the value of `traceparent` into the event, if the header has it, and once.
#[inline(always)]
pub fn find_traceparent(event: &mut WriteEvent, target: &Target, header: u64) -> Option<()> {
    enter(place(event), target, header)?;
    walk(event, target, traceparent_at);
    Some(())
}

/// Puts the goroutine's labels that name a trace and a span into the event.
#[inline(always)]
pub fn find_labels(event: &mut WriteEvent, target: &Target, g: u64) -> Option<()> {
    let labels = read_word(g.wrapping_add(u64::from(target.labels.g_labels)))?;
    if labels == 0 {
        return None;
    }
    let first = read_word(labels)?;
    if target.labels.is_list == 0 {
        enter(place(event), target, first)?;
    } else {
        let length = read_word(labels.wrapping_add(8))?;
        let place = place(event);
        // The slots behind the last one of the list are those of a group that is not full.
        place.old_count = length;
        (place.index, place.slot, place.old_groups) = (0, 0, 0);
        (place.groups, place.group, place.control) = (first, first, NONE);
        place.count = length.wrapping_add(SLOTS - 1) / SLOTS;
    }
    walk(event, target, label_at);
    Some(())
}

#[inline(always)]
fn walk(
    event: &mut WriteEvent,
    target: &Target,
    visit: unsafe extern "C" fn(u32, *mut c_void) -> i64,
) {
    let mut lookup = Lookup { target, event };
    // SAFETY: the callback gets the state of this frame, which outlives the loop.
    unsafe { bpf_loop(MAX_SLOTS, visit as *mut c_void, (&raw mut lookup).cast(), 0) };
}

/// Where the map has its groups.
#[inline(always)]
fn enter(place: &mut Place, target: &Target, map: u64) -> Option<()> {
    let layout = &target.requests.map;
    let at = |base: u64, offset: u32| read_word(base.wrapping_add(u64::from(offset)));
    (place.index, place.slot, place.old_groups) = (0, 0, 0);
    place.groups = at(map, layout.groups)?;
    let size = at(map, target.offsets.map_size)?;
    if target.offsets.map_kind == MapKind::Hmap as u32 {
        place.control = HMAP;
        place.count = 1 << (size & 31);
        place.old_groups = at(map, layout.old_groups)?;
        place.old_count = place.count >> 1;
    } else {
        place.control = SWISS;
        place.count = 1;
        if size != 0 {
            // A directory of more than one table is of more entries than are looked at.
            let table = read_word(place.groups)?;
            place.groups = at(table, layout.table_groups)?;
            place.count = at(table, layout.table_length_mask)?.wrapping_add(1);
        }
    }
    place.group = place.groups;
    Some(())
}

unsafe extern "C" fn traceparent_at(_index: u32, state: *mut c_void) -> i64 {
    // SAFETY: `walk` passes its state; map value and event live as long as the program runs.
    let (target, event) = unsafe {
        let lookup = &*state.cast::<Lookup>();
        (&*lookup.target, &mut *lookup.event)
    };
    let entry = match next(place(event), &target.requests.fields) {
        Ok(entry) => entry,
        Err(then) => return then,
    };
    if !is_traceparent(entry.key) {
        return CONTINUE;
    }
    take(event, entry.value);
    STOP
}

unsafe extern "C" fn label_at(_index: u32, state: *mut c_void) -> i64 {
    // SAFETY: as above.
    let (target, event) = unsafe {
        let lookup = &*state.cast::<Lookup>();
        (&*lookup.target, &mut *lookup.event)
    };
    match next(place(event), &target.labels.fields) {
        Ok(entry) => labels::take(event, entry.key, entry.value),
        Err(then) => return then,
    };
    CONTINUE
}

/// Addresses of a key and its value.
struct Entry {
    key: u64,
    value: u64,
}

/// The entry in the next slot; else whether to go on.
#[inline(always)]
fn next(place: &mut Place, layout: &StringMap) -> Result<Entry, i64> {
    let (group, slot) = (place.group, place.slot);
    if slot >= SLOTS {
        return Err(next_group(place, layout));
    }
    place.slot = slot + 1;
    if place.control == NONE {
        if place.index.wrapping_mul(SLOTS).wrapping_add(slot) >= place.old_count {
            return Err(STOP);
        }
    } else {
        // SAFETY: the helper checks the address and faults nothing in.
        let control = unsafe { bpf_probe_read_user(group.wrapping_add(slot) as *const u8) };
        let control = control.map_err(|_| STOP)?;
        let is_full = if place.control == HMAP {
            control >= MIN_TOP_HASH
        } else {
            control & EMPTY_OR_DELETED == 0
        };
        if !is_full {
            return Err(CONTINUE);
        }
    }
    let at = |first: u32, stride: u32| {
        group.wrapping_add(u64::from(first) + slot.wrapping_mul(u64::from(stride)))
    };
    Ok(Entry {
        key: at(layout.key, layout.key_stride),
        value: at(layout.value, layout.value_stride),
    })
}

#[inline(always)]
fn next_group(place: &mut Place, layout: &StringMap) -> i64 {
    place.slot = 0;
    if layout.overflow != ABSENT {
        let overflow = place.group.wrapping_add(u64::from(layout.overflow));
        place.group = read_word(overflow).unwrap_or(0);
        if place.group != 0 {
            return CONTINUE;
        }
    }
    place.index += 1;
    if place.index >= place.count {
        if place.old_groups == 0 {
            return STOP;
        }
        place.groups = place.old_groups;
        place.count = place.old_count;
        (place.index, place.old_groups) = (0, 0);
    }
    let offset = place.index.wrapping_mul(u64::from(layout.group_size));
    place.group = place.groups.wrapping_add(offset);
    CONTINUE
}

#[inline(always)]
fn is_traceparent(key: u64) -> bool {
    // SAFETY: the helper checks the address and faults nothing in.
    let Ok([text, length]) = (unsafe { bpf_probe_read_user(key as *const [u64; 2]) }) else {
        return false;
    };
    if length != TRACEPARENT_LENGTH {
        return false;
    }
    let words = [
        read_word(text),
        read_word(text.wrapping_add(TRACEPARENT_LENGTH - 8)),
    ];
    let [Some(first), Some(last)] = words else {
        return false;
    };
    first | SMALL == TRACEPARENT[0] && last | SMALL == TRACEPARENT[1]
}

/// The only one of a header's values: several of this header are none.
#[inline(always)]
fn take(event: &mut WriteEvent, values: u64) -> Option<()> {
    // SAFETY: the helper checks the addresses and faults nothing in.
    unsafe {
        let [first, count] = bpf_probe_read_user(values as *const [u64; 2]).ok()?;
        if count != 1 {
            return None;
        }
        let [text, length] = bpf_probe_read_user(first as *const [u64; 2]).ok()?;
        event.carried = [0; CARRIED];
        let carried = event.carried.as_mut_ptr().cast();
        let status = if length == VALUE_LENGTH {
            read_user(carried, VALUE_LENGTH as u32, text as *const c_void)
        } else if length >= CARRIED as u64 {
            read_user(carried, CARRIED as u32, text as *const c_void)
        } else {
            return None;
        };
        if status == 0 {
            event.state |= STATE_TRACEPARENT;
        }
    }
    Some(())
}
