//! A process that probes are attached to, and what its events are read with.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::memory;
use crate::{
    discover::{executable_link, printable, target_tid},
    examine::{Examined, examine_process},
    golang::build_id::htlhash,
    inspect::InspectError,
    model::{
        binary::{BuildIds, Executable, GoBinary, GoMinor, Segment},
        process::GoProcess,
    },
};

#[derive(Debug)]
pub(super) struct Target {
    pub process: Arc<GoProcess>,
    pub executable: Arc<Executable>,
    pub examined: Arc<Examined>,
    pub load_bias: u64,
    /// Threads whose number in the target's own namespace is known.
    threads: HashMap<u32, u32>,
}

impl Target {
    pub(super) fn new(process: Arc<GoProcess>, examined: Arc<Examined>, load_bias: u64) -> Self {
        let executable = executable(&process, &examined.0, load_bias);
        Self {
            process,
            executable: Arc::new(executable),
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
        let mut probes = plan.probes.iter().chain(&plan.writes.probes);
        let is_probe = probes.any(|probe| probe.site.address.0 == in_file);
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

fn executable(process: &GoProcess, binary: &GoBinary, load_bias: u64) -> Executable {
    let text = &binary.text;
    let has_text = |segment: &&Segment| {
        let end = segment.address.0.saturating_add(segment.file_size);
        segment.executable && (segment.address.0..end).contains(&text.start)
    };
    let segment = binary.segments.iter().find(has_text);
    let (start, length) = segment.map_or((text.start, 0), |its| (its.address.0, its.file_size));
    let loaded = |address: u64| address.saturating_add(load_bias);
    Executable {
        path: process.executable.clone(),
        build_ids: BuildIds {
            gnu: binary.gnu_build_id.clone(),
            go: binary.go_build_id.clone(),
            htlhash: htlhash(binary.image.file()),
        },
        code: loaded(start)..loaded(start.saturating_add(length)),
        code_offset: segment.map(|segment| segment.offset).unwrap_or_default(),
        go_code: loaded(text.start)..loaded(text.end),
    }
}

/// Binaries that were looked into, by device and inode: processes of one binary share one inspection, and one
/// that cannot be used is not opened again and again.
#[derive(Debug)]
pub(super) struct Binaries {
    known: HashMap<(u64, u64), Result<Arc<Examined>, Refused>>,
    assumed: Option<GoMinor>,
}

/// Why a process is left alone.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    /// One word for it, in metrics.
    pub kind: &'static str,
    /// Safe to show.
    pub reason: String,
}

impl Refused {
    pub(super) fn new(kind: &'static str, reason: impl ToString) -> Self {
        Self {
            kind,
            reason: printable(&reason.to_string()).into_owned(),
        }
    }
}

impl Binaries {
    /// `assumed`: what executables are taken for whose release is not known.
    pub(super) fn new(assumed: Option<GoMinor>) -> Self {
        Self {
            known: HashMap::new(),
            assumed,
        }
    }

    /// The examined binary of a process, or the reason why there is none.
    pub(super) fn of(&mut self, process: &GoProcess) -> Result<Arc<Examined>, Refused> {
        let key = process.executable_inode;
        let stale = |known: &Result<Arc<Examined>, Refused>| {
            known
                .as_ref()
                .is_ok_and(|examined| !examined.0.image.is_unchanged())
        };
        if self.known.get(&key).is_none_or(stale) {
            let begin = Instant::now();
            let examined = examine_process(
                process.pid,
                &executable_link(process.pid),
                &process.executable,
                self.assumed,
            );
            let executable = process.executable_path();
            tracing::debug!(executable, took = ?begin.elapsed(), "looked into");
            if let Ok((binary, _)) = &examined {
                binary.image.forget_pages();
                memory::give_back();
            }
            let refused = |error: InspectError| Refused::new(error.kind(), error);
            // What it is now says nothing of the next process.
            if let Err(error @ InspectError::Changed) = examined {
                return Err(refused(error));
            }
            self.known
                .insert(key, examined.map(Arc::new).map_err(refused));
        }
        self.known[&key].clone()
    }
}
