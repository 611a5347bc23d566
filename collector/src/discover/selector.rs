//! Which of the machine's processes are asked for.

use std::{collections::BTreeMap, num::NonZero, path::Path};

use glob::{MatchOptions, Pattern};
use procfs::process::Process;

use super::{
    DiscoverError,
    listening::Listening,
    passed_over::{PassedOver, Reason},
    process::{Identity, Observed, identify, open},
};
use crate::model::{
    process::{GoProcess, Pid},
    text::printable,
};

/// Which processes are candidates: those that any of these names. The default selects none.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// Where nothing else is asked for, no other process is looked at.
    pub pids: Vec<Pid>,
    /// A pattern with a slash is matched against the executable's path, in which `*` stays within a directory
    /// and `**` does not; one without against its last component.
    pub executables: Vec<Pattern>,
    /// Matched against the arguments, separated by spaces.
    pub command_lines: Vec<Pattern>,
    /// Matched against the name that the process's own SDK would take from its environment.
    pub services: Vec<Pattern>,
    /// What the id of the process's container begins with.
    pub containers: Vec<String>,
    /// TCP ports that the process listens on. It may come to do so late: such processes are looked at again.
    pub ports: Vec<NonZero<u16>>,
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
        let mut listening = self.listening();
        for pid in self.pids()? {
            match self.judge(pid, &mut listening) {
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
        self.all || !self.executables.is_empty() || self.looks_inside()
    }

    /// Whether more has to be read of a process than its executable's path.
    fn looks_inside(&self) -> bool {
        let texts = [&self.command_lines, &self.services];
        texts.iter().any(|patterns| !patterns.is_empty())
            || !self.containers.is_empty()
            || self.may_change()
    }

    /// Whether a process that is not asked for may become one that is.
    pub(super) fn may_change(&self) -> bool {
        !self.ports.is_empty()
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

    /// For one look at the processes.
    pub(super) fn listening(&self) -> Listening<'_> {
        Listening::on(&self.ports)
    }

    fn judge(&self, pid: Pid, listening: &mut Listening<'_>) -> Verdict {
        let opened = open(pid).and_then(|process| Ok((identify(&process)?, process)));
        match opened {
            Ok((identity, process)) => self.judge_opened(pid, process, identity, listening),
            Err(reason) => Verdict::PassedOver(PassedOver {
                pid,
                executable: None,
                reason,
            }),
        }
    }

    pub(super) fn judge_opened(
        &self,
        pid: Pid,
        process: Process,
        identity: Identity,
        listening: &mut Listening<'_>,
    ) -> Verdict {
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
        let selected = self.selects(pid, &observed.executable);
        if !selected && !self.looks_inside() {
            return passed_over(Some(executable), Reason::NotSelected);
        }
        let selected = selected || listening.is_one(&observed.process);
        match observed.into_candidate(pid) {
            Ok(process) if selected || self.selects_inside(&process) => Verdict::Candidate(process),
            Ok(_) => passed_over(Some(executable), Reason::NotSelected),
            Err(reason) => passed_over(Some(executable), reason),
        }
    }

    fn selects_inside(&self, process: &GoProcess) -> bool {
        let any =
            |patterns: &[Pattern], text: &str| patterns.iter().any(|pattern| pattern.matches(text));
        let command_line = process.command_line.join(" ");
        let container = process.container_id.as_deref();
        any(&self.command_lines, &command_line)
            || any(&self.services, &process.service_name_or_default())
            || container.is_some_and(|id| self.containers.iter().any(|one| id.starts_with(one)))
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
            ..Selector::default()
        };
        assert!(selector.selects(Pid(1), shop));
        assert!(!selector.selects(Pid(2), shop));
        assert!(selector.selects(Pid(2), Path::new("/srv/other")));
    }

    #[test]
    fn a_process_is_selected_by_its_arguments_its_service_and_its_container() {
        let process = GoProcess {
            pid: Pid(7),
            target_pid: crate::model::process::TargetPid(7),
            start_ticks: 0,
            executable: "/srv/shop".into(),
            executable_inode: (0, 0),
            command_line: vec!["/srv/shop".into(), "--region".into(), "eu/1".into()],
            service_name: Some("shop-eu".into()),
            resource_attributes: Vec::new(),
            container_id: Some("ab".repeat(32)),
        };
        let selects = |selector: Selector| selector.selects_inside(&process);
        let command_lines = |text| Selector {
            command_lines: vec![pattern(text)],
            ..Selector::default()
        };
        assert!(selects(command_lines("* --region eu*")));
        assert!(!selects(command_lines("--region eu*")));
        let services = |text| Selector {
            services: vec![pattern(text)],
            ..Selector::default()
        };
        assert!(selects(services("shop-*")) && !selects(services("shop")));
        let containers = |text: &str| Selector {
            containers: vec![text.to_owned()],
            ..Selector::default()
        };
        assert!(selects(containers("abababababab")) && !selects(containers("ba")));
        assert!(!selects(Selector::default()));
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
