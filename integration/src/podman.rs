//! Containers, by podman, with a storage of their own that goes with the test.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    image::{Image, ImageFile},
    program::Program,
    truth::TruthTarget,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A container engine; dropped, it removes its containers and images.
#[derive(Debug)]
pub struct Podman {
    program: PathBuf,
    directory: TempDir,
}

impl Podman {
    pub fn new(program: PathBuf) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let place = |name: &str| directory.path().join(name).display().to_string();
        // Copies of a few small files, so that nothing has to be mounted.
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\nrunroot = \"{}\"\ngraphroot = \"{}\"\n",
            place("run"),
            place("graph")
        );
        std::fs::write(directory.path().join("storage.conf"), storage)?;
        Ok(Self { program, directory })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let place = |name: &str| self.directory.path().join(name);
        command.env("CONTAINERS_STORAGE_CONF", place("storage.conf"));
        // The other one refuses where control groups of both versions are mounted.
        command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
        command.args(["--events-backend", "none", "--tmpdir"]);
        command.arg(place("tmp"));
        command
    }

    fn succeed(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command();
        command.args(arguments);
        let ended = Program::run(command, PATIENCE)?;
        anyhow::ensure!(
            ended.code() == Some(0),
            "podman {arguments:?}: {}",
            ended.stderr
        );
        Ok(ended.stdout.trim().to_owned())
    }

    pub fn load(&self, archive: &Path) -> Result<()> {
        let archive = archive.to_str().context("a path that is no text")?;
        self.succeed(&["load", "--quiet", "--input", archive])
            .map(drop)
    }

    /// Makes an image of one static executable, and loads it.
    pub fn image_of(&self, name: &str, executable: &Path) -> Result<()> {
        let content = std::fs::read(executable)?;
        let file = executable.file_name().and_then(|name| name.to_str());
        let file = file.context("an executable without a name")?;
        let image = Image {
            name: format!("{name}:latest"),
            files: vec![ImageFile::new(file, 0o755, content)],
            entrypoint: vec![format!("/{file}")],
            ..Image::default()
        };
        let archive = self.directory.path().join("image.tar");
        image.write(&archive)?;
        self.load(&archive)
    }

    /// `podman run`, in the foreground, with the host's network and `options`; the image and its arguments are to be
    /// added. Signals for it are for the container.
    pub fn run<S: AsRef<OsStr>>(&self, options: &[S]) -> Command {
        let mut command = self.command();
        command.args(["run", "--rm", "--interactive", "--network", "host"]);
        // More than that takes CAP_SYS_RESOURCE, which not every machine has.
        command.args([
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
        ]);
        command.args(options);
        command
    }

    /// Starts one of the targets that time their own writes in a container of that name, with its log in `directory`.
    pub fn target(
        &self,
        options: &[&str],
        name: &str,
        image: &str,
        arguments: &[&str],
        directory: &Path,
    ) -> Result<TruthTarget> {
        let log = directory.to_str().context("a path that is no text")?;
        let volume = format!("{log}:{log}");
        let mut command = self.run(&["--name", name, "--volume", &volume]);
        command.args(options).arg(image).args(arguments);
        TruthTarget::start(command, directory)
    }

    /// The id of a container that runs.
    pub fn id(&self, container: &str) -> Result<String> {
        self.succeed(&["inspect", "--format", "{{.Id}}", container])
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // What is left of it would be seen by whoever looks for what tests leave; it is no reason for one to fail.
        let _ = self.succeed(&["rm", "--all", "--force", "--time", "0"]);
    }
}
