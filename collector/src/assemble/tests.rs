use std::path::PathBuf;

use slowmap_abi::{FoundSpan, PART_COUNT, StackPointer};

use super::*;
use crate::model::process::{Pid, TargetPid};

fn event() -> WriteEvent {
    WriteEvent {
        kind: EventKind::Growth as u32,
        state: 0,
        pid: 10,
        tid: 11,
        g: 0xc000,
        goid: 7,
        parent_goid: 0,
        start: 1_000,
        end: 251_000,
        parts: [0; PART_COUNT],
        map: 0xc100,
        map_type: 0x5000,
        map_len: 896,
        map_size_before: 1,
        map_size_after: 1,
        table_capacity: 1024,
        span_count: 1,
        slot_count: 0,
        spans: [FoundSpan {
            trace_id: [1; 16],
            span_id: [2; 8],
            trace_flags: 1,
            ..FoundSpan::default()
        }; MAX_SPANS],
        slots: [Slot { offset: 9, span: 0 }; MAX_SLOTS],
        pointer_count: 0,
        origin: 0x7000,
        deferred: 0,
        pointers: [StackPointer::default(); MAX_POINTERS],
        carried: [0; 64],
        labels: [[0; 32]; 2],
        scratch: [0; slowmap_abi::SCRATCH],
        top_words: [0; 2],
        frame_count: 2,
        frames: [0x400; MAX_FRAMES],
        bases: [NO_BASE; MAX_FRAMES],
    }
}

fn assembled(event: &WriteEvent, map_implementation: MapImplementation) -> SlowWrite {
    let process = Arc::new(GoProcess {
        pid: Pid(10),
        target_pid: TargetPid(1),
        start_ticks: 0,
        executable: PathBuf::from("/srv/shop"),
        executable_inode: (1, 2),
        command_line: Vec::new(),
        service_name: None,
        resource_attributes: Vec::new(),
        container_id: None,
    });
    let go_version = "go1.0";
    assemble(
        event,
        Origin {
            process: &process,
            executable: &Arc::default(),
            go_version,
            map_implementation,
            target_tid: 2,
        },
    )
}

#[test]
fn spans_are_those_that_the_event_has_whatever_it_claims() {
    let mut event = event();
    assert!(
        assembled(&event, MapImplementation::Swiss)
            .span_slots
            .is_empty()
    );
    event.slot_count = u64::MAX;
    event.slots[1].span = 1;
    event.slots[2].span = u16::MAX - 1;
    event.slots[3].span = UNSAMPLED;
    let slots = assembled(&event, MapImplementation::Swiss).span_slots;
    assert_eq!(slots.len(), MAX_SLOTS - 2);
    assert!(slots.iter().all(|slot| slot.offset == 9));
    let unsampled = |slot: &&SpanSlot| !slot.context.is_some_and(|context| context.is_sampled());
    assert_eq!(slots.iter().filter(unsampled).count(), 1);
}

#[test]
fn the_stack_ends_where_the_walk_ended_whatever_the_event_claims() {
    let mut event = event();
    assert_eq!(
        assembled(&event, MapImplementation::Swiss)
            .stack
            .addresses
            .len(),
        2
    );
    event.frame_count = u64::MAX;
    assert_eq!(
        assembled(&event, MapImplementation::Swiss)
            .stack
            .addresses
            .len(),
        MAX_FRAMES
    );
}

#[test]
fn capacity_is_told_where_it_was_seen_and_else_not() {
    let mut event = event();
    let write = assembled(&event, MapImplementation::Swiss);
    assert_eq!(
        (write.map_capacity_before, write.map_capacity_after),
        (Some(1024), Some(2048))
    );
    event.map_size_before = 4;
    assert_eq!(
        assembled(&event, MapImplementation::Swiss).map_capacity_before,
        None
    );
    (event.map_size_before, event.map_size_after) = (10, 11);
    let write = assembled(&event, MapImplementation::Hmap);
    assert_eq!(
        (write.map_capacity_before, write.map_capacity_after),
        (Some(8192), Some(16384))
    );
    event.map_size_before = 200;
    assert_eq!(
        assembled(&event, MapImplementation::Hmap).map_capacity_before,
        None
    );
}

#[test]
fn only_what_was_followed_from_entry_to_exit_is_a_whole_duration() {
    let mut event = event();
    for (kind, whole, grew) in [
        (EventKind::Growth, false, true),
        (EventKind::OffCpu, false, false),
        (EventKind::Write, true, false),
        (EventKind::WriteWithGrowth, true, true),
    ] {
        event.kind = kind as u32;
        event.parts[Part::Growth as usize] = 1_000;
        let write = assembled(&event, MapImplementation::Swiss);
        assert_eq!(write.duration_is_lower_bound, !whole, "{kind:?}");
        assert_eq!(write.observed == Observed::Write, whole, "{kind:?}");
        assert_eq!(write.map_capacity_before.is_some(), grew, "{kind:?}");
        assert_eq!(write.map_address.is_some(), grew, "{kind:?}");
        assert_eq!(write.parts.get(Cause::Growth), 1_000);
    }
}
