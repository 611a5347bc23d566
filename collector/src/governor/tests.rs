//! Targets that are made up: each pair costs so much of each second in which it is in.

mod page_faults;

use std::collections::BTreeMap;

use super::*;

const PID: Pid = Pid(7);
const BUDGET: Budget = Budget(0.01);

/// What a target does in a second.
#[derive(Clone)]
struct Load {
    cpu: f64,
    /// CPU seconds a second, while the pair is in.
    costs: Vec<(ProbePair, f64)>,
}

impl Load {
    fn new(cpu: f64, costs: &[(ProbePair, f64)]) -> Self {
        Self {
            cpu,
            costs: costs.to_vec(),
        }
    }
}

struct World {
    governor: Governor,
    now: Duration,
    cpu: f64,
    armed: BTreeMap<ProbePair, bool>,
    spent: BTreeMap<ProbePair, f64>,
    /// Time in which each pair was in.
    covered: BTreeMap<ProbePair, f64>,
    changes: Vec<(Duration, ProbePair, Presence)>,
    /// For as long after each disarming, arming fails, as it does while probes are on their way out.
    release: Duration,
    released: Duration,
    /// How long arming takes, in which the pair is not in yet.
    arming: Duration,
}

impl World {
    fn new(pairs: &[ProbePair]) -> Self {
        let mut world = Self {
            governor: Governor::new(BUDGET, 1),
            now: Duration::from_secs(1_000),
            cpu: 0.0,
            armed: pairs.iter().map(|pair| (*pair, true)).collect(),
            spent: pairs.iter().map(|pair| (*pair, 0.0)).collect(),
            covered: pairs.iter().map(|pair| (*pair, 0.0)).collect(),
            changes: Vec::new(),
            release: Duration::ZERO,
            released: Duration::ZERO,
            arming: Duration::ZERO,
        };
        let first = world.look();
        world.governor.add(PID, world.now, first);
        world
    }

    fn look(&self) -> Look {
        let pair = |(pair, spent): (&ProbePair, &f64)| PairLook {
            pair: *pair,
            armed: self.armed[pair],
            spent: Duration::from_secs_f64(*spent),
        };
        Look {
            cpu: Duration::from_secs_f64(self.cpu),
            pairs: self.spent.iter().map(pair).collect(),
        }
    }

    /// Lets time pass. Returns what all pairs have cost and the CPU time used meanwhile.
    fn run(&mut self, seconds: f64, load: &Load) -> (f64, f64) {
        let (spent, cpu) = (self.total(), self.cpu);
        let end = self.now + Duration::from_secs_f64(seconds);
        while self.now < end {
            let next = self.governor.next_look().unwrap().min(end);
            self.pass((next - self.now).as_secs_f64(), load);
            self.now = next;
            let due = !self.governor.due(self.now).is_empty();
            if due {
                let look = self.look();
                let decision = self.governor.look(PID, self.now, &look);
                self.obey(decision, load);
            }
        }
        (self.total() - spent, self.cpu - cpu)
    }

    fn pass(&mut self, seconds: f64, load: &Load) {
        self.cpu += load.cpu * seconds;
        for (pair, armed) in &self.armed {
            let costs = load.costs.iter().find(|(of, _)| of == pair);
            if *armed {
                *self.covered.get_mut(pair).unwrap() += seconds;
                *self.spent.get_mut(pair).unwrap() += costs.map_or(0.0, |(_, cost)| cost * seconds);
            }
        }
    }

    fn obey(&mut self, decision: Decision, load: &Load) {
        for (pair, order) in decision.orders {
            if order == Order::Disarm {
                self.released = self.now + self.release;
                self.armed.insert(pair, false);
            } else if self.now >= self.released {
                self.pass(self.arming.as_secs_f64(), load);
                self.now += self.arming;
                self.armed.insert(pair, true);
                self.governor.armed(PID, pair, self.now);
            }
        }
        for (pair, presence) in decision.changes {
            self.changes.push((self.now, pair, presence));
        }
    }

    fn total(&self) -> f64 {
        self.spent.values().sum()
    }

    fn presence(&self, pair: ProbePair) -> Presence {
        self.governor.presence(PID, pair)
    }
}

use ProbePair::{Deschedule, GcAssist, Growth, PageFault};

#[test]
fn calm_probes_are_left_alone() {
    let mut world = World::new(&[Growth, GcAssist, Deschedule]);
    let load = Load::new(
        1.5,
        &[(Growth, 0.004), (GcAssist, 0.002), (Deschedule, 0.006)],
    );
    world.run(120.0, &load);
    assert_eq!(world.changes, []);
    assert!(world.covered.values().all(|covered| *covered > 119.9));
}

#[test]
fn a_short_burst_is_endured() {
    let mut world = World::new(&[Growth, GcAssist]);
    let calm = Load::new(1.0, &[(Growth, 0.001)]);
    let collection = Load::new(1.0, &[(Growth, 0.001), (GcAssist, 0.03)]);
    for _ in 0..20 {
        world.run(2.0, &calm);
        world.run(0.1, &collection);
    }
    assert_eq!(world.changes, []);
}

#[test]
fn a_burst_of_little_in_a_target_that_idles_is_endured() {
    let mut world = World::new(&[Growth, Deschedule]);
    world.run(5.0, &Load::new(0.001, &[]));
    world.run(0.1, &Load::new(0.5, &[(Deschedule, 0.03)]));
    world.run(
        30.0,
        &Load::new(0.08, &[(Growth, 0.0003), (Deschedule, 0.0001)]),
    );
    assert_eq!(world.changes, []);
}

#[test]
fn a_pair_that_explodes_is_taken_out_within_a_quarter_of_a_second() {
    let mut world = World::new(&[Growth, Deschedule]);
    world.run(
        10.0,
        &Load::new(2.0, &[(Growth, 0.001), (Deschedule, 0.001)]),
    );
    let exploded = world.now;
    let explosion = Load::new(2.0, &[(Growth, 0.001), (Deschedule, 1.2)]);
    world.run(0.25, &explosion);
    assert_eq!(world.presence(Deschedule), Presence::Dropped);
    assert!(!world.armed[&Deschedule] && world.armed[&Growth]);
    assert!(world.changes[0].0 <= exploded + Duration::from_millis(200));
}

#[test]
fn after_an_explosion_each_second_stays_within_the_budget_but_those_of_trials_by_little() {
    for (cpu, cost) in [(2.0, 1.2), (2.0, 0.1), (2.0, 0.03), (0.5, 0.04), (8.0, 3.0)] {
        let mut world = World::new(&[Growth, Deschedule]);
        let explosion = Load::new(cpu, &[(Growth, 0.001), (Deschedule, cost)]);
        world.run(1.0, &explosion);
        let (mut worst, mut all, begin) = (0.0f64, 0.0, world.cpu);
        for _ in 0..600 {
            let (spent, cpu) = world.run(1.0, &explosion);
            worst = worst.max(spent / cpu);
            all += spent;
        }
        let share = all / (world.cpu - begin);
        assert!(share <= BUDGET.0, "{cost} of {cpu}: {share}");
        assert!(worst <= 1.6 * BUDGET.0, "{cost} of {cpu}: {worst}");
        assert_eq!(world.presence(Growth), Presence::Whole);
    }
}

#[test]
fn what_is_somewhat_too_dear_is_thinned_and_covers_what_the_budget_allows() {
    let mut world = World::new(&[Growth, Deschedule]);
    let load = Load::new(2.0, &[(Growth, 0.001), (Deschedule, 0.05)]);
    world.run(5.0, &load);
    assert_eq!(world.presence(Deschedule), Presence::Thinned(4));
    let covered = world.covered[&Deschedule];
    world.run(400.0, &load);
    let share = (world.covered[&Deschedule] - covered) / 400.0;
    assert!((0.22..0.28).contains(&share), "{share}");
}

#[test]
fn a_slice_lies_anywhere_in_its_second() {
    let mut world = World::new(&[Growth]);
    let load = Load::new(1.0, &[(Growth, 0.07)]);
    world.run(5.0, &load);
    assert_eq!(world.presence(Growth), Presence::Thinned(8));
    let mut hits = [0u32; 4];
    for _ in 0..400 {
        for quarter in &mut hits {
            let before = world.spent[&Growth];
            world.run(0.25, &load);
            *quarter += u32::from(world.spent[&Growth] > before);
        }
    }
    assert!(hits.iter().all(|hits| *hits > 60), "{hits:?}");
}

#[test]
fn probes_come_back_step_by_step_after_the_load_has_calmed_down() {
    let mut world = World::new(&[Growth, Deschedule]);
    world.run(5.0, &Load::new(2.0, &[(Growth, 0.001), (Deschedule, 1.2)]));
    assert_eq!(world.presence(Deschedule), Presence::Dropped);
    world.run(
        60.0,
        &Load::new(2.0, &[(Growth, 0.001), (Deschedule, 0.002)]),
    );
    assert_eq!(world.presence(Deschedule), Presence::Whole);
    assert!(world.armed[&Deschedule]);
    let steps: Vec<Presence> = world.changes.iter().map(|change| change.2).collect();
    let expected = [
        Presence::Dropped,
        Presence::Thinned(16),
        Presence::Thinned(8),
        Presence::Thinned(4),
        Presence::Thinned(2),
        Presence::Whole,
    ];
    assert_eq!(steps, expected);
}

#[test]
fn a_load_that_comes_and_goes_makes_nothing_flap_faster_than_the_back_off() {
    let mut world = World::new(&[Growth, Deschedule]);
    let calm = Load::new(2.0, &[(Deschedule, 0.001)]);
    let burst = Load::new(2.0, &[(Deschedule, 0.08)]);
    for _ in 0..600 {
        world.run(3.0, &calm);
        world.run(1.0, &burst);
    }
    let relapses: Vec<Duration> = world
        .changes
        .windows(2)
        .filter(|two| two[1].2 > two[0].2)
        .map(|two| two[1].0)
        .collect();
    for two in world.changes.windows(2).filter(|two| two[1].2 < two[0].2) {
        assert!(two[1].0 - two[0].0 >= Duration::from_secs(2), "{two:?}");
    }
    assert!(
        relapses.len() <= 600 / 10,
        "{} relapses in 40 minutes",
        relapses.len()
    );
}

#[test]
fn a_target_that_uses_no_cpu_is_measured_against_the_floor() {
    let mut world = World::new(&[Growth, Deschedule]);
    world.run(30.0, &Load::new(0.0, &[]));
    world.run(30.0, &Load::new(0.0, &[(Deschedule, 0.0004)]));
    assert_eq!(world.changes, []);
    let (spent, _) = world.run(30.0, &Load::new(0.0, &[(Deschedule, 0.004)]));
    assert!(matches!(world.presence(Deschedule), Presence::Thinned(_)));
    assert!(spent < 0.03, "{spent}");
}

#[test]
fn the_dearest_goes_and_the_cheaper_ones_stay() {
    let mut world = World::new(&[Growth, GcAssist, Deschedule]);
    let load = Load::new(
        1.0,
        &[(Growth, 0.004), (GcAssist, 0.003), (Deschedule, 0.5)],
    );
    world.run(30.0, &load);
    assert_eq!(world.presence(Growth), Presence::Whole);
    assert_eq!(world.presence(GcAssist), Presence::Whole);
    assert_eq!(world.presence(Deschedule), Presence::Dropped);
}

#[test]
fn where_probes_take_long_to_go_slices_come_late_but_the_budget_holds() {
    let mut world = World::new(&[Growth, Deschedule]);
    world.release = Duration::from_millis(300);
    let load = Load::new(2.0, &[(Growth, 0.001), (Deschedule, 0.05)]);
    world.run(1.0, &load);
    let (spent, cpu) = world.run(300.0, &load);
    assert!(spent <= BUDGET.0 * cpu);
    assert!(
        world.covered[&Deschedule] > 300.0 * 0.15,
        "{:?}",
        world.covered
    );
}

#[test]
fn what_takes_longer_to_put_in_than_its_trial_lasts_is_judged_by_the_time_it_was_in() {
    let mut world = World::new(&[Growth, Deschedule]);
    world.arming = Duration::from_millis(20);
    let explosion = Load::new(2.0, &[(Growth, 0.001), (Deschedule, 1.2)]);
    world.run(100.0, &explosion);
    assert!(world.covered[&Deschedule] > 0.11, "it was not tried");
    let steps: Vec<_> = world.changes.iter().map(|change| change.2).collect();
    assert_eq!(steps, [Presence::Dropped], "it was let back in");
}

#[test]
fn looks_that_are_late_or_at_the_same_instant_and_counters_that_step_back_do_no_harm() {
    let mut world = World::new(&[Growth]);
    let look = world.look();
    let same = world.governor.look(PID, world.now, &look);
    assert_eq!(same, Decision::default());
    let mut wrong = look.clone();
    wrong.cpu = Duration::from_secs(5);
    world
        .governor
        .look(PID, world.now + Duration::from_secs(9), &wrong);
    world.governor.look(PID, world.now, &look);
    assert_eq!(world.presence(Growth), Presence::Whole);
    assert_eq!(
        world.governor.look(Pid(8), world.now, &look),
        Decision::default()
    );
    world.governor.forget(PID);
    assert_eq!(world.governor.next_look(), None);
}

#[test]
fn however_many_targets_there_are_no_more_than_500_looks_a_second_are_taken() {
    let mut governor = Governor::new(BUDGET, 1);
    let idle = Look {
        cpu: Duration::ZERO,
        pairs: Vec::new(),
    };
    for pid in 0..300 {
        governor.add(Pid(pid), Duration::ZERO, idle.clone());
    }
    let (mut now, mut looks) = (Duration::ZERO, 0);
    let begin = Duration::from_secs(1);
    while now < begin + Duration::from_secs(6) {
        now = governor.next_look().unwrap().max(now);
        for pid in governor.due(now) {
            governor.look(pid, now, &idle);
            looks += u32::from(now >= begin);
        }
    }
    assert!((2_700..=3_300).contains(&looks), "{looks}");
}
