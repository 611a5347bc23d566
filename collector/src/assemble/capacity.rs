//! Which map grew, and how many entries it had room for before and after.

use slowmap_abi::{EventKind, WriteEvent};

use crate::model::binary::{MapImplementation, VirtualAddress};

/// Entries in a bucket of an hmap: `abi.OldMapBucketCount`.
const BUCKET: u64 = 8;
/// Slots in the one group of a small Swiss map: `abi.SwissMapGroupSlots`.
const GROUP: u64 = 8;

/// Which map grew: growths are given it. What is found on the stack of other writes may be left there from an earlier one.
pub(super) fn map(event: &WriteEvent) -> Option<VirtualAddress> {
    let grew = [EventKind::Growth, EventKind::WriteWithGrowth].map(|kind| kind as u32);
    (grew.contains(&event.kind) && event.map != 0).then_some(VirtualAddress(event.map))
}

/// `None`: the event does not tell. Of a Swiss map with several tables only the one that grew is known.
pub(super) fn of(event: &WriteEvent, implementation: MapImplementation) -> Option<(u64, u64)> {
    map(event)?;
    match implementation {
        MapImplementation::Hmap => Some((
            buckets(event.map_size_before)?,
            buckets(event.map_size_after)?,
        )),
        MapImplementation::Swiss => swiss(event),
    }
}

fn buckets(b: u64) -> Option<u64> {
    1u64.checked_shl(u32::try_from(b).ok()?)?
        .checked_mul(BUCKET)
}

/// Both a table that grows and one that is split into two end with twice the slots; a small map becomes a table
/// of two groups (`internal/runtime/maps`: `rehash`, `growToTable`).
fn swiss(event: &WriteEvent) -> Option<(u64, u64)> {
    match (event.map_size_before, event.table_capacity) {
        (0, _) => Some((GROUP, 2 * GROUP)),
        (1, capacity) if capacity != 0 => Some((capacity, 2 * capacity)),
        _ => None,
    }
}
