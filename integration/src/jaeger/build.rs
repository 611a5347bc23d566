//! Jaeger from the Go module proxy.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{cache, go::Toolchain};

const MODULE: &str = "github.com/jaegertracing/jaeger";
const VERSION: &str = "v1.76.0";

/// The executable; the first call builds it, which takes minutes and 2 GB of memory.
pub fn executable() -> Result<PathBuf> {
    cache::file(Path::new(&key()), build)
}

/// Whether the cache has it.
pub fn is_built() -> Result<bool> {
    Ok(cache::root()?.join(key()).exists())
}

fn key() -> String {
    format!("jaeger-{VERSION}/jaeger")
}

/// `go install` refuses a module that has replace directives. So it is built as a dependency of an empty
/// module that has the same requirements, replacements and checksums.
fn build(made: &Path) -> Result<()> {
    let workspace = made
        .parent()
        .context("the cache gives a path in a directory")?
        .join("module");
    std::fs::create_dir_all(&workspace)?;
    let source = download(&workspace)?;
    let go_mod = std::fs::read_to_string(source.join("go.mod")).context("read Jaeger's go.mod")?;
    let requirements =
        go_mod.replacen(&format!("module {MODULE}"), "module slowmap.test/jaeger", 1);
    std::fs::write(
        workspace.join("go.mod"),
        format!("{requirements}\nrequire {MODULE} {VERSION}\n"),
    )?;
    std::fs::write(
        workspace.join("go.sum"),
        std::fs::read(source.join("go.sum")).context("read Jaeger's go.sum")?,
    )?;
    let mut go = Toolchain::Installed.command();
    go.current_dir(&workspace)
        .args(["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o"]);
    go.arg(made).arg(format!("{MODULE}/cmd/jaeger"));
    succeed(go).map(drop)
}

/// The directory of the module's source.
fn download(workspace: &Path) -> Result<PathBuf> {
    let mut go = Toolchain::Installed.command();
    go.current_dir(workspace)
        .args(["mod", "download", "-json", &format!("{MODULE}@{VERSION}")]);
    let answer: Value =
        serde_json::from_slice(&succeed(go)?).context("read what go mod download says")?;
    let directory = answer
        .get("Dir")
        .and_then(Value::as_str)
        .context("go mod download names no directory")?;
    Ok(PathBuf::from(directory))
}

fn succeed(mut go: Command) -> Result<Vec<u8>> {
    let output = go.output().context("run go: is Go in PATH?")?;
    if !output.status.success() {
        bail!(
            "{go:?}:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}
