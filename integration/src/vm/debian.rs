//! Debian's kernels for virtual machines, of the suites that it still offers, whatever suite this machine has itself.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::Architecture;
use crate::{cache, debian::Apt};

/// From the oldest that still has a kernel with type information to where new ones come first.
const SUITES: [&str; 5] = ["bullseye", "bookworm", "trixie", "trixie-backports", "sid"];

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    pub architecture: Architecture,
    /// The release that it belongs to, e.g. `6.12`, or `newest`.
    pub release: String,
}

impl Kernel {
    pub const NEWEST: &str = "newest";

    pub fn new(architecture: Architecture, release: &str) -> Self {
        Self {
            architecture,
            release: release.to_owned(),
        }
    }

    /// Its image, downloaded once.
    ///
    /// # Errors
    /// There is no apt, or no such kernel any more.
    pub fn image(&self) -> Result<PathBuf> {
        let Self {
            architecture,
            release,
        } = self;
        let path = format!("kernels/{architecture}/{release}/vmlinuz");
        cache::file(Path::new(&path), |to| self.download(to))
            .with_context(|| format!("get Debian's Linux {release} for {architecture}"))
    }

    fn download(&self, to: &Path) -> Result<()> {
        let apt = Apt::new(&SUITES, self.architecture.name())?;
        let listed = apt.names("linux-")?;
        let package = self.choose(&listed).context("no suite has it")?;
        // In /boot or, of late, with its modules.
        let is_image = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("vmlinuz"))
        };
        let image = apt.file(package, is_image)?;
        fs::copy(image, to)?;
        Ok(())
    }

    /// The latest of the packages that are this kernel.
    fn choose<'a>(&self, packages: &'a str) -> Option<&'a str> {
        let of_release = |package: &&str| {
            self.version(package).is_some_and(|version| {
                let release = numbers(&self.release);
                self.release == Self::NEWEST || version.iter().take(2).eq(release.iter().take(2))
            })
        };
        let found = packages.lines().filter(of_release);
        // Where both are offered, `linux-image` is an empty package that needs the other.
        found.min_by_key(|package| (Reverse(self.version(package)), *package))
    }

    /// The version of a kernel for virtual machines; `None` for other packages.
    fn version(&self, package: &str) -> Option<Vec<u32>> {
        let rest = package
            .strip_prefix("linux-image-")
            .or_else(|| package.strip_prefix("linux-binary-"))?;
        let version = rest.strip_suffix(self.architecture.name())?;
        let version = version.strip_suffix("-cloud-")?;
        Some(numbers(version)).filter(|version| version.len() > 2)
    }
}

fn numbers(version: &str) -> Vec<u32> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.map_while(|part| part.parse().ok()).collect()
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
            let kernel = Kernel::new(Architecture::Amd64, release);
            assert_eq!(kernel.choose(packages), package);
        }
    }
}
