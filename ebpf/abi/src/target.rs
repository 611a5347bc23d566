//! What the programs need to know of a target process; addresses with load bias.

/// Functions whose presence in a stack makes it a map write.
pub const MAX_ASSIGN_RANGES: usize = 6;
pub const MAX_CONTEXT_ITABS: usize = 8;

/// In an offset: the field does not exist in this version.
pub const ABSENT: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MapKind {
    Hmap = 0,
    Swiss = 1,
}

/// `[start, end)`
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct AddressRange {
    pub start: u64,
    pub end: u64,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct CodeRanges {
    /// Go text.
    pub text: AddressRange,
    /// Unused ones are empty.
    pub assign: [AddressRange; MAX_ASSIGN_RANGES],
    /// From the lowest start to the highest end of `assign`: a quick test before the exact one.
    pub assign_hull: AddressRange,
}

/// Offsets in bytes (`model::layout::RuntimeLayout`).
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct RuntimeOffsets {
    pub g_stack_lo: u32,
    pub g_stack_hi: u32,
    pub g_m: u32,
    pub g_goid: u32,
    /// May be `ABSENT`.
    pub g_parent_goid: u32,
    pub g_sched_sp: u32,
    pub g_sched_pc: u32,
    pub g_sched_bp: u32,
    pub m_curg: u32,
    /// `MapKind`
    pub map_kind: u32,
    /// hmap: `count`; Swiss: `Map.used`.
    pub map_len: u32,
    /// hmap: `B` (one byte); Swiss: `Map.dirLen` (eight bytes).
    pub map_size: u32,
    /// Swiss: `table.capacity` (two bytes).
    pub table_capacity: u32,
    /// May be `ABSENT`.
    pub g_defer: u32,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct SpanSearch {
    /// 0: no search in this target.
    pub enabled: u64,
    pub span_itab: u64,
    pub span_type: u64,
    /// 0: the binary has none.
    pub non_recording_itab: u64,
    pub non_recording_type: u64,
    pub value_context_itab: u64,
    /// Of the transport of a gRPC server; 0: the binary has none.
    pub server_transport_itab: u64,
    /// Unused ones are 0.
    pub context_itabs: [u64; MAX_CONTEXT_ITABS],
    /// From the lowest to the highest (inclusive) of all itabs: a quick test before the exact one.
    pub itabs: AddressRange,
    /// Offsets in `recordingSpan`.
    pub start_time: u32,
    pub end_time: u32,
    pub span_context: u32,
    /// Offsets in `SpanContext`.
    pub trace_id: u32,
    pub span_id: u32,
    pub trace_flags: u32,
    /// Offset of the `SpanContext` in `nonRecordingSpan`.
    pub non_recording_span_context: u32,
    pub _reserved: u32,
}

/// Where a map with strings as keys keeps its entries: eight to a group (Swiss) or bucket (hmap), which begins with a byte of
/// control for each. Offsets in bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct StringMap {
    pub group_size: u32,
    pub key: u32,
    pub key_stride: u32,
    pub value: u32,
    pub value_stride: u32,
    /// hmap: the bucket that goes on where this one is full. Else `ABSENT`.
    pub overflow: u32,
}

/// How to get from a map to its groups or buckets. Offsets in bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct MapGroups {
    /// hmap: `buckets`; Swiss: `Map.dirPtr`.
    pub groups: u32,
    /// hmap: `oldbuckets`; Swiss: `ABSENT`.
    pub old_groups: u32,
    /// Swiss: `table.groups.data` and `.lengthMask`.
    pub table_groups: u32,
    pub table_length_mask: u32,
}

/// How a goroutine's labels for profiles are kept, and whose they are.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct LabelSearch {
    /// Of the function that sets labels for what it calls. Empty: not in this binary.
    pub setter: AddressRange,
    /// Offset in `g`; 0: no search in this target.
    pub g_labels: u32,
    /// Whether they are a list (pointer and length), not a map.
    pub is_list: u32,
    pub fields: StringMap,
}

/// How the frame of a server leads to the request that is being handled. Offsets in bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct RequestSearch {
    /// Of the method of a connection that serves it. Empty: no search in this target.
    pub server: AddressRange,
    /// In the connection, its first argument: the address of the response at work.
    pub response: u32,
    /// In the response: the address of its connection, the byte that is 0 while the handler runs, and the request's address.
    pub connection: u32,
    pub handler_done: u32,
    pub request: u32,
    /// In the request: the header, a map.
    pub header: u32,
    pub _reserved: u32,
    pub map: MapGroups,
    pub fields: StringMap,
}

/// Which writes are followed as a whole: those that begin within it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct WriteWindow {
    pub from: u64,
    /// 0: none is.
    pub until: u64,
    /// Nanoseconds that the two probes of a write add to what is measured of it.
    pub overhead: u64,
    /// Nanoseconds that each hit of another probe within a write adds.
    pub hit: u64,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Target {
    /// Parts and writes shorter than this are not reported, in nanoseconds.
    pub threshold: u64,
    /// Half of what a probe's trap takes, in nanoseconds: what of it lies before its program reads the clock, or after.
    pub half_trap: u64,
    pub writes: WriteWindow,
    pub code: CodeRanges,
    pub offsets: RuntimeOffsets,
    pub spans: SpanSearch,
    pub requests: RequestSearch,
    pub labels: LabelSearch,
}
