mod causes;
mod growth;
mod libraries;
mod unsynchronised;

use std::sync::Arc;

use super::*;
use crate::model::{
    binary::VirtualAddress,
    cause::{Breakdown, Cause},
    frame::Frame,
    recorded::Stack,
    time::{Ktime, UnixNanos},
    trace::{Correlation, SpanContext},
};

/// A stack, leaf first.
fn stack(functions: &[&str]) -> Arc<Stack> {
    let frame = |function: &&str| Frame {
        function: Some((*function).into()),
        file: Some("/src/main.go".into()),
        line: Some(7),
        inlined: false,
        address: VirtualAddress(1),
    };
    Arc::new(Stack::new(0, functions.iter().map(frame).collect(), None))
}

fn write(goid: u64, map_len: Option<u64>, cause: Cause) -> RecordedWrite {
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
        map_key_size: None,
        map_value_size: None,
        map_address: None,
        map_len,
        map_capacity_before: None,
        map_capacity_after: None,
        unobserved: Vec::new(),
        cause,
        breakdown,
        stack: stack(&["main.fill"]),
        context: None,
        correlation: Correlation::None,
        recording: None,
        since_start_nano: None,
    }
}

fn advice(writes: impl IntoIterator<Item = RecordedWrite>) -> Vec<Advice> {
    let mut advisor = Advisor::default();
    writes.into_iter().for_each(|write| advisor.add(&write));
    advisor.advice(None)
}

/// Growths of a map up to `entries`.
fn growths(goid: u64, entries: u64) -> impl Iterator<Item = RecordedWrite> {
    let sizes = (8..)
        .map(|power| 1_u64 << power)
        .take_while(move |size| *size <= entries);
    sizes.map(move |size| write(goid, Some(size), Cause::Growth))
}

/// The only advice that there is.
fn only(writes: impl IntoIterator<Item = RecordedWrite>) -> Advice {
    let found = advice(writes);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}
