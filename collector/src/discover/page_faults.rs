//! How many page faults a process has had.

use procfs::{FromRead, process::Stat};

use crate::model::process::Pid;

/// Of all its threads since it began, those that have ended included; `None`: there is no such process.
pub fn page_faults(pid: Pid) -> Option<u64> {
    // It is read ten times a second of each process: half of what it took went into opening the directory first.
    let stat = Stat::from_file(format!("/proc/{}/stat", pid.0)).ok()?;
    Some(stat.minflt.saturating_add(stat.majflt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_touched_first_is_counted() {
        let own = Pid(std::process::id());
        let before = page_faults(own).unwrap();
        std::hint::black_box(vec![1_u8; 16 << 20]);
        // Huge pages are counted once.
        assert!(page_faults(own).unwrap() >= before + 8);
    }

    #[test]
    fn a_process_that_is_gone_has_no_page_faults() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid(child.id());
        child.wait().unwrap();
        assert_eq!(page_faults(pid), None);
    }
}
