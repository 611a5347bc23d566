//! Targets whose CPU is limited.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// A control group that may use half of a CPU, in portions of 20 of 40 ms, so that it is stopped often; gone with this. Within
/// its limit it has the CPU before all others: it is not to wait for what else the machine does.
#[derive(Debug)]
pub struct CpuLimit(PathBuf);

impl CpuLimit {
    pub fn create() -> Result<Self> {
        let legacy = Path::new("/sys/fs/cgroup/cpu");
        let unified = !legacy.is_dir();
        let root = if unified {
            Path::new("/sys/fs/cgroup")
        } else {
            legacy
        };
        let group = root.join(format!("slowmap-test-{}", std::process::id()));
        fs::create_dir(&group).with_context(|| format!("create {}", group.display()))?;
        let group = Self(group);
        if unified {
            group.write("cpu.max", "20000 40000")?;
            group.write("cpu.weight", "10000")?;
        } else {
            group.write("cpu.cfs_period_us", "40000")?;
            group.write("cpu.cfs_quota_us", "20000")?;
            group.write("cpu.shares", "102400")?;
        }
        Ok(group)
    }

    /// Takes a process in.
    pub fn take(&self, pid: u32) -> Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// The same program, which begins within it.
    pub fn holding(&self, program: &Command) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]);
        command.arg(self.0.join("cgroup.procs"));
        command.arg(program.get_program()).args(program.get_args());
        command
    }

    fn write(&self, file: &str, value: &str) -> Result<()> {
        let path = self.0.join(file);
        fs::write(&path, value).with_context(|| format!("write {value} to {}", path.display()))
    }
}

impl Drop for CpuLimit {
    fn drop(&mut self) {
        // The kernel takes a moment to let go of a process that has ended.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
