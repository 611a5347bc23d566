//! The tools that build BPF programs (docs/ebpf.md): Debian's web compiler, which has a `core` for BPF, and
//! bpf-linker over the LLVM of the same major version.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use integration::cache;

use crate::{machine, machine::Package, run};

pub const RUSTC: &str = "/usr/bin/rustc";
pub const CARGO: &str = "/usr/bin/cargo";
pub const TARGET: &str = "bpfel-unknown-none";

/// Must be that of the compiler, or the linker cannot read its bitcode.
const LLVM: &str = "/usr/lib/llvm-22";
const LINKER_VERSION: &str = "0.13.0";

const PACKAGES: [Package; 4] = [
    Package {
        name: "rustc-web",
        file: RUSTC,
    },
    Package {
        name: "cargo-web",
        file: CARGO,
    },
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
        machine::install(&PACKAGES, "building the BPF programs")?;
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
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut install = Command::new(cargo);
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
