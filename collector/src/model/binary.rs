//! What a Go executable is, as far as later stages need it.

use std::{borrow::Cow, collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// An address as the executable's own headers number it, or, with the load bias added, in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VirtualAddress(pub u64);

/// A position in the executable file: what uprobes are attached by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct FileOffset(pub u64);

impl Serialize for VirtualAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for VirtualAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or_default();
        let address = u64::from_str_radix(digits, 16).map_err(D::Error::custom)?;
        Ok(Self(address))
    }
}

/// A Go release, e.g. 1.26.8. `raw` is the string in the binary, experiments included; where a user says that another
/// release is to be assumed, the numbers are those of that one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoVersion {
    pub major: u32,
    pub minor: u32,
    /// 0 for `go1.21` and release candidates.
    pub patch: u32,
    pub raw: String,
    /// From `X:a,b`, e.g. `noswissmap`.
    pub experiments: Vec<String>,
}

/// A minor release of Go, e.g. 1.26.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoMinor {
    pub major: u32,
    pub minor: u32,
}

impl std::fmt::Display for GoMinor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl GoVersion {
    /// The release that a user says is to be assumed, where `raw` is of another.
    pub fn assumed(&self) -> Option<GoMinor> {
        let (major, minor) = self.minor();
        let own = crate::golang::version::parse(&self.raw);
        let is_own = own.is_some_and(|own| own.minor() == (major, minor));
        (!is_own).then_some(GoMinor { major, minor })
    }

    /// `(major, minor)`: what the layout tables are keyed by.
    pub fn minor(&self) -> (u32, u32) {
        (self.major, self.minor)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapImplementation {
    /// Buckets with overflow chains and incremental evacuation: up to Go 1.23, or `noswissmap`.
    Hmap,
    /// Swiss tables: Go 1.24 on.
    Swiss,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// What this program was built for, which is what its probes are for. `None`: neither.
    pub fn own() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

/// As Go names it.
impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A Go module built into the executable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Module {
    pub path: String,
    pub version: String,
}

/// A loadable segment (`PT_LOAD`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub address: VirtualAddress,
    pub offset: FileOffset,
    pub file_size: u64,
    pub executable: bool,
}

/// What identifies an executable, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildIds {
    /// Lower-case hex.
    pub gnu: Option<String>,
    pub go: Option<String>,
    /// OpenTelemetry's hash of head, tail and length, in hex.
    pub htlhash: String,
}

/// An executable as a process has it in its memory, for profiles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Executable {
    /// As the target's own mount namespace names it.
    pub path: PathBuf,
    pub build_ids: BuildIds,
    /// Run-time addresses of the segment with the code.
    pub code: Range<u64>,
    /// Where in the file that begins.
    pub code_offset: FileOffset,
    /// The part of it that the Go compiler made.
    pub go_code: Range<u64>,
}

/// The price class of a probe (docs/probes.md): amd64 uprobes emulate push, call, jmp and jcc, those of arm64 branches and
/// returns; all else is single-stepped, which costs some twenty times as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeCost {
    Emulated,
    SingleStepped,
}

/// Which outcome of a conditional jump counts: the probe program evaluates the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct JumpCondition {
    /// The condition code. amd64: the low four bits of the `0x70..=0x7f` / `0x0f 0x80..=0x8f` opcode; arm64: of `b.cond`.
    pub code: u8,
    /// Count the hit when the jump is taken (`true`) or when it falls through (`false`).
    pub taken: bool,
}

/// A place where a probe can be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Site {
    pub address: VirtualAddress,
    pub offset: FileOffset,
    pub cost: ProbeCost,
    /// `None`: every hit counts.
    pub condition: Option<JumpCondition>,
    /// Whether the frame pointer is this function's own here. Where it is not (the push after the stack
    /// check, a return), it is the caller's and the return address is at the top of the stack.
    pub in_frame: bool,
}

/// A function that was asked for, and where probes on it can go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    pub name: String,
    pub address: VirtualAddress,
    /// In bytes.
    pub size: u64,
    /// After the stack check, so that a stack growth does not hit it twice; arguments are still in registers.
    pub entry: Option<Site>,
    /// Each path to a return passes exactly one of these that counts. Empty: none could be determined.
    pub exits: Vec<Site>,
}

/// An itab (interface, concrete type) laid down by the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Itab {
    /// With the package's full path, e.g. `go.opentelemetry.io/otel/trace.Span`.
    pub interface: String,
    /// e.g. `*go.opentelemetry.io/otel/sdk/trace.recordingSpan`.
    pub concrete: String,
    pub address: VirtualAddress,
    pub concrete_type: VirtualAddress,
}

/// A Go executable. Addresses are without load bias.
#[derive(Debug, Clone)]
pub struct GoBinary {
    pub path: PathBuf,
    pub go_version: GoVersion,
    /// How the release lays out what is read from the file.
    pub layout: &'static crate::golang::layout::Layout,
    pub architecture: Architecture,
    /// `exe`, `pie`, …, as the build info says; `None` where it does not.
    pub build_mode: Option<String>,
    pub position_independent: bool,
    pub statically_linked: bool,
    pub cgo: bool,
    /// No `.symtab`.
    pub stripped: bool,
    pub has_dwarf: bool,
    pub map_implementation: MapImplementation,
    pub main_module: Option<Module>,
    pub dependencies: Vec<Module>,
    pub go_build_id: Option<String>,
    /// Lower-case hex.
    pub gnu_build_id: Option<String>,
    pub segments: Vec<Segment>,
    /// The range of Go's own text.
    pub text: Range<u64>,
    /// Where Go's table of functions and lines is.
    pub pclntab: VirtualAddress,
    /// `moduledata.gofunc`: what the offsets of function data count from.
    pub function_data: VirtualAddress,
    /// `moduledata.types`: what a type's name offset counts from.
    pub types: VirtualAddress,
    /// By full name; a name that was asked for and is not here is not in this binary.
    pub functions: BTreeMap<String, Function>,
    pub itabs: Vec<Itab>,
    /// Offsets of struct fields by `struct.field`, from DWARF, for those asked for; empty without DWARF.
    pub dwarf_offsets: BTreeMap<String, u64>,
    /// The file, for symbolization.
    pub image: Arc<crate::golang::image::Image>,
}
