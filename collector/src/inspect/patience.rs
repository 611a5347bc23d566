//! How long an executable is looked at. Every reader stays within the file, and yet a file can be made in which each of a
//! million entries leads to a million others; and all other processes wait meanwhile. Nor is one looked at further that has
//! changed: what was read of it before does not go with the rest.

use std::{sync::Arc, time::Duration};

use rustix::time::{ClockId, clock_gettime};

use super::error::InspectError;
use crate::golang::image::Original;

/// A hundred times what the largest executables take that were tried.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many of what there may be millions of are looked at between two looks at the clock.
const STEPS: u32 = 512;

/// When to give up. Counts this thread's CPU time, not what it waits for a slow disk or a busy machine.
#[derive(Debug)]
pub(super) struct Patience {
    original: Option<Arc<Original>>,
    begin: Duration,
    steps: u32,
}

impl Patience {
    /// `None`: what is read cannot change.
    pub fn begin(original: Option<Arc<Original>>) -> Self {
        Self {
            original,
            begin: cpu_time(),
            steps: 0,
        }
    }

    /// An error once it is over, or the file has changed.
    pub fn check(&self) -> Result<(), InspectError> {
        self.original
            .as_ref()
            .is_none_or(|original| original.is_unchanged())
            .then_some(())
            .ok_or(InspectError::Changed)?;
        match cpu_time().saturating_sub(self.begin) < PATIENCE {
            true => Ok(()),
            false => Err(InspectError::Endless {
                seconds: PATIENCE.as_secs(),
            }),
        }
    }

    /// The same for steps that each take next to no time: most do not look at the clock.
    pub fn step(&mut self) -> Result<(), InspectError> {
        self.steps = self.steps.wrapping_add(1);
        match self.steps.is_multiple_of(STEPS) {
            true => self.check(),
            false => Ok(()),
        }
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
