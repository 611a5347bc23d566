//! Which processes: a [`Selector`] goes in; [`GoProcess`](crate::model::process::GoProcess) values come out,
//! with a reason for every process that was passed over. [`Watcher`] says afterwards what started and ended.
//!
//! Reads `/proc`, control groups and CPU clocks, nothing else. Never opens an executable to see whether it is Go (`inspect` does), never
//! fails because of one process: what cannot be read is a reason.

mod container;
mod content;
mod cpu_time;
mod environment;
mod listening;
mod namespace;
mod page_faults;
mod passed_over;
mod process;
mod restarts;
mod selector;
mod throttled;
mod watcher;

pub use self::{
    cpu_time::cpu_time,
    namespace::{PidNamespace, own_pid_namespace, target_tid, thread_ids},
    page_faults::page_faults,
    passed_over::{PassedOver, Reason},
    process::executable_link,
    restarts::Restarts,
    selector::{Scan, Selector},
    throttled::CpuLimit,
    watcher::{Changes, Watcher},
};
pub use crate::model::text::printable;

/// Why processes could not be looked at, at all.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    #[error("cannot list the processes in /proc: {0}; is it mounted?")]
    Processes(#[source] procfs::ProcError),
    #[error("cannot read {path}: {source}")]
    Namespace {
        path: &'static str,
        source: std::io::Error,
    },
    #[error("cannot list the threads of process {pid}: {source}")]
    Threads {
        pid: crate::model::process::Pid,
        source: procfs::ProcError,
    },
}
