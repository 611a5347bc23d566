//! A program that is started for a recording. It is held before its first instruction until it has its probes, so that nothing
//! of it is missed.

use std::{ffi::OsString, io, process::ExitStatus, ptr, time::Duration};

use anyhow::Context;
use rustix::process::{Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::process::{Child, Command as Process};

use crate::{failure::Failure, model::process::Pid};

/// How long it gets to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// Says that it cannot be held: execve(2) has no such error.
const NOT_HELD: i32 = libc::EOPNOTSUPP;

#[derive(Debug)]
pub(super) struct Command {
    child: Child,
    held: bool,
}

impl Command {
    /// Starts it. To be called, and [`Self::release`] too, on one thread, and nothing may wait for the child between them: only
    /// the thread that started it may let go of it, and a child that is held looks ended to those who wait.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(command: &[OsString]) -> Result<Self, Failure> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Failure::Usage("no command given".into()));
        };
        let mut process = Process::new(program);
        process.args(arguments).kill_on_drop(true);
        let mut held = Process::new(program);
        held.args(arguments).kill_on_drop(true);
        // SAFETY: between fork and exec it makes one system call, and allocates nothing.
        unsafe { held.pre_exec(be_held) };
        let started = match held.spawn() {
            Err(error) if error.raw_os_error() == Some(NOT_HELD) => {
                tracing::warn!(
                    "this machine lets nobody hold a program: what the command does until it is attached to is not recorded"
                );
                process.spawn().map(|child| Self { child, held: false })
            }
            started => started.map(|child| Self { child, held: true }),
        };
        let command = started.with_context(|| format!("cannot start {}", program.display()))?;
        if command.held {
            command.wait_until_held();
        }
        Ok(command)
    }

    /// Its program is loaded then; `None`: it has ended.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.child.id().map(Pid)
    }

    /// It comes at once: the kernel stops it within the execve(2) that was waited for.
    fn wait_until_held(&self) {
        if let Some(pid) = self.process() {
            // Whatever it is that is seen is left to be seen: it may have been killed.
            let any = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = waitid(WaitId::Pid(pid), any);
        }
    }

    /// Lets it run.
    pub(super) fn release(&mut self) {
        if !std::mem::take(&mut self.held) {
            return;
        }
        if let Some(pid) = self.process() {
            let none = ptr::null_mut::<libc::c_void>();
            // SAFETY: it touches no memory of this process. It fails if the child is gone, and then nothing is held.
            unsafe { libc::ptrace(libc::PTRACE_DETACH, pid.as_raw_nonzero().get(), none, none) };
        }
    }

    fn process(&self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(self.child.id()?.cast_signed())
    }

    /// Waits for it to end.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        match self.child.wait().await {
            Ok(status) => status,
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends it: kindly first.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        self.release();
        if let Some(pid) = self.process() {
            let _ = kill_process(pid, Signal::TERM);
            if tokio::time::timeout(GRACE, self.child.wait())
                .await
                .is_err()
            {
                self.child.kill().await.context("cannot end the command")?;
            }
        }
        Ok(())
    }
}

/// In the child: has the kernel stop it when it has loaded its program.
fn be_held() -> io::Result<()> {
    let none = ptr::null_mut::<libc::c_void>();
    // SAFETY: it touches no memory.
    match unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, none, none) } {
        -1 => Err(io::Error::from_raw_os_error(NOT_HELD)),
        _ => Ok(()),
    }
}
