//! Attached probes and the way of their events up to the exporters.

use std::{collections::HashMap, sync::Arc, time::Duration};

use slowmap_abi::WriteEvent;

use super::{
    clock, collisions,
    follow::Follower,
    governing::Governing,
    history::{History, Keep},
    looks::Looks,
    memory, naming,
    target::{Binaries, Refused, Target},
};
use crate::{
    assemble::{Origin, assemble, ending},
    attach::{AgentNamespace, AttachError, Programs},
    attribute::attribute,
    check,
    config::Detection,
    correlate::correlate,
    discover::{self, Changes},
    export::otlp::AgentUse,
    failure::Failure,
    inspect,
    kubernetes::Names,
    model::{
        process::{GoProcess, Pid},
        summary::{Losses, ProbeUse, Target as TargetSummary, Usage},
        time::{ClockOffset, Ktime},
        write::{AttributedWrite, CorrelatedWrite, Observed, SymbolizedWrite},
        writes::Writes,
    },
    receive::{Events, Lives},
    symbolize::{Symbolizer, map_assign_entry},
};

/// A stack that came with the event of a wait held a word that looked like a map write's, and was none.
const NOT_A_MAP_WRITE: &str = "not_in_a_map_write";
/// What was in flight when the governor took the probes out that would have seen its end.
const PROBES_TAKEN_OUT: &str = "probes_taken_out";
/// The event's process was detached before the event was read.
const DETACHED: &str = "process_detached";

#[derive(Debug)]
pub(super) struct Session {
    programs: Programs,
    events: Events,
    symbolizer: Symbolizer,
    binaries: Binaries,
    targets: HashMap<Pid, Target>,
    governing: Governing,
    follower: Follower,
    threshold_nano: u64,
    history: History,
    said_what_lacks: bool,
    losses: Losses,
}

impl Session {
    pub(super) fn load(detection: &Detection, keep: Keep) -> Result<Self, Failure> {
        if let Some(why) = check::unsupported_kernel() {
            return Err(anyhow::Error::msg(why).into());
        }
        if let Some(missing) = check::missing_privileges() {
            return Err(Failure::NotPermitted(missing));
        }
        let namespace = discover::own_pid_namespace().map_err(anyhow::Error::from)?;
        let namespace = AgentNamespace {
            device: namespace.device,
            inode: namespace.inode,
        };
        let follower = Follower::new(detection);
        let mut programs =
            Programs::load(namespace, discover::page_faults, follower.is_on()).map_err(failure)?;
        let events = Events::new(programs.take_events().map_err(failure)?);
        memory::give_back();
        Ok(Self {
            programs,
            events,
            symbolizer: Symbolizer::new(),
            binaries: Binaries::new(detection.assume_go),
            targets: HashMap::new(),
            governing: Governing::new(detection.budget, follower.presence()),
            follower,
            threshold_nano: u64::try_from(detection.threshold.get().as_nanos()).unwrap_or(u64::MAX),
            history: History::new(keep),
            said_what_lacks: false,
            losses: Losses::default(),
        })
    }

    /// How much longer a write takes the target while all are followed. `None`: that is not what is done, or it is not known.
    pub(super) fn cost_per_write(&self) -> Option<u64> {
        let cost = self.programs.write_cost()?;
        Some(cost.per_write)
    }

    /// When to `drain`.
    pub(super) fn looks(&self) -> Looks {
        let pressing = self.events.pressing();
        let pressing = pressing
            .inspect_err(|error| tracing::warn!(%error, "events are fetched by a timer alone"));
        Looks::new(pressing.ok())
    }

    /// Has the kernel tell of processes that begin and end; `None`: it does not, so somebody has to look often.
    pub(super) fn watch_lives(&mut self) -> Option<Lives> {
        let ring = self.programs.watch_lives().map_err(anyhow::Error::from);
        let lives = ring.and_then(|ring| Ok(Lives::new(ring)?));
        lives
            .inspect_err(|error| tracing::warn!(%error, "the kernel does not tell of processes"))
            .ok()
    }

    /// Follows what discovery saw.
    pub(super) fn apply(&mut self, changes: Changes) {
        for pid in changes.exited {
            self.forget(pid);
        }
        for passed_over in changes.passed_over {
            // Once is enough: where a privilege is missing, it is for many processes.
            if passed_over.lacks_privileges() && !std::mem::replace(&mut self.said_what_lacks, true)
            {
                tracing::warn!(%passed_over, "passed over");
            } else {
                tracing::debug!(%passed_over, "passed over");
            }
        }
        for process in changes.started {
            self.attach(process);
        }
    }

    fn attach(&mut self, process: GoProcess) {
        let executable = process.executable_path();
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
                self.history.attached(target);
            }
            Err((pid, refused)) => {
                tracing::debug!(pid = pid.0, executable, refused.reason, "skipped");
                self.history.skipped(pid, executable, refused);
            }
        }
    }

    fn try_attach(&mut self, process: GoProcess) -> Result<TargetSummary, (Pid, Refused)> {
        let pid = process.pid;
        let skipped = |kind, reason: String| (pid, Refused::new(kind, reason));
        let examined = self
            .binaries
            .of(&process)
            .map_err(|refused| (pid, refused))?;
        let plan = examined
            .1
            .as_ref()
            .map_err(|reason| skipped("no_probes", reason.reason.clone()))?;
        let load_bias = inspect::process::load_bias_of(pid, &examined.0)
            .map_err(|error| skipped(error.kind(), error.to_string()))?;
        self.programs
            .attach(
                pid,
                &discover::executable_link(pid),
                plan,
                load_bias,
                self.threshold_nano,
            )
            .map_err(|error| skipped("not_attached", error.to_string()))?;
        let summary = TargetSummary {
            recording: None,
            started_unix_nano: Some(clock::begun(process.start_ticks).0),
            pid: pid.0,
            service_name: Some(process.service_name_or_default()),
            executable: process.executable_path(),
            go_version: examined.0.go_version.raw.clone(),
            usage: Usage::default(),
        };
        self.governing.add(pid, &self.programs);
        let target = Target::new(Arc::new(process), Arc::clone(&examined), load_bias);
        self.follower.begin(&mut self.programs, pid, &target);
        self.targets.insert(pid, target);
        Ok(summary)
    }

    /// Gives processes names that have become known.
    pub(super) fn name(&mut self, known: impl IntoIterator<Item = (Pid, Names)>) {
        for (pid, names) in known {
            if let Some(target) = self.targets.get_mut(&pid) {
                naming::name(Arc::make_mut(&mut target.process), names);
            }
        }
    }

    fn forget(&mut self, pid: Pid) {
        self.note_writes(pid);
        self.note_usage(pid);
        self.governing.forget(pid);
        self.programs.forget_ended(pid);
        if self.targets.remove(&pid).is_some() {
            self.symbolizer.forget(pid);
            tracing::info!(pid = pid.0, "detached, the process has ended");
        }
    }

    pub(super) fn detach_all(&mut self) {
        let pids: Vec<Pid> = self.targets.keys().copied().collect();
        for pid in &pids {
            self.note_writes(*pid);
            self.note_usage(*pid);
        }
        self.programs.detach_all(pids);
    }

    /// Keeps how long a target's writes took, when it is detached from.
    fn note_writes(&mut self, pid: Pid) {
        if let Some(target) = self.targets.get(&pid) {
            let programs = &mut self.programs;
            self.follower.end(programs, pid, target, &self.symbolizer);
        }
    }

    /// Keeps what watching a target took, when it is detached from.
    fn note_usage(&mut self, pid: Pid) {
        let usage = self.governing.usage(pid, &self.programs);
        self.history.detached(pid, usage);
    }

    /// Waits until it is time to [`Session::govern`].
    pub(super) fn next_look(&self) -> impl Future<Output = ()> + use<> {
        self.governing.next_look()
    }

    /// Holds what the probes cost against the budget.
    pub(super) fn govern(&mut self) {
        let lost = self.governing.look(&mut self.programs);
        self.losses.add(PROBES_TAKEN_OUT, lost);
    }

    /// Waits until it is time to [`Session::follow_on`]. Never, where no write is followed as a whole.
    pub(super) fn next_step(&self) -> impl Future<Output = ()> + use<> {
        let next = self.follower.next();
        async move {
            let Some(due) = next else {
                return std::future::pending().await;
            };
            let wait = due.0.saturating_sub(clock::monotonic().0);
            tokio::time::sleep(Duration::from_nanos(wait)).await;
        }
    }

    /// Opens and closes the windows in which whole writes are followed.
    pub(super) fn follow_on(&mut self) {
        self.follower
            .advance(&mut self.programs, &self.targets, &self.symbolizer);
    }

    /// How long all writes took. To be asked when all is detached.
    pub(super) fn writes(&mut self) -> Option<Writes> {
        self.follower.summary(&mut self.programs)
    }

    /// The number of processes that probes are attached to now.
    pub(super) fn attached(&self) -> usize {
        self.targets.len()
    }

    /// Hands over the writes that have been seen since the last time.
    pub(super) fn drain(&mut self, mut hand_over: impl FnMut(CorrelatedWrite)) {
        let clock = clock::offset();
        let mut collided = Vec::new();
        while let Some(event) = self.events.next() {
            let told = match ending(&event) {
                Some(ending) => self
                    .targets
                    .get(&Pid(event.pid))
                    .ok_or(DETACHED)
                    .map(|target| {
                        collisions::add(&ending, target, &self.symbolizer, &mut collided);
                    }),
                None => self.explain(&event, &clock).map(&mut hand_over),
            };
            if let Err(reason) = told {
                self.losses.add(reason, 1);
            }
        }
        collided.iter().for_each(collisions::say);
        self.history.collided(collided);
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
            executable: &target.executable,
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
        let binary = (target.binary(), target.load_bias);
        let mut correlated = correlate(symbolized, binary, clock);
        let (start, end) = (Ktime(event.start), Ktime(event.end));
        correlated.unobserved = self.governing.unobserved(Pid(event.pid), start, end);
        Ok(correlated)
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// What was lost on the way, in the kernel and here.
    pub(super) fn losses(&self) -> Losses {
        let mut losses = self.losses.clone();
        let kernel = self.programs.counts();
        losses.add("ring_buffer_full", kernel.ring_full);
        losses.add("in_flight_table_full", kernel.in_flight_full);
        losses.add("wait_table_full", kernel.wait_table_full);
        losses.add("wait_end_missed", kernel.wait_end_missed);
        losses.add("malformed_event", self.events.malformed());
        losses
    }

    /// What is told of slowmap itself while it runs.
    pub(super) fn agent_use(&self) -> AgentUse {
        AgentUse {
            attached: self.targets.len() as u64,
            skipped: self.history.skipped_by_kind().clone(),
            lost: self.losses().by_reason,
            probes: self.probe_use(),
            cost_nano: self
                .history
                .cost_by_service(|pid| self.governing.usage(pid, &self.programs)),
        }
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
    mut attributed: AttributedWrite,
) -> Option<SymbolizedWrite> {
    let (binary, bias) = (target.binary(), target.load_bias);
    let write = &attributed.write;
    let stack = symbolizer.symbolize(target.process.pid, binary, bias, &write.stack);
    let function = map_assign_entry(&stack);
    let observed = write.observed;
    let is_one = matches!(observed, Observed::Growth | Observed::Write);
    if function.is_none() && !is_one {
        return None;
    }
    let (map_type, entry_size) = match write.map_type_address {
        0 => (None, None),
        address => (
            symbolizer.map_type_name(binary, bias, address),
            symbolizer.map_entry_size(binary, bias, address),
        ),
    };
    if map_type.is_none() && observed != Observed::Growth {
        attributed.write.map_len = None; // Then it was no map either.
    }
    Some(SymbolizedWrite {
        attributed,
        function,
        map_type,
        entry_size,
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
