//! A process that probes are attached to, and what its events are read with.

use std::{collections::HashMap, sync::Arc};

use crate::{
    discover::{executable_link, target_tid},
    examine::{Examined, examine},
    model::{binary::GoBinary, process::GoProcess},
};

#[derive(Debug)]
pub(super) struct Target {
    pub process: Arc<GoProcess>,
    pub examined: Arc<Examined>,
    pub load_bias: u64,
    /// Threads whose number in the target's own namespace is known.
    threads: HashMap<u32, u32>,
}

impl Target {
    pub(super) fn new(process: Arc<GoProcess>, examined: Arc<Examined>, load_bias: u64) -> Self {
        Self {
            process,
            examined,
            load_bias,
            threads: HashMap::new(),
        }
    }

    pub(super) fn binary(&self) -> &GoBinary {
        &self.examined.0
    }

    /// The instruction that a thread was at, when `address` is one byte behind a probe of ours. The breakpoint has
    /// been hit then, and the thread lost its CPU before the kernel got to handle it.
    pub(super) fn behind_breakpoint(&self, address: u64) -> Option<u64> {
        let instruction = address.checked_sub(1)?;
        let in_file = instruction.checked_sub(self.load_bias)?;
        let plan = self.examined.1.as_ref().ok()?;
        let is_probe = plan
            .probes
            .iter()
            .any(|probe| probe.site.address.0 == in_file);
        is_probe.then_some(instruction)
    }

    /// A thread's number in the target's own pid namespace; the agent's where the thread is gone already and the
    /// two namespaces number alike.
    pub(super) fn target_tid(&mut self, tid: u32) -> u32 {
        if self.process.pid.0 == self.process.target_pid.0 {
            return tid;
        }
        let pid = self.process.pid;
        *self
            .threads
            .entry(tid)
            .or_insert_with(|| target_tid(pid, tid).unwrap_or(tid))
    }
}

/// Binaries that were looked into, by device and inode: processes of one binary share one inspection, and one
/// that cannot be used is not opened again and again.
#[derive(Debug, Default)]
pub(super) struct Binaries(HashMap<(u64, u64), Result<Arc<Examined>, String>>);

impl Binaries {
    /// The examined binary of a process, or the reason why there is none.
    pub(super) fn of(&mut self, process: &GoProcess) -> Result<Arc<Examined>, String> {
        let key = process.executable_inode;
        let stale = |known: &Result<Arc<Examined>, String>| {
            known
                .as_ref()
                .is_ok_and(|examined| !examined.0.image.is_unchanged())
        };
        if self.0.get(&key).is_none_or(stale) {
            let examined = examine(&executable_link(process.pid), &process.executable);
            self.0.insert(
                key,
                examined.map(Arc::new).map_err(|error| error.to_string()),
            );
        }
        self.0[&key].clone()
    }
}
