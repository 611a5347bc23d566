//! A pair of probes of a target: how much of the time it is in, and when.

use std::time::Duration;

use super::{Budget, Order, PairLook, backoff::Backoff, meter::Meter, random::Random};
use crate::model::plan::{Presence, ProbePair};

/// A thinned pair has one slice in each.
const PERIOD: Duration = Duration::from_secs(1);
/// Less than one part in so many is not worth its attaching and detaching: the pair is dropped.
const THINNEST: u32 = 16;
/// How long a dropped pair is put back to see what it costs by now.
const TRIAL: Duration = Duration::from_millis(5);
/// Of the budget a trial may take, over the time until the next.
const TRIAL_SHARE: f64 = 0.5;
/// Slices to judge by, before more is put back; of what goes first, where a mistake is made good at once.
const EVIDENCE: u32 = 3;
const FIRST_EVIDENCE: u32 = 1;

#[derive(Debug)]
pub(super) struct PairState {
    pub pair: ProbePair,
    pub presence: Presence,
    meter: Meter,
    backoff: Backoff,
    /// Whether its probes were in at the last look, and what it had spent.
    armed: bool,
    spent: Duration,
    /// When it was last armed and looked at.
    seen: Duration,
    /// Since when its probes are in, if they are.
    since: Duration,
    /// When the present period of a thinned pair began, and when its slice is to begin; `None`: it is over.
    period: Duration,
    begin: Option<Duration>,
    /// When the slice or trial under way ends; `None`: none is.
    end: Option<Duration>,
    slices: u32,
}

impl PairState {
    /// What goes first begins as if it had been given up: a burst before the first look would cost too much.
    pub(super) fn new(now: Duration, first: PairLook, budget: Budget) -> Self {
        let presence = if first.pair.goes_first() && budget.is_limited() {
            Presence::Thinned(THINNEST)
        } else {
            Presence::Whole
        };
        Self {
            pair: first.pair,
            presence,
            meter: Meter::default(),
            backoff: Backoff::default(),
            armed: first.armed,
            spent: first.spent,
            seen: now,
            since: now,
            period: now,
            begin: None,
            end: None,
            slices: 0,
        }
    }

    /// Takes in what happened since the last look. Returns what it has cost, in CPU seconds.
    pub(super) fn observe(
        &mut self,
        now: Duration,
        time: Duration,
        cpu: Duration,
        look: &PairLook,
        budget: Budget,
    ) -> f64 {
        let cost = look.spent.saturating_sub(self.spent);
        if look.armed {
            // What came in since the last look has cost nothing before that.
            let armed = time.min(now.saturating_sub(self.since));
            let cpu = cpu.mul_f64(armed.as_secs_f64() / time.as_secs_f64().max(f64::MIN_POSITIVE));
            let stands_for = now.saturating_sub(self.seen).max(armed);
            self.meter.add((armed, stands_for), cpu, cost, budget);
            self.seen = now;
        }
        self.armed = look.armed;
        self.spent = look.spent;
        cost.as_secs_f64()
    }

    /// Its probes are in since `now`, so long after that was ordered: to put them in takes as long as a trial.
    pub(super) fn came_in(&mut self, now: Duration, late: Duration) {
        self.since = now;
        self.end = self.end.map(|end| end + late);
    }

    /// In budgets, were it in all the time; nothing for one that is dropped.
    pub(super) fn demand(&self, budget: Budget) -> f64 {
        match self.presence {
            Presence::Dropped => 0.0,
            _ => self.meter.worst(budget),
        }
    }

    /// In budgets, as much as it is in.
    pub(super) fn planned(&self, budget: Budget) -> f64 {
        self.parts()
            .map_or(0.0, |parts| self.meter.mean(budget) / parts)
    }

    fn parts(&self) -> Option<f64> {
        match self.presence {
            Presence::Whole => Some(1.0),
            Presence::Thinned(parts) => Some(f64::from(parts)),
            Presence::Dropped => None,
        }
    }

    /// Thins it so that it costs no more than `share`.
    pub(super) fn restrain(&mut self, now: Duration, share: f64, budget: Budget) {
        let (Some(parts), demand) = (self.parts(), self.demand(budget)) else {
            return;
        };
        let wanted = parts_to_fit(demand, share);
        if wanted <= parts {
            return;
        }
        self.meter.restart(demand, budget);
        self.slices = 0;
        self.end = None;
        let is_dropped = wanted > f64::from(THINNEST);
        self.presence = if is_dropped {
            Presence::Dropped
        } else {
            Presence::Thinned(wanted as u32)
        };
        self.relapse(now, is_dropped, demand);
        // The first period goes by without a slice: what made the change has cost enough.
        self.period = now;
        self.begin = None;
    }

    /// Waits before it gets more; longer each time, but for what goes first, whose debt it is that decides.
    fn relapse(&mut self, now: Duration, is_dropped: bool, demand: f64) {
        let at_least = if is_dropped {
            rest_after_trial(demand)
        } else {
            Duration::ZERO
        };
        if self.pair.goes_first() {
            self.backoff.rest(now, at_least);
        } else {
            self.backoff.relapse(now, is_dropped, at_least);
        }
    }

    /// Whether there is reason to give it one step more.
    pub(super) fn may_have_more(&self, now: Duration) -> bool {
        matches!(self.presence, Presence::Thinned(_))
            && self.slices >= self.evidence()
            && self.end.is_none()
            && self.backoff.is_over(now)
    }

    fn evidence(&self) -> u32 {
        if self.pair.goes_first() {
            FIRST_EVIDENCE
        } else {
            EVIDENCE
        }
    }

    /// Gives it twice as much, if that fits into `room`, in budgets; to what goes first at once as much as fits by what it cost
    /// last. Whether it got more.
    pub(super) fn give_more(&mut self, now: Duration, room: f64, budget: Budget) -> bool {
        let Presence::Thinned(parts) = self.presence else {
            return false;
        };
        let fewest = if self.pair.goes_first() {
            parts_to_fit(self.meter.latest(), room) as u32
        } else if 2.0 * self.meter.mean(budget) / f64::from(parts) <= room {
            parts / 2
        } else {
            parts
        };
        if fewest >= parts {
            return false;
        }
        self.presence = match fewest {
            0 | 1 => Presence::Whole,
            fewest => Presence::Thinned(fewest),
        };
        if self.pair.goes_first() {
            self.meter.restart(self.meter.latest(), budget);
        }
        self.slices = 0;
        self.backoff.step(now);
        true
    }

    /// Whether its probes are to be in, as far as time decides. `room`: what of the budget the others leave.
    pub(super) fn schedule(
        &mut self,
        now: Duration,
        room: f64,
        budget: Budget,
        random: &mut Random,
    ) -> Option<Order> {
        match self.presence {
            Presence::Whole => (!self.armed).then_some(Order::Arm),
            Presence::Thinned(parts) => self.slice(now, PERIOD / parts, random),
            Presence::Dropped => self.trial(now, room, budget),
        }
    }

    fn slice(&mut self, now: Duration, length: Duration, random: &mut Random) -> Option<Order> {
        if self.end.is_none() && now >= self.period + PERIOD {
            self.period = now;
            let last = (PERIOD - length).as_secs_f64();
            self.begin = Some(now + Duration::from_secs_f64(last * random.fraction()));
        }
        let order = self.follow(now, length);
        if order == Some(Order::Disarm) {
            self.slices += 1;
            self.begin = None;
        }
        order
    }

    fn trial(&mut self, now: Duration, room: f64, budget: Budget) -> Option<Order> {
        self.begin = Some(self.backoff.until());
        let tried = self.end.is_some();
        let order = self.follow(now, TRIAL);
        if tried && order == Some(Order::Disarm) {
            let cost = self.meter.latest();
            if cost / f64::from(THINNEST) <= room {
                self.presence = Presence::Thinned(THINNEST);
                self.meter.restart(cost, budget);
                (self.period, self.begin) = (now, None);
                self.backoff.step(now);
            } else {
                self.relapse(now, true, cost);
            }
        }
        order
    }

    /// In from `begin` on, for `length`.
    fn follow(&mut self, now: Duration, length: Duration) -> Option<Order> {
        if self.end.is_some_and(|end| now < end) {
            return None;
        }
        self.end = None;
        if self.armed {
            return Some(Order::Disarm);
        }
        // It may not come to it at once: other probes may be on their way out.
        self.begin.filter(|begin| now >= *begin)?;
        self.end = Some(now + length);
        Some(Order::Arm)
    }

    /// When time decides about it next.
    pub(super) fn next_event(&self) -> Option<Duration> {
        match self.presence {
            Presence::Whole => None,
            Presence::Thinned(_) => {
                let next = self.end.or(self.begin);
                Some(next.unwrap_or(self.period + PERIOD))
            }
            Presence::Dropped => Some(self.end.unwrap_or(self.backoff.until())),
        }
    }
}

/// Into how many parts, a power of two, time has to be divided so that one of them costs no more than `share`.
fn parts_to_fit(demand: f64, share: f64) -> f64 {
    (demand / share.max(0.0)).max(1.0).log2().ceil().exp2()
}

/// So that trials do not take more than their share of the budget.
fn rest_after_trial(demand: f64) -> Duration {
    const LONGEST_REST: f64 = 86_400.0;
    Duration::from_secs_f64((TRIAL.as_secs_f64() * demand / TRIAL_SHARE).min(LONGEST_REST))
}
