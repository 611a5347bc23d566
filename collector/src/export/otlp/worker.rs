//! The export task: makes batches, sends them, and tries again as long as that makes sense.

use std::{mem, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{RandomIdGenerator, SpanData, SpanExporter as _};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tracing::warn;

use super::{
    counts::{Dropped, ExportCounts},
    health::Health,
    retry::is_final,
    sender::Queue,
    services::Services,
    settings::Settings,
    span::span,
    transport::Transport,
};
use crate::model::{process::GoProcess, write::CorrelatedWrite};

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Short enough that a backend that is back is noticed within the usual grace period.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

pub struct Worker {
    settings: Settings,
    queue: Queue,
    services: Services,
    health: Health,
    /// Taken from the queue, not sent yet.
    batch: Vec<CorrelatedWrite>,
    /// Being sent.
    in_flight: usize,
}

impl Worker {
    pub fn new(settings: Settings, transport: Transport, queue: Queue) -> Self {
        Self {
            health: Health::new(settings.shown_endpoint()),
            services: Services::new(transport),
            batch: Vec::with_capacity(settings.batch_size),
            in_flight: 0,
            settings,
            queue,
        }
    }

    /// Until the senders are gone and either all is sent or the grace period is over.
    pub async fn run(mut self) -> ExportCounts {
        let grace_is_over = grace_is_over(self.queue.alive.clone(), self.settings.grace);
        tokio::select! {
            () = self.send_all() => {}
            () = grace_is_over => {}
        }
        self.drop_the_rest();
        let counts = self.queue.counters.snapshot();
        if self.queue.counters.lost() > 0 {
            warn!(exported = counts.exported, dropped = ?counts.dropped, "not all traces were exported");
        }
        counts
    }

    async fn send_all(&mut self) {
        while self.fill_batch().await {
            while let Some(first) = self.batch.first() {
                let process = first.observed().process.clone();
                self.send_those_of(&process).await;
            }
        }
    }

    /// Waits for a write, then for more until the batch is full or the schedule delay over. `false`: there
    /// are no more.
    async fn fill_batch(&mut self) -> bool {
        let size = self.settings.batch_size;
        if self.queue.writes.recv_many(&mut self.batch, size).await == 0 {
            return false;
        }
        let deadline = Instant::now() + self.settings.schedule_delay;
        while self.batch.len() < size {
            let room = size - self.batch.len();
            match timeout_at(deadline, self.queue.writes.recv_many(&mut self.batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        true
    }

    async fn send_those_of(&mut self, process: &Arc<GoProcess>) {
        let (its, others): (Vec<_>, Vec<_>) = mem::take(&mut self.batch)
            .into_iter()
            .partition(|write| Arc::ptr_eq(&write.observed().process, process));
        self.batch = others;
        self.in_flight = its.len();
        let ids = RandomIdGenerator::default();
        // Made once, so that a batch that arrives twice has the same span ids.
        let spans = its.iter().map(|write| span(write, &ids)).collect();
        let sent = match self.services.exporter(process) {
            Ok(exporter) => self.send(&exporter, spans).await,
            Err(error) => {
                self.health.failed(&error, self.queue.counters.lost());
                false
            }
        };
        let counters = &self.queue.counters;
        match sent {
            true => counters.exported(self.in_flight),
            false => counters.dropped(Dropped::ExportFailed, self.in_flight),
        }
        self.in_flight = 0;
    }

    /// Whether the endpoint took the spans.
    async fn send(&mut self, exporter: &SpanExporter, spans: Vec<SpanData>) -> bool {
        let (counters, health) = (&self.queue.counters, &mut self.health);
        let attempt = || async {
            exporter
                .export(spans.clone())
                .await
                .inspect_err(|_| counters.failed())
        };
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LONGEST_DELAY)
            .with_jitter()
            .without_max_times()
            .with_total_delay(Some(self.settings.retry_limit));
        let result = attempt
            .retry(backoff)
            .when(|error| !is_final(error))
            .notify(|error, _| health.failed(error, counters.lost()))
            .await;
        match &result {
            Ok(()) => health.succeeded(counters.lost()),
            Err(error) => health.failed(error, counters.lost()),
        }
        result.is_ok()
    }

    fn drop_the_rest(&mut self) {
        self.queue.writes.close();
        let mut left = mem::take(&mut self.in_flight) + self.batch.len();
        while self.queue.writes.try_recv().is_ok() {
            left += 1;
        }
        if left > 0 {
            tracing::warn!(writes = left, "there was no time left to export all traces");
            self.queue.counters.dropped(Dropped::Shutdown, left);
        }
    }
}

async fn grace_is_over(mut alive: watch::Receiver<()>, grace: Duration) {
    // Nothing is ever sent on this channel: it ends with the last sender.
    while alive.changed().await.is_ok() {}
    sleep(grace).await;
}
