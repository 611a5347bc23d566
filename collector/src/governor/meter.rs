//! How many times the whole budget a pair of probes would cost, were it in its target all the time.

use std::time::Duration;

use super::Budget;

/// How fast the past is forgotten, in seconds. A cost of 50 times the budget takes the mean over it at the first look,
/// one of 10 times in half a second, one of 5 times in a second; a collector's cycle or one large map do not.
const TIME_CONSTANT: f64 = 4.0;

/// Averages over what is seen of a pair. Begins innocent.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Seconds in a second.
    cost: f64,
    /// The target's CPU seconds in the same seconds; `None`: not known yet.
    cpu: Option<f64>,
    /// Of the last look alone, in budgets.
    latest: f64,
}

impl Meter {
    /// Adds the time between two looks. It stands for all the time since the pair was last seen, `since`.
    pub(super) fn add(
        &mut self,
        (time, since): (Duration, Duration),
        cpu: Duration,
        cost: Duration,
        budget: Budget,
    ) {
        let seconds = time.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let (cpu, cost) = (cpu.as_secs_f64() / seconds, cost.as_secs_f64() / seconds);
        let weight = 1.0 - (-since.as_secs_f64() / TIME_CONSTANT).exp();
        let mean = self.cpu.unwrap_or(cpu);
        self.cpu = Some(mean + weight * (cpu - mean));
        self.cost += weight * (cost - self.cost);
        self.latest = cost / budget.allowance(cpu);
    }

    /// In budgets.
    pub(super) fn mean(&self, budget: Budget) -> f64 {
        self.cost / budget.allowance(self.cpu.unwrap_or(0.0))
    }

    /// The last look counts where it is worse: what has just begun is not in the mean yet.
    pub(super) fn worst(&self, budget: Budget) -> f64 {
        self.mean(budget).max(self.latest)
    }

    pub(super) fn latest(&self) -> f64 {
        self.latest
    }

    /// Forgets what led to a decision, and goes on from what was decided by.
    pub(super) fn restart(&mut self, budgets: f64, budget: Budget) {
        self.cost = budgets * budget.allowance(self.cpu.unwrap_or(0.0));
        self.latest = budgets;
    }
}
