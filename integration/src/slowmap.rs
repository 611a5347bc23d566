//! slowmap, run as its users run it.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{cargo, program::Program};

/// How long slowmap may take to attach, and to write its files at the end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program: `SLOWMAP_BIN`, else a release build of this checkout, brought up to date once.
pub fn binary() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SLOWMAP_BIN") {
        return Ok(PathBuf::from(path));
    }
    let mut cargo = cargo::command();
    cargo.args(["build", "--release", "--bin", "slowmap"]);
    let output = cargo.output().context("run cargo")?;
    if !output.status.success() {
        bail!(
            "cargo build --release --bin slowmap:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(cargo::target_directory().join("release/slowmap"))
}

/// `slowmap` with arguments, and with none of the caller's own configuration.
pub fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Result<Command> {
    let mut command = unconfigured(&binary()?);
    command.args(arguments);
    Ok(command)
}

/// A copy of `slowmap`, with none of the caller's own configuration.
pub fn unconfigured(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("OTEL_") || (name.starts_with("SLOWMAP_") && name != "SLOWMAP_LOG") {
            command.env_remove(&key);
        }
    }
    command
}

/// Starts `slowmap record` on a process, into `output`.
pub fn record(pid: u32, output: &Path, more: &[&str]) -> Result<Program> {
    let mut command = command(["record", "--pid", &pid.to_string(), "--output"])?;
    command.arg(output).args(more);
    Program::start(command)
}

/// Waits until slowmap has attached to that many processes, by its own log (`SLOWMAP_LOG=info`, as text): sooner
/// than [`crate::kernel::wait_attached`], which looks for itself.
pub fn wait_attached_log(slowmap: &mut Program, processes: usize, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    while slowmap.stderr().matches(" attached ").count() < processes {
        if slowmap.ended()? {
            bail!("slowmap ended before it attached: {}", slowmap.stderr());
        }
        if Instant::now() > deadline {
            bail!(
                "slowmap did not attach within {limit:?}: {}",
                slowmap.stderr()
            );
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Starts `slowmap run`, which sends to `endpoint` by gRPC and hands on what it has once a second.
pub fn run(endpoint: &str, more: &[(&str, &str)]) -> Result<Program> {
    Program::start(run_command(endpoint, more)?)
}

/// The same, to be started.
pub fn run_command(endpoint: &str, more: &[(&str, &str)]) -> Result<Command> {
    let mut command = command(["run"])?;
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    command
        .env("OTEL_BSP_SCHEDULE_DELAY", "500")
        .envs(more.iter().copied());
    Ok(command)
}

/// A program for which `directory`, which has to be there, is a disk of its own of this size (e.g. `4m`): in a mount namespace
/// that ends with it.
pub fn with_small_disk(program: &Command, directory: &Path, size: &str) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("mount -t tmpfs -o size={size},mode=700 none \"$0\" && exec \"$@\"");
    command
        .args(["--mount", "sh", "-c", &script])
        .arg(directory);
    command.arg(program.get_program()).args(program.get_args());
    for (key, value) in program.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command
}
