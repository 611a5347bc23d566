//! The columns of a table of slow writes: once, for every form that such a table has.

use std::fmt::Write;

use crate::model::{cause::Cause, frame::Frame, recorded::RecordedWrite, trace::Correlation};

pub struct Column {
    pub name: &'static str,
    pub value: Value,
}

/// How a cell is had from a write. `None`: not known.
pub enum Value {
    Integer(fn(&RecordedWrite) -> Option<u64>),
    Boolean(fn(&RecordedWrite) -> bool),
    Text(fn(&RecordedWrite) -> Option<&str>),
    /// A text that is made for the cell, into one that is empty.
    Made(fn(&RecordedWrite, &mut String) -> Option<()>),
}

use Value::{Boolean, Integer, Made, Text};

const fn column(name: &'static str, value: Value) -> Column {
    Column { name, value }
}

/// Named as the fields of an event are. The stack itself is in the profiles: it would be most of the table.
pub const COLUMNS: &[Column] = &[
    column("time_unix_nano", Integer(|write| Some(write.time.0))),
    column("monotonic_nano", Integer(|write| Some(write.start.0))),
    column("duration_nano", Integer(|write| Some(write.duration_nano))),
    column(
        "duration_is_lower_bound",
        Boolean(|write| write.duration_is_lower_bound),
    ),
    column("pid", Integer(|write| Some(write.pid.into()))),
    column("tid", Integer(|write| Some(write.tid.into()))),
    column("target_pid", Integer(|write| Some(write.target_pid.into()))),
    column("target_tid", Integer(|write| Some(write.target_tid.into()))),
    column("goid", Integer(|write| write.goid)),
    column("parent_goid", Integer(|write| write.parent_goid)),
    column("service_name", Text(|write| write.service_name.as_deref())),
    column("executable", Text(|write| write.executable.as_deref())),
    column("go_version", Text(|write| write.go_version.as_deref())),
    column("container_id", Text(|write| write.container_id.as_deref())),
    column("function", Text(|write| write.function.as_deref())),
    column("map_type", Text(|write| write.map_type.as_deref())),
    column("map_key_size", Integer(|write| write.map_key_size)),
    column("map_value_size", Integer(|write| write.map_value_size)),
    column("map_address", Made(map_address)),
    column("map_len", Integer(|write| write.map_len)),
    column(
        "map_capacity_before",
        Integer(|write| write.map_capacity_before),
    ),
    column(
        "map_capacity_after",
        Integer(|write| write.map_capacity_after),
    ),
    column("unobserved", Made(unobserved)),
    column("cause", Text(|write| Some(write.cause.name()))),
    column("growth_nano", Integer(|write| part(write, Cause::Growth))),
    column(
        "evacuation_nano",
        Integer(|write| part(write, Cause::Evacuation)),
    ),
    column(
        "gc_assist_nano",
        Integer(|write| part(write, Cause::GcAssist)),
    ),
    column(
        "allocation_nano",
        Integer(|write| part(write, Cause::Allocation)),
    ),
    column(
        "stop_the_world_nano",
        Integer(|write| part(write, Cause::StopTheWorld)),
    ),
    column(
        "goroutine_preempted_nano",
        Integer(|write| part(write, Cause::GoroutinePreempted)),
    ),
    column(
        "run_queue_nano",
        Integer(|write| part(write, Cause::RunQueue)),
    ),
    column(
        "page_fault_nano",
        Integer(|write| part(write, Cause::PageFault)),
    ),
    column("blocked_nano", Integer(|write| part(write, Cause::Blocked))),
    column("caller", Text(|write| caller(write)?.function.as_deref())),
    column("caller_file", Text(|write| caller(write)?.file.as_deref())),
    column(
        "caller_line",
        Integer(|write| caller(write)?.line.map(u64::from)),
    ),
    column(
        "trace_id",
        Made(|write, text| {
            *text = write.context?.trace_id_text();
            Some(())
        }),
    ),
    column(
        "span_id",
        Made(|write, text| {
            *text = write.context?.span_id_text();
            Some(())
        }),
    ),
    column(
        "trace_flags",
        Integer(|write| Some(write.context?.trace_flags.into())),
    ),
    column(
        "correlation",
        Text(|write| Some(correlation(write.correlation))),
    ),
    column("recording", Integer(|write| write.recording.map(u64::from))),
    column("since_start_nano", Integer(|write| write.since_start_nano)),
];

fn caller(write: &RecordedWrite) -> Option<&Frame> {
    write.stack.caller()
}

fn part(write: &RecordedWrite, cause: Cause) -> Option<u64> {
    Some(write.breakdown.get(cause))
}

/// As events have it.
fn map_address(write: &RecordedWrite, text: &mut String) -> Option<()> {
    write!(text, "{:#x}", write.map_address?.0).ok()
}

/// Names separated by spaces; empty as a rule.
fn unobserved(write: &RecordedWrite, text: &mut String) -> Option<()> {
    for pair in &write.unobserved {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(pair.name());
    }
    Some(())
}

fn correlation(found: Correlation) -> &'static str {
    match found {
        Correlation::StackScan => "stack_scan",
        Correlation::ParentStackScan => "parent_stack_scan",
        Correlation::PprofLabels => "pprof_labels",
        Correlation::SdkProbe => "sdk_probe",
        Correlation::Traceparent => "traceparent",
        Correlation::None => "none",
    }
}
