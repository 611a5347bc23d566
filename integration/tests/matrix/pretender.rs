//! An executable that says that another release built it, as one of a release to come would.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// What build information begins with; behind 32 bytes stands the length of the release, and then the release.
const BUILD_INFO: &[u8] = b"\xff Go buildinf:";
const HEADER: usize = 32;

/// A copy in the directory, of `release`, which has to be as long as the true one.
pub fn of(executable: &Path, release: &str, directory: &Path) -> Result<PathBuf> {
    let mut bytes = fs::read(executable)?;
    let mut places = bytes.windows(BUILD_INFO.len());
    let at = places.position(|window| window == BUILD_INFO);
    let at = at.context("no build information")? + HEADER;
    let text = bytes.get_mut(at..).context("cut short")?;
    let (length, text) = text.split_first_mut().context("cut short")?;
    ensure!(usize::from(*length) == release.len(), "of another length");
    let text = text.get_mut(..release.len()).context("cut short")?;
    text.copy_from_slice(release.as_bytes());
    let copy = directory.join("pretender");
    fs::write(&copy, bytes)?;
    fs::set_permissions(&copy, fs::metadata(executable)?.permissions())?;
    Ok(copy)
}
