//! Offsets into a target's structures: what changes with the Go and SDK version. All in bytes.

use serde::Serialize;

/// Go runtime structures. `Option`: the field does not exist in that version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuntimeLayout {
    pub g_stack_lo: u32,
    pub g_stack_hi: u32,
    pub g_m: u32,
    pub g_goid: u32,
    pub g_parent_goid: Option<u32>,
    /// The newest of the deferred calls.
    pub g_defer: Option<u32>,
    pub g_sched_sp: u32,
    pub g_sched_pc: u32,
    pub g_sched_bp: u32,
    pub m_curg: u32,
    /// `abi.Type.Str`
    pub type_str: u32,
    /// `abi.Type.TFlag`
    pub type_tflag: u32,
    pub map: MapLayout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MapLayout {
    /// `runtime.hmap`
    Hmap { count: u32, b: u32 },
    /// `internal/runtime/maps.Map` and `.table`
    Swiss {
        used: u32,
        dir_ptr: u32,
        dir_len: u32,
        global_depth: u32,
        table_capacity: u32,
    },
}

/// The OpenTelemetry SDK for Go: `recordingSpan` and `trace.SpanContext`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SpanLayout {
    /// `recordingSpan.endTime`: 24 bytes, all zero while the span is open.
    pub end_time: u32,
    /// `recordingSpan.startTime`
    pub start_time: u32,
    /// `recordingSpan.name`: pointer, then length.
    pub name: u32,
    pub span_context: u32,
    /// Within `SpanContext`.
    pub trace_id: u32,
    pub span_id: u32,
    pub trace_flags: u32,
    /// `nonRecordingSpan.sc`
    pub non_recording_span_context: u32,
}

/// How to get from a map to what it keeps its entries in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupsLayout {
    /// `runtime.hmap`: its buckets, and those from before it grew.
    Hmap { buckets: u32, old: u32 },
    /// `internal/runtime/maps.Map.dirPtr`, and in a table the reference to its groups.
    Swiss {
        directory: u32,
        table_groups: u32,
        table_length_mask: u32,
    },
}

/// A group or bucket of a map with strings as keys. It begins with a byte of control for each of eight entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StringMapLayout {
    pub group_size: u32,
    /// The first key and the first value, and how far it is to the next.
    pub key: u32,
    pub key_stride: u32,
    pub value: u32,
    pub value_stride: u32,
    /// Of a bucket: the address of the one that goes on.
    pub overflow: Option<u32>,
}
