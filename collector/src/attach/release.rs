//! Taking probes out of the kernel. It removes breakpoints, and then waits until no CPU can be in the probes' program any
//! more, some 50 to 100 ms on the machine where it was measured. So it does not go on in the collector's way.
//!
//! Links of many probes wait next to each other. Those of one probe wait under a lock of all such probes, so they go one by
//! one: https://github.com/torvalds/linux/blob/v6.12/kernel/trace/trace_event_perf.c (`perf_uprobe_destroy`).

use std::{
    mem,
    sync::Arc,
    thread::{self, Builder, JoinHandle},
};

use super::uprobes::ProbeLink;

/// Links that are waited for at a time.
const SIDE_BY_SIDE: usize = 32;

/// Probes on their way out, in two stages.
#[derive(Debug, Default)]
pub(super) struct Release {
    thread: Option<JoinHandle<()>>,
    then: Vec<ProbeLink>,
}

impl Release {
    /// Each stage in the order given: those that cost most go first.
    pub(super) fn start(first: Vec<ProbeLink>, then: Vec<ProbeLink>) -> Self {
        let thread = Builder::new().name("release-probes".to_owned());
        // Where there is no thread to be had, they are dropped here, which takes as long as it takes.
        let thread = thread.spawn(move || release(first)).ok();
        Self { thread, then }
    }

    pub(super) fn stage_is_complete(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// After a stage is complete; `None`: it was the last.
    pub(super) fn next_stage(self) -> Option<Self> {
        (!self.then.is_empty()).then(|| Self::start(self.then, Vec::new()))
    }

    pub(super) fn wait(self) {
        if let Some(thread) = self.thread {
            let _ = thread.join(); // Dropping links does not panic.
        }
        drop(self.then);
    }
}

/// Probes of processes that have ended: nothing runs into them any more, so nobody waits for them until the end. One batch
/// at a time, however many processes end.
#[derive(Debug, Default)]
pub(super) struct Endings {
    under_way: Vec<Release>,
    next: Vec<ProbeLink>,
}

impl Endings {
    pub(super) fn add(&mut self, links: Vec<ProbeLink>, under_way: Vec<Release>) {
        self.next.extend(links);
        self.under_way.extend(under_way);
        self.go_on();
    }

    /// To be called from time to time.
    pub(super) fn go_on(&mut self) {
        let complete = |release: &mut Release| release.stage_is_complete();
        for release in self.under_way.extract_if(.., complete) {
            self.next.extend(release.then);
        }
        if self.under_way.is_empty() && !self.next.is_empty() {
            let release = Release::start(mem::take(&mut self.next), Vec::new());
            self.under_way.push(release);
        }
    }

    /// All that is not waited for yet.
    pub(super) fn take(&mut self) -> Vec<Release> {
        let mut releases = mem::take(&mut self.under_way);
        releases.push(Release::start(mem::take(&mut self.next), Vec::new()));
        releases
    }
}

fn release(links: Vec<ProbeLink>) {
    let (mut shared, mut own) = (Vec::new(), Vec::new());
    for link in links {
        match link {
            ProbeLink::Shared { link } => shared.extend(Arc::into_inner(link)),
            ProbeLink::Own { .. } => own.push(link),
        }
    }
    while !shared.is_empty() {
        let rest = shared.split_off(shared.len().min(SIDE_BY_SIDE));
        let together = mem::replace(&mut shared, rest);
        thread::scope(|scope| {
            for link in together {
                // Where there is no thread to be had, it is dropped here.
                let _ = Builder::new().spawn_scoped(scope, move || drop(link));
            }
        });
    }
    drop(own);
}
