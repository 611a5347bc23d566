//! `cargo xtask dist`: the static executable that is handed out, for this architecture or another.
//!
//! Another architecture needs a standard library that was built for it. rustup has them; where it cannot be asked, Debian's
//! compiler with its source builds one on the way.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use integration::cargo;

use crate::{
    ebpf::toolchain,
    machine::{self, Package},
    run,
};

/// Beside Debian's compiler.
const FOR_ARM64: [Package; 3] = [
    Package {
        name: "rust-web-src",
        file: "/usr/lib/rustlib/src/rust/library/std/src/lib.rs",
    },
    Package {
        name: "gcc-aarch64-linux-gnu",
        file: "/usr/bin/aarch64-linux-gnu-gcc",
    },
    Package {
        name: "libc6-dev-arm64-cross",
        file: "/usr/aarch64-linux-gnu/lib/libc.a",
    },
];

/// Builds the static executable that is handed out
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Architecture that it is for
    #[arg(long, value_enum, default_value_t = Target::own())]
    target: Target,
    /// Cargo's profile; `release` is built sooner
    #[arg(long, default_value = "dist")]
    profile: String,
}

/// As Rust names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    #[value(name = "x86_64")]
    X86_64,
    Aarch64,
}

impl Target {
    /// Of this machine.
    pub fn own() -> Self {
        match std::env::consts::ARCH {
            "aarch64" => Self::Aarch64,
            _ => Self::X86_64,
        }
    }

    fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let executable = build(arguments.target, &arguments.profile)?;
    let size = std::fs::metadata(&executable)?.len();
    println!("{}: {:.1} MB", executable.display(), size as f64 / 1e6);
    Ok(())
}

/// Static, so that nothing else has to be there; glibc's resolver for files and DNS is in it, too.
pub fn build(target: Target, profile: &str) -> Result<PathBuf> {
    let directory = cargo::target_directory();
    let mut build = if target == Target::own() {
        cargo::command()
    } else {
        let packages: Vec<Package> = toolchain::COMPILER.into_iter().chain(FOR_ARM64).collect();
        machine::install(&packages, "building for another architecture")?;
        cross(target)
    };
    build.args(["rustc", "--locked", "--package", "slowmap"]);
    build.args(["--bin", "slowmap", "--profile", profile]);
    let directory = if target == Target::own() {
        directory
    } else {
        let directory = directory.join("cross");
        build.args(["-Zbuild-std=std,panic_abort", "--target", target.triple()]);
        build.arg("--target-dir").arg(&directory);
        directory.join(target.triple())
    };
    build.args(["--", "-C", "target-feature=+crt-static"]);
    build.args(["-C", "strip=symbols"]);
    run::succeed(build).with_context(|| format!("build for {}", target.triple()))?;
    Ok(directory.join(profile).join("slowmap"))
}

/// Debian's Cargo, with a C compiler and a linker for the target.
fn cross(target: Target) -> Command {
    let mut cargo = toolchain::cargo();
    let compiler = match target {
        Target::Aarch64 => "aarch64-linux-gnu-gcc",
        Target::X86_64 => "x86_64-linux-gnu-gcc",
    };
    let triple = target.triple().replace('-', "_");
    cargo.env(format!("CC_{triple}"), compiler);
    cargo.env(
        format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase()),
        compiler,
    );
    cargo
}
