//! Go targets, built from `integration/targets` and kept in the cache.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{cache, program::succeed, sources};

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
        self.told(Command::new("go"))
    }

    /// A program that runs `go`, which will be this toolchain.
    pub fn told(self, mut go: Command) -> Command {
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
    pub fn version(self) -> Result<String> {
        if let Toolchain::Release(name) = self {
            return Ok(name.to_owned());
        }
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
    let build = Build {
        toolchain,
        flags,
        environment: &[],
    };
    build.target(name)
}

/// A way of building a target.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    pub toolchain: Toolchain,
    /// Of `go build`, which runs in the target's directory.
    pub flags: &'a [&'a str],
    /// e.g. `CGO_ENABLED`, which is 0 if it is not given.
    pub environment: &'a [(&'a str, &'a str)],
}

impl Build<'_> {
    /// The executable of a target in `integration/targets`, built in this way.
    pub fn target(&self, name: &str) -> Result<PathBuf> {
        let targets = sources::repository().join("integration/targets");
        let module = targets.join(name);
        let source = sources::hash(&targets, &[&module, &targets.join("groundtruth")])?;
        let version = self.toolchain.version()?;
        let variant = self.variant();
        let key = format!("targets/{name}-{}-{version}{variant}/{name}", &source[..16]);
        cache::file(Path::new(&key), |made| self.run(&module, made))
    }

    /// What tells it from other ways with the same toolchain, as a part of a file's name.
    fn variant(&self) -> String {
        let flags = self.flags.iter().map(|&flag| flag.to_owned());
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| format!("{name}={value}"));
        flags
            .chain(environment)
            .map(|part| part.replace(|c: char| !c.is_alphanumeric(), "_"))
            .fold(String::new(), |all, part| all + "+" + &part)
    }

    fn run(&self, module: &Path, made: &Path) -> Result<()> {
        let mut go = self.toolchain.command();
        go.current_dir(module)
            .envs(self.environment.iter().copied())
            .arg("build")
            .args(self.flags)
            .arg("-o")
            .arg(made)
            .arg(".");
        succeed(&mut go).with_context(|| format!("in {}", module.display()))?;
        Ok(())
    }
}
