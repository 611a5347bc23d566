//! The export task of a signal: makes batches, sends them, and tries again as long as that makes sense.

use std::{mem, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use prost::{Message, bytes::Bytes};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tracing::warn;

use super::{
    counts::{Dropped, ExportCounts},
    failure::{Failure, Then},
    health::Health,
    sender::Queue,
    settings::Settings,
    signal::Signal,
    spill::Spill,
    transport::Transport,
};

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Short enough that a backend that is back is noticed within the usual grace period.
const LONGEST_DELAY: Duration = Duration::from_secs(2);
/// Bytes in a request; servers of gRPC refuse what has more than 4 MiB, unless told otherwise.
const LARGEST: usize = 3 << 20;
/// An endpoint that does not take a signal may be configured anew, or was behind a proxy that did not know it yet.
const UNSUPPORTED_FOR: Duration = Duration::from_secs(60);

pub struct Worker<S: Signal> {
    settings: Settings,
    pub(super) transport: Transport,
    pub(super) queue: Queue<S>,
    health: Health,
    /// Taken from the queue, not sent yet.
    pub(super) batch: Vec<S::Item>,
    /// When a batch goes out even if it is not full.
    due: Option<Instant>,
    /// Being sent.
    pub(super) in_flight: Vec<S::Item>,
    /// Until then the endpoint is not asked again whether it takes this signal.
    unsupported_until: Option<Instant>,
    pub(super) spill: Option<Spill<S>>,
    /// With a spill: until then nothing is sent.
    pub(super) paused_until: Option<Instant>,
    pub(super) was_asked_to_pause: bool,
    /// The next pauses, while the endpoint is down.
    pub(super) delays: Option<ExponentialBackoff>,
}

/// What became of a request that the endpoint did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undelivered {
    Dropped(Dropped),
    /// It can be tried again later, and is on disk until then.
    Later,
}

impl<S: Signal> Worker<S> {
    pub fn new(
        settings: Settings,
        transport: Transport,
        queue: Queue<S>,
        spill: Option<Spill<S>>,
    ) -> Self {
        Self {
            health: Health::new(S::NAME, settings.shown_endpoint()),
            transport,
            batch: Vec::new(),
            due: None,
            in_flight: Vec::new(),
            unsupported_until: None,
            spill,
            paused_until: None,
            was_asked_to_pause: false,
            delays: None,
            settings,
            queue,
        }
    }

    /// Until the sender is gone and either all is sent or the grace period is over.
    pub async fn run(mut self) -> ExportCounts {
        let grace_is_over = grace_is_over(self.queue.alive.clone(), self.settings.grace);
        tokio::select! {
            () = self.send_all() => {}
            () = grace_is_over => {}
        }
        self.settle_the_rest().await;
        let counts = self.queue.counters.snapshot();
        if self.queue.counters.lost() > 0 {
            let dropped = &counts.dropped;
            warn!(
                exported = counts.exported,
                ?dropped,
                "not all {} were exported",
                S::NAME
            );
        }
        counts
    }

    async fn send_all(&mut self) {
        loop {
            let backlog = self.backlog_is_due();
            tokio::select! {
                biased;
                more = self.fill_batch() => match more {
                    true => self.send_batch().await,
                    false => break,
                },
                () = backlog => {}
            }
            // After each batch as well: a queue that is never empty must not keep it waiting for ever.
            if self.has_backlog() {
                self.send_backlog().await;
            }
        }
        self.send_the_last_backlog().await;
    }

    /// Waits for an item, then for more until the batch is full or the schedule delay over. `false`: there are
    /// no more. Losing the future loses nothing.
    async fn fill_batch(&mut self) -> bool {
        let size = self.settings.batch_size;
        if self.batch.is_empty() {
            if self.queue.items.recv_many(&mut self.batch, size).await == 0 {
                return false;
            }
            self.due = Some(Instant::now() + self.settings.schedule_delay);
        }
        let due = self.due.unwrap_or_else(Instant::now);
        while self.batch.len() < size {
            let room = size - self.batch.len();
            match timeout_at(due, self.queue.items.recv_many(&mut self.batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        true
    }

    async fn send_batch(&mut self) {
        self.in_flight = mem::take(&mut self.batch);
        while !self.in_flight.is_empty() {
            let mut count = self.in_flight.len();
            let outcome = if self.is_unsupported() {
                Err(Undelivered::Dropped(Dropped::Unsupported))
            } else if self.is_paused() {
                Err(Undelivered::Later)
            } else {
                let mut request = S::request(&self.in_flight);
                while request.encoded_len() > LARGEST && count > 1 {
                    count /= 2;
                    request = S::request(&self.in_flight[..count]);
                }
                self.send(request.encode_to_vec().into()).await
            };
            if outcome.as_ref().err() == Some(&Undelivered::Later) {
                self.spill_in_flight(count).await;
                continue;
            }
            let size = self
                .in_flight
                .drain(..count)
                .map(|item| S::size(&item))
                .sum();
            self.settle(outcome, size);
        }
    }

    fn is_unsupported(&self) -> bool {
        let until = self.unsupported_until;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Sends until it is taken or given up; with a spill once.
    async fn send(&mut self, request: Bytes) -> Result<S::Response, Undelivered> {
        if self.spill.is_some() {
            return self.send_once(request).await;
        }
        let deadline = Instant::now() + self.settings.retry_limit;
        for delay in delays() {
            let failure = match self.transport.send::<S>(request.clone()).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let pause = self.failed(&failure).map_err(Undelivered::Dropped)?;
            let next = Instant::now() + pause.max(delay);
            if next > deadline {
                break;
            }
            sleep_until(next).await;
        }
        Err(Undelivered::Dropped(Dropped::ExportFailed))
    }

    /// The pause before the next attempt, if there is one.
    pub(super) fn failed(&mut self, failure: &Failure) -> Result<Duration, Dropped> {
        let counters = &self.queue.counters;
        counters.failed();
        match failure.then {
            Then::Unsupported => {
                self.health.unsupported(failure);
                self.unsupported_until = Some(Instant::now() + UNSUPPORTED_FOR);
                Err(Dropped::Unsupported)
            }
            then => {
                self.health.failed(failure, counters.lost());
                match then {
                    Then::TryAgain { pause } => Ok(pause),
                    _ => Err(Dropped::ExportFailed),
                }
            }
        }
    }

    /// Counts what became of a request.
    pub(super) fn settle(&mut self, outcome: Result<S::Response, Undelivered>, sent: usize) {
        let counters = &self.queue.counters;
        match outcome {
            Ok(response) => {
                let (rejected, why) = S::rejected(response).unwrap_or_default();
                // The number comes from elsewhere.
                let rejected = usize::try_from(rejected).unwrap_or(0).min(sent);
                counters.exported(sent - rejected);
                counters.dropped(Dropped::Rejected, rejected);
                self.health.succeeded(counters.lost());
                self.health.rejected(rejected, &why);
                self.unsupported_until = None;
            }
            Err(Undelivered::Dropped(reason)) => counters.dropped(reason, sent),
            Err(Undelivered::Later) => {}
        }
    }

    /// What was not sent: onto the disk, else it is dropped.
    async fn settle_the_rest(&mut self) {
        self.queue.items.close();
        let mut rest = mem::take(&mut self.in_flight);
        rest.append(&mut self.batch);
        while let Ok(item) = self.queue.items.try_recv() {
            rest.push(item);
        }
        if let Some(spill) = &mut self.spill {
            spill.put(&rest);
            spill.finish().await;
            return;
        }
        let left: usize = rest.iter().map(S::size).sum();
        if left > 0 {
            warn!(left, "there was no time left to export all {}", S::NAME);
            self.queue.counters.dropped(Dropped::Shutdown, left);
        }
    }
}

pub(super) fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}

async fn grace_is_over(mut alive: watch::Receiver<()>, grace: Duration) {
    // Nothing is ever sent on this channel: it ends with the sender.
    while alive.changed().await.is_ok() {}
    sleep(grace).await;
}
