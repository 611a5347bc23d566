//! When to look for processes that began or ended, and at which.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until};

use crate::{
    discover::{Changes, DiscoverError, Restarts, Watcher},
    model::process::Pid,
    receive::Lives,
};

/// After the kernel has told of one process and before it is looked at: others follow as a rule, and many are gone by
/// then.
const SETTLE: Duration = Duration::from_millis(30);
/// How often all processes are looked at, in case the kernel's word was lost.
const RARELY: Duration = Duration::from_secs(10);
/// The same where a process may come to be asked for late.
const SOMETIMES: Duration = Duration::from_secs(1);
/// The same where the kernel tells nothing.
const OFTEN: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Discovery {
    watcher: Watcher,
    restarts: Restarts,
    /// `None`: the kernel tells nothing.
    lives: Option<Lives>,
    all: Interval,
    all_are_due: bool,
    /// Told of, and not looked at yet.
    told: BTreeSet<u32>,
    told_at: Option<Instant>,
}

impl Discovery {
    /// The first look is at all processes.
    pub(super) fn new(watcher: Watcher, lives: Option<Lives>) -> Self {
        let all = every(match (&lives, watcher.looks_again()) {
            (None, _) => OFTEN,
            // Nobody tells of a port.
            (Some(_), true) => SOMETIMES,
            (Some(_), false) => RARELY,
        });
        Self {
            watcher,
            restarts: Restarts::default(),
            lives,
            all,
            all_are_due: true,
            told: BTreeSet::new(),
            told_at: None,
        }
    }

    /// Waits until it is time to look. Nothing is lost if it is not waited for to the end.
    pub(super) async fn due(&mut self) {
        loop {
            let told = self.told_at.map(|at| at + SETTLE);
            let next = told.into_iter().chain(self.restarts.due()).min();
            tokio::select! {
                _ = self.all.tick() => {
                    self.all_are_due = true;
                    return;
                }
                () = until(next) => return,
                heard = hear(self.lives.as_mut(), &mut self.told) => {
                    if let Err(error) = heard {
                        tracing::warn!(%error, "the kernel does not tell of processes any more");
                        self.lives = None;
                        self.all = every(OFTEN);
                    } else if !self.told.is_empty() {
                        self.told_at.get_or_insert_with(Instant::now);
                    }
                }
            }
        }
    }

    /// What has changed since the last look.
    ///
    /// # Errors
    /// The processes cannot be listed at all.
    pub(super) fn changes(&mut self) -> Result<Changes, DiscoverError> {
        let told = std::mem::take(&mut self.told);
        self.told_at = None;
        let changes = if std::mem::take(&mut self.all_are_due) {
            self.watcher.changes()?
        } else {
            self.watcher.changes_of(told.into_iter().map(Pid))
        };
        Ok(self.restarts.settle(changes, Instant::now()))
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.reset(); // The first look is not waited for.
    interval
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

async fn hear(lives: Option<&mut Lives>, told: &mut BTreeSet<u32>) -> std::io::Result<()> {
    match lives {
        Some(lives) => lives.next(told).await,
        None => std::future::pending().await,
    }
}
