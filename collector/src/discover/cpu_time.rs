//! How much CPU time a process has used.

use std::time::Duration;

use crate::model::process::Pid;

/// Of all its threads since it began, those that have ended included; `None`: there is no such process.
///
/// From the process's CPU clock, which counts nanoseconds, costs one system call and needs no file.
pub fn cpu_time(pid: Pid) -> Option<Duration> {
    let pid = libc::pid_t::try_from(pid.0).ok()?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the kernel writes to a live value.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: likewise.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_cpu_time_of_a_process_grows_by_what_it_uses() {
        let own = Pid(std::process::id());
        let before = cpu_time(own).unwrap();
        let begin = Instant::now();
        while cpu_time(own).unwrap() < before + Duration::from_millis(30) {
            assert!(begin.elapsed() < Duration::from_secs(20));
        }
    }

    #[test]
    fn a_process_that_is_gone_has_no_cpu_time() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid(child.id());
        child.wait().unwrap();
        assert_eq!(cpu_time(pid), None);
    }
}
