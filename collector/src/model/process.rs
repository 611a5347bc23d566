//! A process that may be a target.

use std::path::PathBuf;

use serde::Serialize;

use super::text::printable;

/// A process id as the agent's own pid namespace numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Pid(pub u32);

/// A process id as the target's own (innermost) pid namespace numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TargetPid(pub u32);

impl std::fmt::Display for Pid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What `/proc` says of a process; the executable has not been looked into yet. All text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoProcess {
    pub pid: Pid,
    pub target_pid: TargetPid,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22): with the pid it names one life.
    pub start_ticks: u64,
    /// Where `/proc/PID/exe` points to, as the target's own mount namespace names it; as it is, not safe to show.
    pub executable: PathBuf,
    /// Device and inode of the executable: what processes that run the same binary share.
    pub executable_inode: (u64, u64),
    pub command_line: Vec<String>,
    /// From `OTEL_SERVICE_NAME`, else `service.name` in `OTEL_RESOURCE_ATTRIBUTES`.
    pub service_name: Option<String>,
    /// The other `OTEL_RESOURCE_ATTRIBUTES` of the process, in order.
    pub resource_attributes: Vec<(String, String)>,
    pub container_id: Option<String>,
}

impl GoProcess {
    /// The executable's path, safe to show.
    pub fn executable_path(&self) -> String {
        printable(&self.executable.to_string_lossy()).into_owned()
    }

    /// The last component of the executable's path, safe to show.
    pub fn executable_name(&self) -> String {
        self.executable
            .file_name()
            .map(|name| printable(&name.to_string_lossy()).into_owned())
            .unwrap_or_default()
    }

    /// The service's name as the OpenTelemetry SDK for Go would choose it: the configured one, else
    /// `unknown_service:` and the base name of `argv[0]`.
    pub fn service_name_or_default(&self) -> String {
        self.service_name.clone().unwrap_or_else(|| {
            let argv0 = self
                .command_line
                .first()
                .map(String::as_str)
                .unwrap_or_default();
            let base = argv0.rsplit('/').next().unwrap_or_default();
            if base.is_empty() {
                format!("unknown_service:{}", self.executable_name())
            } else {
                format!("unknown_service:{base}")
            }
        })
    }
}
