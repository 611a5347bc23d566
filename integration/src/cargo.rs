//! Cargo, run by what Cargo itself runs.

use std::{path::PathBuf, process::Command};

use crate::sources;

/// Cargo in the repository's root, as if typed there. What the Cargo outside has set for this program is taken
/// away: build scripts look at it (ring's does), and much would be built anew each time it differs.
pub fn command() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(sources::repository());
    let set_by_cargo = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ];
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if set_by_cargo.iter().any(|prefix| name.starts_with(prefix))
            || name == "CARGO_PRIMARY_PACKAGE"
        {
            cargo.env_remove(&key);
        }
    }
    cargo
}

/// Where Cargo puts what it builds.
pub fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| sources::repository().join("target"), PathBuf::from)
}
