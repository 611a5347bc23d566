//! What the kernel is and what it can do.

use std::{fmt, path::Path};

use super::Finding;

const RELEASE: &str = "/proc/sys/kernel/osrelease";
pub(super) const BTF: &str = "/sys/kernel/btf/vmlinux";

/// `(major, minor)` of a kernel, and its own string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    number: (u32, u32),
    release: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.release)
    }
}

/// What slowmap needs of the kernel, and the first version that has it.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h>
const FEATURES: [(&str, (u32, u32), &str); 4] = [
    ("ring buffer", (5, 8), "events reach slowmap through it"),
    (
        "bpf cookies",
        (5, 15),
        "they tell a probe's program where it was hit",
    ),
    (
        "bpf_task_pt_regs",
        (5, 15),
        "the registers of an interrupted thread are read with it",
    ),
    (
        "bpf_loop",
        (5, 17),
        "the search of a goroutine's stack for its span uses it",
    ),
];

/// From this version on, BPF maps are charged to the control group, not to the memory-lock limit.
const MEMORY_BY_CONTROL_GROUP: (u32, u32) = (5, 11);

/// `None` where `/proc` is not mounted or the release is no version.
pub(super) fn version() -> Option<Version> {
    parse(std::fs::read_to_string(RELEASE).ok()?.trim())
}

fn parse(release: &str) -> Option<Version> {
    let (major, rest) = release.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(Version {
        number: (major.parse().ok()?, minor.parse().ok()?),
        release: release.to_owned(),
    })
}

pub(super) fn architecture() -> Finding {
    const NAME: &str = "architecture";
    match std::env::consts::ARCH {
        "x86_64" => Finding::ok(NAME, "amd64"),
        other => Finding::missing(NAME, other, "this version runs on amd64 only"),
    }
}

pub(super) fn features(version: Option<&Version>) -> Vec<Finding> {
    let Some(version) = version else {
        let detail = format!("{RELEASE} is not readable or no version");
        return vec![Finding::missing("kernel", detail, "mount /proc")];
    };
    let mut findings = vec![Finding::ok("kernel", version.to_string())];
    findings.extend(FEATURES.map(|(name, since, purpose)| feature(version, name, since, purpose)));
    findings
}

fn feature(version: &Version, name: &'static str, since: (u32, u32), purpose: &str) -> Finding {
    let (major, minor) = since;
    if version.number >= since {
        return Finding::ok(name, format!("since Linux {major}.{minor}"));
    }
    let detail = format!("not in Linux {version}; {purpose}");
    Finding::missing(
        name,
        detail,
        format!("use a kernel of version {major}.{minor} or later"),
    )
}

pub(super) fn btf() -> Finding {
    const NAME: &str = "btf";
    if Path::new(BTF).exists() {
        return Finding::ok(NAME, BTF);
    }
    Finding::missing(
        NAME,
        format!("{BTF} does not exist"),
        "use a kernel built with CONFIG_DEBUG_INFO_BTF (distributions' are), and mount /sys",
    )
}

pub(super) fn memory_lock(version: Option<&Version>) -> Finding {
    const NAME: &str = "memory lock limit";
    if version.is_some_and(|version| version.number >= MEMORY_BY_CONTROL_GROUP) {
        return Finding::ok(NAME, "not charged by this kernel");
    }
    match memory_lock_limit() {
        Some(libc::RLIM_INFINITY) => Finding::ok(NAME, "unlimited"),
        limit => Finding::warning(
            NAME,
            limit.map_or("unknown".to_owned(), |bytes| format!("{bytes} bytes")),
            "raise it: ulimit -l unlimited",
        ),
    }
}

/// In bytes.
fn memory_lock_limit() -> Option<libc::rlim_t> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit that lives through the call.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    (result == 0).then_some(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::{super::Status, *};

    #[test]
    fn releases_of_distributions_are_understood() {
        for (release, number) in [
            ("6.18.44-generic", (6, 18)),
            ("5.10.0-28-amd64", (5, 10)),
            ("6.6", (6, 6)),
            ("7.0-rc1", (7, 0)),
            ("5.15.167.4-microsoft-standard-WSL2", (5, 15)),
        ] {
            assert_eq!(
                parse(release).map(|version| version.number),
                Some(number),
                "{release}"
            );
        }
        assert_eq!(parse("not a version"), None);
    }

    #[test]
    fn an_old_kernel_lacks_what_it_does_not_have_and_says_which_one_has_it() {
        let version = parse("5.10.0-28-amd64").expect("version");
        let findings = features(Some(&version));
        let of = |name| {
            findings
                .iter()
                .find(|finding| finding.name == name)
                .expect("finding")
        };
        assert_eq!(of("ring buffer").status, Status::Ok);
        assert_eq!(of("bpf_loop").status, Status::Missing);
        let remedy = of("bpf_loop").remedy.as_deref();
        assert_eq!(remedy, Some("use a kernel of version 5.17 or later"));
    }

    #[test]
    fn the_running_kernel_has_a_version() {
        assert!(version().is_some());
    }
}
