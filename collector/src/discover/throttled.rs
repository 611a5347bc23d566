//! How often, and for how long, a process's CPU limit has stopped it.
//!
//! In: a process. Its control group counts, and so do the groups that it is in: a container's limit, then its pod's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::model::{process::Pid, summary::Throttled};

/// Where the hierarchies are: of version 2, beside version 1, and of version 1.
const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
const LEGACY: [&str; 2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"];

/// A process's limit, from when on it was looked at.
#[derive(Debug)]
pub struct CpuLimit {
    pid: Pid,
    membership: String,
    /// Of its group and those around it; they stay readable for a while after the process has ended.
    files: Vec<PathBuf>,
    first: Throttled,
}

impl CpuLimit {
    /// `None`: the machine does not say, to us.
    pub fn follow(pid: Pid) -> Option<Self> {
        let membership = membership(pid)?;
        let files = files(&membership);
        let first = sum(&files)?;
        Some(Self {
            pid,
            membership,
            files,
            first,
        })
    }

    /// What it has done since then. `None`: not known, or the process is in another group now.
    pub fn since(&self) -> Option<Throttled> {
        let moved = membership(self.pid).is_some_and(|now| now != self.membership);
        let now = sum(&self.files)?;
        let since = Throttled {
            periods: now.periods.checked_sub(self.first.periods)?,
            nano: now.nano.checked_sub(self.first.nano)?,
        };
        (!moved).then_some(since)
    }
}

/// `None`: the process is gone. One that has ended and was not waited for yet is in the root's group.
fn membership(pid: Pid) -> Option<String> {
    let membership = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
    (!matches!(state, 'Z' | 'X')).then_some(membership)
}

/// Where a group and those around it count, as far as they do. The root has no limit.
fn files(membership: &str) -> Vec<PathBuf> {
    let lines = membership.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let mut files = Vec::new();
    for (controllers, path) in lines {
        let roots = match controllers {
            "" => UNIFIED,
            names if names.split(',').any(|name| name == "cpu") => LEGACY,
            _ => continue,
        };
        // A path that leads out of what we can see begins with `..`.
        let groups = Path::new(path.trim_start_matches('/')).ancestors();
        for group in groups.filter(|group| !group.as_os_str().is_empty()) {
            let file = |root: &str| Path::new(root).join(group).join("cpu.stat");
            files.extend(
                roots
                    .iter()
                    .map(|root| file(root))
                    .find(|file| counts(file)),
            );
        }
    }
    files
}

fn counts(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| parse(&text).is_some())
}

/// `None`: there is nothing that counts.
fn sum(files: &[PathBuf]) -> Option<Throttled> {
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    let known = texts.filter_map(|text| parse(&text));
    known.reduce(|sum, one| Throttled {
        periods: sum.periods.saturating_add(one.periods),
        nano: sum.nano.saturating_add(one.nano),
    })
}

/// `cpu.stat` of either version: https://docs.kernel.org/scheduler/sched-bwc.html#statistics
fn parse(text: &str) -> Option<Throttled> {
    let value = |name: &str| -> Option<u64> {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    };
    let micros = value("throttled_usec").map(|micros| micros.saturating_mul(1_000));
    Some(Throttled {
        periods: value("nr_throttled")?,
        nano: micros.or_else(|| value("throttled_time"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_how_often_and_for_how_long() {
        let throttled = |periods, nano| Some(Throttled { periods, nano });
        let unified =
            "usage_usec 10\nnr_periods 9\nnr_throttled 4\nthrottled_usec 7\nnr_bursts 0\n";
        assert_eq!(parse(unified), throttled(4, 7_000));
        let legacy = "nr_periods 9\nnr_throttled 4\nthrottled_time 7\n";
        assert_eq!(parse(legacy), throttled(4, 7));
        assert_eq!(parse("usage_usec 10\n"), None);
        assert_eq!(parse("nr_throttled x\nthrottled_usec 7\n"), None);
    }

    #[test]
    fn a_group_that_does_not_exist_here_counts_nothing() {
        let membership = "0::/../none\n4:cpu,cpuacct:/none/inner\n5:memory:/x\nno colons\n";
        assert_eq!(files(membership), [] as [PathBuf; 0]);
        assert_eq!(sum(&[]), None);
    }
}
