//! slowmap on other kernels than the one at hand, each booted in emulation.

use anyhow::Result;
use integration::{
    agreement, machine, requirement, slowmap,
    vm::{self, Architecture, Capabilities, Kernel, Trial},
};

fn trial(test: &str, release: &str, capabilities: Capabilities) -> Result<Option<Trial>> {
    if requirement::program(test, "qemu-system-x86_64").is_none()
        || requirement::program(test, "busybox").is_none()
    {
        return Ok(None);
    }
    let _alone = machine::alone()?;
    let trial = vm::run(
        &Kernel::new(Architecture::Amd64, release),
        &slowmap::binary()?,
        capabilities,
    )?;
    println!("{}: {:?}", trial.release, trial.steps);
    Ok(Some(trial))
}

/// Finds the slow writes of a real service with no more than the documented capabilities, names the one that is missing,
/// and leaves the service's code as it was.
fn works(trial: &Trial, missing: &str) -> Result<()> {
    let step = |name| trial.step(name);
    assert_eq!(step("check"), Some(0), "{:#}", trial.check);
    assert_eq!(step("record_with_too_few"), Some(3), "{}", trial.refusal);
    assert!(trial.refusal.contains(missing), "{}", trial.refusal);
    assert_eq!(step("record"), Some(0), "{}", trial.said);
    let changed = ["changed_before", "changed_while_recorded", "changed_after"];
    assert_eq!(changed.map(step), [Some(0), Some(1), Some(0)]);
    assert_eq!(step("truth"), Some(0));
    assert!(trial.truth.outcome.checksum_ok);
    let Some(recording) = &trial.recording else {
        panic!("nothing was recorded: {}", trial.said);
    };
    let agreement = agreement::between(&trial.truth.writes, &recording.events);
    let growths = recording
        .events
        .iter()
        .filter(|event| event.cause == "growth");
    println!(
        "{} events, {} of them growths, precision {:.3}",
        recording.events.len(),
        growths.count(),
        agreement.precision()
    );
    assert!(recording.events.len() >= 20, "{}", trial.said);
    // In emulation the processors' clocks are apart by a little.
    assert!(agreement.precision() >= 0.9, "{:#?}", agreement.spurious);
    Ok(())
}

#[test]
fn linux_6_1_attaches_one_by_one_with_cap_sys_admin() -> Result<()> {
    let test = "linux_6_1_attaches_one_by_one_with_cap_sys_admin";
    match trial(test, "6.1", Capabilities::ONE_BY_ONE)? {
        Some(trial) => works(&trial, "CAP_SYS_ADMIN"),
        None => Ok(()),
    }
}

#[test]
fn linux_6_12_attaches_all_together_with_cap_bpf_and_cap_perfmon() -> Result<()> {
    let test = "linux_6_12_attaches_all_together_with_cap_bpf_and_cap_perfmon";
    match trial(test, "6.12", Capabilities::TOGETHER)? {
        Some(trial) => works(&trial, "CAP_PERFMON"),
        None => Ok(()),
    }
}

#[test]
fn the_newest_linux_attaches_all_together_with_cap_bpf_and_cap_perfmon() -> Result<()> {
    let test = "the_newest_linux_attaches_all_together_with_cap_bpf_and_cap_perfmon";
    match trial(test, Kernel::NEWEST, Capabilities::TOGETHER)? {
        Some(trial) => works(&trial, "CAP_PERFMON"),
        None => Ok(()),
    }
}

#[test]
fn a_kernel_that_is_too_old_is_declined_with_the_first_that_would_do() -> Result<()> {
    let test = "a_kernel_that_is_too_old_is_declined_with_the_first_that_would_do";
    let Some(trial) = trial(test, "5.10", Capabilities::ONE_BY_ONE)? else {
        return Ok(());
    };
    assert_eq!(trial.step("check"), Some(3), "{:#}", trial.check);
    assert!(trial.check.to_string().contains("5.17"), "{}", trial.check);
    assert_eq!(trial.step("record"), Some(1), "{}", trial.said);
    assert!(trial.said.contains("5.17"), "{}", trial.said);
    let changed = ["changed_while_recorded", "changed_after"];
    assert_eq!(changed.map(|name| trial.step(name)), [Some(0); 2]);
    Ok(())
}
