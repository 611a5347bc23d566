//! The tools that build BPF programs (docs/ebpf.md): Debian's web compiler, which has a `core` for BPF, and
//! bpf-linker over the LLVM of the same major version.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use integration::{cache, cargo};

use crate::{machine, machine::Package, run};

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
pub const TARGET: &str = "bpfel-unknown-none";

/// Must be that of the compiler, or the linker cannot read its bitcode.
const LLVM: &str = "/usr/lib/llvm-22";
const LINKER_VERSION: &str = "0.13.0";

/// Debian's compiler, and its Cargo.
pub const COMPILER: [Package; 2] = [
    Package {
        name: "rustc-web",
        file: RUSTC,
    },
    Package {
        name: "cargo-web",
        file: CARGO,
    },
];

const FOR_BPF: [Package; 2] = [
    Package {
        name: "libstd-rust-web-dev-bpf",
        file: "/usr/lib/rustlib/bpfel-unknown-none/lib",
    },
    Package {
        name: "llvm-22-dev",
        file: "/usr/lib/llvm-22/bin/llvm-config",
    },
];

/// Tools that are there.
#[derive(Debug)]
pub struct Toolchain {
    /// Of bpf-linker.
    linker: PathBuf,
}

impl Toolchain {
    /// Installs what is missing, and says so before.
    pub fn ready() -> Result<Self> {
        let packages: Vec<Package> = COMPILER.into_iter().chain(FOR_BPF).collect();
        machine::install(&packages, "building the BPF programs")?;
        let tools = cache::root()?.join("tools");
        let linker = tools.join("bin/bpf-linker");
        if version(&linker).as_deref() != Some(LINKER_VERSION) {
            install_linker(&tools)?;
        }
        Ok(Self { linker })
    }

    pub fn linker(&self) -> &Path {
        &self.linker
    }

    /// A tool of LLVM's, e.g. `llvm-objcopy`.
    pub fn llvm(&self, tool: &str) -> Command {
        Command::new(Path::new(LLVM).join("bin").join(tool))
    }

    /// Everything that the object's bytes depend on beside its source.
    pub fn description(&self) -> Result<String> {
        let mut rustc = Command::new(RUSTC);
        rustc.arg("--version");
        let mut config = self.llvm("llvm-config");
        config.arg("--version");
        let (rustc, llvm) = (run::output(rustc)?, run::output(config)?);
        Ok(format!("{rustc}, bpf-linker {LINKER_VERSION}, LLVM {llvm}"))
    }
}

/// Debian's Cargo with its compiler, untouched by what the environment says of the other one. It lets through what is not
/// stable.
pub fn cargo() -> Command {
    let mut cargo = Command::new(CARGO);
    cargo.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    for variable in [
        "RUSTC_WRAPPER",
        "RUSTUP_TOOLCHAIN",
        "CARGO_TARGET_DIR",
        "RUSTFLAGS",
    ] {
        cargo.env_remove(variable);
    }
    cargo
}

/// `None`: it does not run.
fn version(linker: &Path) -> Option<String> {
    let output = Command::new(linker).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().last().map(str::to_owned)
}

fn install_linker(tools: &Path) -> Result<()> {
    println!(
        "installing bpf-linker {LINKER_VERSION} into {} (a minute or two)",
        tools.display()
    );
    let mut install = cargo::command();
    install
        .args(["install", "--quiet", "--locked", "bpf-linker"])
        .args(["--version", LINKER_VERSION])
        .args(["--no-default-features", "--features", "llvm-22", "--root"])
        .arg(tools)
        // Without it the build looks in /usr: "unable to find library -lLLVM".
        .env("LLVM_PREFIX", LLVM)
        .env_remove("CARGO_TARGET_DIR");
    run::succeed(install).context("install bpf-linker")?;
    let linker = tools.join("bin/bpf-linker");
    if version(&linker).as_deref() != Some(LINKER_VERSION) {
        bail!("{} does not run", linker.display());
    }
    Ok(())
}
