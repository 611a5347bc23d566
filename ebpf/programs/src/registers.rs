//! The user registers of the current thread, at a probe or where it entered the kernel, and how Go uses them and the stack:
//! src/cmd/compile/abi-internal.md of the Go sources.

use aya_ebpf::helpers::{
    bpf_probe_read_kernel,
    generated::{bpf_get_current_task_btf, bpf_task_pt_regs},
};

#[cfg_attr(bpf_target_arch = "aarch64", path = "registers/arm64.rs")]
#[cfg_attr(not(bpf_target_arch = "aarch64"), path = "registers/amd64.rs")]
mod machine;

pub use machine::{
    Position, argument, argument_slots, caller_frame, condition_holds, first_argument,
    frame_at_entry, g, growth_position, position, return_address, saved_position, words_above,
};

pub struct UserRegisters {
    regs: machine::AtKernelEntry,
}

impl UserRegisters {
    /// Of the current thread where it entered the kernel. `None` for kernel threads.
    #[inline(always)]
    pub fn at_kernel_entry() -> Option<Self> {
        // SAFETY: both helpers take and return the current task's own pointers; the read is checked.
        let regs = unsafe {
            let regs = bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u8;
            bpf_probe_read_kernel(regs.add(machine::AT_KERNEL_ENTRY).cast()).ok()?
        };
        Some(Self { regs })
    }

    #[inline(always)]
    pub fn g(&self) -> u64 {
        machine::g_at_kernel_entry(&self.regs)
    }

    #[inline(always)]
    pub fn position(&self) -> Position {
        machine::position_at_kernel_entry(&self.regs)
    }

    #[inline(always)]
    pub fn in_syscall(&self) -> bool {
        machine::in_syscall(&self.regs)
    }
}
