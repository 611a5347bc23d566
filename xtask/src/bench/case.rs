//! One load on one kind of map: what is found of its slow writes, and what that costs it.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use integration::{
    agreement::{self, Agreement},
    go::Toolchain,
    truth::{Outcome, Truth},
};
use serde::Serialize;

use super::{
    HMAP, Part, SWISS, Scale,
    figure::{Figures, Samples},
    hits::ProbeRates,
    misses::Misses,
    programs::ProgramUse,
    run::{Watched, Work},
};

/// The threshold that slowmap has unless told otherwise, and that of the targets.
const THRESHOLD: &str = "100us";

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub load: &'static str,
    pub maps: &'static str,
    pub toolchain: Toolchain,
}

pub const CASES: [(Part, Setting); 4] = [
    (Part::ServiceSwiss, setting("service", "Swiss", SWISS)),
    (Part::ServiceHmap, setting("service", "hmap", HMAP)),
    (Part::TortureSwiss, setting("torture", "Swiss", SWISS)),
    (Part::TortureHmap, setting("torture", "hmap", HMAP)),
];

const fn setting(load: &'static str, maps: &'static str, toolchain: Toolchain) -> Setting {
    Setting {
        load,
        maps,
        toolchain,
    }
}

#[derive(Debug, Serialize)]
pub struct Case {
    pub load: &'static str,
    pub maps: &'static str,
    pub figures: Figures,
    /// Of all rounds together.
    pub found: Found,
    pub misses: Misses,
    pub losses: BTreeMap<String, u64>,
    pub probes: ProbeRates,
    /// From one more run with control loops, in which the kernel timed the BPF programs.
    pub control: Option<Control>,
    pub programs: Vec<ProgramUse>,
}

#[derive(Debug, Default, Serialize)]
pub struct Found {
    pub slow_writes: usize,
    pub found: usize,
    pub duration_right: usize,
    pub events: usize,
    pub events_of_slow_writes: usize,
    /// Events too many for their write.
    pub repeated: usize,
}

/// What loops of the same shape show that write to no map.
#[derive(Debug, Serialize)]
pub struct Control {
    pub slow_gaps: usize,
    pub gaps: u64,
    /// Slow writes of the same run.
    pub slow_writes: usize,
    /// As many of these as time gives: the gaps times the time in the writes over that in the control's loops.
    pub expected_among_writes: f64,
}

/// Runs all rounds of it.
pub fn measure(setting: Setting, scale: Scale) -> Result<Case> {
    let work = setting.work(scale.load);
    let mut rounds = Rounds::default();
    for round in 1..=scale.rounds {
        eprintln!("{} on {} maps, round {round}", setting.load, setting.maps);
        // Which comes first changes, so that a machine that gets slower or faster favours neither.
        let (without, with) = if round % 2 == 0 {
            let with = work.watched(THRESHOLD)?;
            (work.alone()?, with)
        } else {
            (work.alone()?, work.watched(THRESHOLD)?)
        };
        rounds.add(&without, &with);
    }
    eprintln!("{} on {} maps, with control", setting.load, setting.maps);
    let controlled = Work {
        control: true,
        ..work
    };
    let last = controlled.profiled(THRESHOLD)?;
    Ok(Case {
        load: setting.load,
        maps: setting.maps,
        figures: rounds.samples.figures(),
        found: rounds.found,
        misses: rounds.misses,
        losses: rounds.losses,
        probes: rounds.probes,
        control: Control::of(&last.truth),
        programs: last.programs,
    })
}

impl Setting {
    pub fn work(&self, duration: Duration) -> Work {
        Work {
            toolchain: self.toolchain,
            mode: self.load,
            duration,
            control: false,
            entries: None,
        }
    }
}

#[derive(Debug, Default)]
struct Rounds {
    samples: Samples,
    found: Found,
    misses: Misses,
    losses: BTreeMap<String, u64>,
    probes: ProbeRates,
}

impl Rounds {
    fn add(&mut self, without: &Truth, with: &Watched) {
        self.cost_to_target(&without.outcome, &with.truth.outcome);
        self.cost_of_agent(with);
        self.accuracy(with);
        self.probes.add(with);
        let losses = with.recording.summary["losses"]["by_reason"].as_object();
        for (reason, count) in losses.into_iter().flatten() {
            *self.losses.entry(reason.clone()).or_default() += count.as_u64().unwrap_or(0);
        }
    }

    fn cost_to_target(&mut self, without: &Outcome, with: &Outcome) {
        let samples = &mut self.samples;
        let lost = (1.0 - with.throughput / without.throughput) * 100.0;
        samples.add("throughput_lost_percent", lost);
        samples.add("throughput_without_per_second", without.throughput);
        samples.add("throughput_with_per_second", with.throughput);
        let (before, after) = (cpu_per_write(without), cpu_per_write(with));
        samples.add_increase("cpu_per_write_more_percent", before, after);
        samples.add("cpu_per_write_without_nano", before);
        samples.add("cpu_per_write_with_nano", after);
        let slow = |outcome: &Outcome| outcome.slow as f64 / outcome.writes as f64 * 1e6;
        samples.add("slow_per_million_without", slow(without));
        samples.add("slow_per_million_with", slow(with));
        self.latency(without, with);
    }

    fn latency(&mut self, without: &Outcome, with: &Outcome) {
        let samples = &mut self.samples;
        let p999 = |outcome: &Outcome| Some(outcome.others?.p999_nano);
        samples.add_increase("p999_of_others_more_percent", p999(without), p999(with));
        samples.add("p999_of_others_without_nano", p999(without));
        samples.add("p999_of_others_with_nano", p999(with));
        let p99 = |outcome: &Outcome| Some(outcome.all?.p99_nano);
        samples.add("p99_of_all_without_nano", p99(without));
        samples.add("p99_of_all_with_nano", p99(with));
        let p999 = |outcome: &Outcome| Some(outcome.all?.p999_nano);
        samples.add_increase("p999_of_all_more_percent", p999(without), p999(with));
        samples.add("p999_of_all_without_nano", p999(without));
        samples.add("p999_of_all_with_nano", p999(with));
    }

    fn cost_of_agent(&mut self, with: &Watched) {
        let samples = &mut self.samples;
        samples.add("agent_cpu_percent", with.agent.cpu_share * 100.0);
        let memory = with.agent.peak_memory_bytes as f64 / f64::from(1 << 20);
        samples.add("agent_memory_mib", memory);
        let estimated = with.recording.summary["estimated_cost_nano"].as_f64();
        let cpu = with.truth.outcome.cpu_seconds;
        let share = estimated
            .zip(cpu)
            .map(|(nano, cpu)| nano / 1e9 / cpu * 100.0);
        samples.add("estimated_cost_percent", share);
    }

    fn accuracy(&mut self, with: &Watched) {
        let (truth, events) = (&with.truth.writes, &with.recording.events);
        let agreement = agreement::between(truth, events);
        let pairs = agreement::pairs(truth, events);
        let right = pairs
            .iter()
            .filter(|pair| pair.duration_is_right() == Some(true));
        let (right, found) = (right.count(), truth.len() - agreement.missed.len());
        let confirmed = events.len() - agreement.spurious.len();
        let samples = &mut self.samples;
        samples.add("recall_percent", percent(found, truth.len()));
        samples.add("duration_right_percent", percent(right, found));
        samples.add("precision_percent", percent(confirmed, events.len()));
        self.found
            .add(&agreement, right, agreement::repeated(truth, events));
        self.misses.add(&agreement, &pairs);
    }
}

impl Found {
    fn add(&mut self, agreement: &Agreement<'_>, right: usize, repeated: usize) {
        self.slow_writes += agreement.true_writes;
        self.found += agreement.true_writes - agreement.missed.len();
        self.duration_right += right;
        self.events += agreement.events;
        self.events_of_slow_writes += agreement.events - agreement.spurious.len();
        self.repeated += repeated;
    }
}

impl Control {
    fn of(truth: &Truth) -> Option<Self> {
        let (writes, control) = (truth.outcome.others?, truth.outcome.control_others?);
        let slow_gaps = truth.control.len();
        Some(Self {
            slow_gaps,
            gaps: control.count + slow_gaps as u64,
            slow_writes: truth.writes.len(),
            expected_among_writes: slow_gaps as f64 * writes.total_nano / control.total_nano,
        })
    }
}

fn cpu_per_write(outcome: &Outcome) -> Option<f64> {
    Some(outcome.cpu_seconds? * 1e9 / outcome.writes as f64)
}

/// `None` of nothing: where no write was slow, none was found or missed.
pub fn percent(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
}
