//! The near end of a signal's queue.

use std::sync::Arc;

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    watch,
};

use super::{
    counts::{Counters, Dropped, ExportCounts},
    signal::Signal,
};

/// Takes what is to be exported. When it is gone, the export task sends what is left and ends.
#[derive(Debug)]
pub struct Sender<S: Signal> {
    queue: mpsc::Sender<S::Item>,
    counters: Arc<Counters>,
    /// Closes with the sender.
    _alive: watch::Sender<()>,
}

/// The far end, for the export task.
#[derive(Debug)]
pub struct Queue<S: Signal> {
    pub items: mpsc::Receiver<S::Item>,
    pub counters: Arc<Counters>,
    pub alive: watch::Receiver<()>,
}

pub fn channel<S: Signal>(capacity: usize) -> (Sender<S>, Queue<S>) {
    let (queue, items) = mpsc::channel(capacity);
    let (sender, alive) = watch::channel(());
    let counters = Arc::<Counters>::default();
    let sender = Sender {
        queue,
        counters: counters.clone(),
        _alive: sender,
    };
    let queue = Queue {
        items,
        counters,
        alive,
    };
    (sender, queue)
}

impl<S: Signal> Sender<S> {
    /// Puts an item into the queue. Never blocks. Whether it got there; else it has been counted under the reason.
    pub fn offer(&self, item: S::Item) -> bool {
        let size = S::size(&item);
        self.counters.offered(size);
        let reason = match self.queue.try_send(item) {
            Ok(()) => return true,
            Err(TrySendError::Full(_)) => Dropped::QueueFull,
            Err(TrySendError::Closed(_)) => Dropped::Shutdown,
        };
        self.counters.dropped(reason, size);
        false
    }

    /// Counts an item that is not for this signal.
    pub fn pass_over(&self, reason: Dropped) {
        self.counters.offered(1);
        self.counters.dropped(reason, 1);
    }

    /// As of now.
    pub fn counts(&self) -> ExportCounts {
        self.counters.snapshot()
    }
}
