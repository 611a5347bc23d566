//! Executables whose processes keep ending soon after they began.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::Changes;
use crate::model::process::{GoProcess, Pid};

/// A process that ends earlier had a short life.
const SHORT: Duration = Duration::from_secs(1);
/// So many short lives of one executable within `REMEMBERED` are a crash loop.
const CRASH_LOOP: usize = 3;
const REMEMBERED: Duration = Duration::from_secs(10);
/// How long a process of such an executable has to live before it is reported.
const TRIAL: Duration = Duration::from_millis(500);

/// Holds back processes of executables that crash-loop until they have lived for half a second, so that nobody attaches
/// to those that do not.
#[derive(Debug, Default)]
pub struct Restarts {
    /// Those that were reported, with their executable, and when that was.
    begun: HashMap<Pid, (Executable, Instant)>,
    short_lives: HashMap<Executable, VecDeque<Instant>>,
    held_back: HashMap<Pid, (GoProcess, Instant)>,
}

/// Device and inode.
type Executable = (u64, u64);

impl Restarts {
    /// What may be reported of the changes now, and what of earlier ones.
    pub fn settle(&mut self, mut changes: Changes, now: Instant) -> Changes {
        self.short_lives.retain(|_, ends| {
            ends.retain(|end| now.duration_since(*end) < REMEMBERED);
            !ends.is_empty()
        });
        changes.exited.retain(|pid| self.is_known_end(*pid, now));
        let started = std::mem::take(&mut changes.started);
        for process in started {
            if self.crash_loops(process.executable_inode) {
                tracing::debug!(
                    pid = process.pid.0,
                    "its executable keeps ending: held back"
                );
                self.held_back.insert(process.pid, (process, now));
            } else {
                self.begin(process, now, &mut changes);
            }
        }
        let lived = |_: &Pid, (_, since): &mut (GoProcess, Instant)| *since + TRIAL <= now;
        let mut lived: Vec<_> = self.held_back.extract_if(lived).collect();
        lived.sort_by_key(|(pid, _)| *pid);
        for (_, (process, since)) in lived {
            self.begin(process, since, &mut changes);
        }
        changes
    }

    /// When there is something to settle, whatever changes.
    pub fn due(&self) -> Option<Instant> {
        let since = self.held_back.values().map(|(_, since)| *since).min()?;
        Some(since + TRIAL)
    }

    fn begin(&mut self, process: GoProcess, now: Instant, changes: &mut Changes) {
        let begun = (process.executable_inode, now);
        self.begun.insert(process.pid, begun);
        changes.started.push(process);
    }

    /// Whether that a process ended is to be reported.
    fn is_known_end(&mut self, pid: Pid, now: Instant) -> bool {
        let held_back = self.held_back.remove(&pid);
        let held_back = held_back.map(|(process, since)| (process.executable_inode, since));
        let known = held_back.is_none();
        if let Some((executable, since)) = held_back.or_else(|| self.begun.remove(&pid))
            && now.duration_since(since) < SHORT
        {
            let ends = self.short_lives.entry(executable).or_default();
            if ends.len() == CRASH_LOOP {
                ends.pop_front();
            }
            ends.push_back(now);
        }
        known
    }

    fn crash_loops(&self, executable: Executable) -> bool {
        let ends = self.short_lives.get(&executable);
        ends.is_some_and(|ends| ends.len() >= CRASH_LOOP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::process::TargetPid;

    const SHOP: Executable = (1, 42);

    fn process(pid: u32, executable: Executable) -> GoProcess {
        GoProcess {
            pid: Pid(pid),
            target_pid: TargetPid(pid),
            start_ticks: 0,
            executable: "/srv/shop".into(),
            executable_inode: executable,
            command_line: Vec::new(),
            service_name: None,
            resource_attributes: Vec::new(),
            container_id: None,
        }
    }

    fn started(pid: u32, executable: Executable) -> Changes {
        Changes {
            started: vec![process(pid, executable)],
            ..Changes::default()
        }
    }

    fn exited(pid: u32) -> Changes {
        Changes {
            exited: vec![Pid(pid)],
            ..Changes::default()
        }
    }

    /// One that has crashed three times, within 300 ms.
    fn crash_looping(begin: Instant) -> Restarts {
        let mut restarts = Restarts::default();
        for round in 0..3 {
            let at = begin + Duration::from_millis(100) * round;
            let began = restarts.settle(started(round, SHOP), at);
            assert_eq!(began.started.len(), 1);
            let end = restarts.settle(exited(round), at + Duration::from_millis(50));
            assert_eq!(end.exited, [Pid(round)]);
        }
        restarts
    }

    #[test]
    fn after_three_short_lives_a_process_is_reported_once_it_has_lived_for_half_a_second() {
        let begin = Instant::now();
        let mut restarts = crash_looping(begin);
        let at = begin + Duration::from_millis(300);
        assert!(restarts.settle(started(9, SHOP), at).started.is_empty());
        assert_eq!(restarts.due(), Some(at + TRIAL));
        let early = restarts.settle(Changes::default(), at + TRIAL / 2);
        assert!(early.started.is_empty());
        let lived = restarts.settle(Changes::default(), at + TRIAL);
        assert_eq!(lived.started, [process(9, SHOP)]);
        assert_eq!(restarts.due(), None);
    }

    #[test]
    fn of_one_that_ends_while_it_is_held_back_nothing_is_reported() {
        let begin = Instant::now();
        let mut restarts = crash_looping(begin);
        let at = begin + Duration::from_millis(300);
        restarts.settle(started(9, SHOP), at);
        assert!(restarts.settle(exited(9), at + TRIAL / 2).exited.is_empty());
        let later = restarts.settle(Changes::default(), at + TRIAL);
        assert!(later.started.is_empty() && restarts.due().is_none());
    }

    #[test]
    fn other_executables_and_those_that_have_calmed_down_are_reported_at_once() {
        let begin = Instant::now();
        let mut restarts = crash_looping(begin);
        let at = begin + Duration::from_millis(300);
        assert_eq!(restarts.settle(started(9, (1, 43)), at).started.len(), 1);
        let calm = at + REMEMBERED;
        assert_eq!(restarts.settle(started(10, SHOP), calm).started.len(), 1);
        assert!(restarts.short_lives.is_empty());
    }

    #[test]
    fn long_lives_are_no_crash_loop_and_are_forgotten_when_they_end() {
        let mut at = Instant::now();
        let mut restarts = Restarts::default();
        for pid in 0..10 {
            assert_eq!(restarts.settle(started(pid, SHOP), at).started.len(), 1);
            at += SHORT;
            restarts.settle(exited(pid), at);
        }
        assert!(restarts.begun.is_empty() && restarts.short_lives.is_empty());
    }
}
