//! The root file system of a virtual machine: an archive that the kernel unpacks into memory.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use cpio::newc::{self, Builder};

use crate::program;

const DIRECTORY: u32 = 0o040_755;
const EXECUTABLE: u32 = 0o100_755;
const LINK: u32 = 0o120_777;

/// By path, without a slash in front: directories come before what is in them.
#[derive(Debug, Default)]
pub struct Files(BTreeMap<PathBuf, (u32, Vec<u8>)>);

impl Files {
    pub fn directory(&mut self, path: impl AsRef<Path>) {
        for ancestor in path.as_ref().ancestors() {
            if ancestor != Path::new("") {
                let entry = self.0.entry(ancestor.to_owned());
                entry.or_insert((DIRECTORY, Vec::new()));
            }
        }
    }

    pub fn executable(&mut self, path: impl AsRef<Path>, content: Vec<u8>) {
        self.add(path.as_ref(), EXECUTABLE, content);
    }

    pub fn link(&mut self, path: &str, to: &str) {
        self.add(Path::new(path), LINK, to.as_bytes().to_vec());
    }

    fn add(&mut self, path: &Path, mode: u32, content: Vec<u8>) {
        self.directory(path.parent().unwrap_or(Path::new("")));
        self.0.insert(path.to_owned(), (mode, content));
    }

    /// One of this machine's programs, with the libraries that it is linked to.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn program(&mut self, name: &str, from: &Path) -> Result<()> {
        self.executable(Path::new("bin").join(name), read(from)?);
        // It fails for programs that need none.
        let mut ldd = Command::new("ldd");
        let needed = program::succeed(ldd.arg(from)).unwrap_or_default();
        let needed = String::from_utf8_lossy(&needed);
        let paths = needed
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for library in paths {
            let path = library.trim_start_matches('/');
            self.executable(path, read(Path::new(library))?);
        }
        Ok(())
    }

    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, to: &Path) -> Result<()> {
        let mut archive = fs::File::create(to)?;
        for (number, (path, (mode, content))) in (1..).zip(&self.0) {
            let name = path.to_str().context("a path in UTF-8")?;
            let entry = Builder::new(name).ino(number).mode(*mode);
            let size = u32::try_from(content.len())?;
            let mut entry = entry.write(&mut archive, size);
            entry.write_all(content)?;
            entry.finish()?;
        }
        newc::trailer(&mut archive)?.flush()?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}
