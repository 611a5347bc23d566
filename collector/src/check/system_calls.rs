//! Whether `bpf(2)` and `perf_event_open(2)` reach the kernel. Each is called with arguments that it cannot
//! accept: a filter in front of it answers EPERM or ENOSYS, the call itself that the arguments are wrong.

use std::io;

use super::Finding;

const STATUS: &str = "/proc/thread-self/status";

/// No command of `bpf(2)` has this number.
const NO_COMMAND: libc::c_long = 0x7fff_ffff;

pub(super) fn findings() -> Vec<Finding> {
    let mode = seccomp_mode();
    vec![
        seccomp(mode),
        answer("bpf", &probe_bpf(), mode),
        answer("perf_event_open", &probe_perf_event_open(), mode),
    ]
}

fn probe_bpf() -> io::Error {
    // SAFETY: there is no such command, and neither a pointer nor a size for it to read.
    unsafe {
        libc::syscall(
            libc::SYS_bpf,
            NO_COMMAND,
            0 as libc::c_long,
            0 as libc::c_long,
        )
    };
    io::Error::last_os_error()
}

fn probe_perf_event_open() -> io::Error {
    let (attributes, pid, cpu, group, flags): (libc::c_long, _, _, _, _) = (0, 0, -1, -1, 0);
    // SAFETY: the kernel refuses the null pointer with EFAULT before it does anything.
    unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attributes,
            pid,
            cpu,
            group,
            flags,
        )
    };
    io::Error::last_os_error()
}

fn answer(name: &'static str, error: &io::Error, seccomp_mode: Option<u32>) -> Finding {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => Finding::missing(
            name,
            "refused with ENOSYS: a seccomp filter hides it, or the kernel has none",
            allow(name),
        ),
        Some(libc::EPERM | libc::EACCES) => {
            let by = match seccomp_mode {
                Some(2) => "by the seccomp filter of this container, or for lack of capabilities",
                _ => "for lack of capabilities, or by a security module",
            };
            Finding::missing(name, format!("refused {by}"), allow(name))
        }
        _ => Finding::ok(name, "answers"),
    }
}

fn allow(name: &str) -> String {
    format!("give the capabilities above and allow {name} in the container's seccomp profile")
}

/// 0: none, 1: strict, 2: a filter. `None` where the kernel has no seccomp.
fn seccomp_mode() -> Option<u32> {
    let status = std::fs::read(STATUS).ok()?;
    let status = String::from_utf8_lossy(&status);
    status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"))?
        .trim()
        .parse()
        .ok()
}

/// A filter alone is no obstacle: what counts is whether the two calls pass it.
fn seccomp(mode: Option<u32>) -> Finding {
    let detail = match mode {
        None | Some(0) => "no filter",
        Some(2) => "a filter is in force; whether it lets the calls pass is below",
        Some(_) => "strict",
    };
    Finding::ok("seccomp", detail)
}

#[cfg(test)]
mod tests {
    use super::{super::Status, *};

    #[test]
    fn a_filter_that_refuses_a_call_is_seen() {
        // A filter is in force for the thread that installs it, so that no other test is touched.
        let found = std::thread::spawn(|| {
            refuse(libc::SYS_perf_event_open);
            (seccomp_mode(), findings())
        });
        let (mode, found) = found.join().expect("thread");
        assert_eq!(mode, Some(2));
        let call = found
            .iter()
            .find(|finding| finding.name == "perf_event_open")
            .expect("finding");
        assert_eq!(call.status, Status::Missing);
        assert!(
            call.remedy
                .as_deref()
                .is_some_and(|text| text.contains("seccomp")),
            "{call:?}"
        );
    }

    #[test]
    fn a_call_that_dislikes_its_arguments_answers() {
        for code in [libc::EINVAL, libc::EFAULT, libc::E2BIG] {
            let finding = answer("bpf", &io::Error::from_raw_os_error(code), None);
            assert_eq!(finding.status, Status::Ok);
        }
        let hidden = answer("bpf", &io::Error::from_raw_os_error(libc::ENOSYS), None);
        assert_eq!(hidden.status, Status::Missing);
    }

    /// Makes the call fail with EPERM in this thread.
    fn refuse(call: libc::c_long) {
        let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        let load_number = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
        let jump_if_equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        let answer = (libc::BPF_RET | libc::BPF_K) as u16;
        let mut filter = [
            instruction(load_number, 0, 0, 0),
            instruction(jump_if_equal, 0, 1, u32::try_from(call).expect("number")),
            instruction(answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            instruction(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog {
            len: 4,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: without new privileges a thread may filter its own calls; `program` and the instructions
        // that it points to live through the call, and the kernel copies them.
        let result = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}
