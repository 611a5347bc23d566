//! Debian's kernels for virtual machines, of the suites that it still offers, whatever suite this machine has itself.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::{cache, program};

/// From the oldest that still has a kernel with type information to where new ones come first.
const SUITES: [&str; 5] = ["bullseye", "bookworm", "trixie", "trixie-backports", "sid"];

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A kernel by the release that it belongs to, e.g. `6.12`, or `newest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel(pub String);

impl Kernel {
    pub const NEWEST: &str = "newest";

    /// Its image, downloaded once.
    ///
    /// # Errors
    /// There is no apt, or no such kernel any more.
    pub fn image(&self) -> Result<PathBuf> {
        let path = Path::new("kernels").join(&self.0).join("vmlinuz");
        cache::file(&path, |to| self.download(to))
            .with_context(|| format!("get Debian's Linux {}", self.0))
    }

    fn download(&self, to: &Path) -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let apt = Apt::new(scratch.path())?;
        let listed = apt.run("apt-cache", &["pkgnames", "linux-"])?;
        let package = self.choose(&listed).context("no suite has it")?;
        apt.run("apt-get", &["--quiet", "download", package])?;
        let archive = find(scratch.path(), |name| name.ends_with(".deb"))?;
        let files = scratch.path().join("files");
        let mut extract = Command::new("dpkg-deb");
        program::succeed(extract.arg("--extract").arg(archive).arg(&files))?;
        // In /boot or, of late, with its modules.
        let image = find(&files, |name| name.starts_with("vmlinuz"))?;
        fs::copy(image, to)?;
        Ok(())
    }

    /// The latest of the packages that are this kernel.
    fn choose<'a>(&self, packages: &'a str) -> Option<&'a str> {
        let of_release = |package: &&str| {
            version(package).is_some_and(|version| {
                self.0 == Self::NEWEST || version.iter().take(2).eq(self.release().iter().take(2))
            })
        };
        let found = packages.lines().filter(of_release);
        // Where both are offered, `linux-image` is an empty package that needs the other.
        found.min_by_key(|package| (Reverse(version(package)), *package))
    }

    fn release(&self) -> Vec<u32> {
        numbers(&self.0)
    }
}

/// The version of a kernel for virtual machines; `None` for other packages.
fn version(package: &str) -> Option<Vec<u32>> {
    let rest = package
        .strip_prefix("linux-image-")
        .or_else(|| package.strip_prefix("linux-binary-"))?;
    let version = rest.strip_suffix("-cloud-amd64")?;
    Some(numbers(version)).filter(|version| version.len() > 2)
}

fn numbers(version: &str) -> Vec<u32> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.map_while(|part| part.parse().ok()).collect()
}

fn find(directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let mut files = WalkDir::new(directory).into_iter().filter_map(Result::ok);
    let found = files.find(|entry| entry.file_name().to_str().is_some_and(&wanted));
    Ok(found.context("it is not what was expected")?.into_path())
}

/// apt with lists of its own: the machine's are neither read nor changed.
struct Apt<'a>(&'a Path);

impl<'a> Apt<'a> {
    fn new(directory: &'a Path) -> Result<Self> {
        for empty in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(directory.join(empty))?;
        }
        let line = |suite: &str| format!("deb [signed-by={KEYRING}] {} {suite} main\n", mirror());
        let sources: String = SUITES.iter().map(|suite| line(suite)).collect();
        fs::write(directory.join("sources.list"), sources)?;
        let apt = Self(directory);
        apt.run("apt-get", &["--quiet", "update"])?;
        Ok(apt)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.current_dir(self.0);
        for (option, value) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::Etc::sourceparts", "none"),
            ("Dir::Etc::preferences", "none"),
            ("Dir::Etc::preferencesparts", "none"),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "."),
        ] {
            let value = self.0.join(value);
            command.arg(format!("-o{option}={}", value.display()));
        }
        // Root would have it download as a user who may not write here.
        command.arg("-oAPT::Sandbox::User=root").args(arguments);
        let output = program::succeed(&mut command)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}

/// Where this machine gets Debian's packages from; Debian itself where it does not say.
fn mirror() -> String {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI)"]);
    targets.args(["Identifier: Packages", "Origin: Debian", "Label: Debian"]);
    let listed = program::succeed(&mut targets).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let first = listed.lines().next().map(str::to_owned);
    first.unwrap_or_else(|| "http://deb.debian.org/debian/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_release_the_latest_kernel_is_taken_and_never_the_empty_package_beside_it() {
        let packages = "linux-image-6.1.0-47-cloud-amd64\nlinux-image-6.12.9+deb13-cloud-amd64\n\
            linux-image-6.1.0-50-cloud-amd64\nlinux-image-6.1.0-50-cloud-amd64-dbg\n\
            linux-image-cloud-amd64\nlinux-image-7.3.4+deb13-cloud-amd64\nlinux-image-6.1.0-50-amd64\n\
            linux-binary-7.3.4+deb13-cloud-amd64\nlinux-image-6.12.10+deb13-cloud-amd64";
        for (release, package) in [
            ("6.1", Some("linux-image-6.1.0-50-cloud-amd64")),
            ("6.12", Some("linux-image-6.12.10+deb13-cloud-amd64")),
            (Kernel::NEWEST, Some("linux-binary-7.3.4+deb13-cloud-amd64")),
            ("5.10", None),
        ] {
            assert_eq!(Kernel(release.to_owned()).choose(packages), package);
        }
    }
}
