//! What the kernel side tells of a write.

/// Frames in an event; deeper stacks are cut, and say so.
pub const MAX_FRAMES: usize = 64;

/// What was observed to take the time as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum EventKind {
    /// A growth, from its begin to its end, with all that happened in between.
    Growth = 0,
    /// GC assist or the wait for it, outside a growth.
    Assist = 1,
    /// The goroutine was off its thread, outside a growth.
    Deschedule = 2,
    /// The thread was off its CPU, outside a growth.
    OffCpu = 3,
    /// A page fault, outside a growth.
    PageFault = 4,
    /// A write from its entry to its exit, in which the map did not grow.
    Write = 5,
    /// A write from its entry to its exit, in which the map grew.
    WriteWithGrowth = 6,
    /// No write: Go ends the program, for what `scratch` leads to. `map` is the one that the goroutine was about to write
    /// to, 0 if it was at none.
    Fatal = 7,
    /// A growth of that map by another goroutine, which was in flight then. Behind the event that it belongs to.
    GrowthAtFatal = 8,
}

/// Parts of a write's time that are measured apart. They do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Part {
    Assist = 0,
    StopTheWorld = 1,
    GoroutinePreempted = 2,
    RunQueue = 3,
    Blocked = 4,
    PageFault = 5,
    /// What is left of a growth without the others; only in events of whole writes.
    Growth = 6,
}

pub const PART_COUNT: usize = 7;

/// `WriteEvent::state`: there are open spans on the stack, in `spans`.
pub const STATE_CONTEXT_FOUND: u32 = 1;
/// `WriteEvent::state`: the stack was deeper than `MAX_FRAMES`.
pub const STATE_TRUNCATED: u32 = 2;

/// `WriteEvent::state`: `carried` holds the text of a request's `traceparent` header.
pub const STATE_TRACEPARENT: u32 = 4;

/// `WriteEvent::state`: the goroutine is within a call that has set labels for it.
pub const STATE_OWN_LABELS: u32 = 8;
/// `WriteEvent::state`: the span in `labels` is a decimal number.
pub const STATE_DECIMAL_SPAN: u32 = 16;

/// Bytes of text that an event carries.
pub const CARRIED: usize = 64;
/// The longest text of a trace id, and the room for it and for a span id.
pub const LABEL: usize = 32;
/// Words of `WriteEvent::scratch`.
pub const SCRATCH: usize = 24;

/// Open spans in an event.
pub const MAX_SPANS: usize = 8;
/// Words of the stack that lead to them.
pub const MAX_SLOTS: usize = 64;
/// Pointers from the stack to the stack.
pub const MAX_POINTERS: usize = 64;
/// `WriteEvent::bases`: not known.
pub const NO_BASE: u16 = u16::MAX;

/// A span that was open, or does not tell.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct FoundSpan {
    /// Of the SDK's own structure.
    pub address: u64,
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    /// When it began, on the target's own monotonic clock; 0: not known.
    pub began: u64,
    pub trace_flags: u64,
}

/// `Slot::span`: what looks like a span that is not sampled.
pub const UNSAMPLED: u16 = u16::MAX;
/// `Slot::span`, added: what the pointer leads to begins with a context, and is of any type. It counts in a function of
/// which it is known what it keeps there.
pub const BY_HOLDER: u16 = 1 << 14;

/// A pointer on the stack that leads to a span. It may be dead: a word that the function whose frame it is in has no use
/// for any more, or that an earlier call left there.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Slot {
    /// Words from `WriteEvent::origin` up.
    pub offset: u16,
    /// Index in `WriteEvent::spans`, with `BY_HOLDER` or not, or `UNSAMPLED`.
    pub span: u16,
}

/// A pointer on the stack to a word of the stack, both in words from `WriteEvent::origin` up.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct StackPointer {
    pub offset: u16,
    pub target: u16,
}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct WriteEvent {
    /// `EventKind`
    pub kind: u32,
    pub state: u32,
    /// Process and thread as the agent's pid namespace numbers them.
    pub pid: u32,
    pub tid: u32,
    /// Address of the goroutine's `g`.
    pub g: u64,
    pub goid: u64,
    /// 0: not known.
    pub parent_goid: u64,
    pub start: u64,
    pub end: u64,
    pub parts: [u64; PART_COUNT],
    /// Addresses of the map and of its type; 0: not known.
    pub map: u64,
    pub map_type: u64,
    /// Entries in the map when the growth began; `u64::MAX`: not known.
    pub map_len: u64,
    /// hmap: `B` before and after. Swiss: length of the directory before and after.
    pub map_size_before: u64,
    pub map_size_after: u64,
    /// Swiss: capacity of the table that grew. 0: not known.
    pub table_capacity: u64,
    pub span_count: u64,
    pub slot_count: u64,
    pub spans: [FoundSpan; MAX_SPANS],
    /// By where they are on the stack, leaf first.
    pub slots: [Slot; MAX_SLOTS],
    pub pointer_count: u64,
    /// What `slots`, `pointers` and `bases` count from: so far below the goroutine's stack's end as they reach.
    pub origin: u64,
    /// Where the goroutine notes the newest of its deferred calls; 0: there is none.
    pub deferred: u64,
    pub pointers: [StackPointer; MAX_POINTERS],
    /// Trace context as text, where no span was found (`STATE_TRACEPARENT`).
    pub carried: [u8; CARRIED],
    /// The goroutine's labels that name a trace and a span, as text; zeros: none.
    pub labels: [[u8; LABEL]; 2],
    /// Where the programs keep what a search is at. Means nothing to who reads the event, but of `EventKind::Fatal`: the first
    /// two words are the address and the length of the text that says why.
    pub scratch: [u64; SCRATCH],
    /// The words at `sp` and `sp + 8` of the leaf.
    pub top_words: [u64; 2],
    pub frame_count: u64,
    /// Leaf first.
    pub frames: [u64; MAX_FRAMES],
    /// Where each frame keeps its caller's frame pointer, in words from `origin` up. The first is where the
    /// leaf's frame pointer points, which may be its caller's still.
    pub bases: [u16; MAX_FRAMES],
}

const _NO_PADDING: () = assert!(
    size_of::<WriteEvent>()
        == 4 * 4
            + 8 * 5
            + 8 * PART_COUNT
            + 8 * 6
            + 8 * 5
            + 48 * MAX_SPANS
            + 4 * MAX_SLOTS
            + 4 * MAX_POINTERS
            + CARRIED
            + 2 * LABEL
            + 8 * SCRATCH
            + 16
            + 8
            + 8 * MAX_FRAMES
            + 2 * MAX_FRAMES
);
