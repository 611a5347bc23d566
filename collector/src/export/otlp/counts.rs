//! What became of the writes: each that was offered is exported or dropped for one reason, or still on its way.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use serde::Serialize;

/// Why a write is not exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Dropped {
    #[error("the export queue is full")]
    QueueFull,
    #[error("the endpoint refused it, or was down for too long")]
    ExportFailed,
    #[error("it belongs to no trace")]
    NoContext,
    #[error("its trace is not sampled")]
    NotSampled,
    #[error("there was no time left to send it")]
    Shutdown,
}

impl Dropped {
    const ALL: [Dropped; 5] = [
        Self::QueueFull,
        Self::ExportFailed,
        Self::NoContext,
        Self::NotSampled,
        Self::Shutdown,
    ];

    /// The name of the reason in counts and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::NoContext => "no_context",
            Self::NotSampled => "not_sampled",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Counts of writes, but for `failures`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ExportCounts {
    pub offered: u64,
    /// In requests that the endpoint took.
    pub exported: u64,
    /// By reason; reasons that did not occur are missing.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Attempts to export a batch that failed.
    pub failures: u64,
}

#[derive(Debug, Default)]
pub struct Counters {
    offered: AtomicU64,
    exported: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
    failures: AtomicU64,
}

impl Counters {
    pub fn offered(&self) {
        self.offered.fetch_add(1, Relaxed);
    }

    pub fn exported(&self, count: usize) {
        self.exported.fetch_add(count as u64, Relaxed);
    }

    pub fn dropped(&self, reason: Dropped, count: usize) {
        self.dropped[reason as usize].fetch_add(count as u64, Relaxed);
    }

    pub fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Writes that were lost to the backend being down or refusing them.
    pub fn lost(&self) -> u64 {
        let lost = [Dropped::QueueFull, Dropped::ExportFailed, Dropped::Shutdown];
        lost.map(|reason| self.dropped[reason as usize].load(Relaxed))
            .iter()
            .sum()
    }

    pub fn snapshot(&self) -> ExportCounts {
        let dropped = Dropped::ALL
            .iter()
            .map(|&reason| (reason.reason(), self.dropped[reason as usize].load(Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        ExportCounts {
            offered: self.offered.load(Relaxed),
            exported: self.exported.load(Relaxed),
            dropped,
            failures: self.failures.load(Relaxed),
        }
    }
}
