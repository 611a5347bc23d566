//! A write may be slow by several waits and slow paths each of which is shorter than the threshold: an hmap's evacuation
//! that touches one fresh page after the other, or a growth and a lost CPU behind it. They are added up as long as they
//! are of one write and follow upon each other.

use slowmap_abi::{GoroutineKey, PART_COUNT, PIECES_APART, Pieces, Target, WriteIdentity};

use crate::{goroutine, maps::PIECES, stack::UNKNOWN_CALLER};

/// Since when a write was held up, and by what.
pub struct Whole {
    pub start: u64,
    pub parts: [u64; PART_COUNT],
}

/// Of the write whose caller begins there (`stack::map_write`): it keeps the map in the slot above that, as its second
/// argument.
#[inline(always)]
pub fn identity(target: &Target, caller: u64) -> WriteIdentity {
    if caller <= UNKNOWN_CALLER {
        return WriteIdentity::default();
    }
    let map = goroutine::read_word(caller.wrapping_add(8)).unwrap_or(0);
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

/// Adds what has just ended to what the same write has lost right before.
#[inline(always)]
pub fn add(
    key: GoroutineKey,
    write: WriteIdentity,
    (start, end): (u64, u64),
    parts: &[u64; PART_COUNT],
) -> Whole {
    let mut whole = Whole {
        start,
        parts: *parts,
    };
    if write.caller == 0 {
        return whole;
    }
    // SAFETY: only the goroutine's thread touches the entry, or who puts it on a CPU.
    if let Some(before) = unsafe { PIECES.get(key) }
        && before.write.caller == write.caller
        && before.write.map == write.map
        && before.write.map_len == write.map_len
        && start >= before.end
        && start - before.end <= PIECES_APART
    {
        whole.start = before.start;
        for (part, more) in whole.parts.iter_mut().zip(before.parts) {
            *part += more;
        }
    }
    let pieces = Pieces {
        write,
        start: whole.start,
        end,
        parts: whole.parts,
    };
    // Where it fails, the write is not told of: as if it had none of this.
    let _ = PIECES.insert(key, pieces, 0);
    whole
}

/// It was told of: what follows is not told of once more as a part of that.
#[inline(always)]
pub fn forget(key: GoroutineKey) {
    let _ = PIECES.remove(key);
}
