//! Where events come from: uprobes, tracepoints, and the setting that guards perf events.

use std::{io, path::Path};

use super::Finding;

const UPROBES: &str = "/sys/bus/event_source/devices/uprobe/type";
const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// Where tracefs is mounted: since Linux 4.1, and before.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

const MOUNT: &str = "mount -t tracefs tracefs /sys/kernel/tracing (in a container: bind-mount the host's, read-only)";

pub(super) fn findings() -> Vec<Finding> {
    vec![
        uprobes(read_number(UPROBES)),
        tracepoint(
            "sched_switch tracepoint",
            "sched/sched_switch",
            Finding::missing,
        ),
        tracepoint(
            "page fault tracepoint",
            "exceptions/page_fault_user",
            Finding::warning,
        ),
        paranoid(&read_number(PARANOID)),
    ]
}

fn uprobes(kind: io::Result<i64>) -> Finding {
    const NAME: &str = "uprobes";
    match kind {
        Ok(kind) => Finding::ok(NAME, format!("perf event type {kind}")),
        Err(error) => Finding::missing(
            NAME,
            format!("{UPROBES}: {error}"),
            "use a kernel built with CONFIG_UPROBE_EVENTS, and mount /sys",
        ),
    }
}

type Failure = fn(&'static str, String, String) -> Finding;

/// A tracepoint is opened by the number that tracefs has for it.
fn tracepoint(name: &'static str, event: &str, failure: Failure) -> Finding {
    let paths = TRACEFS.map(|root| format!("{root}/events/{event}/id"));
    let mut refused = None;
    for path in &paths {
        match read_number(path) {
            Ok(id) => return Finding::ok(name, format!("number {id}")),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = Some(path),
            Err(_) => {}
        }
    }
    if let Some(path) = refused {
        let detail = format!("not permitted to read {path}");
        return failure(name, detail, "run slowmap as root".to_owned());
    }
    if TRACEFS
        .iter()
        .any(|root| Path::new(root).join("events").is_dir())
    {
        let remedy = "use a kernel built with this tracepoint".to_owned();
        return failure(name, "not in this kernel".to_owned(), remedy);
    }
    failure(name, "tracefs is not mounted".to_owned(), MOUNT.to_owned())
}

fn paranoid(level: &io::Result<i64>) -> Finding {
    const NAME: &str = "perf_event_paranoid";
    match level {
        Ok(level) => Finding::ok(
            NAME,
            format!("{level}; does not bind those with the capabilities above"),
        ),
        Err(error) => Finding::warning(
            NAME,
            format!("{PARANOID}: {error}"),
            "use a kernel built with CONFIG_PERF_EVENTS, and mount /proc",
        ),
    }
}

fn read_number(path: &str) -> io::Result<i64> {
    let text = std::fs::read_to_string(path)?;
    text.trim()
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::{super::Status, *};

    #[test]
    fn a_tracepoint_that_does_not_exist_fails_as_its_caller_says() {
        let finding = tracepoint("none", "sched/no_such_tracepoint", Finding::warning);
        assert_eq!(finding.status, Status::Warning);
        let finding = tracepoint("none", "sched/no_such_tracepoint", Finding::missing);
        assert_eq!(finding.status, Status::Missing);
    }

    #[test]
    fn a_kernel_without_uprobes_is_told_apart() {
        assert_eq!(
            uprobes(Err(io::ErrorKind::NotFound.into())).status,
            Status::Missing
        );
        assert_eq!(uprobes(Ok(8)).status, Status::Ok);
    }
}
