//! Advice is given where maps are misused, and not where the same is done as it should be.

use std::{process::Command, time::Duration};

use anyhow::{Result, bail};
use integration::{
    go::{self, Toolchain},
    machine,
    program::Program,
    requirement, slowmap,
};

/// What `slowmap report` says of a recording of the target.
fn told_of(case: &str, repaired: bool) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out");
    let mut record = slowmap::command(["record", "--threshold", "20us", "--output"])?;
    record.arg(&output).arg("--");
    record.arg(go::target("misuse", Toolchain::Installed)?);
    record.args(["--case", case, "--start-after", "2s"]);
    if repaired {
        record.arg("--repaired");
    }
    succeed(record)?;
    let mut report = slowmap::command(["report"])?;
    report.arg(&output);
    succeed(report)
}

fn succeed(command: Command) -> Result<String> {
    let ended = Program::run(command, Duration::from_secs(60))?;
    if ended.code() != Some(0) {
        bail!("slowmap ended with {}: {}", ended.status, ended.stderr);
    }
    Ok(ended.stdout)
}

#[test]
fn a_map_that_is_filled_from_empty_again_and_again_is_to_be_made_with_its_size() -> Result<()> {
    let test = "a_map_that_is_filled_from_empty_again_and_again_is_to_be_made_with_its_size";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let misused = told_of("regrown", false)?;
    let advice = misused
        .lines()
        .find(|line| line.contains("make(map[int]int, n)"));
    let advice = advice.unwrap_or_else(|| panic!("no advice: {misused}"));
    assert!(
        advice.contains("main.fill ") && advice.contains("cases.go:"),
        "{advice}"
    );
    let repaired = told_of("regrown", true)?;
    assert!(!repaired.contains("make(map"), "{repaired}");
    Ok(())
}
