//! amd64: `g` in r14, the return address on the stack.

use aya_ebpf::bindings::pt_regs;
use slowmap_abi::{Cookie, Target};

use crate::goroutine::read_word;

/// Where a goroutine stands: what a stack walk begins with.
#[derive(Clone, Copy)]
pub struct Position {
    pub pc: u64,
    pub sp: u64,
    pub bp: u64,
}

impl Position {
    /// From `growth_position`.
    #[inline(always)]
    pub fn restored([pc, sp, bp]: [u64; 3]) -> Self {
        Self { pc, sp, bp }
    }
}

pub type AtKernelEntry = pt_regs;
/// Where that is in `struct pt_regs`, in bytes.
pub const AT_KERNEL_ENTRY: usize = 0;

/// `pt_regs::orig_rax` of a thread that entered the kernel by an interrupt or exception.
/// https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/entry_64.S#L293
const NOT_A_SYSCALL: u64 = u64::MAX;

#[inline(always)]
pub fn g_at_kernel_entry(regs: &AtKernelEntry) -> u64 {
    g(regs)
}

#[inline(always)]
pub fn position_at_kernel_entry(regs: &AtKernelEntry) -> Position {
    position(regs)
}

#[inline(always)]
pub fn in_syscall(regs: &AtKernelEntry) -> bool {
    regs.orig_rax != NOT_A_SYSCALL
}

#[inline(always)]
pub fn g(regs: &pt_regs) -> u64 {
    regs.r14
}

#[inline(always)]
pub fn position(regs: &pt_regs) -> Position {
    Position {
        pc: regs.rip,
        sp: regs.rsp,
        bp: regs.rbp,
    }
}

#[inline(always)]
pub fn first_argument(regs: &pt_regs) -> u64 {
    regs.rax
}

/// The argument registers, in order.
///
/// All are read, and one is chosen then: the verifier takes no computed offset into the context, which is what the
/// compiler would make of a choice first.
#[inline(always)]
pub fn argument(regs: &pt_regs, index: u8) -> u64 {
    // SAFETY: the fields of a context are readable.
    let [rax, rbx, rcx, rdi] = unsafe {
        [
            core::ptr::read_volatile(&regs.rax),
            core::ptr::read_volatile(&regs.rbx),
            core::ptr::read_volatile(&regs.rcx),
            core::ptr::read_volatile(&regs.rdi),
        ]
    };
    match index {
        0 => rax,
        1 => rbx,
        2 => rcx,
        3 => rdi,
        _ => 0,
    }
}

/// Whether the jump under a probe goes the way that the cookie means.
#[inline(always)]
pub fn condition_holds(cookie: Cookie, regs: &pt_regs) -> bool {
    cookie.counts(regs.eflags)
}

/// Of a function that has not set its frame up yet; 0: cannot be read.
#[inline(always)]
pub fn return_address(regs: &pt_regs) -> u64 {
    read_word(regs.rsp).unwrap_or(0)
}

/// What is needed to walk the stack from here later on: `Position::restored`.
#[inline(always)]
pub fn growth_position(regs: &pt_regs) -> [u64; 3] {
    let Position { pc, sp, bp } = position(regs);
    [pc, sp, bp]
}

/// Where a goroutine was when it left its stack last: for one that is descheduled, or works on `g0`.
#[inline(always)]
pub fn saved_position(target: &Target, g: u64) -> Option<Position> {
    Some(Position {
        pc: read_word(g.wrapping_add(u64::from(target.offsets.g_sched_pc)))?,
        sp: read_word(g.wrapping_add(u64::from(target.offsets.g_sched_sp)))?,
        bp: read_word(g.wrapping_add(u64::from(target.offsets.g_sched_bp)))?,
    })
}

/// What holds the return address while the leaf's frame is not set up: at its first instruction, and at its second.
#[inline(always)]
pub fn words_above(position: &Position) -> [Option<u64>; 2] {
    [
        read_word(position.sp),
        read_word(position.sp.wrapping_add(8)),
    ]
}

/// Where the caller's frame begins, of a function that has this frame pointer; 0: not known. The saved frame pointer and the
/// return address stand between the two.
#[inline(always)]
pub fn caller_frame(bp: u64) -> u64 {
    bp.wrapping_add(16)
}

/// The same, of one that has not set its frame up.
#[inline(always)]
pub fn frame_at_entry(position: &Position) -> u64 {
    position.sp.wrapping_add(8)
}

/// Where a function keeps its first argument while it calls something: above its frame, whose caller's begins there.
#[inline(always)]
pub fn argument_slots(caller_frame: u64) -> u64 {
    caller_frame
}
