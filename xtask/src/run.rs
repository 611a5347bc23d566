//! Running other programs, with their output where ours goes.

use std::{
    fmt::Write,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::interrupt;

/// Runs it to its end; ends it when a signal comes. Not to have succeeded is an error.
pub fn succeed(mut command: Command) -> Result<()> {
    let status = wait(spawn(&mut command)?)?;
    if !status.success() {
        bail!("{} failed: {}", line(&command), outcome(status));
    }
    Ok(())
}

/// Its stdout, without the space at the end.
pub fn output(mut command: Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run {}", line(&command)))?;
    if !output.status.success() {
        bail!("{} failed: {}", line(&command), outcome(output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// The command as one would type it, without its environment.
pub fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        // Writing to a string cannot fail.
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    line
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.stdin(Stdio::null());
    // SAFETY: prctl is async-signal-safe and touches nothing that the parent shares.
    unsafe {
        // Should this process be killed, the child does not go on alone.
        command.pre_exec(
            || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            },
        );
    }
    command
        .spawn()
        .with_context(|| format!("run {}", line(command)))
}

fn wait(mut child: Child) -> Result<ExitStatus> {
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait()? {
            interrupt::check()?;
            return Ok(status);
        }
        if interrupt::interrupted() && !told {
            told = true;
            let pid = i32::try_from(child.id()).context("a pid fits")?;
            // SAFETY: the child was not waited for, so the pid is still its own.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn outcome(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}
