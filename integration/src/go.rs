//! Go targets, built from `integration/targets` and kept in the cache.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{cache, sources};

/// Which Go builds a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// The `go` in `PATH`.
    Installed,
    /// A release by its name, e.g. `go1.22.12`, which `go` fetches as a module.
    Release(&'static str),
}

impl Toolchain {
    /// `go`, told to be this toolchain.
    pub fn command(self) -> Command {
        let mut go = Command::new("go");
        go.env(
            "GOTOOLCHAIN",
            match self {
                Toolchain::Installed => "local",
                Toolchain::Release(name) => name,
            },
        );
        go.env("GOFLAGS", "").env("CGO_ENABLED", "0");
        go
    }

    /// e.g. `go1.26.8`
    fn version(self) -> Result<String> {
        let output = self
            .command()
            .args(["env", "GOVERSION"])
            .output()
            .context("run go: is Go in PATH?")?;
        if !output.status.success() {
            bail!(
                "go env GOVERSION: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// The executable of a target in `integration/targets`.
pub fn target(name: &str, toolchain: Toolchain) -> Result<PathBuf> {
    target_with(name, toolchain, &[])
}

/// The same, with more flags for `go build`, e.g. `-ldflags=-s -w`.
pub fn target_with(name: &str, toolchain: Toolchain, flags: &[&str]) -> Result<PathBuf> {
    let targets = sources::repository().join("integration/targets");
    let module = targets.join(name);
    let source = sources::hash(&targets, &[&module, &targets.join("groundtruth")])?;
    let version = toolchain.version()?;
    let variant = flags
        .iter()
        .map(|flag| flag.replace(|c: char| !c.is_alphanumeric(), "_"));
    let variant = variant.fold(String::new(), |all, flag| all + "+" + &flag);
    let key = format!("targets/{name}-{}-{version}{variant}/{name}", &source[..16]);
    cache::file(Path::new(&key), |made| {
        build(&module, toolchain, flags, made)
    })
}

fn build(module: &Path, toolchain: Toolchain, flags: &[&str], made: &Path) -> Result<()> {
    let mut go = toolchain.command();
    go.current_dir(module)
        .arg("build")
        .args(flags)
        .arg("-o")
        .arg(made)
        .arg(".");
    let output = go.output().context("run go build: is Go in PATH?")?;
    if !output.status.success() {
        bail!(
            "go build in {}:\n{}",
            module.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
