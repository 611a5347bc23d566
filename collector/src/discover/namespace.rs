//! Process and thread numbers in pid namespaces.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt};

use procfs::process::{Process, Task};

use super::{DiscoverError, content::LossyStatus};
use crate::model::process::Pid;

const OWN_NAMESPACE: &str = "/proc/self/ns/pid";

/// What names a pid namespace to `bpf_get_ns_current_pid_tgid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PidNamespace {
    pub device: u64,
    pub inode: u64,
}

/// The agent's own pid namespace: the one whose numbers `Pid` holds.
///
/// # Errors
/// Where `/proc` is not mounted or is that of another pid namespace.
pub fn own_pid_namespace() -> Result<PidNamespace, DiscoverError> {
    std::fs::metadata(OWN_NAMESPACE)
        .map(|file| PidNamespace {
            device: file.dev(),
            inode: file.ino(),
        })
        .map_err(|source| DiscoverError::Namespace {
            path: OWN_NAMESPACE,
            source,
        })
}

/// The threads of a process: the number in the agent's pid namespace, and that in the target's own.
///
/// # Errors
/// Where the process has ended. Threads that end meanwhile are left out.
pub fn thread_ids(pid: Pid) -> Result<BTreeMap<u32, u32>, DiscoverError> {
    let failed = |source| DiscoverError::Threads { pid, source };
    let number = i32::try_from(pid.0).map_err(|_| failed(procfs::ProcError::NotFound(None)))?;
    let tasks = Process::new(number)
        .and_then(|process| process.tasks())
        .map_err(failed)?;
    Ok(tasks
        .filter_map(Result::ok)
        .filter_map(|task| numbers(&task))
        .collect())
}

/// The thread's number in the target's own pid namespace; `None` where the thread has ended.
pub fn target_tid(pid: Pid, tid: u32) -> Option<u32> {
    let process = Process::new(i32::try_from(pid.0).ok()?).ok()?;
    let task = process.task_from_tid(i32::try_from(tid).ok()?).ok()?;
    numbers(&task).map(|(_, target_tid)| target_tid)
}

fn numbers(task: &Task) -> Option<(u32, u32)> {
    let LossyStatus(status) = task.read("status").ok()?;
    Some((u32::try_from(task.tid).ok()?, innermost(&status)?))
}

/// The number in the innermost pid namespace: the last of `NSpid`, which is absent without namespaces.
pub(super) fn innermost(status: &procfs::process::Status) -> Option<u32> {
    let number = status
        .nspid
        .as_ref()
        .and_then(|numbers| numbers.last().copied());
    u32::try_from(number.unwrap_or(status.pid)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_is_the_one_that_the_kernel_links_to() {
        let link = std::fs::read_link(OWN_NAMESPACE).expect("link");
        let inode = own_pid_namespace().expect("namespace").inode;
        assert_eq!(link.to_string_lossy(), format!("pid:[{inode}]"));
    }

    #[test]
    fn every_thread_of_this_process_is_listed_with_its_own_number() {
        let pid = Pid(std::process::id());
        let threads = thread_ids(pid).expect("threads");
        assert!(threads.contains_key(&pid.0));
        for tid in threads.keys() {
            // A thread of another test may have ended meanwhile.
            let again = target_tid(pid, *tid);
            assert!(again.is_none_or(|target| threads.get(tid) == Some(&target)));
        }
    }

    #[test]
    fn threads_of_no_process_are_an_error_that_names_it() {
        let error = thread_ids(Pid(u32::MAX)).expect_err("no such process");
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
