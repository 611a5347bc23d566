//! When events are to be fetched.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::receive::Pressing;

/// The programs do not wake the reader for an event: that would cost the target's CPU more than the event.
const INTERVAL: Duration = Duration::from_millis(50);

/// Due from time to time, and at once when the ring buffer fills up.
#[derive(Debug)]
pub(super) struct Looks {
    interval: Interval,
    pressing: Option<Pressing>,
}

impl Looks {
    pub(super) fn new(pressing: Option<Pressing>) -> Self {
        let mut interval = interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { interval, pressing }
    }

    /// Waits until the next is due. Nothing is lost if it is not waited for to the end.
    pub(super) async fn next(&mut self) {
        let Some(pressing) = &mut self.pressing else {
            self.interval.tick().await;
            return;
        };
        tokio::select! {
            _ = self.interval.tick() => {}
            () = pressing.next() => {}
        }
    }
}
