//! The exporters of all signals: one event goes out as each of them, with the same ids.

use std::sync::Arc;

use opentelemetry_sdk::trace::RandomIdGenerator;
use tokio::task::JoinHandle;

use super::{
    counts::ExportCounts,
    linked::LinkedWrite,
    logs::Logs,
    metrics::{AgentUse, Aggregation, Metrics},
    profiles::Profiles,
    sender::{Sender, channel},
    settings::{ExportSettings, Settings},
    signal::Signal,
    spill::{Directory, Spill},
    traces::{Traces, own_span},
    transport::{ExportError, Transport},
    worker::Worker,
};
use crate::{
    export::prometheus::{self, Durations},
    model::{time::UnixNanos, trace::SpanContext, write::CorrelatedWrite},
};

/// Takes writes for export. When it is gone, the export tasks send what is left and end.
#[derive(Debug)]
pub struct Exporters {
    traces: Option<Sender<Traces>>,
    logs: Option<Sender<Logs>>,
    metrics: Option<(Sender<Metrics>, Aggregation)>,
    profiles: Option<Sender<Profiles>>,
    /// For scrapes.
    scraped: Option<Durations>,
    /// Writes that were offered.
    events: u64,
    roots: bool,
    ids: RandomIdGenerator,
}

/// The tasks that send.
#[derive(Debug, Default)]
pub struct ExportTasks {
    directory: Option<Arc<Directory>>,
    tasks: Vec<(&'static str, JoinHandle<ExportCounts>)>,
}

impl Exporters {
    /// Starts the export tasks on the current tokio runtime. The endpoints need not be up. `now`: from when on metrics
    /// count.
    ///
    /// # Errors
    /// An endpoint, header or certificate that cannot be used: a mistake in the configuration.
    pub fn start(
        settings: ExportSettings,
        now: UnixNanos,
    ) -> Result<(Self, ExportTasks), ExportError> {
        let directory = settings.spill.as_ref().map(Directory::claim).transpose()?;
        let mut tasks = ExportTasks {
            directory: directory.map(Arc::new),
            tasks: Vec::new(),
        };
        let aggregation = settings
            .metrics
            .as_ref()
            .map(|metrics| Aggregation::new(metrics, now));
        let metrics = tasks.start(settings.metrics.map(|metrics| metrics.export))?;
        let exporters = Self {
            traces: tasks.start(settings.traces)?,
            logs: tasks.start(settings.logs)?,
            metrics: metrics.zip(aggregation),
            profiles: tasks.start(settings.profiles)?,
            scraped: settings.scraped.then(Durations::default),
            events: 0,
            roots: settings.roots,
            ids: RandomIdGenerator::default(),
        };
        Ok((exporters, tasks))
    }

    /// Puts a write into the queue of each signal. Never blocks; what a queue does not take is counted there.
    pub fn offer(&mut self, write: CorrelatedWrite) {
        let write = Arc::new(write);
        self.events += 1;
        let link = self.offer_span(&write).or(write.context);
        let linked = LinkedWrite { write, link };
        if let Some((_, aggregation)) = &mut self.metrics {
            aggregation.add(&linked);
        }
        if let Some(durations) = &mut self.scraped {
            durations.add(&linked);
        }
        if let Some(profiles) = &self.profiles {
            profiles.offer(linked.clone());
        }
        if let Some(logs) = &self.logs {
            logs.offer(linked);
        }
    }

    /// Puts the metrics, as of now, into their queue.
    pub fn push_metrics(&mut self, agent: &AgentUse, now: UnixNanos) {
        let counts = self.counts();
        if let Some((sender, aggregation)) = &mut self.metrics {
            sender.offer(aggregation.collect(self.events, agent, &counts, now));
        }
    }

    /// What a scrape is answered with; nothing where none was asked for.
    pub fn exposition(&self, agent: &AgentUse) -> String {
        match &self.scraped {
            Some(durations) => {
                prometheus::exposition(durations, self.events, agent, &self.counts())
            }
            None => String::new(),
        }
    }

    /// The write's own span, if one is sent.
    fn offer_span(&self, write: &Arc<CorrelatedWrite>) -> Option<SpanContext> {
        let traces = self.traces.as_ref()?;
        let link = match own_span(write, self.roots, &self.ids) {
            Ok(own) => Some(own),
            Err(reason) => {
                traces.pass_over(reason);
                return None;
            }
        };
        let write = Arc::clone(write);
        traces
            .offer(LinkedWrite { write, link })
            .then_some(link)
            .flatten()
    }

    /// Counts by signal, as of now; those that are off are missing.
    pub fn counts(&self) -> Vec<(&'static str, ExportCounts)> {
        let metrics = self.metrics.as_ref().map(|(sender, _)| sender);
        let counts = [
            self.traces.as_ref().map(named),
            self.logs.as_ref().map(named),
            metrics.map(named),
            self.profiles.as_ref().map(named),
        ];
        counts.into_iter().flatten().collect()
    }
}

fn named<S: Signal>(sender: &Sender<S>) -> (&'static str, ExportCounts) {
    (S::NAME, sender.counts())
}

impl ExportTasks {
    fn start<S: Signal>(
        &mut self,
        settings: Option<Settings>,
    ) -> Result<Option<Sender<S>>, ExportError> {
        let Some(settings) = settings else {
            return Ok(None);
        };
        let transport = Transport::new(&settings)?;
        let (sender, queue) = channel(settings.queue_capacity);
        let spill = |directory: &Arc<Directory>| {
            Spill::open(Arc::clone(directory), Arc::clone(&queue.counters))
        };
        let spill = self.directory.as_ref().map(spill).transpose()?;
        let worker = Worker::<S>::new(settings, transport, queue, spill);
        self.tasks.push((S::NAME, tokio::spawn(worker.run())));
        Ok(Some(sender))
    }

    /// Waits until all is sent or the grace period over, once the exporters are gone. Returns the final counts.
    pub async fn finish(self) -> Vec<(&'static str, ExportCounts)> {
        let mut counts = Vec::new();
        for (signal, task) in self.tasks {
            match task.await {
                Ok(its) => counts.push((signal, its)),
                Err(error) => tracing::error!(signal, %error, "the export ended before its time"),
            }
        }
        counts
    }
}
