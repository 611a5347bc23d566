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
}

pub const PART_COUNT: usize = 6;

/// `WriteEvent::state`: `trace_id`, `span_id` and `trace_flags` hold an open span.
pub const STATE_CONTEXT_FOUND: u32 = 1;
/// `WriteEvent::state`: the stack was deeper than `MAX_FRAMES`.
pub const STATE_TRUNCATED: u32 = 2;

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
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub trace_flags: u64,
    /// The words at `sp` and `sp + 8` of the leaf.
    pub top_words: [u64; 2],
    pub frame_count: u64,
    /// Leaf first.
    pub frames: [u64; MAX_FRAMES],
}

const _NO_PADDING: () = assert!(
    size_of::<WriteEvent>()
        == 4 * 4 + 8 * 5 + 8 * PART_COUNT + 8 * 6 + 16 + 8 + 8 + 16 + 8 + 8 * MAX_FRAMES
);
