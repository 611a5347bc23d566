//! A thread that makes one thing of all writes, beside others that do so.

use std::{
    sync::mpsc::{self, SyncSender},
    thread::{Scope, ScopedJoinHandle},
};

use super::{
    error::ReportError,
    recording::{Batch, WAITING},
};
use crate::model::recorded::RecordedWrite;

pub struct Beside<'scope, T> {
    batches: SyncSender<Batch>,
    thread: ScopedJoinHandle<'scope, Result<T, ReportError>>,
}

impl<'scope, T: Send + 'scope> Beside<'scope, T> {
    /// `add`: takes a write into what is made.
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        mut made: T,
        add: fn(&mut T, &RecordedWrite) -> Result<(), ReportError>,
    ) -> Self {
        let (batches, receiver) = mpsc::sync_channel::<Batch>(WAITING);
        let thread = scope.spawn(move || {
            for batch in receiver {
                batch.iter().try_for_each(|write| add(&mut made, write))?;
            }
            Ok(made)
        });
        Self { batches, thread }
    }

    /// Whether it takes them: it has stopped where it failed.
    pub fn add(&self, batch: &Batch) -> bool {
        self.batches.send(batch.clone()).is_ok()
    }

    /// What was made of all that it was given.
    ///
    /// # Errors
    /// What stopped it.
    pub fn wait(self) -> Result<T, ReportError> {
        drop(self.batches);
        self.thread.join().unwrap_or(Err(ReportError::Panicked))
    }
}
