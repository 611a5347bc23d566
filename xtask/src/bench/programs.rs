//! What the kernel itself counts of BPF programs: runs, and time in them. The trap that leads to a program is not
//! in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use aya::{
    programs::loaded_programs,
    sys::{Stats, enable_stats},
};
use serde::Serialize;

use crate::interrupt;

/// One program, or all of the same name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProgramUse {
    pub name: String,
    pub runs_per_second: f64,
    pub nano_per_run: f64,
    /// Of one core.
    pub cpu_percent: f64,
}

/// Has the kernel count for as long as it lives.
#[derive(Debug)]
pub struct Profiler {
    ids: BTreeSet<u32>,
    _enabled: OwnedFd,
}

type Counts = BTreeMap<String, (u64, Duration)>;

impl Profiler {
    pub fn start(ids: BTreeSet<u32>) -> Result<Self> {
        let enabled = enable_stats(Stats::RunTime).context("have the kernel time BPF programs")?;
        Ok(Self {
            ids,
            _enabled: enabled,
        })
    }

    /// What the programs do from now on for so long, the most expensive first.
    pub fn measure(&self, duration: Duration) -> Result<Vec<ProgramUse>> {
        let (begin, before) = (Instant::now(), self.counts()?);
        interrupt::sleep(duration)?;
        let (passed, after) = (begin.elapsed(), self.counts()?);
        Ok(uses(&before, &after, passed))
    }

    fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::new();
        for program in loaded_programs() {
            let program = program.context("list BPF programs")?;
            if self.ids.contains(&program.id()) {
                let name = program.name_as_str().unwrap_or("?").to_owned();
                let sum = counts.entry(name).or_default();
                sum.0 += program.run_count();
                sum.1 += program.run_time();
            }
        }
        Ok(counts)
    }
}

fn uses(before: &Counts, after: &Counts, passed: Duration) -> Vec<ProgramUse> {
    let of = |(name, (runs, time)): (&String, &(u64, Duration))| {
        let (runs_before, time_before) = before.get(name).copied().unwrap_or_default();
        let runs = runs.saturating_sub(runs_before);
        let time = time.saturating_sub(time_before);
        (runs > 0).then(|| ProgramUse {
            name: name.clone(),
            runs_per_second: runs as f64 / passed.as_secs_f64(),
            nano_per_run: time.as_nanos() as f64 / runs as f64,
            cpu_percent: time.div_duration_f64(passed) * 100.0,
        })
    };
    let mut uses: Vec<ProgramUse> = after.iter().filter_map(of).collect();
    uses.sort_by(|a, b| b.cpu_percent.total_cmp(&a.cpu_percent));
    uses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ran_in_between_counts_and_the_most_expensive_comes_first() {
        let counts = |of: &[(&str, u64, u64)]| -> Counts {
            let count = |(name, runs, micros): &(&str, u64, u64)| {
                ((*name).to_owned(), (*runs, Duration::from_micros(*micros)))
            };
            of.iter().map(count).collect()
        };
        let before = counts(&[("idle", 5, 10), ("busy", 100, 50)]);
        let after = counts(&[("idle", 5, 10), ("busy", 300, 150), ("new", 1, 1_000)]);
        let uses = uses(&before, &after, Duration::from_secs(2));
        let names: Vec<&str> = uses.iter().map(|used| used.name.as_str()).collect();
        assert_eq!(names, ["new", "busy"]);
        assert_eq!(uses[1].runs_per_second, 100.0);
        assert_eq!(uses[1].nano_per_run, 500.0);
        assert!((uses[1].cpu_percent - 0.005).abs() < 1e-12);
    }
}
