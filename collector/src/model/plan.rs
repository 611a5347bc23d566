//! Where probes go in a binary, or why nowhere.

use std::{
    fmt::{self, Display, Formatter},
    ops::Range,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    binary::{Site, VirtualAddress},
    layout::{GroupsLayout, RuntimeLayout, SpanLayout, StringMapLayout},
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
    /// A map write begins: on the hot path, and so in modes `exact` and `sampled` only.
    WriteEnter,
    WriteExit,
    /// Go ends the program: the text that says why is in the first two argument registers.
    Fatal,
}

/// Probes that mean nothing without each other: what they begin and what they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbePair {
    Growth,
    GcAssist,
    Deschedule,
    StopTheWorld,
    /// Entry and exits of every write. What the governor never touches: they are there because they were asked for.
    Write,
    /// Of the kernel, for the whole machine; the others are probes in the target.
    PageFault,
    /// What ends a program. It costs nothing until then, so the governor has no say about it.
    Fatal,
}

/// How much of the time a pair of probes is in its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Presence {
    #[default]
    Whole,
    /// One part in so many, in slices spread at random.
    Thinned(u32),
    /// Not at all, but for a short trial now and then.
    Dropped,
}

impl Display for Presence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Thinned(parts) => write!(f, "1/{parts}"),
            Self::Dropped => f.write_str("dropped"),
        }
    }
}

impl Serialize for Presence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Presence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || text.strip_prefix("1/")?.parse().ok();
        match text {
            "whole" => Ok(Self::Whole),
            "dropped" => Ok(Self::Dropped),
            _ => parts()
                .map(Self::Thinned)
                .ok_or_else(|| format!("neither whole, nor dropped, nor a part: {text}")),
        }
    }
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl ProbePair {
    /// Whether it is given up before any other: it costs at each page fault, however short, and few writes are slow by
    /// one alone.
    pub fn goes_first(self) -> bool {
        self == Self::PageFault
    }

    /// Whether it is held against the budget.
    pub fn is_governed(self) -> bool {
        !matches!(self, Self::Write | Self::Fatal)
    }

    /// As users see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Growth => "growth",
            Self::GcAssist => "gc_assist",
            Self::Deschedule => "deschedule",
            Self::StopTheWorld => "stop_the_world",
            Self::Write => "write",
            Self::PageFault => "page_fault",
            Self::Fatal => "fatal",
        }
    }
}

impl ProbeRole {
    pub fn pair(self) -> ProbePair {
        match self {
            Self::GrowthEnter | Self::GrowthExit => ProbePair::Growth,
            Self::AssistEnter | Self::AssistExit => ProbePair::GcAssist,
            Self::Deschedule | Self::Resume => ProbePair::Deschedule,
            Self::StopWorldEnter | Self::StopWorldExit => ProbePair::StopTheWorld,
            Self::WriteEnter | Self::WriteExit => ProbePair::Write,
            Self::Fatal => ProbePair::Fatal,
        }
    }

    /// Whether a hit ends what another one began.
    pub fn ends(self) -> bool {
        matches!(
            self,
            Self::GrowthExit
                | Self::AssistExit
                | Self::Resume
                | Self::StopWorldExit
                | Self::WriteExit
        )
    }
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
    /// Of a probe on every write: its function, as an index in [`ProbePlan::map_assign`].
    pub writer: Option<u8>,
}

/// A function of the probe table that gets no probe in this binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    pub function: String,
    pub reason: String,
}

/// Probes on the entry and the exits of the functions that write to maps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct WriteProbes {
    pub probes: Vec<PlannedProbe>,
    /// Writes by these cannot be followed.
    pub unplaced: Vec<Unplaced>,
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
    /// Of the transport of a gRPC server, as its streams have it, which keep the context of a call.
    pub server_transport_itab: Option<VirtualAddress>,
}

/// What the search for the request that a goroutine serves needs. Offsets are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestSearch {
    /// The code, without load bias, of the method of a connection that serves it, one request at a time.
    pub server: Range<u64>,
    /// In the connection: the address of the response at work.
    pub response: u32,
    /// In the response: the address of its connection, a byte that is 0 while the handler runs, and the request's address.
    pub connection: u32,
    pub handler_done: u32,
    pub request: u32,
    /// In the request.
    pub header: u32,
    /// How a header, a map, keeps its fields.
    pub groups: GroupsLayout,
    pub fields: StringMapLayout,
}

/// What a goroutine's labels for profiles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// A pointer to a `map[string]string`.
    Map,
    /// A pointer to a slice of key and value.
    List,
}

/// What reading a goroutine's labels needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelSearch {
    /// The code, without load bias, of the function that sets labels for what it calls. Empty: not in this binary.
    pub setter: Range<u64>,
    pub g_labels: u32,
    pub kind: LabelKind,
    pub fields: StringMapLayout,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbePlan {
    /// The range of Go's own text.
    pub text: Range<u64>,
    pub layout: RuntimeLayout,
    pub probes: Vec<PlannedProbe>,
    pub unplaced: Vec<Unplaced>,
    /// On every write, for the modes that follow writes as a whole.
    pub writes: WriteProbes,
    /// `[start, end)` of the functions whose presence in a stack makes it a map write, with their names.
    pub map_assign: Vec<(String, u64, u64)>,
    pub span_search: Result<SpanSearch, String>,
    pub request_search: Result<RequestSearch, String>,
    pub label_search: Result<LabelSearch, String>,
}

/// Why a process or binary is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub reason: String,
}
