//! The near end of the export queue.

use std::sync::Arc;

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    watch,
};

use super::{
    counts::{Counters, Dropped, ExportCounts},
    settings::Settings,
};
use crate::model::write::CorrelatedWrite;

/// Takes writes for export. When its last clone is gone, the export task sends what is left and ends.
#[derive(Debug, Clone)]
pub struct TraceSender {
    queue: mpsc::Sender<CorrelatedWrite>,
    counters: Arc<Counters>,
    roots: bool,
    /// Closes with the last clone.
    _alive: Arc<watch::Sender<()>>,
}

/// The far end, for the export task.
#[derive(Debug)]
pub struct Queue {
    pub writes: mpsc::Receiver<CorrelatedWrite>,
    pub counters: Arc<Counters>,
    pub alive: watch::Receiver<()>,
}

pub fn channel(settings: &Settings) -> (TraceSender, Queue) {
    let (queue, writes) = mpsc::channel(settings.queue_capacity);
    let (sender, alive) = watch::channel(());
    let counters = Arc::<Counters>::default();
    let sender = TraceSender {
        queue,
        counters: counters.clone(),
        roots: settings.roots,
        _alive: Arc::new(sender),
    };
    (
        sender,
        Queue {
            writes,
            counters,
            alive,
        },
    )
}

impl TraceSender {
    /// Puts a write into the queue. Never blocks.
    ///
    /// # Errors
    /// The write is not exported; it has been counted under the reason.
    pub fn offer(&self, write: CorrelatedWrite) -> Result<(), Dropped> {
        self.counters.offered();
        self.accept(write)
            .inspect_err(|&reason| self.counters.dropped(reason, 1))
    }

    fn accept(&self, write: CorrelatedWrite) -> Result<(), Dropped> {
        match &write.context {
            None if !self.roots => return Err(Dropped::NoContext),
            // A child of a span that is not recorded would be an orphan.
            Some(context) if !context.is_sampled() => return Err(Dropped::NotSampled),
            _ => {}
        }
        self.queue.try_send(write).map_err(|error| match error {
            TrySendError::Full(_) => Dropped::QueueFull,
            TrySendError::Closed(_) => Dropped::Shutdown,
        })
    }

    /// As of now.
    pub fn counts(&self) -> ExportCounts {
        self.counters.snapshot()
    }
}
