//! What has started and ended since the last look.

use std::collections::HashMap;

use super::{
    DiscoverError,
    listening::Listening,
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
        let mut look = Look::new(&self.selector, &mut self.known);
        for pid in pids {
            look.at(pid, before.remove(&pid));
        }
        let mut changes = look.changes;
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
        let mut look = Look::new(&self.selector, &mut self.known);
        for pid in pids {
            if self.selector.covers(pid) {
                let before = look.known.remove(&pid);
                look.at(pid, before);
            }
        }
        let mut changes = look.changes;
        let is_gone = |process: &PassedOver| process.reason == Reason::NoSuchProcess;
        for process in changes
            .passed_over
            .extract_if(.., |process| is_gone(process))
        {
            self.known.remove(&process.pid);
        }
        changes
    }

    /// Whether processes that are known and not asked for have to be looked at again from time to time.
    pub fn looks_again(&self) -> bool {
        self.selector.may_change()
    }
}

/// One look at the processes, or at some of them.
struct Look<'a> {
    selector: &'a Selector,
    listening: Listening<'a>,
    known: &'a mut HashMap<Pid, Known>,
    changes: Changes,
}

impl<'a> Look<'a> {
    fn new(selector: &'a Selector, known: &'a mut HashMap<Pid, Known>) -> Self {
        Self {
            selector,
            listening: selector.listening(),
            known,
            changes: Changes::default(),
        }
    }

    /// `before`: what was known of it.
    fn at(&mut self, pid: Pid, before: Option<Known>) {
        let mut known_before = false;
        let opened = open(pid).and_then(|process| Ok((identify(&process)?, process)));
        let identity = opened.as_ref().ok().map(|(identity, _)| *identity);
        if let Some(known) = before {
            let is_same = known.identity == identity;
            if is_same && (known.candidate || !self.selector.may_change()) {
                self.known.insert(pid, known);
                return;
            }
            known_before = is_same;
            if known.candidate {
                self.changes.exited.push(pid);
            }
        }
        let verdict = match opened {
            Ok((identity, process)) => {
                let listening = &mut self.listening;
                self.selector
                    .judge_opened(pid, process, identity, listening)
            }
            Err(reason) => Verdict::PassedOver(PassedOver {
                pid,
                executable: None,
                reason,
            }),
        };
        let candidate = matches!(verdict, Verdict::Candidate(_));
        let known = Known {
            identity,
            candidate,
        };
        self.known.insert(pid, known);
        match verdict {
            Verdict::Candidate(process) => self.changes.started.push(process),
            Verdict::PassedOver(_) if known_before => {} // It was said.
            Verdict::PassedOver(process) => self.changes.passed_over.push(process),
        }
    }
}
