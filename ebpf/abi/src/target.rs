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
    pub _reserved: u32,
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
    /// Unused ones are 0.
    pub context_itabs: [u64; MAX_CONTEXT_ITABS],
    /// From the lowest to the highest (inclusive) of all itabs: a quick test before the exact one.
    pub itabs: AddressRange,
    /// Offsets in `recordingSpan`.
    pub end_time: u32,
    pub span_context: u32,
    /// Offsets in `SpanContext`.
    pub trace_id: u32,
    pub span_id: u32,
    pub trace_flags: u32,
    /// Offset of the `SpanContext` in `nonRecordingSpan`.
    pub non_recording_span_context: u32,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Target {
    /// Parts and writes shorter than this are not reported, in nanoseconds.
    pub threshold: u64,
    pub code: CodeRanges,
    pub offsets: RuntimeOffsets,
    pub spans: SpanSearch,
}
