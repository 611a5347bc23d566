//! The user registers of the current thread, at a probe or where it entered the kernel. amd64.

use aya_ebpf::{
    bindings::pt_regs,
    helpers::{
        bpf_probe_read_kernel,
        generated::{bpf_get_current_task_btf, bpf_task_pt_regs},
    },
};

/// Where a goroutine stands: what a stack walk begins with.
#[derive(Clone, Copy)]
pub struct Position {
    pub pc: u64,
    pub sp: u64,
    pub bp: u64,
}

/// `pt_regs::orig_rax` of a thread that entered the kernel by an interrupt or exception.
/// https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/entry_64.S#L293
const NOT_A_SYSCALL: u64 = u64::MAX;

pub struct UserRegisters {
    regs: pt_regs,
}

impl UserRegisters {
    /// Of the current thread where it entered the kernel. `None` for kernel threads.
    #[inline(always)]
    pub fn at_kernel_entry() -> Option<Self> {
        // SAFETY: both helpers take and return the current task's own pointers; the read is checked.
        let regs = unsafe {
            let regs = bpf_task_pt_regs(bpf_get_current_task_btf()) as *const pt_regs;
            bpf_probe_read_kernel(regs).ok()?
        };
        Some(Self { regs })
    }

    #[inline(always)]
    pub fn g(&self) -> u64 {
        self.regs.r14
    }

    #[inline(always)]
    pub fn position(&self) -> Position {
        Position {
            pc: self.regs.rip,
            sp: self.regs.rsp,
            bp: self.regs.rbp,
        }
    }

    #[inline(always)]
    pub fn in_syscall(&self) -> bool {
        self.regs.orig_rax != NOT_A_SYSCALL
    }
}

/// Go's argument registers, in order: src/cmd/compile/abi-internal.md of the Go sources.
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

#[inline(always)]
pub fn position(regs: &pt_regs) -> Position {
    Position {
        pc: regs.rip,
        sp: regs.rsp,
        bp: regs.rbp,
    }
}
