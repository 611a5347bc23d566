//! Servers from the Go module proxy, which `go install` refuses to build because their modules have replace directives:
//! built as a dependency of an empty module that has the same requirements, replacements and checksums.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{cache, go::Toolchain, program::succeed};

/// A program in a module.
#[derive(Debug, Clone, Copy)]
pub struct GoProgram {
    /// Its file's name.
    pub name: &'static str,
    /// e.g. `github.com/jaegertracing/jaeger`
    pub module: &'static str,
    pub version: &'static str,
    /// Within the module, e.g. `cmd/jaeger`.
    pub package: &'static str,
    pub tags: &'static str,
    /// Lines of its go.mod with this in them are left out: replacements by a directory that the module does not have.
    pub without: Option<&'static str>,
    /// The version of modules that its go.mod requires as v0.0.0, because it has them in directories of its own.
    pub staged: Option<&'static str>,
}

impl GoProgram {
    /// The executable; the first call builds it, which takes minutes and 2 GB of memory.
    pub fn executable(&self) -> Result<PathBuf> {
        // Tests that run at the same time would each build it, and two builds may be more than memory has room for.
        static BUILDING: Mutex<()> = Mutex::new(());
        let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        cache::file(Path::new(&self.key()), |made| self.build(made))
    }

    /// Whether the cache has it.
    pub fn is_built(&self) -> Result<bool> {
        Ok(cache::root()?.join(self.key()).exists())
    }

    fn key(&self) -> String {
        format!("{0}-{1}/{0}", self.name, self.version)
    }

    fn build(&self, made: &Path) -> Result<()> {
        let workspace = made
            .parent()
            .context("the cache gives a path in a directory")?
            .join("module");
        std::fs::create_dir_all(&workspace)?;
        let source = self.download(&workspace)?;
        let go_mod = std::fs::read_to_string(source.join("go.mod"));
        let go_mod = self.requirements(&go_mod.context("read the module's go.mod")?);
        std::fs::write(workspace.join("go.mod"), go_mod)?;
        let checksums = std::fs::read(source.join("go.sum"));
        std::fs::write(
            workspace.join("go.sum"),
            checksums.context("read the module's go.sum")?,
        )?;
        let mut go = Toolchain::Installed.command();
        go.current_dir(&workspace)
            .args(["build", "-mod=mod", "-trimpath", "-ldflags=-s -w"])
            .arg(format!("-tags={}", self.tags))
            .arg("-o");
        go.arg(made)
            .arg(format!("{}/{}", self.module, self.package));
        succeed(&mut go).map(drop)
    }

    fn requirements(&self, go_mod: &str) -> String {
        let kept = |line: &&str| self.without.is_none_or(|part| !line.contains(part));
        let own = |line: &str| match (line.strip_suffix(" v0.0.0"), self.staged) {
            (Some(required), Some(version)) => format!("{required} {version}\n"),
            _ if line.starts_with("module ") => format!("module slowmap.test/{}\n", self.name),
            _ => format!("{line}\n"),
        };
        let lines: String = go_mod.lines().filter(kept).map(own).collect();
        format!("{lines}\nrequire {} {}\n", self.module, self.version)
    }

    /// The directory of the module's source.
    fn download(&self, workspace: &Path) -> Result<PathBuf> {
        let mut go = Toolchain::Installed.command();
        let module = format!("{}@{}", self.module, self.version);
        go.current_dir(workspace)
            .args(["mod", "download", "-json", &module]);
        let answer: Value =
            serde_json::from_slice(&succeed(&mut go)?).context("read what go mod download says")?;
        let directory = answer
            .get("Dir")
            .and_then(Value::as_str)
            .context("go mod download names no directory")?;
        Ok(PathBuf::from(directory))
    }
}
