//! What the machine has, and how to get what it lacks.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::run;

pub fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Whether a program of that name is in `PATH`.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Whether a program is there and ends well with those arguments.
pub fn runs(name: &str, arguments: &[&str]) -> bool {
    let output = Command::new(name).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// An error that says what to do where Go is missing.
pub fn need_go() -> Result<()> {
    if has_program("go") {
        return Ok(());
    }
    bail!(
        "Go is not in PATH; the services that slowmap watches here are written in it: https://go.dev/doc/install"
    )
}

/// A Debian package, known by a file that it installs.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    pub name: &'static str,
    pub file: &'static str,
}

/// Installs those packages that are missing. Without root, and where there is no apt, an error that says the
/// command.
pub fn install(packages: &[Package], purpose: &str) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|package| !Path::new(package.file).exists())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let command = format!(
        "apt-get install --yes --no-install-recommends {}",
        missing.join(" ")
    );
    if !has_program("apt-get") {
        bail!("{purpose} needs what Debian has as: {}", missing.join(" "));
    }
    if !is_root() {
        bail!("{purpose} needs packages; run: sudo apt-get update && sudo {command}");
    }
    println!("{purpose} needs packages; running: apt-get update && {command}");
    let mut update = Command::new("apt-get");
    update.args(["update", "--quiet"]);
    run::succeed(update)?;
    let mut words = command.split(' ');
    let mut install = Command::new(words.next().unwrap_or_default());
    install.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    run::succeed(install)
}

/// The command that does the same as this one, as root: with this user's Cargo, Rust and Go.
pub fn as_root(arguments: &str) -> String {
    format!("sudo env \"HOME=$HOME\" \"PATH=$PATH\" {arguments}")
}
