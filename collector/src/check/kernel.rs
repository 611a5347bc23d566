//! What the kernel is and what it can do.

use std::{fmt, path::Path};

use super::{Finding, Status};

const RELEASE: &str = "/proc/sys/kernel/osrelease";
pub(super) const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Whether the kernel has a type of that name.
pub(super) fn has_type(name: &str) -> bool {
    names_type(&std::fs::read(BTF).unwrap_or_default(), name)
}

/// Whether BTF has a type of that name: names stand in it one after the other, each ended by a zero.
pub(super) fn names_type(btf: &[u8], name: &str) -> bool {
    let mut names = btf.split(|byte| *byte == 0);
    names.any(|found| found == name.as_bytes())
}

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

/// Something that slowmap needs of the kernel.
struct Feature {
    name: &'static str,
    /// The kernel's own name for the helper that comes with it.
    helper: &'static str,
    /// The first version that has it; distributions put some into earlier ones as well.
    since: (u32, u32),
    purpose: &'static str,
}

/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h>
const FEATURES: [Feature; 4] = [
    Feature {
        name: "ring buffer",
        helper: "BPF_FUNC_ringbuf_output",
        since: (5, 8),
        purpose: "events reach slowmap through it",
    },
    Feature {
        name: "bpf cookies",
        helper: "BPF_FUNC_get_attach_cookie",
        since: (5, 15),
        purpose: "they tell a probe's program where it was hit",
    },
    Feature {
        name: "bpf_task_pt_regs",
        helper: "BPF_FUNC_task_pt_regs",
        since: (5, 15),
        purpose: "the registers of an interrupted thread are read with it",
    },
    Feature {
        name: "bpf_loop",
        helper: "BPF_FUNC_loop",
        since: (5, 17),
        purpose: "the search of a goroutine's stack for its span uses it",
    },
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

/// Why slowmap cannot run on this kernel at all, as one line that says what to do; `None` where it can.
pub fn unsupported() -> Option<String> {
    let findings = features(version().as_ref()).into_iter();
    // The last that is missing came last.
    let mut missing = findings.filter(|finding| finding.status == Status::Missing);
    let Finding {
        name,
        detail,
        remedy,
        ..
    } = missing.next_back()?;
    let remedy = remedy.unwrap_or_default();
    Some(format!("cannot run here: {name}: {detail}; {remedy}"))
}

pub(super) fn features(version: Option<&Version>) -> Vec<Finding> {
    let is_old = |version: &Version| {
        let mut features = FEATURES.iter();
        features.any(|feature| version.number < feature.since)
    };
    // Megabytes, which only an old kernel has to be asked for.
    let types = version.filter(|version| is_old(version));
    let types = types.and_then(|_| std::fs::read(BTF).ok());
    features_by(version, &types.unwrap_or_default())
}

fn features_by(version: Option<&Version>, types: &[u8]) -> Vec<Finding> {
    let Some(version) = version else {
        let detail = format!("{RELEASE} is not readable or no version");
        return vec![Finding::missing("kernel", detail, "mount /proc")];
    };
    let mut findings = vec![Finding::ok("kernel", version.to_string())];
    findings.extend(FEATURES.map(|feature| feature.finding(version, types)));
    findings
}

impl Feature {
    /// The kernel's own list of its types names its helpers; where it cannot be read, the version has to do.
    fn finding(&self, version: &Version, types: &[u8]) -> Finding {
        let (major, minor) = self.since;
        if version.number >= self.since {
            return Finding::ok(self.name, format!("since Linux {major}.{minor}"));
        }
        if names_type(types, self.helper) {
            return Finding::ok(self.name, format!("in Linux {version}, by its own account"));
        }
        Finding::missing(
            self.name,
            format!("not in Linux {version}; {}", self.purpose),
            format!("use a kernel of version {major}.{minor} or later"),
        )
    }
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
    use super::*;

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
        let findings = features_by(Some(&version), b"\0BPF_FUNC_ringbuf_output\0");
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
    fn an_old_kernel_into_which_a_distribution_has_put_a_feature_has_it() {
        let version = parse("5.14.0-427.el9.x86_64").expect("version");
        let findings = features_by(Some(&version), b"\0BPF_FUNC_loop\0");
        let missing = findings.iter();
        let missing = missing.filter(|finding| finding.status == Status::Missing);
        let names: Vec<_> = missing.map(|finding| finding.name).collect();
        assert_eq!(names, ["bpf cookies", "bpf_task_pt_regs"]);
    }

    #[test]
    fn the_running_kernel_has_a_version() {
        assert!(version().is_some());
    }
}
