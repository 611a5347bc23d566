//! The goroutine's own stack held the request's span or context. It was searched in the kernel, at the event, since
//! later the stack has moved on (`ebpf/programs/src/spans.rs`): only words that carry their type count, and only
//! a span that was open then. Which of them the functions on the stack still need, and do not only hold by chance, Go's
//! own stack maps say: what a function has no use for any more may be another request's.

use crate::{
    golang::pclntab::{FrameWord, Function, Liveness, Pclntab},
    model::{
        binary::GoBinary,
        trace::SpanContext,
        write::{RawStack, SlowWrite, SpanSlot},
    },
};

/// Words between where a frame keeps its caller's frame pointer and the caller's own words: that, and the return address.
const LINKAGE: u64 = 2;

/// How far pointers from variable to variable on the stack are followed.
const MAX_STEPS: usize = 8;

/// The methods that serve a call. What they keep and begins with a context is the call's stream.
const GRPC_SERVER: &str = "google.golang.org/grpc.(*Server).";

/// The span that was innermost, of those that something alive leads to.
pub(super) fn context(write: &SlowWrite, binary: &GoBinary, bias: u64) -> Option<SpanContext> {
    if write.span_slots.is_empty() {
        return None;
    }
    let table = Pclntab::of(binary)?;
    let frames = Frames::of(&table, bias, &write.stack);
    let alive = write
        .span_slots
        .iter()
        .filter(|slot| frames.is_alive(u64::from(slot.offset), MAX_STEPS))
        .filter(|slot| !slot.by_holder || frames.is_server_stream(u64::from(slot.offset)));
    innermost(alive)
}

/// The first slot, from the leaf on, decides the trace. It need not lead to the innermost span: a caller may need its own
/// context after the call. Of the spans of that trace the one that began last is the innermost.
fn innermost<'a>(mut alive: impl Iterator<Item = &'a SpanSlot>) -> Option<SpanContext> {
    let mut found = alive.next()?;
    let trace = found.context?.trace_id;
    for slot in alive {
        let same_trace = slot
            .context
            .is_some_and(|context| context.trace_id == trace);
        // A start time that the service set itself orders nothing.
        if same_trace && found.began != 0 && slot.began > found.began {
            found = slot;
        }
    }
    found.context
}

/// A call in execution.
struct Frame<'a> {
    function: Function<'a>,
    /// An address within the call, without load bias.
    call: u64,
    /// Where it keeps its caller's frame pointer, in words, counted as all of them are.
    base: u64,
}

/// Those whose place is known, leaf first. The leaf itself is none: it was interrupted anywhere, not at a call.
struct Frames<'a> {
    frames: Vec<Frame<'a>>,
    pointers: &'a [(Option<u16>, u16)],
}

impl<'a> Frames<'a> {
    fn of(table: &Pclntab<'a>, bias: u64, stack: &'a RawStack) -> Self {
        let (leaf, returns) = stack.addresses.split_first().unwrap_or((&0, &[]));
        let lost = table
            .lost_caller(bias, *leaf, stack.top_words)
            .filter(|address| returns.first() != Some(address));
        let callers = returns.iter().copied().zip(stack.bases.iter().skip(1));
        let frame = |(address, base): (u64, &Option<u16>)| {
            let call = address.wrapping_sub(bias).wrapping_sub(1);
            let base = u64::from((*base)?);
            let function = table.find(call)?;
            Some(Frame {
                function,
                call,
                base,
            })
        };
        let places = lost.into_iter().zip(&stack.bases).chain(callers);
        Self {
            frames: places.filter_map(frame).collect(),
            pointers: &stack.pointers,
        }
    }

    /// Whether a pointer to a variable on the stack counts: the goroutine's own does.
    fn holds(&self, holder: Option<u16>, steps: usize) -> bool {
        holder.is_none_or(|word| self.is_alive(u64::from(word), steps))
    }

    /// Whether the pointer in a word of the stack is one that some function still needs.
    fn is_alive(&self, word: u64, steps: usize) -> bool {
        match self.liveness(word) {
            Liveness::Live => true,
            Liveness::Dead => false,
            Liveness::InObject { below, words } => {
                let object = word.saturating_sub(below)..word.saturating_sub(below) + words;
                let into = |pointer: &&(Option<u16>, u16)| {
                    object.contains(&u64::from(pointer.1))
                        && pointer
                            .0
                            .is_none_or(|holder| !object.contains(&u64::from(holder)))
                };
                let mut into = self.pointers.iter().filter(into);
                steps > 0 && into.any(|(holder, _)| self.holds(*holder, steps - 1))
            }
        }
    }

    /// Whether it is a server of gRPC that keeps the word.
    fn is_server_stream(&self, word: u64) -> bool {
        let is_used = |(frame, word): &(&Frame<'_>, FrameWord)| {
            let liveness = frame.function.liveness(frame.call, *word);
            liveness.is_some_and(|liveness| liveness != Liveness::Dead)
        };
        let mut users = self.holders(word).into_iter().flatten().filter(is_used);
        users.any(|(frame, _)| frame.function.name().starts_with(GRPC_SERVER))
    }

    /// Whose word it may be: one of the function whose frame it is in, or an argument of the one that it called.
    fn holders(&self, word: u64) -> [Option<(&Frame<'a>, FrameWord)>; 2] {
        let holder = self.frames.partition_point(|frame| frame.base <= word);
        let local = self.frames.get(holder);
        let local =
            local.and_then(|frame| Some((frame, FrameWord::Local(frame.base.checked_sub(word)?))));
        // A function's arguments are in its caller's frame.
        let callee = holder
            .checked_sub(1)
            .and_then(|callee| self.frames.get(callee));
        let argument = callee.and_then(|frame| {
            let arguments = frame.base.checked_add(LINKAGE)?;
            Some((frame, FrameWord::Argument(word.checked_sub(arguments)?)))
        });
        [local, argument]
    }

    fn liveness(&self, word: u64) -> Liveness {
        let [local, argument] = self.holders(word);
        let known =
            |(frame, word): (&Frame<'_>, FrameWord)| frame.function.liveness(frame.call, word);
        let (local, argument) = (local.and_then(known), argument.and_then(known));
        // A word is of one of the two; the other calls it dead.
        let is_used = |liveness: &Liveness| *liveness != Liveness::Dead;
        local.filter(is_used).or(argument).unwrap_or(Liveness::Dead)
    }
}
