//! A line of `events.jsonl`. Its fields and their order are part of the public interface.

use serde::Serialize;

use crate::model::{
    binary::VirtualAddress,
    cause::{Breakdown, Cause},
    frame::Frame,
    plan::ProbePair,
    trace::{Correlation, SpanContext},
    write::CorrelatedWrite,
};

#[derive(Debug, Serialize)]
pub struct EventRecord<'a> {
    pub monotonic_nano: u64,
    pub time_unix_nano: u64,
    pub duration_nano: u64,
    pub duration_is_lower_bound: bool,
    pub pid: u32,
    pub tid: u32,
    pub target_pid: u32,
    pub target_tid: u32,
    pub goid: u64,
    pub parent_goid: Option<u64>,
    pub service_name: Option<String>,
    pub executable: Option<String>,
    pub go_version: Option<&'a str>,
    pub container_id: Option<&'a str>,
    pub function: Option<&'a str>,
    pub map_type: Option<&'a str>,
    pub map_key_size: Option<u64>,
    pub map_value_size: Option<u64>,
    pub map_address: Option<VirtualAddress>,
    pub map_len: Option<u64>,
    pub map_capacity_before: Option<u64>,
    pub map_capacity_after: Option<u64>,
    pub unobserved: &'a [ProbePair],
    pub cause: Cause,
    pub breakdown_nano: &'a Breakdown,
    pub stack: &'a [Frame],
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub trace_flags: Option<u8>,
    pub correlation: Correlation,
}

impl<'a> From<&'a CorrelatedWrite> for EventRecord<'a> {
    fn from(write: &'a CorrelatedWrite) -> Self {
        let observed = write.observed();
        let process = &observed.process;
        let context = write.context.as_ref();
        let entry = write.symbolized.entry_size;
        Self {
            monotonic_nano: observed.start.0,
            time_unix_nano: write.time.0,
            duration_nano: observed.duration_nano,
            duration_is_lower_bound: observed.duration_is_lower_bound,
            pid: process.pid.0,
            tid: observed.tid,
            target_pid: process.target_pid.0,
            target_tid: observed.target_tid,
            goid: observed.goid.0,
            parent_goid: observed.parent_goid.map(|goid| goid.0),
            service_name: Some(process.service_name_or_default()),
            executable: known(process.executable_path()),
            go_version: (!observed.go_version.is_empty()).then_some(observed.go_version.as_str()),
            container_id: process.container_id.as_deref(),
            function: write.symbolized.function.as_deref(),
            map_type: write.symbolized.map_type.as_deref(),
            map_key_size: entry.map(|size| size.key),
            map_value_size: entry.map(|size| size.value),
            map_address: observed.map_address,
            map_len: observed.map_len,
            map_capacity_before: observed.map_capacity_before,
            map_capacity_after: observed.map_capacity_after,
            unobserved: &write.unobserved,
            cause: write.cause(),
            breakdown_nano: write.breakdown(),
            stack: &write.symbolized.stack,
            trace_id: context.map(SpanContext::trace_id_text),
            span_id: context.map(SpanContext::span_id_text),
            trace_flags: context.map(|context| context.trace_flags),
            correlation: write.correlation,
        }
    }
}

fn known(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
