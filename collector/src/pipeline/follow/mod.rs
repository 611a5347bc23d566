//! Follows writes as a whole, from entry to exit: always (`exact`), or in slices of time (`sampled`). Joins the probes,
//! the timing of the slices and the distribution that comes of them.

mod slices;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{clock, target::Target};
use crate::{
    attach::{AttachError, Programs, Writer as Counted},
    config::{Detection, value::Mode},
    distribution::{Distribution, Place, Sample, Writer},
    model::{
        histogram::Histogram,
        plan::{Presence, ProbePair},
        process::Pid,
        time::Ktime,
        write::RawStack,
        writes::{Correction, NotFollowed, Writes},
    },
    symbolize::Symbolizer,
};

use slices::{Slices, Step};

/// A write that takes as long will not end: it has panicked, or its goroutine is gone.
const ABANDONED: Duration = Duration::from_secs(60);

/// All targets' writes.
#[derive(Debug)]
pub(super) struct Follower {
    /// The share of time; `None`: no write is followed as a whole.
    share: Option<f64>,
    targets: HashMap<Pid, Followed>,
    distribution: Distribution,
    not_followed: BTreeSet<NotFollowed>,
    /// Nanoseconds, of targets that are gone.
    covered: u64,
    attached: u64,
}

#[derive(Debug)]
struct Followed {
    slices: Slices,
    attached_at: Ktime,
    /// What the kernel side had counted when the last slice ended.
    counted: HashMap<(usize, Option<u64>), Histogram>,
    places: HashMap<u64, Place>,
}

impl Follower {
    pub(super) fn new(detection: &Detection) -> Self {
        let share = match detection.mode {
            Mode::Slowpath => None,
            Mode::Exact => Some(1.0),
            Mode::Sampled => Some(detection.sampling.get() as f64 / 100.0),
        };
        Self {
            share,
            targets: HashMap::new(),
            distribution: Distribution::default(),
            not_followed: BTreeSet::new(),
            covered: 0,
            attached: 0,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.share.is_some()
    }

    /// How much of the time the probes on every write are in a target.
    pub(super) fn presence(&self) -> Presence {
        match self.share {
            Some(share) if share < 1.0 => Presence::Thinned((1.0 / share).round() as u32),
            _ => Presence::Whole,
        }
    }

    /// Begins with a process that was just attached.
    pub(super) fn begin(&mut self, programs: &mut Programs, pid: Pid, target: &Target) {
        let (Some(share), Ok(plan)) = (self.share, &target.examined.1) else {
            return;
        };
        for function in &plan.writes.unplaced {
            self.not_followed.insert(NotFollowed {
                function: function.function.clone(),
                reason: function.reason.clone(),
            });
        }
        if let Err(error) = programs.add_writes(pid, plan) {
            tracing::warn!(%pid, %error, "writes cannot be followed");
            return;
        }
        let now = clock::monotonic();
        let followed = Followed {
            slices: Slices::new(share, now, fastrand::Rng::new()),
            attached_at: now,
            counted: HashMap::new(),
            places: HashMap::new(),
        };
        self.targets.insert(pid, followed);
        self.advance_one(programs, pid, target, &Symbolizer::new());
    }

    /// Does what is due.
    pub(super) fn advance(
        &mut self,
        programs: &mut Programs,
        targets: &HashMap<Pid, Target>,
        symbolizer: &Symbolizer,
    ) {
        let pids: Vec<Pid> = self.targets.keys().copied().collect();
        for pid in pids {
            if let Some(target) = targets.get(&pid) {
                self.advance_one(programs, pid, target, symbolizer);
            }
        }
    }

    /// When something is due.
    pub(super) fn next(&self) -> Option<Ktime> {
        self.targets
            .values()
            .map(|followed| followed.slices.next())
            .min()
    }

    fn advance_one(
        &mut self,
        programs: &mut Programs,
        pid: Pid,
        target: &Target,
        symbolizer: &Symbolizer,
    ) {
        let Some(followed) = self.targets.get_mut(&pid) else {
            return;
        };
        match followed.slices.step(clock::monotonic()) {
            Step::Wait => {}
            Step::Open => {
                let outcome = open(programs, pid, &mut followed.slices);
                let now = clock::monotonic();
                match outcome {
                    Ok(()) => {}
                    Err(AttachError::Releasing) => followed.slices.busy(now),
                    Err(error) => {
                        tracing::warn!(%pid, %error, "writes cannot be followed");
                        followed.slices.failed(now);
                    }
                }
            }
            Step::Cut => {
                programs.abandon_writes(pid, before(clock::monotonic(), ABANDONED));
                let writers = programs.writers(pid);
                let slice = followed.slice(writers, target, symbolizer);
                self.distribution.add_slice(slice);
            }
            Step::Drain => {
                if !programs.writes_are_in_flight(pid) {
                    followed.slices.drained();
                }
            }
            Step::Close => {
                let slice = followed.close(programs, pid, target, symbolizer);
                self.distribution.add_slice(slice);
                followed.slices.closed(clock::monotonic());
            }
        }
    }

    /// Takes what was counted of a process that is about to be detached.
    pub(super) fn end(
        &mut self,
        programs: &mut Programs,
        pid: Pid,
        target: &Target,
        symbolizer: &Symbolizer,
    ) {
        let Some(mut followed) = self.targets.remove(&pid) else {
            return;
        };
        let now = clock::monotonic();
        if followed.slices.is_open() {
            let slice = followed.close(programs, pid, target, symbolizer);
            self.distribution.add_slice(slice);
            followed.slices.closed(now);
        }
        self.covered += followed.slices.covered();
        self.attached += now.0.saturating_sub(followed.attached_at.0);
    }

    /// To be asked when all targets have ended.
    pub(super) fn summary(&self, programs: &mut Programs) -> Option<Writes> {
        let asked_for = self.share?;
        let share = self.covered as f64 / self.attached.max(1) as f64;
        let correction = correction(programs);
        let sampled = (asked_for < 1.0).then(|| Sample {
            share,
            uncertainty_nano: correction.map_or(0, |correction| correction.uncertainty_nano()),
        });
        let latency = self.distribution.latency(sampled);
        let counts = programs.counts();
        let followed = latency.as_ref().map_or(0, |latency| latency.count);
        Some(Writes {
            begun: counts.writes_begun,
            unfinished: counts.writes_begun.saturating_sub(followed),
            attached_nano: self.attached,
            share_of_time: share,
            slices: self.distribution.slices(),
            correction,
            latency,
            histogram: self.distribution.histogram(),
            by_function: self.distribution.by_function(sampled),
            by_caller: self.distribution.by_caller(sampled),
            callers_not_told_apart: counts.writers_full,
            not_followed: self.not_followed.iter().cloned().collect(),
        })
    }
}

impl Followed {
    /// What was counted since the last slice.
    fn slice(
        &mut self,
        writers: Vec<Counted>,
        target: &Target,
        symbolizer: &Symbolizer,
    ) -> Vec<(Writer, Histogram)> {
        let mut slice = Vec::new();
        for writer in writers {
            let key = (writer.function, writer.caller);
            let before = self.counted.insert(key, writer.durations.clone());
            let durations = writer.durations.since(&before.unwrap_or_default());
            if durations.count() > 0 {
                slice.push((self.name(key, target, symbolizer), durations));
            }
        }
        slice
    }

    fn close(
        &mut self,
        programs: &mut Programs,
        pid: Pid,
        target: &Target,
        symbolizer: &Symbolizer,
    ) -> Vec<(Writer, Histogram)> {
        // So that nothing begins while the probes are on their way out.
        let now = clock::monotonic();
        if let Err(error) = programs.follow_writes(pid, now, now) {
            tracing::debug!(%pid, %error, "the window could not be closed");
        }
        programs.disarm(pid, ProbePair::Write);
        programs.abandon_writes(pid, Ktime(u64::MAX));
        let writers = programs.writers(pid);
        let slice = self.slice(writers, target, symbolizer);
        programs.forget_writers(pid);
        self.counted.clear();
        slice
    }

    fn name(
        &mut self,
        (function, caller): (usize, Option<u64>),
        target: &Target,
        symbolizer: &Symbolizer,
    ) -> Writer {
        let plan = target.examined.1.as_ref().ok();
        let function = plan.and_then(|plan| plan.map_assign.get(function));
        let place = |caller| place(caller, target, symbolizer);
        Writer {
            function: function.map(|(name, ..)| name.clone()).unwrap_or_default(),
            caller: caller.map(|caller| {
                self.places
                    .entry(caller)
                    .or_insert_with(|| place(caller))
                    .clone()
            }),
        }
    }
}

fn correction(programs: &mut Programs) -> Option<Correction> {
    let cost = programs.write_cost()?;
    Some(Correction {
        per_write_nano: cost.overhead,
        per_write_at_end_nano: programs.measure_write_cost().map(|cost| cost.overhead),
        per_inner_probe_nano: cost.hit,
        cost_per_write_nano: cost.per_write,
    })
}

/// Where a call returns to, as a line of the source.
fn place(caller: u64, target: &Target, symbolizer: &Symbolizer) -> Place {
    let stack = RawStack {
        // Within the call, which may end a line, or a function that was inlined.
        addresses: vec![caller.saturating_sub(1)],
        truncated: true,
        ..RawStack::default()
    };
    let pid = target.process.pid;
    let frames = symbolizer.symbolize(pid, target.binary(), target.load_bias, &stack);
    let frame = frames.into_iter().next();
    Place {
        function: frame.as_ref().and_then(|frame| frame.function.clone()),
        file: frame.as_ref().and_then(|frame| frame.file.clone()),
        line: frame.and_then(|frame| frame.line),
    }
}

fn open(programs: &mut Programs, pid: Pid, slices: &mut Slices) -> Result<(), AttachError> {
    let begin = clock::monotonic();
    programs.arm(pid, ProbePair::Write)?;
    // Only now, that all probes are in place: a write whose entry is seen has its exit seen.
    let (from, until) = slices.opened(clock::monotonic());
    let took_micros = from.0.saturating_sub(begin.0) / 1_000;
    tracing::debug!(%pid, took_micros, "probes on every write are attached");
    programs.follow_writes(pid, from, until)
}

fn before(now: Ktime, duration: Duration) -> Ktime {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Ktime(now.0.saturating_sub(nanos))
}
