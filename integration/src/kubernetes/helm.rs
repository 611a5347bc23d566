//! helm, which keeps nothing of its own outside of a temporary directory.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use tempfile::TempDir;

use super::{API_SERVER, HELM, Manifest, manifests};
use crate::program::succeed;

/// The name of the release that it renders.
const RELEASE: &str = "trial";

#[derive(Debug)]
pub struct Helm {
    executable: PathBuf,
    home: TempDir,
}

impl Helm {
    /// The first builds it.
    pub fn new() -> Result<Self> {
        Ok(Self {
            executable: HELM.executable()?,
            home: tempfile::tempdir()?,
        })
    }

    /// Renders a chart. An error has helm's own words.
    ///
    /// `arguments`: e.g. `--values=FILE`, `--set=mode=sidecar`.
    pub fn render(&self, chart: &Path, arguments: &[String]) -> Result<Vec<Manifest>> {
        let mut helm = self.command(&["template", RELEASE]);
        helm.arg(chart).args(arguments);
        // Built like this it takes itself for one of a release of Kubernetes that no longer is.
        helm.arg(format!("--kube-version={}", API_SERVER.version));
        manifests(&String::from_utf8(succeed(&mut helm)?)?)
    }

    /// Warnings are errors.
    pub fn lint(&self, chart: &Path, arguments: &[String]) -> Result<()> {
        let mut helm = self.command(&["lint", "--strict"]);
        helm.arg(chart).args(arguments);
        helm.arg(format!("--kube-version={}", API_SERVER.version));
        succeed(&mut helm).map(drop)
    }

    /// Puts what a chart depends on into it.
    pub fn update_dependencies(&self, chart: &Path) -> Result<()> {
        let mut helm = self.command(&["dependency", "update"]);
        succeed(helm.arg(chart)).map(drop)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        for kept in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{kept}_HOME"), self.home.path().join(kept));
        }
        command.args(words);
        command
    }
}
