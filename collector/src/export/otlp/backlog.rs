//! An export task with a queue directory: nothing waits in memory for an endpoint that is down. A batch that it does not
//! take goes onto the disk at once, those after it as well for as long as the pause lasts; and back from there,
//! oldest first and between the batches that are new, when it takes them again.

use std::time::Duration;

use prost::bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    failure::Failure,
    signal::Signal,
    spill::Loaded,
    worker::{Undelivered, Worker, delays},
};

/// How often it is looked whether the queue fills up while an answer is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// One behind the other.
const LAST_ATTEMPTS: u32 = 3;

impl<S: Signal> Worker<S> {
    pub(super) fn is_paused(&self) -> bool {
        let until = self.paused_until;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Something on disk may be sent now.
    pub(super) fn has_backlog(&self) -> bool {
        self.waits_on_disk() && !self.is_paused()
    }

    fn waits_on_disk(&self) -> bool {
        self.spill.as_ref().is_some_and(|spill| !spill.is_empty())
    }

    /// Waits until something on disk may be sent. Never, if there is nothing.
    pub(super) fn backlog_is_due(&self) -> impl Future<Output = ()> + use<S> {
        let (waits, until) = (self.waits_on_disk(), self.paused_until);
        async move {
            match (waits, until) {
                (false, _) => std::future::pending().await,
                (true, Some(until)) => sleep_until(until).await,
                (true, None) => {}
            }
        }
    }

    /// When nothing new will come: an endpoint that fails again and again is left to the next slowmap. Pauses begin
    /// anew, but for one that the endpoint has asked for.
    pub(super) async fn send_the_last_backlog(&mut self) {
        self.delays = None;
        if !self.was_asked_to_pause {
            self.paused_until = None;
        }
        let mut failures = 0;
        while self.waits_on_disk() && failures < LAST_ATTEMPTS {
            self.backlog_is_due().await;
            self.send_backlog().await;
            failures = if self.is_paused() { failures + 1 } else { 0 };
        }
    }

    /// What has been on disk longest.
    pub(super) async fn send_backlog(&mut self) {
        let Some(spill) = &mut self.spill else { return };
        let Some(Loaded { request, size }) = spill.oldest().await else {
            return;
        };
        let outcome = self.send_once(request).await;
        if outcome.as_ref().err() == Some(&Undelivered::Later) {
            return;
        }
        self.settle(outcome, size);
        if let Some(spill) = &mut self.spill {
            spill.remove_oldest();
        }
    }

    /// After a failure that may pass there is a pause.
    pub(super) async fn send_once(&mut self, request: Bytes) -> Result<S::Response, Undelivered> {
        match self.attempt(request).await {
            Ok(response) => {
                (self.paused_until, self.delays) = (None, None);
                Ok(response)
            }
            Err(failure) => {
                let asked = self.failed(&failure).map_err(Undelivered::Dropped)?;
                let delay = self.delays.get_or_insert_with(delays).next();
                let pause = asked.max(delay.unwrap_or_default());
                self.paused_until = Some(Instant::now() + pause);
                self.was_asked_to_pause = !asked.is_zero();
                Err(Undelivered::Later)
            }
        }
    }

    /// Meanwhile what threatens to fill the queue goes onto the disk.
    async fn attempt(&mut self, request: Bytes) -> Result<S::Response, Failure> {
        let (queue, batch) = (&mut self.queue, &mut self.batch);
        let answer = self.transport.send::<S>(request);
        tokio::pin!(answer);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = sleep(LOOK) => {}
            }
            let waiting = queue.items.len();
            if let Some(spill) = &mut self.spill
                && waiting > queue.items.max_capacity() / 2
            {
                while let Ok(item) = queue.items.try_recv() {
                    batch.push(item);
                }
                spill.put(batch);
                batch.clear();
                spill.flush().await;
            }
        }
    }

    /// Puts that many of the items in flight onto the disk.
    pub(super) async fn spill_in_flight(&mut self, count: usize) {
        if let Some(spill) = &mut self.spill {
            spill.put(&self.in_flight[..count]);
            self.in_flight.drain(..count);
            spill.flush().await;
        }
    }
}
