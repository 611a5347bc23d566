//! What this thread may do: capabilities, and the user namespace that they hold in.

use caps::{CapSet, Capability, CapsHashSet};

use super::{Finding, Status, kernel, system_calls};

/// The map of the first user namespace: all ids onto themselves. Capabilities of any other count for nothing
/// with `bpf(2)` and `perf_event_open(2)`.
const INITIAL_USER_NAMESPACE: &str = "0 0 4294967295";

const USER_MAP: &str = "/proc/self/uid_map";

/// The kernel's type for probes that are attached together, which CAP_BPF and CAP_PERFMON suffice for. One by one, as
/// before Linux 6.6, they need CAP_SYS_ADMIN.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/trace/bpf_trace.c#L3058>
const TOGETHER: &str = "bpf_uprobe_multi_link";

/// How probes are attached on this kernel, which decides what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attaching {
    Together,
    OneByOne,
}

impl Attaching {
    fn here() -> Self {
        if kernel::has_type(TOGETHER) {
            Self::Together
        } else {
            Self::OneByOne
        }
    }

    fn how_to_give(self) -> &'static str {
        match self {
            Self::Together => {
                "run slowmap as root, or in a container with --cap-add BPF --cap-add PERFMON --cap-add SYS_PTRACE \
                 --cap-add DAC_READ_SEARCH and a seccomp profile that allows bpf and perf_event_open, or once: setcap \
                 cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep on the program"
            }
            Self::OneByOne => {
                "run slowmap as root, or in a container with --cap-add SYS_ADMIN --cap-add SYS_PTRACE, or once: setcap \
                 cap_sys_admin,cap_sys_ptrace+ep on the program"
            }
        }
    }
}

/// What keeps this process from attaching, as one line that says what to do; `None` where nothing does.
///
/// Without CAP_SYS_PTRACE it may still reach processes of its own user, so that alone is no obstacle.
pub fn missing_privileges() -> Option<String> {
    let (held, attaching) = (held(), Attaching::here());
    let mut missing: Vec<&str> = capabilities(&held, attaching)
        .into_iter()
        .filter(|finding| finding.status == Status::Missing)
        .map(|finding| finding.name)
        .collect();
    if !missing.is_empty() {
        if tracing(&held, attaching).status != Status::Ok {
            missing.push(PTRACE);
        }
        let (missing, remedy) = (missing.join(", "), attaching.how_to_give());
        return Some(format!("not permitted: {missing} not held; {remedy}"));
    }
    let obstacles = findings_of(&held, attaching).into_iter();
    let mut obstacles = obstacles.chain(system_calls::findings());
    let Finding {
        name,
        detail,
        remedy,
        ..
    } = obstacles.find(|finding| finding.status == Status::Missing)?;
    Some(format!(
        "not permitted: {name}: {detail}; {}",
        remedy.unwrap_or_default()
    ))
}

/// The effective capabilities of the calling thread. There is no kernel on which they cannot be read.
fn held() -> CapsHashSet {
    caps::read(None, CapSet::Effective).unwrap_or_default()
}

pub(super) fn findings() -> Vec<Finding> {
    findings_of(&held(), Attaching::here())
}

fn findings_of(held: &CapsHashSet, attaching: Attaching) -> Vec<Finding> {
    let user_map = std::fs::read_to_string(USER_MAP).ok();
    let mut findings = capabilities(held, attaching);
    findings.push(tracing(held, attaching));
    findings.push(reading(held));
    findings.push(user_namespace(user_map.as_deref()));
    findings
}

/// Those without which nothing can be attached.
fn capabilities(held: &CapsHashSet, attaching: Attaching) -> Vec<Finding> {
    vec![
        administration(held, attaching),
        implied(held, attaching, Capability::CAP_BPF),
        implied(held, attaching, Capability::CAP_PERFMON),
    ]
}

fn administration(held: &CapsHashSet, attaching: Attaching) -> Finding {
    const NAME: &str = "CAP_SYS_ADMIN";
    match attaching {
        _ if held.contains(&Capability::CAP_SYS_ADMIN) => Finding::ok(NAME, "held"),
        Attaching::Together => Finding::ok(
            NAME,
            "not held, and not needed: this kernel attaches uprobes for the next two",
        ),
        Attaching::OneByOne => Finding::missing(
            NAME,
            "not held; this kernel, being older than Linux 6.6, asks for it when a uprobe is attached",
            attaching.how_to_give(),
        ),
    }
}

/// CAP_BPF and CAP_PERFMON were split from CAP_SYS_ADMIN, which still includes them.
fn implied(held: &CapsHashSet, attaching: Attaching, capability: Capability) -> Finding {
    let (name, purpose) = match capability {
        Capability::CAP_BPF => ("CAP_BPF", "BPF programs and maps"),
        _ => (
            "CAP_PERFMON",
            "perf events and reading the stacks of targets",
        ),
    };
    if held.contains(&capability) {
        return Finding::ok(name, "held");
    }
    if held.contains(&Capability::CAP_SYS_ADMIN) {
        return Finding::ok(name, "included in CAP_SYS_ADMIN");
    }
    let detail = format!("not held; for {purpose}");
    Finding::missing(name, detail, attaching.how_to_give())
}

const PTRACE: &str = "CAP_SYS_PTRACE";

fn tracing(held: &CapsHashSet, attaching: Attaching) -> Finding {
    if held.contains(&Capability::CAP_SYS_PTRACE) {
        return Finding::ok(PTRACE, "held");
    }
    Finding::warning(
        PTRACE,
        "not held; processes of other users, or with more capabilities, are passed over",
        attaching.how_to_give(),
    )
}

/// `/proc/PID/environ` is for the process's own user, whatever else one may do to the process.
fn reading(held: &CapsHashSet) -> Finding {
    const NAME: &str = "CAP_DAC_READ_SEARCH";
    if held.contains(&Capability::CAP_DAC_READ_SEARCH) {
        return Finding::ok(NAME, "held");
    }
    if held.contains(&Capability::CAP_DAC_OVERRIDE) {
        return Finding::ok(NAME, "included in CAP_DAC_OVERRIDE");
    }
    Finding::warning(
        NAME,
        "not held; processes of other users, whose environment names the service, are passed over",
        "add it (--cap-add DAC_READ_SEARCH), or run slowmap as the services' user",
    )
}

fn user_namespace(user_map: Option<&str>) -> Finding {
    const NAME: &str = "user namespace";
    let initial = user_map.is_none_or(|map| {
        map.split_whitespace()
            .eq(INITIAL_USER_NAMESPACE.split_whitespace())
    });
    if initial {
        return Finding::ok(NAME, "the initial one");
    }
    Finding::missing(
        NAME,
        "not the initial one: its capabilities do not count for bpf(2)",
        "run slowmap outside of it: not in a rootless container",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(capabilities: &[Capability]) -> CapsHashSet {
        capabilities.iter().copied().collect()
    }

    #[test]
    fn a_thread_without_capabilities_is_told_which_are_missing_and_how_to_give_them() {
        // Capabilities are a thread's own, so that no other test is touched.
        let answer = std::thread::spawn(|| {
            caps::clear(None, CapSet::Effective)
                .expect("dropping capabilities is always permitted");
            missing_privileges()
        });
        let answer = answer
            .join()
            .expect("thread")
            .expect("privileges are missing");
        let missing = match Attaching::here() {
            Attaching::Together => "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE",
            Attaching::OneByOne => "CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE",
        };
        assert!(
            answer.starts_with(&format!("not permitted: {missing} not held; run slowmap")),
            "{answer}"
        );
        assert!(!answer.contains('\n'), "{answer}");
    }

    fn all_held(held: &CapsHashSet, attaching: Attaching) -> bool {
        let findings = capabilities(held, attaching);
        findings.iter().all(|finding| finding.status == Status::Ok)
    }

    #[test]
    fn administration_includes_bpf_and_perfmon() {
        let held = holding(&[Capability::CAP_SYS_ADMIN]);
        for attaching in [Attaching::Together, Attaching::OneByOne] {
            assert!(all_held(&held, attaching));
            assert_eq!(tracing(&held, attaching).status, Status::Warning);
        }
    }

    #[test]
    fn bpf_and_perfmon_suffice_where_probes_are_attached_together() {
        let held = holding(&[Capability::CAP_BPF, Capability::CAP_PERFMON]);
        assert!(all_held(&held, Attaching::Together));
        assert!(!all_held(&held, Attaching::OneByOne));
        let bpf = holding(&[Capability::CAP_BPF]);
        assert!(!all_held(&bpf, Attaching::Together));
    }

    #[test]
    fn capabilities_of_another_user_namespace_do_not_count() {
        assert_eq!(
            user_namespace(Some("         0       1000          1\n")).status,
            Status::Missing
        );
        assert_eq!(
            user_namespace(Some("         0          0 4294967295\n")).status,
            Status::Ok
        );
        assert_eq!(user_namespace(None).status, Status::Ok);
    }
}
