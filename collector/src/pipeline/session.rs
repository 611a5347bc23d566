//! Attached probes and the way of their events up to the exporters.

use std::{collections::HashMap, sync::Arc};

use slowmap_abi::WriteEvent;

use super::{
    clock,
    target::{Binaries, Target},
};
use crate::{
    assemble::{Origin, assemble},
    attach::{AgentNamespace, AttachError, Programs},
    attribute::attribute,
    check,
    correlate::correlate,
    discover::{self, Changes},
    failure::Failure,
    inspect,
    model::{
        process::{GoProcess, Pid},
        summary::{Losses, ProbeUse, SkippedProcess, Target as TargetSummary},
        time::ClockOffset,
        write::{AttributedWrite, CorrelatedWrite, Observed, SymbolizedWrite},
    },
    receive::Events,
    symbolize::{Symbolizer, map_assign_entry},
};

/// A stack that came with the event of a wait held a word that looked like a map write's, and was none.
const NOT_A_MAP_WRITE: &str = "not_in_a_map_write";
/// The event's process was detached before the event was read.
const DETACHED: &str = "process_detached";

#[derive(Debug)]
pub(super) struct Session {
    programs: Programs,
    events: Events,
    symbolizer: Symbolizer,
    binaries: Binaries,
    targets: HashMap<Pid, Target>,
    threshold_nano: u64,
    /// All that were attached, those that ended included.
    recorded: Vec<TargetSummary>,
    skipped: Vec<SkippedProcess>,
    losses: Losses,
}

impl Session {
    pub(super) fn load(threshold: std::time::Duration) -> Result<Self, Failure> {
        if let Some(missing) = check::missing_privileges() {
            return Err(Failure::NotPermitted(missing));
        }
        let namespace = discover::own_pid_namespace().map_err(anyhow::Error::from)?;
        let namespace = AgentNamespace {
            device: namespace.device,
            inode: namespace.inode,
        };
        let mut programs = Programs::load(namespace).map_err(failure)?;
        let events = Events::new(programs.take_events().map_err(failure)?);
        Ok(Self {
            programs,
            events,
            symbolizer: Symbolizer::new(),
            binaries: Binaries::default(),
            targets: HashMap::new(),
            threshold_nano: u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX),
            recorded: Vec::new(),
            skipped: Vec::new(),
            losses: Losses::default(),
        })
    }

    /// Follows what discovery saw.
    pub(super) fn apply(&mut self, changes: Changes) {
        for pid in changes.exited {
            self.detach(pid);
        }
        for passed_over in changes.passed_over {
            tracing::debug!(%passed_over, "passed over");
        }
        for process in changes.started {
            self.attach(process);
        }
    }

    fn attach(&mut self, process: GoProcess) {
        let executable = discover::printable(&process.executable.to_string_lossy()).into_owned();
        match self.try_attach(process) {
            Ok(target) => {
                let TargetSummary {
                    pid,
                    ref service_name,
                    ref go_version,
                    ..
                } = target;
                let service_name = service_name.as_deref().unwrap_or_default();
                tracing::info!(pid, service_name, executable, go_version, "attached");
                self.recorded.push(target);
            }
            Err((pid, reason)) => {
                tracing::debug!(pid = pid.0, executable, reason, "skipped");
                self.skipped.push(SkippedProcess {
                    pid: pid.0,
                    executable,
                    reason,
                });
            }
        }
    }

    fn try_attach(&mut self, process: GoProcess) -> Result<TargetSummary, (Pid, String)> {
        let pid = process.pid;
        let skipped = |reason: String| (pid, reason);
        let examined = self.binaries.of(&process).map_err(skipped)?;
        let plan = examined
            .1
            .as_ref()
            .map_err(|reason| skipped(reason.reason.clone()))?;
        let load_bias = inspect::process::load_bias_of(pid, &examined.0)
            .map_err(|error| skipped(error.to_string()))?;
        self.programs
            .attach(
                pid,
                &discover::executable_link(pid),
                plan,
                load_bias,
                self.threshold_nano,
            )
            .map_err(|error| skipped(error.to_string()))?;
        let summary = TargetSummary {
            pid: pid.0,
            service_name: Some(process.service_name_or_default()),
            executable: process.executable.to_string_lossy().into_owned(),
            go_version: examined.0.go_version.raw.clone(),
        };
        let target = Target::new(Arc::new(process), Arc::clone(&examined), load_bias);
        self.targets.insert(pid, target);
        Ok(summary)
    }

    fn detach(&mut self, pid: Pid) {
        self.programs.detach(pid);
        if self.targets.remove(&pid).is_some() {
            self.symbolizer.forget(pid);
            tracing::info!(pid = pid.0, "detached, the process has ended");
        }
    }

    pub(super) fn detach_all(&mut self) {
        let pids: Vec<Pid> = self.targets.keys().copied().collect();
        for pid in pids {
            self.programs.detach(pid);
        }
    }

    /// The number of processes that probes are attached to now.
    pub(super) fn attached(&self) -> usize {
        self.targets.len()
    }

    /// Hands over the writes that have been seen since the last time.
    pub(super) fn drain(&mut self, mut hand_over: impl FnMut(CorrelatedWrite)) {
        let clock = clock::offset();
        while let Some(event) = self.events.next() {
            match self.explain(&event, &clock) {
                Ok(write) => hand_over(write),
                Err(reason) => self.losses.add(reason, 1),
            }
        }
    }

    fn explain(
        &mut self,
        event: &WriteEvent,
        clock: &ClockOffset,
    ) -> Result<CorrelatedWrite, &'static str> {
        let target = self.targets.get_mut(&Pid(event.pid)).ok_or(DETACHED)?;
        let target_tid = target.target_tid(event.tid);
        let binary = target.binary();
        let origin = Origin {
            process: &target.process,
            go_version: &binary.go_version.raw,
            map_implementation: binary.map_implementation,
            target_tid,
        };
        let mut write = assemble(event, origin);
        if let Some(leaf) = write.stack.addresses.first_mut() {
            *leaf = target.behind_breakpoint(*leaf).unwrap_or(*leaf);
        }
        let attributed = attribute(write);
        let symbolized = symbolize(&self.symbolizer, target, attributed).ok_or(NOT_A_MAP_WRITE)?;
        Ok(correlate(symbolized, clock))
    }

    pub(super) fn targets_recorded(&self) -> Vec<TargetSummary> {
        self.recorded.clone()
    }

    pub(super) fn skipped(&self) -> &[SkippedProcess] {
        &self.skipped
    }

    /// What was lost on the way, in the kernel and here.
    pub(super) fn losses(&self) -> Losses {
        let mut losses = self.losses.clone();
        let kernel = self.programs.counts();
        losses.add("ring_buffer_full", kernel.ring_full);
        losses.add("in_flight_table_full", kernel.in_flight_full);
        losses.add("wait_table_full", kernel.wait_table_full);
        losses.add("malformed_event", self.events.malformed());
        losses
    }

    pub(super) fn probe_use(&self) -> Vec<ProbeUse> {
        let hits = self.programs.hits();
        let used = hits.into_iter().map(|((function, role), hits)| ProbeUse {
            function,
            role,
            hits: hits.count,
            estimated_cost_nano: hits.cost_nano,
        });
        used.collect()
    }
}

/// `None`: the stack has no map write in it, so the event is of something else.
fn symbolize(
    symbolizer: &Symbolizer,
    target: &Target,
    attributed: AttributedWrite,
) -> Option<SymbolizedWrite> {
    let (binary, bias) = (target.binary(), target.load_bias);
    let write = &attributed.write;
    let stack = symbolizer.symbolize(target.process.pid, binary, bias, &write.stack);
    let function = map_assign_entry(&stack);
    if function.is_none() && write.observed != Observed::Growth {
        return None;
    }
    let map_type = match write.map_type_address {
        0 => None,
        address => symbolizer.type_name(binary, bias, address),
    };
    Some(SymbolizedWrite {
        attributed,
        function,
        map_type,
        stack,
    })
}

fn failure(error: AttachError) -> Failure {
    match error {
        AttachError::NotPermitted { .. } => Failure::NotPermitted(format!(
            "{error}; run as root, or see which privilege is missing with `slowmap check`"
        )),
        error => Failure::Other(error.into()),
    }
}
