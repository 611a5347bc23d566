//! arm64: `g` in x28, the return address in x30 until a function stores it at the lowest word of its frame. The frame pointer,
//! x29, is one word below the stack pointer, so that the two words at it are the caller's frame pointer and the return address,
//! as on amd64.

use aya_ebpf::bindings::pt_regs;
use slowmap_abi::{Cookie, Target};

use crate::goroutine::read_word;

const LINK: usize = 30;
const FRAME: usize = 29;
const G: usize = 28;

/// Where a goroutine stands: what a stack walk begins with.
#[derive(Clone, Copy)]
pub struct Position {
    pub pc: u64,
    pub sp: u64,
    pub bp: u64,
    /// The return address while the leaf's frame is not set up; else what was left in that register.
    link: u64,
}

impl Position {
    /// From `growth_position`.
    #[inline(always)]
    pub fn restored([pc, sp, bp]: [u64; 3]) -> Self {
        let link = 0;
        Self { pc, sp, bp, link }
    }
}

/// What of `struct pt_regs` matters: all of it would be too much for the stack.
/// https://github.com/torvalds/linux/blob/v6.12/arch/arm64/include/asm/ptrace.h#L153
#[derive(Clone, Copy)]
#[repr(C)]
pub struct AtKernelEntry {
    g: u64,
    bp: u64,
    link: u64,
    sp: u64,
    pc: u64,
    _pstate: u64,
    _orig_x0: u64,
    syscall: i32,
    _pmr: u32,
}

/// Where that is in `struct pt_regs`, in bytes.
pub const AT_KERNEL_ENTRY: usize = G * 8;

/// `NO_SYSCALL`
/// https://github.com/torvalds/linux/blob/v6.12/arch/arm64/include/asm/ptrace.h#L113
const NOT_A_SYSCALL: i32 = -1;

#[inline(always)]
pub fn g_at_kernel_entry(regs: &AtKernelEntry) -> u64 {
    regs.g
}

#[inline(always)]
pub fn position_at_kernel_entry(regs: &AtKernelEntry) -> Position {
    let &AtKernelEntry {
        pc, sp, bp, link, ..
    } = regs;
    Position { pc, sp, bp, link }
}

#[inline(always)]
pub fn in_syscall(regs: &AtKernelEntry) -> bool {
    regs.syscall != NOT_A_SYSCALL
}

#[inline(always)]
pub fn g(regs: &pt_regs) -> u64 {
    regs.regs[G]
}

#[inline(always)]
pub fn position(regs: &pt_regs) -> Position {
    Position {
        pc: regs.pc,
        sp: regs.sp,
        bp: regs.regs[FRAME],
        link: regs.regs[LINK],
    }
}

#[inline(always)]
pub fn first_argument(regs: &pt_regs) -> u64 {
    regs.regs[0]
}

/// The argument registers, in order. All are read, and one is chosen then, for the verifier: see amd64.
#[inline(always)]
pub fn argument(regs: &pt_regs, index: u8) -> u64 {
    // SAFETY: the fields of a context are readable.
    let [x0, x1, x2, x3] = unsafe {
        [
            core::ptr::read_volatile(&regs.regs[0]),
            core::ptr::read_volatile(&regs.regs[1]),
            core::ptr::read_volatile(&regs.regs[2]),
            core::ptr::read_volatile(&regs.regs[3]),
        ]
    };
    match index {
        0 => x0,
        1 => x1,
        2 => x2,
        3 => x3,
        _ => 0,
    }
}

/// Whether the branch under a probe goes the way that the cookie means.
#[inline(always)]
pub fn condition_holds(cookie: Cookie, regs: &pt_regs) -> bool {
    cookie.counts_arm64(regs.pstate)
}

/// Of a function that has not set its frame up yet.
#[inline(always)]
pub fn return_address(regs: &pt_regs) -> u64 {
    regs.regs[LINK]
}

/// What is needed to walk the stack from here later on, when x30 is another: as if the function that is just called were
/// back.
#[inline(always)]
pub fn growth_position(regs: &pt_regs) -> [u64; 3] {
    [regs.regs[LINK], regs.sp, regs.regs[FRAME]]
}

/// Where a goroutine was when it left its stack last: for one that is descheduled, or works on `g0`. In a `gobuf` the link
/// register stands before the frame pointer:
/// https://github.com/golang/go/blob/go1.26.0/src/runtime/runtime2.go
#[inline(always)]
pub fn saved_position(target: &Target, g: u64) -> Option<Position> {
    let bp = g.wrapping_add(u64::from(target.offsets.g_sched_bp));
    Some(Position {
        pc: read_word(g.wrapping_add(u64::from(target.offsets.g_sched_pc)))?,
        sp: read_word(g.wrapping_add(u64::from(target.offsets.g_sched_sp)))?,
        bp: read_word(bp)?,
        link: read_word(bp.wrapping_sub(8))?,
    })
}

/// What holds the return address while the leaf's frame is not set up, and once only the link register is stored.
#[inline(always)]
pub fn words_above(position: &Position) -> [Option<u64>; 2] {
    [Some(position.link), read_word(position.sp)]
}

/// Where the caller's frame begins, of a function that has this frame pointer; 0: not known. The caller's own frame pointer,
/// which is saved there, is one word below it.
#[inline(always)]
pub fn caller_frame(bp: u64) -> u64 {
    match read_word(bp) {
        Some(callers) if callers != 0 => callers.wrapping_add(8),
        _ => 0,
    }
}

/// The same, of one that has not set its frame up.
#[inline(always)]
pub fn frame_at_entry(position: &Position) -> u64 {
    position.sp
}

/// Where a function keeps its first argument while it calls something: above its frame, behind the word in which its caller
/// keeps its own return address.
#[inline(always)]
pub fn argument_slots(caller_frame: u64) -> u64 {
    caller_frame.wrapping_add(8)
}
