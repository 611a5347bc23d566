//! A program that runs beside a test and never outlives it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A running program. Dropped, it is told to end, and killed if it does not.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    lines: mpsc::Receiver<String>,
    stderr: Arc<Mutex<String>>,
    stderr_reader: thread::JoinHandle<()>,
}

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub status: ExitStatus,
    /// What was not yet taken by [`Program::line`].
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The exit code; `None`: killed by a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Runs a command to its end; what it printed. Not to have succeeded is an error, with what it said.
pub fn succeed(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| {
        let program = command.get_program().to_string_lossy().into_owned();
        format!("run {command:?}: is {program} in PATH?")
    })?;
    if !output.status.success() {
        bail!(
            "{command:?}:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}

impl Program {
    /// Starts it. Its stdin is a pipe that stays open; the kernel ends it should this process be killed.
    pub fn start(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // SAFETY: prctl is async-signal-safe and touches nothing that the parent shares.
        unsafe {
            command.pre_exec(
                || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                },
            );
        }
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let pipe = child.stderr.take().context("stderr is a pipe")?;
        let stderr_reader = thread::spawn({
            let stderr = stderr.clone();
            move || collect(pipe, &stderr)
        });
        Ok(Self {
            name,
            child,
            lines,
            stderr,
            stderr_reader,
        })
    }

    /// Runs it to its end.
    pub fn run(command: Command, limit: Duration) -> Result<Ended> {
        Self::start(command)?.wait(limit)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line on its stdout that `wanted` accepts; lines before it are passed over.
    pub fn line(&mut self, limit: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if wanted(&line) => return Ok(line),
                Ok(_) => {}
                Err(_) => bail!(
                    "{} did not say what was waited for; stderr: {}",
                    self.name,
                    self.stderr()
                ),
            }
        }
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr
            .lock()
            .map(|text| text.clone())
            .unwrap_or_default()
    }

    /// Writes a line to its stdin.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("stdin is a pipe")?;
        // In one piece: who waits for any byte may have ended before the rest is written.
        let line = format!("{line}\n");
        stdin
            .write_all(line.as_bytes())
            .with_context(|| format!("write to {}", self.name))
    }

    /// Sends a signal; to a program that has ended already, none.
    pub fn signal(&mut self, signal: i32) -> Result<()> {
        if self.ended()? {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).context("a pid fits")?;
        // SAFETY: the child was not waited for, so the pid is still its own.
        match unsafe { libc::kill(pid, signal) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error())
                .with_context(|| format!("signal {}", self.name)),
        }
    }

    pub fn ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for its end; past the limit it is killed, and that is an error.
    pub fn wait(mut self, limit: Duration) -> Result<Ended> {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                bail!(
                    "{} did not end within {limit:?}; stderr: {}",
                    self.name,
                    self.stderr()
                );
            }
            thread::sleep(Duration::from_millis(10));
        };
        // The readers end with the pipes; a grandchild that keeps one open is not waited for.
        let mut stdout = String::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let patience = Instant::now() + Duration::from_secs(1);
        while !self.stderr_reader.is_finished() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Ended {
            status,
            stdout,
            stderr: self.stderr(),
        })
    }

    /// Tells it to end as an operator would (SIGTERM), and waits.
    pub fn stop(mut self, limit: Duration) -> Result<Ended> {
        self.signal(libc::SIGTERM)?;
        self.wait(limit)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.signal(libc::SIGTERM).is_err() {
            return;
        }
        for _ in 0..200 {
            if self.ended().unwrap_or(true) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // Nothing more can be done in a destructor if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut pipe: impl Read, into: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        if let Ok(mut text) = into.lock() {
            text.push_str(&String::from_utf8_lossy(bytes));
        }
    }
}
