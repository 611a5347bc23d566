//! Taking pairs of probes out of a running process, and putting them back: what the governor's decisions come to.

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use super::{
    AttachError, Attached, AttachedProbe, HitCost, Programs, in_flight, release::Release,
    uprobes::ProbeLink,
};
use crate::model::{
    plan::{ProbePair, ProbeRole},
    process::Pid,
};

/// How long a pair has been out of its target.
#[derive(Debug, Default)]
pub(super) struct Unarmed {
    before: Duration,
    /// `None`: it is in.
    since: Option<Instant>,
}

impl Unarmed {
    pub(super) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    pub(super) fn end(&mut self, now: Instant) {
        self.before = self.total(now);
        self.since = None;
    }

    fn total(&self, now: Instant) -> Duration {
        let open = self.since.map(|since| now.saturating_duration_since(since));
        self.before + open.unwrap_or_default()
    }
}

/// A pair of probes in a process, since they were attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairUse {
    pub pair: ProbePair,
    /// Those that it is on, in the order of the plan.
    pub functions: Vec<String>,
    pub armed: bool,
    /// How much of the time it was not.
    pub unarmed_for: Duration,
    pub hits: u64,
    /// `None`: what a hit costs was not measured.
    pub cost_nano: Option<u64>,
    /// The same, by an assumption where it was not measured: to protect the target by, not to be shown.
    pub guarded_nano: u64,
}

impl Programs {
    /// Puts a pair's probes back. Ends come before begins, so that nothing is begun whose end is not seen. On
    /// failure none of them stays.
    ///
    /// # Errors
    /// The process is not attached to or gone, other probes are on their way out, the kernel refuses a probe, or (page
    /// faults) another process cannot afford it.
    pub fn arm(&mut self, pid: Pid, pair: ProbePair) -> Result<(), AttachError> {
        if pair == ProbePair::PageFault {
            return self.allow_page_faults(pid);
        }
        // The kernel's lock would make this wait too.
        if self.is_releasing() {
            return Err(AttachError::Releasing);
        }
        if let Err(error) = self.put_in(pid, |role| role.pair() == pair) {
            self.disarm(pid, pair);
            return Err(error);
        }
        if let Some(unarmed) = self.unarmed(pid, pair) {
            unarmed.end(Instant::now());
        }
        Ok(())
    }

    /// Begins to take a pair's probes out. [`Programs::settle`] has to be called until that is complete. Does nothing to
    /// a process that is not attached to.
    pub fn disarm(&mut self, pid: Pid, pair: ProbePair) {
        if pair == ProbePair::PageFault {
            return self.refuse_page_faults(pid);
        }
        let Some(attached) = self.attached.get_mut(&pid) else {
            return;
        };
        let unarmed = attached.unarmed.entry(pair).or_default();
        unarmed.begin(Instant::now());
        let mut links: Vec<(bool, u32, ProbeLink)> = attached
            .probes
            .iter_mut()
            .filter(|probe| probe.planned.role.pair() == pair)
            .filter_map(|probe| {
                let role = probe.planned.role;
                Some((goes_first(role), probe.number, probe.link.take()?))
            })
            .collect();
        if links.is_empty() {
            return;
        }
        links.sort_by_key(|(_, number, _)| Reverse(self.hits_of(*number)));
        let (first, then): (Vec<_>, Vec<_>) = links.into_iter().partition(|(first, ..)| *first);
        let [first, then] =
            [first, then].map(|links| links.into_iter().map(|link| link.2).collect());
        if let Some(attached) = self.attached.get_mut(&pid) {
            let release = Release::start(first, then);
            attached.releasing.insert(pair, release);
        }
    }

    /// Whether any probes are on their way out.
    pub fn is_releasing(&self) -> bool {
        let mut attached = self.attached.values();
        attached.any(|attached| !attached.releasing.is_empty())
    }

    /// Goes on with the pairs that are on their way out, and forgets what they had begun. Returns how much of it was in
    /// flight, and is lost.
    pub fn settle(&mut self) -> u64 {
        self.endings.go_on();
        let mut out = Vec::new();
        for (pid, attached) in &mut self.attached {
            let releasing = &mut attached.releasing;
            let complete = releasing.extract_if(|_, release| release.stage_is_complete());
            out.extend(complete.map(|(pair, release)| (*pid, pair, release)));
        }
        let mut lost = 0;
        for (pid, pair, release) in out {
            lost += in_flight::forget_pair(&mut self.ebpf, pid, pair);
            if let (Some(next), Some(attached)) =
                (release.next_stage(), self.attached.get_mut(&pid))
            {
                attached.releasing.insert(pair, next);
            }
        }
        lost
    }

    /// How long a process has been attached to, and what became of each pair. `None`: it is not attached to.
    pub fn pair_use(&self, pid: Pid) -> Option<(Duration, Vec<PairUse>)> {
        let now = Instant::now();
        let attached = self.attached.get(&pid)?;
        let mut pairs: Vec<PairUse> = Vec::new();
        for probe in &attached.probes {
            let pair = probe.planned.role.pair();
            let known = pairs.iter().position(|known| known.pair == pair);
            let index = known.unwrap_or_else(|| {
                pairs.push(unused(attached, pair, now));
                pairs.len() - 1
            });
            self.add_use(&mut pairs[index], probe);
        }
        pairs.extend(self.page_fault_use(pid, attached, now));
        Some((now.saturating_duration_since(attached.since), pairs))
    }

    fn add_use(&self, pair: &mut PairUse, probe: &AttachedProbe) {
        let function = &probe.planned.function;
        if !pair.functions.contains(function) {
            pair.functions.push(function.clone());
        }
        pair.armed &= probe.link.is_some();
        let hits = self.use_of(probe);
        pair.hits += hits.count;
        pair.cost_nano = match (pair.cost_nano, hits.cost_nano) {
            (Some(sum), Some(cost)) => Some(sum.saturating_add(cost)),
            _ => None,
        };
        let per_hit = self.hit_cost.unwrap_or(HitCost::ASSUMED);
        let guarded = per_hit.of(probe.planned.site.cost);
        pair.guarded_nano += guarded.saturating_mul(hits.count);
    }

    fn unarmed(&mut self, pid: Pid, pair: ProbePair) -> Option<&mut Unarmed> {
        let attached = self.attached.get_mut(&pid)?;
        Some(attached.unarmed.entry(pair).or_default())
    }
}

/// Begins go first: what they began is forgotten then, so that no end is left that could be taken for another's. But
/// resuming goes before descheduling: it costs almost all, and there is no other end that would be mistaken. Of whole
/// writes nothing begins any more when their window is over: the dearest go first.
fn goes_first(role: ProbeRole) -> bool {
    match role.pair() {
        ProbePair::Deschedule => role.ends(),
        ProbePair::Write => true,
        _ => !role.ends(),
    }
}

pub(super) fn unused(attached: &Attached, pair: ProbePair, now: Instant) -> PairUse {
    let unarmed = attached.unarmed.get(&pair);
    PairUse {
        pair,
        functions: Vec::new(),
        armed: true,
        unarmed_for: unarmed.map_or(Duration::ZERO, |unarmed| unarmed.total(now)),
        hits: 0,
        cost_nano: Some(0),
        guarded_nano: 0,
    }
}
