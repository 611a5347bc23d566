//! From source to an object whose bytes depend on nothing but the source and the tools.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::toolchain::{self, TARGET, Toolchain};
use crate::run;

/// Of the kernel that the programs are for, whose registers they read.
#[derive(Debug, Clone, Copy)]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// As Go names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// As aya names it.
    fn configuration(self) -> &'static str {
        match self {
            Self::Amd64 => "--cfg=bpf_target_arch=\"x86_64\"",
            Self::Arm64 => "--cfg=bpf_target_arch=\"aarch64\"",
        }
    }
}

/// The bytes of the object.
pub fn build(
    repository: &Path,
    toolchain: &Toolchain,
    architecture: Architecture,
) -> Result<Vec<u8>> {
    let programs = repository.join("ebpf/programs");
    // First, for the flags name the directories that the crates are in.
    run::succeed(cargo("fetch", &programs)).context("fetch the crates of the BPF programs")?;
    // aya-ebpf uses inline assembly for BPF, which is not stable.
    let mut build = cargo("build", &programs);
    build
        .arg("--release")
        .arg("--target-dir")
        .arg(Path::new("target").join(architecture.name()))
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags(repository, toolchain, architecture)?,
        );
    run::succeed(build).context("build the BPF programs")?;
    let name = architecture.name();
    let built = programs.join(format!("target/{name}/{TARGET}/release/slowmap-bpf"));
    let finished = built.with_extension("o");
    finish(&built, &finished, toolchain)?;
    std::fs::read(&finished).with_context(|| format!("read {}", finished.display()))
}

fn cargo(command: &str, programs: &Path) -> Command {
    let mut cargo = toolchain::cargo();
    cargo
        .args([command, "--quiet", "--locked", "--target", TARGET])
        .current_dir(programs);
    cargo
}

/// Compiler flags, separated as Cargo wants them. Debug information is what BTF is made from; the names of
/// files in it are made those of the repository and of the crates.
fn flags(repository: &Path, toolchain: &Toolchain, architecture: Architecture) -> Result<OsString> {
    let mut linker = OsString::from("-Clinker=");
    linker.push(toolchain.linker());
    let mut flags = linker;
    for flag in [
        architecture.configuration(),
        "-Cdebuginfo=2",
        "-Clink-arg=--btf",
    ] {
        flags.push("\x1f");
        flags.push(flag);
    }
    let mut remap = |from: &Path, to: &str| {
        flags.push("\x1f--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    };
    remap(repository, "slowmap");
    for directory in registries()? {
        remap(&directory, "crates");
    }
    Ok(flags)
}

/// Where Cargo keeps the sources of crates: a directory for each registry.
fn registries() -> Result<Vec<PathBuf>> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    };
    let sources = home.join("registry/src");
    let entries = match std::fs::read_dir(&sources) {
        Ok(entries) => entries,
        // Nothing was fetched yet.
        Err(_) => return Ok(Vec::new()),
    };
    let mut directories = Vec::new();
    for entry in entries {
        directories.push(entry?.path());
    }
    directories.sort();
    Ok(directories)
}

/// Takes out DWARF, which only a debugger wants (BTF stays), and what symbols tell of the place of the build.
fn finish(built: &Path, finished: &Path, toolchain: &Toolchain) -> Result<()> {
    let mut nm = toolchain.llvm("llvm-nm");
    nm.args(["--format=just-symbols"]).arg(built);
    let symbols = run::output(nm)?;
    let mut objcopy = toolchain.llvm("llvm-objcopy");
    objcopy.arg("--strip-debug");
    for symbol in symbols.lines() {
        if let Some(name) = without_disambiguator(symbol) {
            objcopy.arg(format!("--redefine-sym={symbol}={name}"));
        }
    }
    objcopy.arg(built).arg(finished);
    run::succeed(objcopy)
}

/// A mangled name without its crate's disambiguator, in which Cargo hashes the path of the checkout: `Cs`, a
/// number in base 62, `_` become `C`.
/// <https://doc.rust-lang.org/rustc/symbol-mangling/v0.html#path-crate-root>
fn without_disambiguator(symbol: &str) -> Option<String> {
    let mangled = symbol.strip_prefix("_R")?;
    let (before, after) = mangled.split_once("Cs")?;
    let (number, name) = after.split_once('_')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_number.then(|| format!("_R{before}C{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_loses_what_depends_on_the_place_of_the_build_and_nothing_else() {
        assert_eq!(
            without_disambiguator("_RNvNtCsdu91Ugavhzs_11slowmap_bpf5stack4walk").as_deref(),
            Some("_RNvNtC11slowmap_bpf5stack4walk")
        );
        assert_eq!(without_disambiguator("growth_entry"), None);
        assert_eq!(without_disambiguator("_RNvC7slowmap4walk"), None);
    }
}
