//! What became of the writes, for each signal: each that was offered is exported or dropped for one reason, or still on
//! its way, or on disk. So `offered` and `recovered` are, at the end, `exported`, `dropped` and `on_disk`.

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
    #[error("the endpoint took the others of its batch and rejected this one")]
    Rejected,
    #[error("the endpoint does not take this signal")]
    Unsupported,
    #[error("the queue directory or its disk is full")]
    DiskFull,
    #[error("it could not be written to the queue directory")]
    DiskFailed,
    #[error("it could not be read back from the queue directory")]
    Corrupt,
}

impl Dropped {
    const ALL: [Dropped; 10] = [
        Self::QueueFull,
        Self::ExportFailed,
        Self::NoContext,
        Self::NotSampled,
        Self::Shutdown,
        Self::Rejected,
        Self::Unsupported,
        Self::DiskFull,
        Self::DiskFailed,
        Self::Corrupt,
    ];

    /// The name of the reason in counts and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::NoContext => "no_context",
            Self::NotSampled => "not_sampled",
            Self::Shutdown => "shutdown",
            Self::Rejected => "rejected",
            Self::Unsupported => "unsupported",
            Self::DiskFull => "disk_full",
            Self::DiskFailed => "disk_failed",
            Self::Corrupt => "corrupt",
        }
    }
}

/// Of one signal: counts of writes (of data points for metrics), but for `failures`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ExportCounts {
    pub offered: u64,
    /// Left on disk by an earlier run, and found there.
    pub recovered: u64,
    /// On disk now.
    pub on_disk: u64,
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
    recovered: AtomicU64,
    on_disk: AtomicU64,
    exported: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
    failures: AtomicU64,
}

impl Counters {
    pub fn offered(&self, count: usize) {
        self.offered.fetch_add(count as u64, Relaxed);
    }

    pub fn recovered(&self, count: usize) {
        self.recovered.fetch_add(count as u64, Relaxed);
    }

    pub fn onto_disk(&self, count: usize) {
        self.on_disk.fetch_add(count as u64, Relaxed);
    }

    /// What was [`Counters::onto_disk`].
    pub fn off_disk(&self, count: usize) {
        self.on_disk.fetch_sub(count as u64, Relaxed);
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

    /// What was lost to the backend being down or refusing it.
    pub fn lost(&self) -> u64 {
        let lost = [
            Dropped::QueueFull,
            Dropped::ExportFailed,
            Dropped::Shutdown,
            Dropped::Rejected,
            Dropped::DiskFull,
            Dropped::DiskFailed,
            Dropped::Corrupt,
        ];
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
            recovered: self.recovered.load(Relaxed),
            on_disk: self.on_disk.load(Relaxed),
            exported: self.exported.load(Relaxed),
            dropped,
            failures: self.failures.load(Relaxed),
        }
    }
}
