//! The Collector from the Go module proxy, by its own builder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{cache, go::Toolchain, program::succeed};

const VERSION: &str = "v0.162.0";

/// What `otel-config/` needs, and a file exporter, by which tests see what arrived.
const COMPONENTS: &str = "
dist: { name: otelcol, version: 0.162.0, output_path: OUTPUT }
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver VERSION
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/debugexporter VERSION
  - gomod: go.opentelemetry.io/collector/exporter/otlpexporter VERSION
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter VERSION
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter VERSION
";

/// The executable; the first call builds it, which takes minutes.
pub fn executable() -> Result<PathBuf> {
    let key = format!("otelcol-{VERSION}/otelcol");
    cache::file(Path::new(&key), build)
}

fn build(made: &Path) -> Result<()> {
    let scratch = made
        .parent()
        .context("the cache gives a path in a directory")?;
    let source = scratch.join("source");
    let components = COMPONENTS
        .replace("VERSION", VERSION)
        .replace("OUTPUT", &source.to_string_lossy());
    let described = scratch.join("components.yaml");
    std::fs::write(&described, components)?;
    generate(scratch, &described, &source)?;
    let mut go = Toolchain::Installed.command();
    go.current_dir(&source)
        .args(["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o"]);
    go.arg(made).arg(".");
    succeed(&mut go).map(drop)
}

/// The source of a Collector with those components.
fn generate(scratch: &Path, described: &Path, source: &Path) -> Result<()> {
    let mut install = Toolchain::Installed.command();
    let builder = format!("go.opentelemetry.io/collector/cmd/builder@{VERSION}");
    install.args(["install", &builder]).env("GOBIN", scratch);
    succeed(&mut install)?;
    let mut builder = Toolchain::Installed.told(Command::new(scratch.join("builder")));
    builder
        .arg("--skip-compilation")
        .arg("--config")
        .arg(described);
    let output = builder.output().context("run the Collector's builder")?;
    // Its last step, `go mod tidy`, wants modules that only tests of the file exporter import, and that are not to be
    // had; the build does without it.
    if !source.join("main.go").is_file() || !source.join("go.mod").is_file() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("the Collector's builder:\n{}", stderr.trim());
    }
    Ok(())
}
