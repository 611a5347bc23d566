//! What this thread may do: capabilities, and the user namespace that they hold in.

use caps::{CapSet, Capability, CapsHashSet};

use super::{Finding, Status, system_calls};

/// The map of the first user namespace: all ids onto themselves. Capabilities of any other count for nothing
/// with `bpf(2)` and `perf_event_open(2)`.
const INITIAL_USER_NAMESPACE: &str = "0 0 4294967295";

const USER_MAP: &str = "/proc/self/uid_map";

const HOW_TO_GIVE: &str = "run slowmap as root, or in a container with --cap-add SYS_ADMIN --cap-add SYS_PTRACE, \
                           or once: setcap cap_sys_admin,cap_sys_ptrace+ep on the program";

/// What keeps this process from attaching, as one line that says what to do; `None` where nothing does.
///
/// Without CAP_SYS_PTRACE it may still reach processes of its own user, so that alone is no obstacle.
pub fn missing_privileges() -> Option<String> {
    let held = held();
    if administration(&held).status == Status::Missing {
        let also = if tracing(&held).status == Status::Ok {
            ""
        } else {
            " and CAP_SYS_PTRACE"
        };
        return Some(format!(
            "not permitted: CAP_SYS_ADMIN{also} not held; {HOW_TO_GIVE}"
        ));
    }
    let mut obstacles = findings().into_iter().chain(system_calls::findings());
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
    let held = held();
    let user_map = std::fs::read_to_string(USER_MAP).ok();
    vec![
        administration(&held),
        implied(&held, Capability::CAP_BPF, "BPF programs and maps"),
        implied(
            &held,
            Capability::CAP_PERFMON,
            "perf events and reading the stacks of targets",
        ),
        tracing(&held),
        user_namespace(user_map.as_deref()),
    ]
}

fn administration(held: &CapsHashSet) -> Finding {
    const NAME: &str = "CAP_SYS_ADMIN";
    if held.contains(&Capability::CAP_SYS_ADMIN) {
        return Finding::ok(NAME, "held");
    }
    Finding::missing(
        NAME,
        "not held; the kernel asks for it when a uprobe is attached",
        HOW_TO_GIVE,
    )
}

/// CAP_BPF and CAP_PERFMON were split from CAP_SYS_ADMIN, which still includes them.
fn implied(held: &CapsHashSet, capability: Capability, purpose: &str) -> Finding {
    let name = match capability {
        Capability::CAP_BPF => "CAP_BPF",
        _ => "CAP_PERFMON",
    };
    if held.contains(&capability) {
        return Finding::ok(name, "held");
    }
    if held.contains(&Capability::CAP_SYS_ADMIN) {
        return Finding::ok(name, "included in CAP_SYS_ADMIN");
    }
    Finding::missing(
        name,
        format!("not held; for {purpose}"),
        "it comes with CAP_SYS_ADMIN",
    )
}

fn tracing(held: &CapsHashSet) -> Finding {
    const NAME: &str = "CAP_SYS_PTRACE";
    if held.contains(&Capability::CAP_SYS_PTRACE) {
        return Finding::ok(NAME, "held");
    }
    Finding::warning(
        NAME,
        "not held; processes of other users, or with more capabilities, are passed over",
        HOW_TO_GIVE,
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
        assert!(
            answer.starts_with("not permitted: CAP_SYS_ADMIN and CAP_SYS_PTRACE not held;"),
            "{answer}"
        );
        assert!(answer.contains("--cap-add SYS_ADMIN"), "{answer}");
        assert!(!answer.contains('\n'), "{answer}");
    }

    #[test]
    fn administration_includes_bpf_and_perfmon() {
        let held = holding(&[Capability::CAP_SYS_ADMIN]);
        assert_eq!(implied(&held, Capability::CAP_BPF, "").status, Status::Ok);
        assert_eq!(
            implied(&held, Capability::CAP_PERFMON, "").status,
            Status::Ok
        );
        assert_eq!(tracing(&held).status, Status::Warning);
        assert_eq!(
            administration(&holding(&[Capability::CAP_BPF])).status,
            Status::Missing
        );
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
