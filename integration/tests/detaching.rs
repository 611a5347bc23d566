//! A service that slowmap was attached to under load is as it would have been without.

use std::time::Duration;

use anyhow::Result;
use integration::{
    kernel,
    load::Load,
    machine, probed, requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    truth::TruthTarget,
};

#[test]
fn a_service_under_load_is_unharmed_and_nothing_of_slowmap_is_left_in_the_kernel() -> Result<()> {
    if !requirement::root(
        "a_service_under_load_is_unharmed_and_nothing_of_slowmap_is_left_in_the_kernel",
    ) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let target = TruthTarget::serving(directory.path())?;
    let pid = target.program.pid();
    assert_eq!(probed::altered_bytes(pid)?, 0, "probed before slowmap came");

    let sink = Sink::start()?;
    let mut slowmap = slowmap::run(&sink.endpoint(), &[("SLOWMAP_PIDS", &pid.to_string())])?;
    let objects = kernel::wait_attached(&mut slowmap, PATIENCE)?;
    let breakpoints = probed::altered_bytes(pid)?;
    println!("{objects:?}; {breakpoints} bytes of code altered");
    assert!(
        breakpoints > 0,
        "without breakpoints the test shows nothing"
    );
    let loaded = load(&target).run();
    let spans = sink.wait(Duration::from_secs(20), "slow write", |received| {
        !received.spans.is_empty()
    });

    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    println!("{loaded:?}; {} spans", spans?.spans.len());
    assert!(loaded.requests > 100, "{loaded:?}");
    assert_eq!(loaded.failed, 0);
    let left = objects.outlive(Duration::from_secs(5))?;
    assert_eq!(left, kernel::BpfObjects::default());
    assert_eq!(probed::altered_bytes(pid)?, 0, "breakpoints were left");

    // It works as before, and its maps hold what was put into them.
    let after = Load {
        requests: 40,
        ..load(&target)
    };
    assert_eq!(after.run().failed, 0);
    let truth = target.stop(PATIENCE)?;
    assert!(truth.outcome.checksum_ok);
    Ok(())
}

fn load(target: &TruthTarget) -> Load {
    let in_ci = std::env::var("CI").as_deref() == Ok("true");
    let paths = [
        "/nested",
        "/middleware",
        "/goroutine-ctx",
        "/goroutine-bare",
    ];
    target.load(&paths, Duration::from_secs(if in_ci { 60 } else { 10 }))
}
