//! The machine, which tests that measure share with no other test.

use std::fs::File;

use anyhow::{Context, Result};

use crate::cache;

/// Held while a test has the machine to itself; the kernel gives it back when the test ends, however it does.
#[derive(Debug)]
pub struct Alone(#[expect(dead_code, reason = "closing the file releases the lock")] File);

/// Waits until no other test, of whatever process, has the machine to itself.
pub fn alone() -> Result<Alone> {
    let path = cache::root()?.join("machine.lock");
    std::fs::create_dir_all(cache::root()?).context("create the cache")?;
    let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
    file.lock()
        .with_context(|| format!("lock {}", path.display()))?;
    Ok(Alone(file))
}

/// What this thread starts from now on has the CPU before other programs, by that niceness: how long something takes is not to
/// depend on what else the machine does.
pub fn before_other_programs(niceness: i32) -> Result<()> {
    // SAFETY: setpriority changes nothing but the niceness of the calling thread.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, niceness) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()).context("set the niceness"),
    }
}
