//! Which of the machine's processes are asked for.

use std::{collections::BTreeMap, path::Path};

use glob::{MatchOptions, Pattern};
use procfs::process::Process;

use super::{
    DiscoverError,
    passed_over::{PassedOver, Reason},
    process::{Identity, Observed, identify, open},
};
use crate::model::{
    process::{GoProcess, Pid},
    text::printable,
};

/// Which processes are candidates: those that any of the three names. The default selects none.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// Where nothing else is asked for, no other process is looked at.
    pub pids: Vec<Pid>,
    /// A pattern with a slash is matched against the executable's path, in which `*` stays within a directory
    /// and `**` does not; one without against its last component.
    pub executables: Vec<Pattern>,
    /// Every process, whatever its executable.
    pub all: bool,
}

/// What a look at the processes found, by pid.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    pub candidates: Vec<GoProcess>,
    pub passed_over: Vec<PassedOver>,
}

/// What one process turned out to be.
pub(super) enum Verdict {
    Candidate(GoProcess),
    PassedOver(PassedOver),
}

impl Selector {
    /// Looks at every process that this names, once.
    ///
    /// # Errors
    /// Only where the processes cannot be listed at all.
    pub fn scan(&self) -> Result<Scan, DiscoverError> {
        let mut scan = Scan::default();
        for pid in self.pids()? {
            match self.judge(pid) {
                Verdict::Candidate(process) => scan.candidates.push(process),
                Verdict::PassedOver(process) => scan.passed_over.push(process),
            }
        }
        Ok(scan)
    }

    /// Whether a process has to be looked at to know if it is asked for.
    pub(super) fn covers(&self, pid: Pid) -> bool {
        self.looks_at_all() || self.pids.contains(&pid)
    }

    fn looks_at_all(&self) -> bool {
        self.all || !self.executables.is_empty()
    }

    /// The pids to look at, ascending, each once.
    pub(super) fn pids(&self) -> Result<Vec<Pid>, DiscoverError> {
        let mut pids = self.pids.clone();
        if self.looks_at_all() {
            pids.extend(list()?);
        }
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    fn judge(&self, pid: Pid) -> Verdict {
        let opened = open(pid).and_then(|process| Ok((identify(&process)?, process)));
        match opened {
            Ok((identity, process)) => self.judge_opened(pid, process, identity),
            Err(reason) => Verdict::PassedOver(PassedOver {
                pid,
                executable: None,
                reason,
            }),
        }
    }

    pub(super) fn judge_opened(&self, pid: Pid, process: Process, identity: Identity) -> Verdict {
        let passed_over = |executable, reason| {
            Verdict::PassedOver(PassedOver {
                pid,
                executable,
                reason,
            })
        };
        if pid.0 == std::process::id() {
            return passed_over(None, Reason::Slowmap);
        }
        let observed = match Observed::new(process, identity) {
            Ok(observed) => observed,
            Err(reason) => return passed_over(None, reason),
        };
        let executable = printable(&observed.executable.to_string_lossy()).into_owned();
        if !self.selects(pid, &observed.executable) {
            return passed_over(Some(executable), Reason::NotSelected);
        }
        match observed.into_candidate(pid) {
            Ok(process) => Verdict::Candidate(process),
            Err(reason) => passed_over(Some(executable), reason),
        }
    }

    fn selects(&self, pid: Pid, executable: &Path) -> bool {
        self.all
            || self.pids.contains(&pid)
            || self
                .executables
                .iter()
                .any(|pattern| matches(pattern, executable))
    }
}

fn matches(pattern: &Pattern, executable: &Path) -> bool {
    let options = MatchOptions {
        require_literal_separator: true,
        ..MatchOptions::new()
    };
    if pattern.as_str().contains('/') {
        return pattern.matches_path_with(executable, options);
    }
    // Lossy: a name that is no UTF-8 can still be matched by `*`.
    let name = executable.file_name().unwrap_or_default().to_string_lossy();
    pattern.matches_with(&name, options)
}

fn list() -> Result<Vec<Pid>, DiscoverError> {
    let processes = procfs::process::all_processes().map_err(DiscoverError::Processes)?;
    // An error of a single one: it ended between being listed and being opened.
    let numbers = processes.filter_map(Result::ok).map(|process| process.pid);
    Ok(numbers
        .filter_map(|pid| u32::try_from(pid).ok())
        .map(Pid)
        .collect())
}

/// How many processes of one reason are named.
const NAMED: usize = 3;

impl Scan {
    /// Whether a process was passed over for want of a privilege, which the reason names.
    pub fn lacks_privileges(&self) -> bool {
        self.passed_over.iter().any(PassedOver::lacks_privileges)
    }

    /// One line for the user who got nothing: what was looked at, and why it was passed over.
    pub fn explain(&self) -> String {
        let mut by_reason: BTreeMap<&Reason, Vec<&PassedOver>> = BTreeMap::new();
        for process in &self.passed_over {
            by_reason.entry(&process.reason).or_default().push(process);
        }
        let looked_at = self.candidates.len() + self.passed_over.len();
        let plural = if looked_at == 1 { "" } else { "es" };
        let mut text = format!("looked at {looked_at} process{plural}");
        for (reason, processes) in by_reason {
            text.push_str("; ");
            text.push_str(&explain_reason(reason, &processes));
        }
        text
    }
}

/// Processes that were plainly not meant are counted, others are named.
fn explain_reason(reason: &Reason, processes: &[&PassedOver]) -> String {
    let count = processes.len();
    match reason {
        Reason::Slowmap
        | Reason::KernelThread
        | Reason::Zombie
        | Reason::Gone
        | Reason::NotSelected => {
            return format!("{count} passed over: {reason}");
        }
        _ => {}
    }
    let mut names: Vec<String> = processes
        .iter()
        .take(NAMED)
        .map(|process| process.name())
        .collect();
    if count > NAMED {
        names.push(format!("{} more", count - NAMED));
    }
    format!("{}: {reason}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("pattern")
    }

    #[test]
    fn a_pattern_without_a_slash_is_for_the_name_and_one_with_it_for_the_path() {
        let shop = Path::new("/srv/app/bin/shop-v2");
        assert!(matches(&pattern("shop*"), shop));
        assert!(!matches(&pattern("bin"), shop));
        assert!(matches(&pattern("/srv/**/shop-*"), shop));
        assert!(!matches(&pattern("/srv/*"), shop));
        assert!(matches(&pattern("/srv/app/bin/*"), shop));
    }

    #[test]
    fn nothing_is_selected_unless_it_is_asked_for() {
        let shop = Path::new("/srv/shop");
        assert!(!Selector::default().selects(Pid(1), shop));
        assert!(
            Selector {
                all: true,
                ..Selector::default()
            }
            .selects(Pid(1), shop)
        );
        let selector = Selector {
            pids: vec![Pid(1)],
            executables: vec![pattern("other")],
            all: false,
        };
        assert!(selector.selects(Pid(1), shop));
        assert!(!selector.selects(Pid(2), shop));
        assert!(selector.selects(Pid(2), Path::new("/srv/other")));
    }

    #[test]
    fn the_explanation_counts_what_was_not_meant_and_names_what_was() {
        let passed = |pid, reason| PassedOver {
            pid: Pid(pid),
            executable: None,
            reason,
        };
        let scan = Scan {
            candidates: Vec::new(),
            passed_over: vec![
                passed(2, Reason::KernelThread),
                passed(3, Reason::KernelThread),
                passed(41, Reason::NotPermitted { what: "executable" }),
                passed(42, Reason::NotSelected),
            ],
        };
        assert_eq!(
            scan.explain(),
            "looked at 4 processes; 2 passed over: a kernel thread; 1 passed over: its executable was not \
             asked for; process 41: reading its executable is not permitted; that takes CAP_SYS_PTRACE, \
             and CAP_DAC_READ_SEARCH of another user"
        );
    }
}
