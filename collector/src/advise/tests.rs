use std::sync::Arc;

use super::*;
use crate::model::{
    advice::Confidence,
    binary::VirtualAddress,
    cause::{Breakdown, Cause},
    frame::Frame,
    recorded::Stack,
    time::{Ktime, UnixNanos},
    trace::Correlation,
};

fn write(goid: u64, map_len: Option<u64>, cause: Cause) -> RecordedWrite {
    let frame = Frame {
        function: Some("main.fill".into()),
        file: Some("/src/main.go".into()),
        line: Some(7),
        inlined: false,
        address: VirtualAddress(1),
    };
    let mut breakdown = Breakdown::default();
    breakdown.add(cause, 200_000);
    RecordedWrite {
        start: Ktime(0),
        time: UnixNanos(0),
        duration_nano: 200_000,
        duration_is_lower_bound: false,
        pid: 1,
        tid: 1,
        target_pid: 1,
        target_tid: 1,
        goid: Some(goid),
        parent_goid: None,
        service_name: Some("shop".into()),
        executable: None,
        go_version: None,
        container_id: None,
        function: None,
        map_type: Some("map[int]int".into()),
        map_len,
        map_capacity_before: None,
        map_capacity_after: None,
        unobserved: Vec::new(),
        cause,
        breakdown,
        stack: Arc::new(Stack::new(0, vec![frame], None)),
        context: None,
        correlation: Correlation::None,
    }
}

fn advice(writes: impl IntoIterator<Item = RecordedWrite>) -> Vec<Advice> {
    let mut advisor = Advisor::default();
    writes.into_iter().for_each(|write| advisor.add(&write));
    advisor.advice()
}

/// Growths of a map up to `entries`.
fn growths(goid: u64, entries: u64) -> impl Iterator<Item = RecordedWrite> {
    let sizes = (8..)
        .map(|power| 1_u64 << power)
        .take_while(move |size| *size <= entries);
    sizes.map(move |size| write(goid, Some(size), Cause::Growth))
}

#[test]
fn maps_that_a_goroutine_grows_again_and_again_are_to_be_made_with_their_size() {
    let found = advice((0..30).flat_map(|_| growths(1, 4_096)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].rule, found[0].confidence),
        ("regrown", Confidence::High)
    );
    assert!(found[0].advice.contains("make(map[int]int, n)") && found[0].advice.contains("4096"));
    assert_eq!(found[0].subject, "main.fill /src/main.go:7");
    assert!(found[0].evidence[0].contains("30 maps"), "{found:?}");
}

#[test]
fn a_map_for_each_request_is_one_for_each_goroutine() {
    let found = advice((0..30).flat_map(|goid| growths(goid, 4_096)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].evidence[0].contains("29 maps"), "{found:?}");
}

#[test]
fn one_map_that_many_goroutines_fill_is_not_many_maps() {
    let one = growths(0, 1 << 40).enumerate().map(|(index, mut write)| {
        write.goid = Some(index as u64 % 7);
        write
    });
    assert_eq!(advice(one), []);
}

#[test]
fn maps_that_are_made_with_their_size_do_not_grow_and_get_no_advice() {
    let other = (0..100).map(|goid| write(goid, None, Cause::PageFault));
    assert_eq!(advice(other), []);
}

#[test]
fn a_few_maps_are_no_habit() {
    assert_eq!(advice((0..4).flat_map(|_| growths(1, 4_096))), []);
}

#[test]
fn the_collector_or_the_cpu_is_named_where_it_takes_most_of_the_time() {
    let mostly = |cause, of_it: usize| {
        let writes = (0..100).map(move |index| {
            write(
                1,
                None,
                if index < of_it {
                    cause
                } else {
                    Cause::PageFault
                },
            )
        });
        advice(writes)
    };
    for (cause, rule) in [
        (Cause::GcAssist, "gc_assist"),
        (Cause::RunQueue, "cpu"),
        (Cause::GoroutinePreempted, "cpu"),
    ] {
        let found = mostly(cause, 80);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].rule, found[0].confidence),
            (rule, Confidence::High)
        );
        assert!(found[0].evidence[0].contains("80 %"), "{found:?}");
        assert_eq!(mostly(cause, 55)[0].confidence, Confidence::Medium);
        assert_eq!(mostly(cause, 45), []);
    }
}

#[test]
fn what_takes_less_than_a_hundredth_of_the_time_gets_no_advice() {
    let apart = |nanos: u64| {
        let writes = (0..100).map(move |index| {
            let mut write = write(1, None, Cause::RunQueue);
            write.start = Ktime(index * nanos);
            write
        });
        advice(writes)
    };
    assert_eq!(apart(10_000_000)[0].rule, "cpu");
    assert_eq!(apart(30_000_000), []);
}
