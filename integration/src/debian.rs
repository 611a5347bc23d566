//! Debian's packages, taken apart without being installed: nothing of the machine is changed, and no service is started.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::program;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt with lists of its own: the machine's are neither read nor changed. Dropped, all that it downloaded is gone.
#[derive(Debug)]
pub struct Apt {
    directory: TempDir,
    /// As Debian names it, which is as Go does.
    architecture: String,
}

impl Apt {
    /// Of these suites, whatever suite this machine has itself, and for that architecture: `amd64`, `arm64`.
    pub fn new(suites: &[&str], architecture: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for empty in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(directory.path().join(empty))?;
        }
        let line = |suite: &&str| format!("deb [signed-by={KEYRING}] {} {suite} main\n", mirror());
        let sources: String = suites.iter().map(line).collect();
        fs::write(directory.path().join("sources.list"), sources)?;
        let apt = Self {
            directory,
            architecture: architecture.to_owned(),
        };
        apt.run("apt-get", &["--quiet", "update"])?;
        Ok(apt)
    }

    /// The names of its packages that begin like this, one a line.
    pub fn names(&self, beginning: &str) -> Result<String> {
        self.run("apt-cache", &["pkgnames", beginning])
    }

    /// A file of a package: the first whose path is wanted.
    pub fn file(&self, package: &str, wanted: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        self.run("apt-get", &["--quiet", "download", package])?;
        let is_archive = |path: &Path| path.extension().is_some_and(|one| one == "deb");
        let archive = find(self.directory.path(), is_archive)?;
        let files = self.directory.path().join("files");
        let mut extract = Command::new("dpkg-deb");
        program::succeed(extract.arg("--extract").arg(archive).arg(&files))?;
        find(&files, wanted)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path());
        for (option, value) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::Etc::sourceparts", "none"),
            ("Dir::Etc::preferences", "none"),
            ("Dir::Etc::preferencesparts", "none"),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "."),
        ] {
            let value = self.directory.path().join(value);
            command.arg(format!("-o{option}={}", value.display()));
        }
        let architecture = &self.architecture;
        command.arg(format!("-oAPT::Architecture={architecture}"));
        command.arg(format!("-oAPT::Architectures={architecture}"));
        // Root would have it download as a user who may not write here.
        command.arg("-oAPT::Sandbox::User=root").args(arguments);
        let output = program::succeed(&mut command)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}

fn find(directory: &Path, wanted: impl Fn(&Path) -> bool) -> Result<PathBuf> {
    let mut files = WalkDir::new(directory).into_iter().filter_map(Result::ok);
    let found = files.find(|entry| entry.file_type().is_file() && wanted(entry.path()));
    Ok(found.context("it is not what was expected")?.into_path())
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
