//! What is kept of the processes that were met.

use std::collections::BTreeMap;

use super::target::Refused;
use crate::model::{
    collision::Collision,
    process::Pid,
    summary::{SkippedProcess, Target, Usage},
};

/// A program that is started again and again may end by the same each time.
const MOST_COLLISIONS: usize = 100;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Each process, for a summary at the end.
    Each,
    /// Of processes that have ended only sums: a sidecar stays for weeks.
    Sums,
}

#[derive(Debug)]
pub(super) struct History {
    keep: Keep,
    /// In the order in which they were attached to; a number may have been another process's before.
    recorded: Vec<Target>,
    skipped: Vec<SkippedProcess>,
    skipped_by_kind: BTreeMap<&'static str, u64>,
    /// Nanoseconds by service, of those that are not kept.
    past_cost: BTreeMap<String, u64>,
    collisions: Vec<Collision>,
}

impl History {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            keep,
            recorded: Vec::new(),
            skipped: Vec::new(),
            skipped_by_kind: BTreeMap::new(),
            past_cost: BTreeMap::new(),
            collisions: Vec::new(),
        }
    }

    pub(super) fn attached(&mut self, target: Target) {
        self.recorded.push(target);
    }

    /// `executable`: safe to show.
    pub(super) fn skipped(&mut self, pid: Pid, executable: String, refused: Refused) {
        *self.skipped_by_kind.entry(refused.kind).or_default() += 1;
        if self.keep == Keep::Each {
            self.skipped.push(SkippedProcess {
                pid: pid.0,
                executable,
                reason: refused.reason,
            });
        }
    }

    /// A process is detached from; `usage`: what watching it took, as far as that is known.
    pub(super) fn detached(&mut self, pid: Pid, usage: Option<Usage>) {
        let Some(index) = self.recorded.iter().rposition(|target| target.pid == pid.0) else {
            return;
        };
        let usage = usage.unwrap_or_default();
        match self.keep {
            Keep::Each => self.recorded[index].usage = usage,
            Keep::Sums => {
                let target = self.recorded.remove(index);
                add_cost(&mut self.past_cost, target.service_name, &usage);
            }
        }
    }

    pub(super) fn collided(&mut self, collisions: Vec<Collision>) {
        if self.keep == Keep::Each {
            let room = MOST_COLLISIONS - self.collisions.len();
            self.collisions.extend(collisions.into_iter().take(room));
        }
    }

    pub(super) fn collisions(&self) -> &[Collision] {
        &self.collisions
    }

    pub(super) fn recorded(&self) -> &[Target] {
        &self.recorded
    }

    pub(super) fn skipped_processes(&self) -> &[SkippedProcess] {
        &self.skipped
    }

    pub(super) fn skipped_by_kind(&self) -> &BTreeMap<&'static str, u64> {
        &self.skipped_by_kind
    }

    /// Nanoseconds by service; targets whose cost is not known are left out. `now`: of those that are attached to.
    pub(super) fn cost_by_service(
        &self,
        now: impl Fn(Pid) -> Option<Usage>,
    ) -> BTreeMap<String, u64> {
        let (mut costs, mut met) = (self.past_cost.clone(), std::collections::HashSet::new());
        for target in self.recorded.iter().rev() {
            let current = met.insert(target.pid).then(|| now(Pid(target.pid)));
            let usage = current.flatten().unwrap_or_else(|| target.usage.clone());
            add_cost(&mut costs, target.service_name.clone(), &usage);
        }
        costs
    }
}

fn add_cost(costs: &mut BTreeMap<String, u64>, service: Option<String>, usage: &Usage) {
    if let Some(cost) = usage.estimated_cost_nano {
        *costs.entry(service.unwrap_or_default()).or_default() += cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(pid: u32) -> Target {
        Target {
            recording: None,
            started_unix_nano: None,
            pid,
            service_name: Some("shop".to_owned()),
            executable: "/srv/shop".to_owned(),
            go_version: "go1.26".to_owned(),
            usage: Usage::default(),
        }
    }

    fn cost(nanos: u64) -> Usage {
        Usage {
            estimated_cost_nano: Some(nanos),
            ..Usage::default()
        }
    }

    #[test]
    fn sums_hold_what_each_process_cost_and_nothing_of_it_is_left() {
        for keep in [Keep::Each, Keep::Sums] {
            let mut history = History::new(keep);
            for _ in 0..3 {
                history.attached(target(7)); // The number is used again and again.
                history.detached(Pid(7), Some(cost(10)));
            }
            history.attached(target(7));
            let costs = history.cost_by_service(|_| Some(cost(5)));
            assert_eq!(costs.get("shop"), Some(&35), "{keep:?}");
            let kept = if keep == Keep::Each { 4 } else { 1 };
            assert_eq!(history.recorded().len(), kept);
        }
    }
}
