//! The governor at work: looks at the targets when they are due, carries out what it decides, and says what is given up.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tokio::time::Instant;

use super::{absences::Absences, clock::monotonic};
use crate::{
    attach::{self, AttachError, Programs},
    config::value::Budget,
    discover::{CpuLimit, cpu_time},
    governor::{self, Decision, Governor, LOOK_INTERVAL, Look, Order, PairLook},
    model::{
        plan::{Presence, ProbePair},
        process::Pid,
        summary::{PairUse, Usage},
        time::Ktime,
    },
};

#[derive(Debug)]
pub(super) struct Governing {
    governor: Governor,
    origin: Instant,
    /// When a look was taken last.
    looked: Duration,
    cpu: HashMap<Pid, Cpu>,
    /// Those that are known.
    limits: HashMap<Pid, CpuLimit>,
    absences: Absences,
    /// What was seen last of each, and at which CPU time: as long as that stays, and no probe comes or goes, it is the same.
    seen: HashMap<Pid, Look>,
    /// Of the probes on every write, about which the governor has no say.
    writes: Presence,
    /// Targets of which it was said that page faults are not watched all the time, which changes often.
    said: HashSet<Pid>,
    /// Whether page faults were watched when that was last looked at: of all targets, or of none.
    page_faults: bool,
}

/// A target's CPU time; `None`: it could not be read, or is gone since.
#[derive(Debug, Clone, Copy)]
struct Cpu {
    first: Option<Duration>,
    last: Option<Duration>,
}

impl Cpu {
    fn read(&mut self, pid: Pid) {
        self.last = cpu_time(pid).or(self.last);
    }

    fn used(self) -> Option<Duration> {
        self.last?.checked_sub(self.first?)
    }
}

impl Governing {
    pub(super) fn new(budget: Budget, writes: Presence) -> Self {
        // Any number will do; that of the standard library's hasher differs in each process.
        let seed = RandomState::new().hash_one(());
        Self {
            governor: Governor::new(governor::Budget(budget.share()), seed),
            origin: Instant::now(),
            looked: Duration::ZERO,
            cpu: HashMap::new(),
            limits: HashMap::new(),
            absences: Absences::default(),
            seen: HashMap::new(),
            writes,
            said: HashSet::new(),
            page_faults: false,
        }
    }

    /// Begins with a target that was just attached to.
    pub(super) fn add(&mut self, pid: Pid, programs: &Programs) {
        let first = cpu_time(pid);
        self.follow_page_faults(programs, monotonic());
        self.cpu.insert(pid, Cpu { first, last: first });
        self.limits
            .extend(CpuLimit::follow(pid).map(|limit| (pid, limit)));
        if !self.page_faults {
            self.absences.begin(pid, ProbePair::PageFault, monotonic());
        }
        if let Some(look) = self.look_at(pid, programs) {
            self.governor.add(pid, self.origin.elapsed(), look);
        }
    }

    /// Waits until a target is due; without any, until what the last of them left may go on. It is asked anew each time that
    /// something else happens, so that it must not begin from now.
    pub(super) fn next_look(&self) -> impl Future<Output = ()> + use<> {
        let next = self.governor.next_look();
        let idle = self.looked + LOOK_INTERVAL;
        tokio::time::sleep_until(self.origin + next.unwrap_or(idle))
    }

    /// Looks at the targets that are due. Returns how many writes in flight were lost to probes that went.
    pub(super) fn look(&mut self, programs: &mut Programs) -> u64 {
        let lost = programs.settle();
        self.follow_page_faults(programs, monotonic());
        let now = self.origin.elapsed();
        self.looked = now;
        for pid in self.governor.due(now) {
            let Some(look) = self.look_at(pid, programs) else {
                self.governor.forget(pid);
                continue;
            };
            let spent: Duration = look.pairs.iter().map(|pair| pair.spent).sum();
            let (cpu, spent) = (nanos(look.cpu), nanos(spent));
            let at = nanos(now);
            tracing::trace!(
                pid = pid.0,
                at_nano = at,
                cpu_nano = cpu,
                spent_nano = spent,
                "looked"
            );
            let decision = self.governor.look(pid, now, &look);
            self.carry_out(pid, &decision, programs);
            for (pair, presence) in decision.changes {
                let is_news =
                    !pair.goes_first() || presence != Presence::Whole && self.said.insert(pid);
                announce(pid, pair, presence, is_news);
            }
        }
        lost
    }

    fn look_at(&mut self, pid: Pid, programs: &Programs) -> Option<Look> {
        let cpu = self.cpu.get_mut(&pid)?;
        cpu.read(pid);
        let used = cpu.used().unwrap_or_default();
        if let Some(seen) = self.seen.get(&pid).filter(|seen| seen.cpu == used) {
            return Some(seen.clone());
        }
        let (_, pairs) = programs.pair_use(pid)?;
        // What was asked for is not governed.
        let governed = pairs.into_iter().filter(|pair| pair.pair.is_governed());
        let pair = |pair: attach::PairUse| PairLook {
            pair: pair.pair,
            armed: pair.armed,
            spent: Duration::from_nanos(pair.guarded_nano),
        };
        let look = Look {
            cpu: used,
            pairs: governed.map(pair).collect(),
        };
        self.seen.insert(pid, look.clone());
        Some(look)
    }

    fn carry_out(&mut self, pid: Pid, decision: &Decision, programs: &mut Programs) {
        for (pair, order) in decision.orders.iter().copied() {
            self.seen.remove(&pid);
            if pair == ProbePair::PageFault {
                self.watch_page_faults(pid, order, programs);
                continue;
            }
            if order == Order::Disarm {
                self.absences.begin(pid, pair, monotonic());
                programs.disarm(pid, pair);
                continue;
            }
            match programs.arm(pid, pair) {
                Ok(()) => {
                    self.absences.end(pid, pair, monotonic());
                    self.governor.armed(pid, pair, self.origin.elapsed());
                }
                Err(AttachError::Releasing) => {} // It is ordered again.
                Err(error) => {
                    tracing::debug!(%pid, probes = pair.name(), %error, "not put back");
                }
            }
        }
    }

    fn watch_page_faults(&mut self, pid: Pid, order: Order, programs: &mut Programs) {
        let before = monotonic();
        if order == Order::Disarm {
            programs.disarm(pid, ProbePair::PageFault);
        } else if let Err(error) = programs.arm(pid, ProbePair::PageFault) {
            tracing::trace!(%pid, %error, "page faults stay unwatched"); // It is ordered again.
        } else {
            self.governor
                .armed(pid, ProbePair::PageFault, self.origin.elapsed());
        }
        self.follow_page_faults(programs, before);
    }

    /// One target's order is all the others' fate. `before`: when they were certainly watched as it was known.
    fn follow_page_faults(&mut self, programs: &Programs, before: Ktime) {
        let watched = programs.watches_page_faults();
        if watched == self.page_faults {
            return;
        }
        self.page_faults = watched;
        self.seen.clear();
        for pid in self.cpu.keys().copied() {
            if watched {
                self.absences.end(pid, ProbePair::PageFault, monotonic());
            } else {
                self.absences.begin(pid, ProbePair::PageFault, before);
            }
        }
    }

    /// Forgets a target, whose events are all read.
    pub(super) fn forget(&mut self, pid: Pid) {
        self.governor.forget(pid);
        self.cpu.remove(&pid);
        self.seen.remove(&pid);
        self.limits.remove(&pid);
        self.absences.forget(pid);
        self.said.remove(&pid);
    }

    /// The pairs that were not in their target for the whole of that time.
    pub(super) fn unobserved(&self, pid: Pid, start: Ktime, end: Ktime) -> Vec<ProbePair> {
        self.absences.within(pid, start, end)
    }

    /// What watching a target took so far. `None`: it is not watched.
    pub(super) fn usage(&self, pid: Pid, programs: &Programs) -> Option<Usage> {
        let mut cpu = *self.cpu.get(&pid)?;
        cpu.read(pid);
        let (watched, pairs) = programs.pair_use(pid)?;
        let costs = pairs.iter().map(|pair| pair.cost_nano);
        let cost = costs.sum::<Option<u64>>();
        let cpu_nano = cpu.used().map(nanos);
        let share = cost.zip(cpu_nano.filter(|cpu| *cpu > 0));
        Some(Usage {
            watched_nano: nanos(watched),
            cpu_nano,
            estimated_cost_nano: cost,
            estimated_cost_share: share.map(|(cost, cpu)| cost as f64 / cpu as f64),
            throttled: self.limits.get(&pid).and_then(CpuLimit::since),
            probe_pairs: pairs
                .into_iter()
                .map(|pair| self.pair_usage(pid, pair, watched))
                .collect(),
        })
    }

    fn pair_usage(&self, pid: Pid, pair: attach::PairUse, watched: Duration) -> PairUse {
        let unarmed = pair.unarmed_for.as_secs_f64() / watched.as_secs_f64();
        PairUse {
            pair: pair.pair,
            functions: pair.functions,
            hits: pair.hits,
            estimated_cost_nano: pair.cost_nano,
            covered: if pair.unarmed_for.is_zero() {
                1.0
            } else {
                (1.0 - unarmed).clamp(0.0, 1.0)
            },
            presence: match pair.pair {
                ProbePair::Write => self.writes,
                governed => self.governor.presence(pid, governed),
            },
        }
    }
}

/// A line for each change, not for each slice. To give up something for the budget is how it is meant to be: no warning.
fn announce(pid: Pid, pair: ProbePair, presence: Presence, is_news: bool) {
    let (pid, probes) = (pid.0, pair.name());
    if !is_news {
        tracing::debug!(pid, probes, %presence, "probes come and go, to keep within the budget");
        return;
    }
    match presence {
        Presence::Whole => tracing::info!(pid, probes, "probes are back all the time"),
        Presence::Thinned(_) => tracing::info!(
            pid,
            probes,
            %presence,
            "probes in place for a part of the time, to keep within the budget"
        ),
        Presence::Dropped => {
            tracing::info!(pid, probes, "probes dropped, to keep within the budget");
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
