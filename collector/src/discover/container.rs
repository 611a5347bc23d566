//! The container that a process runs in, by its control group.
//!
//! Not by its mounts: containers that share a network share the files that are mounted over `/etc` as well, and
//! would pass for each other.

/// Length of the ids of docker, containerd, cri-o and podman: SHA-256 or random, in hex.
const ID_LENGTH: usize = 64;

/// Between a runtime's name and the id, in the last component of a control group's path.
const SEPARATORS: [char; 2] = ['-', ':'];

/// The container id in `/proc/PID/cgroup`, of version 1 or 2.
///
/// The innermost container counts where containers are nested.
pub(super) fn from_cgroup(cgroup: &str) -> Option<String> {
    // The path is the third field; it may hold colons itself (containerd's systemd driver).
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths
        .flat_map(|path| path.rsplit('/'))
        .find_map(from_component)
        .map(str::to_owned)
}

fn from_component(component: &str) -> Option<&str> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let (runtime, id) = name.rsplit_once(SEPARATORS).unwrap_or(("", name));
    // `conmon` watches a container from outside.
    (is_id(id) && !runtime.ends_with("conmon")).then_some(id)
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f1c0b7e5a9d4c2288e6f07b1d3a5c9e4b6d8f0a2c4e6081a3b5c7d9e1f2a4b6";
    const OTHER: &str = "00c0b7e5a9d4c2288e6f07b1d3a5c9e4b6d8f0a2c4e6081a3b5c7d9e1f2a4b6ff";

    fn with_id(text: &str) -> String {
        text.replace("ID", ID).replace("OTHER", OTHER)
    }

    #[test]
    fn every_runtime_names_the_container_in_the_control_group() {
        for (runtime, cgroup) in [
            (
                "docker, version 1",
                "12:memory:/docker/ID\n11:cpu,cpuacct:/docker/ID\n",
            ),
            (
                "docker, version 2 and systemd",
                "0::/system.slice/docker-ID.scope\n",
            ),
            (
                "docker, rootless",
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            ),
            (
                "containerd, version 1",
                "4:memory:/kubepods/burstable/pod5c1a2f3e-8b7d-4e6f-9a0b-1c2d3e4f5a6b/ID",
            ),
            (
                "containerd, systemd",
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5c1a2f3e_8b7d.slice/cri-containerd-ID.scope",
            ),
            (
                "containerd, colons",
                "1:name=systemd:/system.slice/containerd.service/kubepods-pod5c1a.slice:cri-containerd:ID",
            ),
            ("seen from a sidecar", "0::/../cri-containerd-ID.scope"),
            (
                "cri-o",
                "0::/kubepods.slice/kubepods-pod5c1a2f3e.slice/crio-ID.scope/container",
            ),
            ("podman", "0::/machine.slice/libpod-ID.scope/container"),
            ("podman, cgroupfs", "3:cpu:/libpod_parent/libpod-ID"),
            (
                "docker, systemd inside",
                "0::/docker/ID/system.slice/shop.service",
            ),
            (
                "kind: a container in a container",
                "0::/docker/OTHER/kubelet/kubepods/pod1/ID",
            ),
        ] {
            assert_eq!(
                from_cgroup(&with_id(cgroup)).as_deref(),
                Some(ID),
                "{runtime}"
            );
        }
    }

    #[test]
    fn what_is_no_container_has_no_id() {
        for cgroup in [
            "0::/user.slice/user-1000.slice/session-3.scope",
            "0::/",
            "",
            "12:cpu:/docker/deadbeef",
            "0::/machine.slice/libpod-conmon-ID.scope",
            "0::/crio-conmon-ID.scope",
            "no colons at all",
            "0::/docker-ID0.scope",
        ] {
            assert_eq!(from_cgroup(&with_id(cgroup)), None, "{cgroup}");
        }
    }
}
