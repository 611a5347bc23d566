//! Which target the current thread belongs to.

use aya_ebpf::{
    Global,
    bindings::bpf_pidns_info,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_ns_current_pid_tgid},
};
use slowmap_abi::Target;

use crate::maps::TARGETS;

/// Device and inode of the agent's pid namespace; 0 when it is the initial one, whose numbers need no
/// translation and also cover processes in namespaces below it.
#[unsafe(no_mangle)]
static PID_NAMESPACE_DEVICE: Global<u64> = Global::new(0);
#[unsafe(no_mangle)]
static PID_NAMESPACE_INODE: Global<u64> = Global::new(0);

/// Process and thread id as the agent's pid namespace numbers them.
#[derive(Clone, Copy)]
pub struct Thread {
    pub pid: u32,
    pub tid: u32,
}

#[inline(always)]
pub fn current_thread() -> Option<Thread> {
    let inode = PID_NAMESPACE_INODE.load();
    if inode == 0 {
        let pid_tgid = bpf_get_current_pid_tgid();
        return Some(Thread {
            pid: (pid_tgid >> 32) as u32,
            tid: pid_tgid as u32,
        });
    }
    let mut numbers = bpf_pidns_info { pid: 0, tgid: 0 };
    // SAFETY: the helper fills `numbers`, whose size it is told.
    let status = unsafe {
        bpf_get_ns_current_pid_tgid(
            PID_NAMESPACE_DEVICE.load(),
            inode,
            &mut numbers,
            size_of::<bpf_pidns_info>() as u32,
        )
    };
    (status == 0).then_some(Thread {
        pid: numbers.tgid,
        tid: numbers.pid,
    })
}

/// The current thread and its target; `None` for everyone else on the machine.
#[inline(always)]
pub fn current_target() -> Option<(Thread, &'static Target)> {
    let thread = current_thread()?;
    // SAFETY: entries change only when a target is attached or detached.
    let target = unsafe { TARGETS.get(u64::from(thread.pid)) }?;
    Some((thread, target))
}
