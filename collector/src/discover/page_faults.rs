//! How many page faults a process has had.

use procfs::process::Process;

use crate::model::process::Pid;

/// Of all its threads since it began, those that have ended included; `None`: there is no such process.
pub fn page_faults(pid: Pid) -> Option<u64> {
    let stat = Process::new(i32::try_from(pid.0).ok()?).ok()?.stat().ok()?;
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
