//! How long to wait before probes are put back.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(2);
/// For a pair that was dropped: each trial costs something.
const FIRST_DROPPED: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

/// Doubles with each relapse, and begins anew after a calm time of four times its length.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    wait: Duration,
    until: Duration,
    last_relapse: Option<Duration>,
}

impl Backoff {
    /// Too much was spent: nothing is put back for `at_least`.
    pub(super) fn relapse(&mut self, now: Duration, dropped: bool, at_least: Duration) {
        let first = if dropped { FIRST_DROPPED } else { FIRST };
        let again = self
            .last_relapse
            .is_some_and(|last| now.saturating_sub(last) < self.wait * 4);
        let wait = if again { self.wait * 2 } else { first };
        self.wait = wait.max(first).max(at_least).min(LONGEST.max(at_least));
        self.until = now + self.wait;
        self.last_relapse = Some(now);
    }

    /// Too much was spent, but to put it back and take it out again costs next to nothing.
    pub(super) fn rest(&mut self, now: Duration, at_least: Duration) {
        self.until = now + FIRST.max(at_least);
    }

    /// Something was put back: the next step waits as long again.
    pub(super) fn step(&mut self, now: Duration) {
        self.until = now + self.wait.min(LONGEST);
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        now >= self.until
    }

    pub(super) fn until(&self) -> Duration {
        self.until
    }
}
