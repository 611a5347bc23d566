//! Processes that are no candidates, and why.

use std::fmt;

use caps::{CapSet, Capability};
use procfs::ProcError;

use crate::model::{process::Pid, text::printable};

/// A process that was looked at and left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    pub pid: Pid,
    /// Safe to show; `None` where it could not be read or there is none.
    pub executable: Option<String>,
    pub reason: Reason,
}

impl PassedOver {
    /// The reason names the privilege.
    pub fn lacks_privileges(&self) -> bool {
        matches!(self.reason, Reason::NotPermitted { .. })
    }

    pub(super) fn name(&self) -> String {
        match &self.executable {
            Some(executable) => format!("process {} ({executable})", self.pid),
            None => format!("process {}", self.pid),
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.reason)
    }
}

/// Why a process is no candidate. The text continues "process N …:".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    NoSuchProcess,
    Thread { of: Pid },
    KernelThread,
    Zombie,
    Slowmap,
    NotSelected,
    NotPermitted { what: &'static str },
    Gone,
    Unreadable { what: &'static str, error: String },
}

impl Reason {
    /// What failing to read `what` means for the process.
    pub(super) fn from_error(what: &'static str, error: &ProcError) -> Self {
        match error {
            ProcError::PermissionDenied(_) => Self::denied(what),
            ProcError::NotFound(_) => Self::Gone,
            ProcError::Io(error, _) if error.raw_os_error() == Some(libc::ESRCH) => Self::Gone,
            ProcError::Io(error, _) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Self::denied(what)
            }
            error => Self::Unreadable {
                what,
                error: printable(&error.to_string()).into_owned(),
            },
        }
    }

    /// With the capabilities held it is something else that protects the process, a security module for example:
    /// no more privileges would help, so none are asked for.
    fn denied(what: &'static str) -> Self {
        let held = caps::read(None, CapSet::Effective).unwrap_or_default();
        let reads_all = held.contains(&Capability::CAP_DAC_READ_SEARCH)
            || held.contains(&Capability::CAP_DAC_OVERRIDE);
        if !(held.contains(&Capability::CAP_SYS_PTRACE) && reads_all) {
            return Self::NotPermitted { what };
        }
        Self::Unreadable {
            what,
            error: "permission denied, although all capabilities for it are held".to_owned(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProcess => f.write_str("there is no such process"),
            Self::Thread { of } => write!(f, "this is a thread of process {of}; name that one"),
            Self::KernelThread => f.write_str("a kernel thread"),
            Self::Zombie => f.write_str("has ended and waits to be reaped by its parent"),
            Self::Slowmap => f.write_str("slowmap itself"),
            Self::NotSelected => f.write_str("its executable was not asked for"),
            Self::NotPermitted { what } => {
                write!(
                    f,
                    "reading its {what} is not permitted; that takes CAP_SYS_PTRACE, and CAP_DAC_READ_SEARCH of another user"
                )
            }
            Self::Gone => f.write_str("ended while it was looked at"),
            Self::Unreadable { what, error } => write!(f, "its {what} cannot be read: {error}"),
        }
    }
}
