//! A target and its pairs of probes.

use std::time::Duration;

use super::{
    Budget, Decision, LOOK_INTERVAL, Look, pair::PairState, random::Random, share::fair_share,
};
use crate::model::plan::{Presence, ProbePair};

/// Nothing is put back that would take the planned cost above this much of the budget.
const CONFIDENCE: f64 = 0.8;
/// CPU seconds that may be spent beyond the budget before anything is given up: a burst of so little harms nobody, and
/// in a target that idles it would be many times the budget.
const CREDIT: f64 = 5e-3;
/// The same for what goes first, which comes and goes at no cost worth mentioning: a little less, so that it is gone before
/// the others have to. It is a debt: until it is paid back, no more is given.
const FIRST_CREDIT: f64 = 4e-3;
/// The shortest time between two looks, if targets are not many.
const SHORTEST: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct TargetState {
    pub next_look: Duration,
    /// Between two looks, where nothing asks for one earlier.
    pub interval: Duration,
    last: Duration,
    cpu: Duration,
    /// Spent beyond the budget and not made up for since, in CPU seconds: by all, and by all but what goes first, which
    /// the others shall not pay for.
    excess: f64,
    excess_of_others: f64,
    pairs: Vec<PairState>,
}

impl TargetState {
    pub(super) fn new(now: Duration, first: Look, budget: Budget) -> Self {
        Self {
            next_look: now + LOOK_INTERVAL,
            interval: LOOK_INTERVAL,
            last: now,
            cpu: first.cpu,
            excess: 0.0,
            excess_of_others: 0.0,
            pairs: first
                .pairs
                .into_iter()
                .map(|pair| PairState::new(now, pair, budget))
                .collect(),
        }
    }

    pub(super) fn presence(&self, pair: ProbePair) -> Presence {
        let mut pairs = self.pairs.iter();
        let known = pairs.find(|state| state.pair == pair);
        known.map_or(Presence::Whole, |state| state.presence)
    }

    pub(super) fn look(
        &mut self,
        now: Duration,
        look: &Look,
        budget: Budget,
        random: &mut Random,
    ) -> Decision {
        self.observe(now, look, budget);
        let before: Vec<Presence> = self.pairs.iter().map(|state| state.presence).collect();
        let over = self.planned(budget) > 1.0;
        let others_over = self.planned_of_others(budget) > 1.0;
        if others_over && self.excess_of_others > CREDIT {
            (self.excess, self.excess_of_others) = (0.0, 0.0);
            self.restrain_first(now, budget);
            self.restrain_others(now, budget);
        } else if over && self.excess > FIRST_CREDIT {
            self.restrain_first(now, budget);
        } else if !over {
            self.give_more(now, budget);
        }
        let mut decision = Decision::default();
        let room = CONFIDENCE - self.planned(budget);
        for state in &mut self.pairs {
            let order = state.schedule(now, room, budget, random);
            decision
                .orders
                .extend(order.map(|order| (state.pair, order)));
        }
        let changed = self.pairs.iter().zip(before);
        let changed = changed.filter(|(state, before)| state.presence != *before);
        decision.changes = changed
            .map(|(state, _)| (state.pair, state.presence))
            .collect();
        self.next_look = self.next_event(now);
        decision
    }

    pub(super) fn armed(&mut self, pair: ProbePair, now: Duration) {
        let late = now.saturating_sub(self.last);
        let mut pairs = self.pairs.iter_mut();
        if let Some(state) = pairs.find(|state| state.pair == pair) {
            state.came_in(now, late);
        }
        self.next_look = self.next_event(now);
    }

    fn observe(&mut self, now: Duration, look: &Look, budget: Budget) {
        let time = now.saturating_sub(self.last);
        let cpu = look.cpu.saturating_sub(self.cpu);
        (self.last, self.cpu) = (now, look.cpu);
        let seconds = time.as_secs_f64();
        if seconds > 0.0 {
            let allowed = seconds * budget.allowance(cpu.as_secs_f64() / seconds);
            self.excess -= allowed;
            self.excess_of_others -= allowed;
        }
        for state in &mut self.pairs {
            if let Some(pair) = look.pairs.iter().find(|pair| pair.pair == state.pair) {
                let cost = state.observe(now, time, cpu, pair, budget);
                self.excess += cost;
                if !state.pair.goes_first() {
                    self.excess_of_others += cost;
                }
            }
        }
        self.excess = self.excess.max(0.0);
        self.excess_of_others = self.excess_of_others.max(0.0);
    }

    /// What all cost together, in budgets.
    fn planned(&self, budget: Budget) -> f64 {
        self.pairs.iter().map(|state| state.planned(budget)).sum()
    }

    fn planned_of_others(&self, budget: Budget) -> f64 {
        let others = self.pairs.iter().filter(|state| !state.pair.goes_first());
        others.map(|state| state.planned(budget)).sum()
    }

    /// What tells least of writes for what it costs gets what the others leave.
    fn restrain_first(&mut self, now: Duration, budget: Budget) {
        let rest = (CONFIDENCE - self.planned_of_others(budget)).max(0.0);
        let first = self.pairs.iter_mut();
        for state in first.filter(|state| state.pair.goes_first()) {
            state.restrain(now, rest, budget);
        }
    }

    /// The others divide the budget.
    fn restrain_others(&mut self, now: Duration, budget: Budget) {
        let others = self.pairs.iter_mut();
        let mut others: Vec<_> = others.filter(|state| !state.pair.goes_first()).collect();
        let demands: Vec<f64> = others.iter().map(|state| state.demand(budget)).collect();
        let share = fair_share(&demands);
        for state in &mut others {
            state.restrain(now, share, budget);
        }
    }

    /// One step, for one pair at a time: the first that may.
    fn give_more(&mut self, now: Duration, budget: Budget) {
        let planned = self.planned(budget);
        let in_debt = self.excess > 0.0;
        for state in &mut self.pairs {
            if !state.may_have_more(now) || in_debt && state.pair.goes_first() {
                continue;
            }
            let room = CONFIDENCE - (planned - state.planned(budget));
            if state.give_more(now, room, budget) {
                break;
            }
        }
    }

    fn next_event(&self, now: Duration) -> Duration {
        let events = self.pairs.iter().filter_map(PairState::next_event);
        let next = events.fold(now + self.interval, Duration::min);
        // What many of them want at once is not to be had more often either.
        let shortest = SHORTEST.max(self.interval.saturating_sub(LOOK_INTERVAL) / 4);
        next.max(now + shortest)
    }
}
