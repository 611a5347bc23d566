//! A hash over source files: what says whether something built is still what its source would give.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// The repository's root.
pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// SHA-256, in hex, over names and contents of all files below the directories, `target/` left out. The
/// names are relative to `base`, so that it is the same in every checkout.
pub fn hash(base: &Path, directories: &[&Path]) -> Result<String> {
    let mut files = Vec::new();
    for directory in directories {
        let entries = WalkDir::new(directory)
            .into_iter()
            .filter_entry(|entry| entry.file_name() != "target");
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", directory.display()))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let name = file
            .strip_prefix(base)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        for part in [name.as_bytes(), &bytes] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    Ok(hex::encode(digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_changes_with_a_name_or_a_content_and_not_with_the_place() -> Result<()> {
        let hash_of = |name: &str, content: &str| -> Result<String> {
            let directory = tempfile::tempdir()?;
            std::fs::write(directory.path().join(name), content)?;
            hash(directory.path(), &[directory.path()])
        };
        assert_eq!(hash_of("a", "x")?, hash_of("a", "x")?);
        assert_ne!(hash_of("a", "x")?, hash_of("b", "x")?);
        assert_ne!(hash_of("a", "x")?, hash_of("a", "y")?);
        Ok(())
    }
}
