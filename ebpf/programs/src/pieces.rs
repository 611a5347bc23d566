//! A write may be slow by several waits and slow paths each of which is shorter than the threshold: an hmap's evacuation
//! that touches one fresh page after the other, or a growth and a lost CPU behind it. They are added up as long as they
//! are of one write and follow upon each other.

use slowmap_abi::{GoroutineKey, PART_COUNT, PIECES_APART, Pieces, Target, WriteIdentity};

use crate::{goroutine, maps::PIECES, registers::argument_slots, stack::UNKNOWN_CALLER};

/// Of the write whose caller begins there (`stack::map_write`): it keeps the map in the slot above that, as its second
/// argument.
#[inline(always)]
pub fn identity(target: &Target, caller: u64) -> WriteIdentity {
    if caller <= UNKNOWN_CALLER {
        return WriteIdentity::default();
    }
    let map = goroutine::read_word(argument_slots(caller).wrapping_add(8)).unwrap_or(0);
    let length = map.wrapping_add(u64::from(target.offsets.map_len));
    match goroutine::read_word(length) {
        Some(map_len) if map != 0 => WriteIdentity {
            caller,
            map,
            map_len,
        },
        _ => WriteIdentity::default(),
    }
}

/// Whether a slow path that took so long may be the larger part of a slow write: to see which write it is of costs more than
/// to see that it was short.
#[inline(always)]
pub fn are_worth_adding(target: &Target, elapsed: u64) -> bool {
    elapsed >= target.threshold / 4
}

/// Adds what the same write has lost right before to the parts of what has just ended, and returns when that began. A function
/// of its own, since what it needs of the stack is needed again by what comes after it.
#[inline(never)]
pub fn add(
    key: &GoroutineKey,
    write: &WriteIdentity,
    start: u64,
    end: u64,
    parts: &mut [u64; PART_COUNT],
) -> u64 {
    if write.caller == 0 {
        return start;
    }
    let Some(pieces) = PIECES.get_ptr_mut(key) else {
        let pieces = Pieces {
            write: *write,
            start,
            end,
            parts: *parts,
        };
        // Where it fails, the write is not told of: as if it had none of this.
        let _ = PIECES.insert(key, pieces, 0);
        return start;
    };
    // SAFETY: only the goroutine's thread touches the entry, or who puts it on a CPU.
    let pieces = unsafe { &mut *pieces };
    if pieces.write.caller == write.caller
        && pieces.write.map == write.map
        && pieces.write.map_len == write.map_len
        && start >= pieces.start
        && start <= pieces.end + PIECES_APART
    {
        // The interrupt that a wait begins with may have come in a fault that had its end before the switch.
        let mut twice = pieces.end.saturating_sub(start);
        for index in 0..PART_COUNT {
            let cut = parts[index].min(twice);
            twice -= cut;
            parts[index] = parts[index] - cut + pieces.parts[index];
        }
    } else {
        pieces.write = *write;
        pieces.start = start;
    }
    pieces.parts = *parts;
    pieces.end = end;
    pieces.start
}

/// It was told of: what follows is not told of once more as a part of that.
#[inline(always)]
pub fn forget(key: &GoroutineKey) {
    let _ = PIECES.remove(key);
}
