//! Where things that take long to build are kept between runs: outside the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// `SLOWMAP_CACHE`, else `~/.cache/slowmap`.
pub fn root() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SLOWMAP_CACHE") {
        return Ok(PathBuf::from(path));
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".cache/slowmap")),
        None => bail!("neither SLOWMAP_CACHE nor HOME says where built targets can be kept"),
    }
}

/// The file, made by `build` if it is not there yet. `build` gets a temporary path beside it, and the file
/// appears at once and complete, so that tests that run at the same time may both want it.
pub fn file(relative: &Path, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let path = root()?.join(relative);
    if path.exists() {
        return Ok(path);
    }
    let parent = path.parent().context("a file in the cache has a parent")?;
    std::fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    let scratch = tempfile::tempdir_in(parent)?;
    let made = scratch.path().join("made");
    build(&made)?;
    std::fs::rename(&made, &path).with_context(|| format!("move into {}", path.display()))?;
    Ok(path)
}
