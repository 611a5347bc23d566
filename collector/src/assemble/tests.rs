use std::path::PathBuf;

use slowmap_abi::PART_COUNT;

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
        trace_id: [1; 16],
        span_id: [2; 8],
        trace_flags: 1,
        top_words: [0; 2],
        frame_count: 2,
        frames: [0x400; MAX_FRAMES],
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
            go_version,
            map_implementation,
            target_tid: 2,
        },
    )
}

#[test]
fn a_context_that_was_not_found_is_no_context() {
    let mut event = event();
    assert_eq!(assembled(&event, MapImplementation::Swiss).context, None);
    event.state = STATE_CONTEXT_FOUND;
    let context = assembled(&event, MapImplementation::Swiss).context;
    assert!(context.is_some_and(|context| context.is_sampled()));
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
