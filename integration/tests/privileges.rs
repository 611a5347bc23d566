//! The least that slowmap can do with.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use integration::{
    agreement,
    go::{self, Toolchain},
    kernel, machine,
    program::Program,
    recording, requirement, slowmap,
    slowmap::PATIENCE,
    truth::TruthTarget,
};

/// Whoever owns the service, and one who owns nothing here.
const OWNER: &str = "0";
const OTHER: &str = "65533";

#[test]
fn of_a_service_of_its_own_user_it_needs_three_capabilities() -> Result<()> {
    let test = "of_a_service_of_its_own_user_it_needs_three_capabilities";
    finds_slow_writes(test, OWNER, "+bpf,+perfmon,+sys_ptrace")
}

#[test]
fn of_a_service_of_another_user_it_needs_to_read_its_environment_as_well() -> Result<()> {
    let test = "of_a_service_of_another_user_it_needs_to_read_its_environment_as_well";
    finds_slow_writes(test, OTHER, "+bpf,+perfmon,+sys_ptrace,+dac_read_search")
}

fn finds_slow_writes(test: &str, user: &str, capabilities: &str) -> Result<()> {
    if !requirement::root(test) {
        return Ok(());
    }
    let Some(setpriv) = requirement::program(test, "setpriv") else {
        return Ok(());
    };
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))?;
    let mut service = Command::new(go::target("truth", Toolchain::Installed)?);
    service.args(["--mode", "service", "--rate", "200000", "--duration", "5s"]);
    let mut target = TruthTarget::start(service, directory.path())?;
    let output = directory.path().join("out");
    let mut command = slowmap::unconfigured(&setpriv);
    command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    for set in ["--inh-caps", "--ambient-caps", "--bounding-set"] {
        command.arg(format!("{set}=-all,{capabilities}"));
    }
    let pid = target.program.pid().to_string();
    command.arg("--").arg(copy_for_all(directory.path())?);
    command.args(["record", "--pid", &pid, "--output"]);
    command.arg(&output);
    let mut slowmap = Program::start(command)?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    let with_all = directory.path().join("with_all");
    let mut beside = slowmap::record(target.program.pid(), &with_all, &[])?;
    kernel::wait_attached(&mut beside, PATIENCE)?;
    target.begin()?;
    let truth = target.finish(Duration::from_secs(60))?;
    let ended = slowmap.wait(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(beside.wait(PATIENCE)?.code(), Some(0));
    let recorded = recording::read(&output).context("read the recording")?;
    let with_all = recording::read(&with_all)?;
    let (count, share) = agreement::found_too(&truth.writes, &with_all.events, &recorded.events);
    println!("user {user}, {capabilities}: {share:.3} of {count} found");
    assert!(
        count > 50 && share >= agreement::AT_WORK,
        "{share} of {count}"
    );
    let precision = agreement::between(&truth.writes, &recorded.events).precision();
    assert!(precision >= 0.98, "{precision}");
    Ok(())
}

/// slowmap, where everybody may run it.
fn copy_for_all(directory: &Path) -> Result<PathBuf> {
    let copy = directory.join("slowmap");
    fs::copy(slowmap::binary()?, &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    Ok(copy)
}
