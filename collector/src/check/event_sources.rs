//! Where events come from: uprobes, tracepoints, and the setting that guards perf events.

use std::{fs, io, path::Path};

use super::{
    Finding,
    kernel::{self, BTF},
};

const UPROBES: &str = "/sys/bus/event_source/devices/uprobe/type";
const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// Where tracefs is mounted: since Linux 4.1, and before.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

pub(super) fn findings() -> Vec<Finding> {
    let types = fs::read(BTF).unwrap_or_default();
    vec![
        uprobes(read_number(UPROBES)),
        tracepoint(&types, "sched_switch", Finding::missing),
        tracepoint(&types, "page_fault_user", Finding::warning),
        tracefs(),
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

type Failure = fn(&'static str, &'static str, &'static str) -> Finding;

/// Tracepoints are attached by name, so that the kernel's own list of its types tells which there are: each has
/// one named `btf_trace_` and its name.
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/bpf_probe.h>
fn tracepoint(types: &[u8], name: &'static str, failure: Failure) -> Finding {
    let type_name = format!("btf_trace_{name}");
    if kernel::names_type(types, &type_name) {
        return Finding::ok(name, "tracepoint");
    }
    failure(
        name,
        "no such tracepoint",
        "use an amd64 kernel built with CONFIG_TRACEPOINTS and BTF",
    )
}

/// Not needed, but where people look first.
fn tracefs() -> Finding {
    const NAME: &str = "tracefs";
    let mounted = TRACEFS
        .iter()
        .find(|root| Path::new(root).join("events").is_dir());
    match mounted {
        Some(root) => Finding::ok(NAME, *root),
        None => Finding::ok(NAME, "not mounted or not readable; not needed"),
    }
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
    fn a_tracepoint_is_found_by_its_whole_name() {
        let types = b"\0int\0btf_trace_sched_switch\0btf_trace_page_fault_user_more\0";
        assert_eq!(
            tracepoint(types, "sched_switch", Finding::missing).status,
            Status::Ok
        );
        assert_eq!(
            tracepoint(types, "page_fault_user", Finding::warning).status,
            Status::Warning
        );
        assert_eq!(
            tracepoint(b"", "sched_switch", Finding::missing).status,
            Status::Missing
        );
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
