//! Reading a goroutine's `g`.

use aya_ebpf::helpers::bpf_probe_read_user;
use slowmap_abi::{ABSENT, GoroutineKey, Target};

use crate::{process::Thread, registers};

/// Reads a word of the target; `None` where it cannot be read.
#[inline(always)]
pub fn read_word(address: u64) -> Option<u64> {
    // SAFETY: the helper checks the address and faults nothing in.
    unsafe { bpf_probe_read_user(address as *const u64) }.ok()
}

/// The user goroutine behind the `g` in the register: on a thread's own stack (`g0`), the one that it works for.
#[inline(always)]
pub fn user_goroutine(target: &Target, g: u64) -> Option<u64> {
    let m = read_word(g.wrapping_add(u64::from(target.offsets.g_m)))?;
    let current = read_word(m.wrapping_add(u64::from(target.offsets.m_curg)))?;
    (current != 0).then_some(current)
}

#[inline(always)]
pub fn key(thread: Thread, g: u64) -> GoroutineKey {
    GoroutineKey {
        pid: u64::from(thread.pid),
        g,
    }
}

/// The goroutine's number, and that of the one that started it (0: not known).
#[inline(always)]
pub fn numbers(target: &Target, g: u64) -> (u64, u64) {
    let goid = read_word(g.wrapping_add(u64::from(target.offsets.g_goid))).unwrap_or(0);
    let parent = match target.offsets.g_parent_goid {
        ABSENT => 0,
        offset => read_word(g.wrapping_add(u64::from(offset))).unwrap_or(0),
    };
    (goid, parent)
}

/// Where its stack ends, which grows downwards from there; 0: not known.
#[inline(always)]
pub fn stack_end(target: &Target, g: u64) -> u64 {
    read_word(g.wrapping_add(u64::from(target.offsets.g_stack_hi))).unwrap_or(0)
}

/// The part of the goroutine's own stack that is in use: from the stack pointer, or, when the thread runs on
/// another stack for it, from where it left its own.
#[inline(always)]
pub fn stack_in_use(target: &Target, g: u64, sp: u64) -> Option<(u64, u64)> {
    let low = read_word(g.wrapping_add(u64::from(target.offsets.g_stack_lo)))?;
    let high = read_word(g.wrapping_add(u64::from(target.offsets.g_stack_hi)))?;
    if low <= sp && sp < high {
        return Some((sp, high));
    }
    let saved = registers::saved_position(target, g)?.sp;
    (low <= saved && saved < high).then_some((saved, high))
}

/// Whether an address is in the goroutine's own stack.
#[inline(always)]
pub fn is_on_stack(target: &Target, g: u64, address: u64) -> bool {
    let low = read_word(g.wrapping_add(u64::from(target.offsets.g_stack_lo)));
    let high = read_word(g.wrapping_add(u64::from(target.offsets.g_stack_hi)));
    let (Some(low), Some(high)) = (low, high) else {
        return false;
    };
    low <= address && address < high
}
