//! One process, as `/proc` shows it.

use std::{
    ffi::OsString,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use procfs::{ProcResult, process::Process, process::Stat};

use super::{
    container,
    content::{Bounded, LossyStatus},
    environment::ServiceEnvironment,
    namespace::innermost,
    passed_over::Reason,
};
use crate::model::{
    process::{GoProcess, Pid, TargetPid},
    text::printable,
};

/// `PF_KTHREAD` in the flags of `/proc/PID/stat`.
/// <https://github.com/torvalds/linux/blob/v6.12/include/linux/sched.h>
const PF_KTHREAD: u32 = 0x0020_0000;

/// What the kernel appends to the link of an executable that was removed or replaced.
const DELETED: &[u8] = b" (deleted)";

/// How many milliseconds an execve(2) may take; a process that takes longer shows at the next look.
const EXECVE_PATIENCE: u32 = 100;

const CMDLINE_LIMIT: u64 = 0x1_0000;
const ENVIRON_LIMIT: u64 = 0x10_0000;
const CGROUP_LIMIT: u64 = 0x1_0000;

/// What tells one program in one process from the next: the start time changes when a pid is used again, the
/// stack and the code move when the process executes another program.
///
/// Where the address space is not randomised, executing the same program again may leave all of this as it
/// was; then all that is known of the program holds as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    start_ticks: u64,
    start_stack: u64,
    code: (u64, u64),
}

/// A process with its executable: enough to say whether it was asked for.
pub(super) struct Observed {
    pub process: Process,
    start_ticks: u64,
    target_pid: TargetPid,
    pub executable: PathBuf,
    executable_inode: (u64, u64),
}

/// Opens a process. Later readings through it never are of another process that got its pid.
pub(super) fn open(pid: Pid) -> Result<Process, Reason> {
    let number = i32::try_from(pid.0).map_err(|_| Reason::NoSuchProcess)?;
    Process::new(number).map_err(
        |error| match Reason::from_error("directory in /proc", &error) {
            Reason::Gone => Reason::NoSuchProcess,
            reason => reason,
        },
    )
}

/// The identity of a process that executes a program in user space.
pub(super) fn identify(process: &Process) -> Result<Identity, Reason> {
    let stat = settled(process)?;
    Ok(Identity {
        start_ticks: stat.starttime,
        start_stack: stat.startstack,
        code: (stat.startcode, stat.endcode),
    })
}

/// The process's state, once it is not in the midst of an execve(2): there it has its new executable already, but
/// neither arguments nor environment. The kernel says where the code starts last of all, after these.
/// <https://github.com/torvalds/linux/blob/v6.12/fs/binfmt_elf.c>
fn settled(process: &Process) -> Result<Stat, Reason> {
    for _ in 0..EXECVE_PATIENCE {
        let stat = process
            .stat()
            .map_err(|error| Reason::from_error("state", &error))?;
        if let Some(reason) = reason_of_state(&stat) {
            return Err(reason);
        }
        // 1 where this may not be known.
        if stat.startcode != 0 {
            return Ok(stat);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(Reason::Gone)
}

fn reason_of_state(stat: &Stat) -> Option<Reason> {
    if stat.flags & PF_KTHREAD != 0 {
        return Some(Reason::KernelThread);
    }
    matches!(stat.state, 'Z' | 'X' | 'x').then_some(Reason::Zombie)
}

impl Observed {
    /// `identity` was read before: a program that is executed while this reads shows as a new identity later.
    pub(super) fn new(process: Process, identity: Identity) -> Result<Self, Reason> {
        let LossyStatus(status) = process
            .read("status")
            .map_err(|error| Reason::from_error("status", &error))?;
        if status.tgid != status.pid {
            return Err(Reason::Thread {
                of: Pid(u32::try_from(status.tgid).unwrap_or_default()),
            });
        }
        let pid = u32::try_from(process.pid).map_err(|_| Reason::NoSuchProcess)?;
        let link = process
            .exe()
            .map_err(|error| Reason::from_error("executable", &error))?;
        // By path, so that it could be another process's by now; but then the handle reads nothing any more.
        let inode = inode(&PathBuf::from(format!("/proc/{pid}/exe")))
            .map_err(|error| Reason::from_error("executable", &error.into()))?;
        Ok(Self {
            start_ticks: identity.start_ticks,
            target_pid: TargetPid(innermost(&status).unwrap_or(pid)),
            executable: without_deleted_mark(pid, link, inode),
            executable_inode: inode,
            process,
        })
    }

    /// Reads what is needed of a process that was asked for.
    pub(super) fn into_candidate(self, pid: Pid) -> Result<GoProcess, Reason> {
        let unreadable = |what| move |error| Reason::from_error(what, &error);
        let Bounded(cmdline) = self
            .process
            .read::<_, Bounded<CMDLINE_LIMIT>>("cmdline")
            .map_err(unreadable("command line"))?;
        let Bounded(environ) = self
            .process
            .read::<_, Bounded<ENVIRON_LIMIT>>("environ")
            .map_err(unreadable("environment"))?;
        let container_id = container_id(&self.process).map_err(unreadable("control group"))?;
        let service = ServiceEnvironment::parse(&environ);
        Ok(GoProcess {
            pid,
            target_pid: self.target_pid,
            start_ticks: self.start_ticks,
            executable: self.executable,
            executable_inode: self.executable_inode,
            command_line: arguments(&cmdline),
            service_name: service.service_name,
            resource_attributes: service.resource_attributes,
            container_id,
        })
    }
}

fn container_id(process: &Process) -> ProcResult<Option<String>> {
    let Bounded(cgroup) = process.read::<_, Bounded<CGROUP_LIMIT>>("cgroup")?;
    Ok(container::from_cgroup(&String::from_utf8_lossy(&cgroup)))
}

/// The arguments, empty ones included; each ends with a NUL. What is not safe to show is escaped.
fn arguments(cmdline: &[u8]) -> Vec<String> {
    let cmdline = cmdline.strip_suffix(b"\0").unwrap_or(cmdline);
    if cmdline.is_empty() {
        return Vec::new();
    }
    cmdline
        .split(|byte| *byte == 0)
        .map(|word| printable(&String::from_utf8_lossy(word)).into_owned())
        .collect()
}

/// A file may really be called so: it keeps its name if that name leads to the file that is executed.
fn without_deleted_mark(pid: u32, link: PathBuf, executed: (u64, u64)) -> PathBuf {
    let Some(name) = link.as_os_str().as_bytes().strip_suffix(DELETED) else {
        return link;
    };
    let in_target = PathBuf::from(format!("/proc/{pid}/root")).join(relative(&link));
    if inode(&in_target).is_ok_and(|found| found == executed) {
        return link;
    }
    PathBuf::from(OsString::from_vec(name.to_vec()))
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn inode(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// The link to a process's executable: it works also when that was deleted or lies in another mount namespace.
pub fn executable_link(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/exe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_arguments_are_arguments() {
        assert_eq!(arguments(b"/bin/shop\0\0-x\0"), ["/bin/shop", "", "-x"]);
        assert_eq!(arguments(b"retitled without end"), ["retitled without end"]);
        assert!(arguments(b"").is_empty());
        assert_eq!(arguments(b"\xff\n\0"), ["\u{fffd}\\n"]);
    }
}
