use std::{path::PathBuf, sync::Arc};

use super::*;
use crate::model::{
    process::{GoProcess, Pid, TargetPid},
    time::Ktime,
    write::{GoroutineId, RawStack},
};

fn write(observed: Observed, duration_nano: u64, parts: &[(Cause, u64)]) -> SlowWrite {
    let mut measured = Breakdown::default();
    for (cause, nanos) in parts {
        measured.add(*cause, *nanos);
    }
    SlowWrite {
        executable: Arc::default(),
        process: Arc::new(GoProcess {
            pid: Pid(1),
            target_pid: TargetPid(1),
            start_ticks: 0,
            executable: PathBuf::new(),
            executable_inode: (0, 0),
            command_line: Vec::new(),
            service_name: None,
            resource_attributes: Vec::new(),
            container_id: None,
        }),
        go_version: String::new(),
        tid: 1,
        target_tid: 1,
        goid: GoroutineId(1),
        parent_goid: None,
        start: Ktime(0),
        duration_nano,
        duration_is_lower_bound: true,
        observed,
        parts: measured,
        stack: RawStack::default(),
        map_type_address: 0,
        map_address: None,
        map_len: None,
        map_capacity_before: None,
        map_capacity_after: None,
        traceparent: None,
        labels: None,
        span_slots: Vec::new(),
    }
}

#[test]
fn what_nothing_else_took_of_a_growth_is_the_growths_own() {
    let attributed = attribute(write(
        Observed::Growth,
        300,
        &[(Cause::GcAssist, 100), (Cause::RunQueue, 50)],
    ));
    assert_eq!(attributed.cause, Cause::Growth);
    assert_eq!(attributed.breakdown.get(Cause::Growth), 150);
    assert_eq!(attributed.breakdown.total(), 300);
}

#[test]
fn the_parts_never_add_up_to_more_than_the_whole() {
    let parts = [(Cause::PageFault, 200), (Cause::RunQueue, 200)];
    let attributed = attribute(write(Observed::Growth, 300, &parts));
    assert_eq!(attributed.breakdown.total(), 300);
}

#[test]
fn a_write_that_nothing_explains_is_unknown() {
    assert_eq!(
        attribute(write(Observed::Wait, 300, &[])).cause,
        Cause::Unknown
    );
    let mostly_unexplained = attribute(write(Observed::Assist, 300, &[(Cause::PageFault, 20)]));
    assert_eq!(mostly_unexplained.cause, Cause::Unknown);
    assert_eq!(mostly_unexplained.breakdown.get(Cause::PageFault), 20);
}

#[test]
fn of_a_whole_write_the_growth_is_one_part_and_what_is_left_over_is_not_taken_for_it() {
    let parts = [(Cause::Growth, 100), (Cause::GcAssist, 40)];
    let attributed = attribute(write(Observed::Write, 300, &parts));
    assert_eq!(attributed.breakdown.get(Cause::Growth), 100);
    assert_eq!(attributed.breakdown.total(), 140);
    assert_eq!(attributed.cause, Cause::Unknown);
    let attributed = attribute(write(Observed::Write, 200, &parts));
    assert_eq!(attributed.cause, Cause::Growth);
}
