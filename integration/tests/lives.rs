//! Targets come and go, in any way: what slowmap keeps of them goes with them.

use std::{path::Path, process::Command, thread, time::Duration};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    machine,
    program::Program,
    requirement,
    slowmap::{self, PATIENCE},
    truth::TruthTarget,
    usage,
};

const BATCH: usize = 10;
const BATCHES: usize = 20;
/// By then all that is made once is there: caches, buffers, the symbols of the one binary.
const WARM: usize = 5;
/// Of memory that one run needs and the next one does not.
const ROOM: u64 = 3 << 20;

#[test]
fn two_hundred_targets_that_end_in_any_way_leave_slowmap_no_larger() -> Result<()> {
    if !requirement::root("two_hundred_targets_that_end_in_any_way_leave_slowmap_no_larger") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    // Nothing listens there, and nothing is sent: these writes are of no request.
    let mut slowmap = slowmap::run(
        "http://127.0.0.1:9",
        &[("SLOWMAP_EXECUTABLES", "truth"), ("SLOWMAP_LOG", "info")],
    )?;
    let mut sizes = Vec::new();
    for batch in 0..BATCHES {
        live(&mut slowmap, batch, directory.path())?;
        sizes.push(usage::resident(slowmap.pid())?);
    }
    println!("{sizes:?} bytes after each {BATCH} targets");
    let (warm, last) = (sizes[WARM - 1], sizes[BATCHES - 1]);
    assert!(last <= warm + ROOM, "{warm} bytes became {last}");

    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let mut said = ended.stderr.lines();
    let said = said
        .find(|line| line.contains("lost_by_reason"))
        .context("what was lost was not said")?;
    println!("{said}");
    assert!(!said.contains("table_full"), "{said}");
    Ok(())
}

/// A few targets that write until they end, each in another way.
fn live(slowmap: &mut Program, batch: usize, directory: &Path) -> Result<()> {
    let mut targets = Vec::new();
    for index in 0..BATCH {
        let own = directory.join(format!("{batch}-{index}"));
        std::fs::create_dir(&own)?;
        let mut command = Command::new(go::target("truth", Toolchain::Installed)?);
        command.args(["--mode", "torture", "--goroutines", "4"]);
        command.args(["--max-entries", "20000"]);
        targets.push(TruthTarget::start(command, &own)?);
    }
    slowmap::wait_attached_log(slowmap, (batch + 1) * BATCH, PATIENCE)?;
    for target in &mut targets {
        target.begin()?;
    }
    thread::sleep(Duration::from_millis(300));
    for (index, mut target) in targets.into_iter().enumerate() {
        match index % 3 {
            0 => drop(target.stop(PATIENCE)?),
            1 => target.program.signal(libc::SIGKILL)?,
            // In mid-write as a rule, since it does nothing else.
            _ => {
                target.program.signal(libc::SIGSTOP)?;
                thread::sleep(Duration::from_millis(10));
                target.program.signal(libc::SIGKILL)?;
            }
        }
    }
    Ok(())
}
