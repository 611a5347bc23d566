//! What has started and ended since the last look.

use std::collections::HashMap;

use super::{
    DiscoverError,
    passed_over::{PassedOver, Reason},
    process::{Identity, identify, open},
    selector::{Selector, Verdict},
};
use crate::model::process::{GoProcess, Pid};

/// Looks again and again at the processes that a [`Selector`] names. A look at a known process costs one short
/// file in `/proc`.
#[derive(Debug)]
pub struct Watcher {
    selector: Selector,
    known: HashMap<Pid, Known>,
}

/// What a look found, against the look before. Apply `exited` first: a process that has executed another
/// program, or whose pid was used again, is in both.
#[derive(Debug, Default)]
pub struct Changes {
    /// By pid.
    pub started: Vec<GoProcess>,
    /// Only those that had been reported as started, by pid.
    pub exited: Vec<Pid>,
    /// New ones that are no candidates, by pid.
    pub passed_over: Vec<PassedOver>,
}

#[derive(Debug)]
struct Known {
    /// `None`: a process without a program of its own, such as a kernel thread.
    identity: Option<Identity>,
    candidate: bool,
}

impl Watcher {
    /// The first look reports everything there is as started or passed over.
    pub fn new(selector: Selector) -> Self {
        Self {
            selector,
            known: HashMap::new(),
        }
    }

    /// # Errors
    /// Only where the processes cannot be listed at all; then nothing is taken as ended.
    pub fn changes(&mut self) -> Result<Changes, DiscoverError> {
        let pids = self.selector.pids()?;
        let mut before = std::mem::take(&mut self.known);
        let mut changes = Changes::default();
        for pid in pids {
            self.look(pid, before.remove(&pid), &mut changes);
        }
        let ended = before
            .into_iter()
            .filter(|(_, known)| known.candidate)
            .map(|(pid, _)| pid);
        changes.exited.extend(ended);
        changes.exited.sort_unstable();
        Ok(changes)
    }

    /// The same of these alone, as far as they are selected at all: what else there was is taken to be there still.
    pub fn changes_of(&mut self, pids: impl IntoIterator<Item = Pid>) -> Changes {
        let mut changes = Changes::default();
        for pid in pids {
            if self.selector.covers(pid) {
                let before = self.known.remove(&pid);
                self.look(pid, before, &mut changes);
            }
        }
        let is_gone = |process: &PassedOver| process.reason == Reason::NoSuchProcess;
        for process in changes
            .passed_over
            .extract_if(.., |process| is_gone(process))
        {
            self.known.remove(&process.pid);
        }
        changes
    }

    fn look(&mut self, pid: Pid, before: Option<Known>, changes: &mut Changes) {
        let opened = open(pid).and_then(|process| Ok((identify(&process)?, process)));
        let identity = opened.as_ref().ok().map(|(identity, _)| *identity);
        if let Some(known) = before {
            if known.identity == identity {
                self.known.insert(pid, known);
                return;
            }
            if known.candidate {
                changes.exited.push(pid);
            }
        }
        let verdict = match opened {
            Ok((identity, process)) => self.selector.judge_opened(pid, process, identity),
            Err(reason) => Verdict::PassedOver(PassedOver {
                pid,
                executable: None,
                reason,
            }),
        };
        let candidate = matches!(verdict, Verdict::Candidate(_));
        self.known.insert(
            pid,
            Known {
                identity,
                candidate,
            },
        );
        match verdict {
            Verdict::Candidate(process) => changes.started.push(process),
            Verdict::PassedOver(process) => changes.passed_over.push(process),
        }
    }
}
