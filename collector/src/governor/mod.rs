//! Keeps what the probes cost a target within a budget. In: what each pair of probes has cost so far and how much CPU
//! time the target has used. Out: which pairs to take out and to put back, and what is given up by it.
//!
//! A state machine without I/O: it is told the time. It never takes more away than the budget asks for, and never puts
//! back sooner than its back-off allows. docs/governor.md has the rules in words.

mod backoff;
mod meter;
mod pair;
mod random;
mod share;
mod target;

use std::{collections::HashMap, time::Duration};

use self::{random::Random, target::TargetState};
use crate::model::{
    plan::{Presence, ProbePair},
    process::Pid,
};

/// How often a target is looked at that has all its probes, if there are not many.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// For each target: a look takes some 100 us, which hundreds of targets would make a good part of a core.
const INTERVAL_EACH: Duration = Duration::from_millis(2);

/// What probes may cost, as a share of the CPU time that the target uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget(pub f64);

impl Budget {
    /// Less than this much CPU time in a second is not worth taking probes out for: it costs as much.
    const FLOOR: f64 = 500e-6;

    /// Otherwise nothing is ever given up.
    fn is_limited(self) -> bool {
        self.0 < 1.0
    }

    /// Seconds that probes may cost in each second in which the target uses `cpu` seconds.
    fn allowance(self, cpu: f64) -> f64 {
        (self.0 * cpu).max(Self::FLOOR)
    }
}

/// A look at a target. All is counted up since it was attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// CPU time that it has used.
    pub cpu: Duration,
    pub pairs: Vec<PairLook>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairLook {
    pub pair: ProbePair,
    /// Whether its probes are in the target now.
    pub armed: bool,
    /// CPU time of the target that its hits have cost.
    pub spent: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Arm,
    Disarm,
}

/// What is to be done, and what to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Those that cannot be carried out are given again.
    pub orders: Vec<(ProbePair, Order)>,
    /// Pairs of which more or less is given up than before.
    pub changes: Vec<(ProbePair, Presence)>,
}

#[derive(Debug)]
pub struct Governor {
    budget: Budget,
    targets: HashMap<Pid, TargetState>,
    random: Random,
}

impl Governor {
    /// `seed` decides where slices lie.
    pub fn new(budget: Budget, seed: u64) -> Self {
        Self {
            budget,
            targets: HashMap::new(),
            random: Random::new(seed),
        }
    }

    /// Begins with a target, all of whose probes were attached at `now`. Times are on any clock that only advances.
    pub fn add(&mut self, pid: Pid, now: Duration, first: Look) {
        let target = TargetState::new(now, first, self.budget);
        self.targets.insert(pid, target);
    }

    pub fn forget(&mut self, pid: Pid) {
        self.targets.remove(&pid);
    }

    /// When the next target is to be looked at; `None`: there is none.
    pub fn next_look(&self) -> Option<Duration> {
        self.targets.values().map(|target| target.next_look).min()
    }

    /// The targets that are to be looked at now.
    pub fn due(&self, now: Duration) -> Vec<Pid> {
        let targets = self.targets.iter();
        targets
            .filter(|(_, target)| target.next_look <= now)
            .map(|(pid, _)| *pid)
            .collect()
    }

    /// Decides about a target. Nothing is decided about one that is not known.
    pub fn look(&mut self, pid: Pid, now: Duration, look: &Look) -> Decision {
        let count = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        let interval = LOOK_INTERVAL.max(INTERVAL_EACH.saturating_mul(count));
        match self.targets.get_mut(&pid) {
            Some(target) => {
                target.interval = interval;
                target.look(now, look, self.budget, &mut self.random)
            }
            None => Decision::default(),
        }
    }

    /// An order to arm is carried out: the pair's probes are in since `now`.
    pub fn armed(&mut self, pid: Pid, pair: ProbePair, now: Duration) {
        if let Some(target) = self.targets.get_mut(&pid) {
            target.armed(pair, now);
        }
    }

    /// What is given up of a pair now.
    pub fn presence(&self, pid: Pid, pair: ProbePair) -> Presence {
        let target = self.targets.get(&pid);
        target.map_or(Presence::Whole, |target| target.presence(pair))
    }
}

#[cfg(test)]
mod tests;
