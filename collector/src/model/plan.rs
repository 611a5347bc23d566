//! Where probes go in a binary, or why nowhere.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{
    binary::{Site, VirtualAddress},
    layout::{RuntimeLayout, SpanLayout},
};

/// What a hit of a probe means. The numbers are the high half of the attach cookie (`slowmap_abi`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeRole {
    /// A growth of a map begins; registers hold the map and its type as `arguments` says.
    GrowthEnter,
    GrowthExit,
    /// The goroutine begins to pay for its allocation (marking or parked).
    AssistEnter,
    AssistExit,
    /// The Go scheduler takes a goroutine off its thread: `gp` in the first argument register.
    Deschedule,
    /// A goroutine is put on a thread again: `gp` in the first argument register.
    Resume,
    StopWorldEnter,
    StopWorldExit,
}

/// Which argument registers hold what at a growth probe (index in Go's register order: AX, BX, CX, DI, …).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct GrowthArguments {
    pub map: Option<u8>,
    pub map_type: Option<u8>,
}

/// A probe to attach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedProbe {
    pub role: ProbeRole,
    pub function: String,
    pub site: Site,
    pub arguments: GrowthArguments,
}

/// A function of the probe table that gets no probe in this binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    pub function: String,
    pub reason: String,
}

/// What the stack search for trace context needs. Addresses are without load bias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpanSearch {
    pub sdk_version: String,
    pub layout: SpanLayout,
    pub span_itab: VirtualAddress,
    pub span_type: VirtualAddress,
    /// `nonRecordingSpan` (a value type: no star) as `trace.Span`, where the binary has it.
    pub non_recording_itab: Option<VirtualAddress>,
    pub non_recording_type: Option<VirtualAddress>,
    /// Contexts whose parent is their first field.
    pub context_itabs: Vec<VirtualAddress>,
    /// `*context.valueCtx`: value at +32 behind the parent (16 bytes) and the key (16 bytes).
    pub value_context_itab: VirtualAddress,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbePlan {
    /// The range of Go's own text.
    pub text: Range<u64>,
    pub layout: RuntimeLayout,
    pub probes: Vec<PlannedProbe>,
    pub unplaced: Vec<Unplaced>,
    /// `[start, end)` of the functions whose presence in a stack makes it a map write, with their names.
    pub map_assign: Vec<(String, u64, u64)>,
    pub span_search: Result<SpanSearch, String>,
}

/// Why a process or binary is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub reason: String,
}
